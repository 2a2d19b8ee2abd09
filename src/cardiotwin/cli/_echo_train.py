"""The verb ``echo train``."""

from pathlib import Path
from typing import Annotated

import typer

from ._output import Printer, Seed, check_out


def train(
    out: Annotated[Path, typer.Option(help="Folder of the model.")],
    steps: Annotated[int, typer.Option(min=1, help="Batches of 32 frames.")] = 3000,
    calibration: Annotated[
        int, typer.Option(min=20, help="Synthetic clips on which the errors are measured.")
    ] = 200,
    size: Annotated[int, typer.Option(help="Pixels of a side.")] = 112,
    seed: Seed = 0,
    quiet: Annotated[bool, typer.Option(help="Show no progress.")] = False,
) -> None:
    """Train the segmentation on synthetic clips; an interrupted training is resumed."""
    from .. import echo

    folder = Path(out)
    check_out(folder)
    model, training = echo.train_segmentation(
        steps=steps,
        seed=seed,
        size=size,
        checkpoint=folder / "checkpoint",
        log=folder / "log.jsonl",
        quiet=quiet,
    )
    printer = Printer(as_json=False)
    if training.step < steps:
        printer.say(f"{training.stopped}: the same command goes on from there")
        raise typer.Exit(130)
    # As it will be read: half precision included.
    model.save(folder)
    model = echo.fit_view(echo.SegmentationModel.load(folder), quiet=quiet)
    model = echo.calibrate(model, n=calibration, quiet=quiet)
    model.save(folder)
    rows = [[step, *numbers.values()] for step, numbers in training.validation]
    names = list(training.validation[0][1])
    printer.table("Dice on synthetic clips of other hearts", ["step", *names], rows)
    found = model.card["calibration"]
    printer.say(
        f"error of EF beyond the noise of the curve: {found['ef_sd']:.1f} points; of volumes by "
        f"one plane: {100 * found['volume_sd']:.0f} %"
    )
    printer.say(f"wrote {folder}; use it: cardiotwin echo segment FILE --model {folder}")
