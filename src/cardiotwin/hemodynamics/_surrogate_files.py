"""Files of a surrogate: numbers in NPZ, everything else in JSON."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from .._checks import check_file
from .._files import atomic_path
from .._foreign import foreign_parser
from .._precision import double_precision
from .._provenance import Provenance
from .._types import PathLike
from ..learning._named_arrays import named_arrays, read_arrays, with_arrays
from ._priors import Prior
from ._surrogate import HeldOut, Surrogate, blank_weights
from ._surrogate_box import Axis, SurrogateBox

FORMAT = "cardiotwin surrogate 1"
JSON, NPZ = "surrogate.json", "surrogate.npz"


def save_surrogate(surrogate: Surrogate, folder: PathLike) -> None:
    """Write both files; see `Surrogate.save`."""
    folder = Path(folder)
    network, box = surrogate.weights.network, surrogate.box
    content = {
        "format": FORMAT,
        "network": {
            "n_inputs": network.in_size,
            "n_components": len(surrogate.weights.components),
            "width": network.width_size,
            "depth": network.depth,
        },
        "box": dataclasses.asdict(box),
        "errors": {name: error._asdict() for name, error in surrogate.errors.items()},
        "provenance": dataclasses.asdict(surrogate.provenance),
    }
    arrays = named_arrays(surrogate.weights)
    with atomic_path(folder / NPZ) as temporary:
        np.savez(temporary, **arrays)  # pyright: ignore[reportArgumentType]
    with atomic_path(folder / JSON) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@double_precision
def load_surrogate(folder: PathLike) -> Surrogate:
    """Read both files; see `Surrogate.load`."""
    text = check_file(Path(folder) / JSON, "surrogate")
    arrays = read_arrays(check_file(Path(folder) / NPZ, "surrogate"))
    with foreign_parser(text, FORMAT):
        content = json.loads(text.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}")
        axes = [
            Axis(**(axis | {"prior": axis["prior"] and Prior(**axis["prior"])}))
            for axis in content["box"]["axes"]
        ]
        fixed = tuple((str(name), float(value)) for name, value in content["box"]["fixed"])
        return Surrogate(
            weights=with_arrays(blank_weights(**content["network"]), arrays),
            box=SurrogateBox(tuple(axes), fixed, bool(content["box"]["of_adults"])),
            errors={name: HeldOut(**error) for name, error in content["errors"].items()},
            provenance=Provenance(**content["provenance"]),
        )
