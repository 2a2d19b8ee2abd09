"""The verb ``forward``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._output import Json, Printer, Seed, npz_path


def forward(
    geometry: Annotated[str, typer.Option(help="File (or folder with one) holding both surfaces.")],
    out: Annotated[Path, typer.Option(help="File (.npz) for matrix and potentials.")],
    source: Annotated[str, typer.Option(help="epicardial or transmembrane.")] = "epicardial",
    potentials: Annotated[
        str | None, typer.Option(help="Heart potentials to send to the torso, FILE[:ARRAY].")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of coordinates: mm, cm, m.")] = None,
    potential_unit: Annotated[
        str | None, typer.Option(help="Unit of potentials: V, mV, uV.")
    ] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Sampling rate.")] = None,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Compute the matrix from heart to torso by boundary elements, and apply it."""
    del seed
    import numpy as np

    from .. import ecgi
    from .._checks import check_choice
    from .._files import atomic_path

    printer = Printer(as_json)
    target = npz_path(out)
    kind = check_choice(source, "source", ["epicardial", "transmembrane"])
    operator = ecgi.read_operator(geometry, unit=unit, source=ecgi.Source[kind.upper()])
    arrays: dict[str, Any] = {"forward_matrix": operator.matrix}
    if potentials is not None:
        heart = ecgi.read_potentials(potentials, unit=potential_unit, rate_hz=rate_hz)
        arrays[f"torso_potentials_{heart.unit}"] = operator.apply(heart.samples)
        arrays["fs_hz"] = np.asarray(heart.rate_hz)
    with atomic_path(target) as temporary:
        np.savez_compressed(temporary, **arrays)
    printer.say(f"{operator.n_observed} x {operator.n_sources} matrix, {operator.description}")
    printer.say(f"wrote {target}")
    printer.finish({"written": str(target), "shape": list(operator.matrix.shape)})
