"""The verb ``echo train-twins``."""

from pathlib import Path
from typing import Annotated

import typer

from ._output import Printer, Seed


def train_twins(
    out: Annotated[Path, typer.Option(help="Folder of the model.")],
    clips: Annotated[int, typer.Option(min=100, help="Synthetic clips to learn from.")] = 3000,
    labels: Annotated[str, typer.Option(help="ef, volumes or curve.")] = "curve",
    steps: Annotated[int, typer.Option(min=1, help="Batches of 256 clips a network.")] = 1000,
    members: Annotated[int, typer.Option(min=1, help="Networks that vote.")] = 4,
    segmentation: Annotated[
        Path | None, typer.Option(help="Folder of the segmentation model; the package's if not.")
    ] = None,
    seed: Seed = 0,
    quiet: Annotated[bool, typer.Option(help="Show no progress.")] = False,
) -> None:
    """Train networks that read a circulation from clips, on synthetic ones (P-SSL).

    Clips are made and encoded once, into the folder; an interrupted run goes on from there.
    """
    from .. import echo
    from .._checks import check_choice
    from ..echo._twin_losses import LABELS
    from ..hemodynamics import ADULT_BOX, train_surrogate

    check_choice(labels, "--labels", LABELS)  # A slip is refused before clips are made.
    printer = Printer(as_json=False)
    model = echo.shipped_model()
    if segmentation is not None:
        model = echo.SegmentationModel.load(segmentation)
    folder = Path(out)
    every = echo.phantom_encodings(folder / "encodings", clips, model, quiet=quiet)
    surrogate = train_surrogate(ADULT_BOX, quiet=quiet, seed=seed)
    twins, training = echo.train_twins(
        every.training,
        every.validation,
        surrogate=surrogate,
        labels=labels,
        members=members,
        steps=steps,
        seed=seed,
        quiet=quiet,
    )
    twins = echo.calibrate_twins(twins, every.calibration)
    twins.save(folder)
    rows = [
        [index + 1, one.best_step, dict(one.validation)[one.best_step]["density"]]
        for index, one in enumerate(training)
    ]
    printer.table("Networks", ["network", "best step", "−log density"], rows)
    found = twins.card["calibration"]
    printer.say(
        f"on {found['clips']} clips kept for it: EF within {found['ef_mae']:.1f} points, EDV "
        f"within {found['edv_mae_ml']:.0f} mL in the mean; spreads times {found['widening']:.2f}, "
        "so that 90 % intervals hold 90 %"
    )
    printer.say(f"wrote {folder}; use it: cardiotwin predict FILE --model {folder}")
