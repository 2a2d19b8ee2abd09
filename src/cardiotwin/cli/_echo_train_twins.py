"""The verb ``echo train-twins``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._output import Printer, Seed, check_out

if TYPE_CHECKING:
    from ..learning import StreamResult

REPORTED = 20
"""Steps whose losses are averaged into a line of the log."""


def train_twins(
    out: Annotated[Path, typer.Option(help="Folder of the model.")],
    clips: Annotated[int, typer.Option(min=100, help="Synthetic clips to learn from.")] = 3000,
    labels: Annotated[str, typer.Option(help="ef, volumes or curve.")] = "curve",
    physics: Annotated[
        str, typer.Option(help="surrogate (a network trained first) or circulation (simulated).")
    ] = "surrogate",
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
    from ..echo._twin_training import CIRCULATION
    from ..hemodynamics import ADULT_BOX, train_surrogate

    # A slip is refused before clips are made.
    check_choice(labels, "--labels", LABELS)
    check_choice(physics, "--physics", ["surrogate", CIRCULATION])
    check_out(out)
    printer = Printer(as_json=False)
    model = echo.shipped_model()
    if segmentation is not None:
        model = echo.SegmentationModel.load(segmentation)
    folder = Path(out)
    every = echo.phantom_encodings(folder / "encodings", clips, model, quiet=quiet)
    frozen = physics
    if physics != CIRCULATION:
        frozen = train_surrogate(ADULT_BOX, quiet=quiet, seed=seed)
    twins, training = echo.train_twins(
        every.training,
        every.validation,
        physics=frozen,
        labels=labels,
        segmentation=model,
        members=members,
        steps=steps,
        seed=seed,
        checkpoint=folder / "checkpoint",
        quiet=quiet,
    )
    if training[-1].step < steps:
        printer.say(f"{training[-1].stopped}: the same command goes on from there")
        raise typer.Exit(130)
    twins = echo.calibrate_twins(twins, every.calibration)
    twins.save(folder)
    _write_log(folder / "twins-log.jsonl", training)
    rows = [
        [index + 1, one.best_step, dict(one.validation)[one.best_step]["density"]]
        for index, one in enumerate(training)
    ]
    printer.table("Networks", ["network", "best step", "−log density"], rows)
    found = twins.card["calibration"]
    printer.say(
        f"on {found['clips']} clips kept for it: EF within {found['ef_mae']:.1f} points, EDV "
        f"within {found['edv_mae_percent']:.0f} % in the mean; 90 % intervals of EF hold "
        f"{100 * found['ef_held']:.0f} %, spreads times {twins.card['widening']:.2f}"
    )
    with_it = "" if segmentation is None else f" --segmentation {segmentation}"
    printer.say(f"wrote {folder}; use it: cardiotwin predict FILE --model {folder}{with_it}")


def _write_log(path: Path, training: "list[StreamResult]") -> None:
    """Write losses (means of 20 steps) and validations of every network, a line each."""
    from .._files import atomic_path

    lines = []
    for number, one in enumerate(training, start=1):
        n_steps = len(next(iter(one.history.values())))
        for first in range(0, n_steps, REPORTED):
            own = {k: float(v[first : first + REPORTED].mean()) for k, v in one.history.items()}
            lines.append({"network": number, "step": min(first + REPORTED, n_steps), **own})
        lines += [
            {"network": number, "step": step, "validation": row} for step, row in one.validation
        ]
    with atomic_path(path) as temporary:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        temporary.write_text(text, encoding="utf-8")
