"""Files of a surrogate: numbers in NPZ, everything else in JSON."""

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_file
from .._files import atomic_path
from .._foreign import foreign_parser
from .._npz import read_npy
from .._precision import double_precision
from .._provenance import Provenance
from .._types import PathLike
from ._priors import Prior
from ._surrogate import HeldOut, Surrogate, Weights, blank_weights
from ._surrogate_box import Axis, SurrogateBox

FORMAT = "cardiotwin surrogate 1"
JSON, NPZ = "surrogate.json", "surrogate.npz"
MAX_BYTES = 64 * 2**20
"""Largest array that is read: a hundred times what there is."""


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
    arrays = {
        name: np.asarray(leaf)
        for name, leaf in zip(_names(surrogate.weights), _leaves(surrogate.weights), strict=True)
    }
    with atomic_path(folder / NPZ) as temporary:
        np.savez(temporary, **arrays)  # pyright: ignore[reportArgumentType]
    with atomic_path(folder / JSON) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@double_precision
def load_surrogate(folder: PathLike) -> Surrogate:
    """Read both files; see `Surrogate.load`."""
    text = check_file(Path(folder) / JSON, "surrogate")
    arrays = _read_arrays(check_file(Path(folder) / NPZ, "surrogate"))
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
            weights=_filled(blank_weights(**content["network"]), arrays),
            box=SurrogateBox(tuple(axes), fixed, bool(content["box"]["of_adults"])),
            errors={name: HeldOut(**error) for name, error in content["errors"].items()},
            provenance=Provenance(**content["provenance"]),
        )


def _filled(blank: Weights, arrays: dict[str, np.ndarray]) -> Weights:
    """Return the weights with the arrays of a file, which must be those that belong there."""
    leaves, names = _leaves(blank), _names(blank)
    wanted = {name: leaf.shape for name, leaf in zip(names, leaves, strict=True)}
    found = {name: array.shape for name, array in arrays.items()}
    if wanted != found:
        raise ValueError(f"arrays {found}, not {wanted}")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("weights that are not finite")
    trained, static = eqx.partition(blank, eqx.is_array)
    structure = jax.tree.structure(trained)
    filled = jax.tree.unflatten(structure, [jnp.asarray(arrays[name]) for name in names])
    return eqx.combine(filled, static)


def _leaves(weights: Weights) -> list[Any]:
    return jax.tree.leaves(eqx.filter(weights, eqx.is_array))


def _names(weights: Weights) -> list[str]:
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(weights, eqx.is_array))
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in leaves]


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with foreign_parser(path, "NPZ"), zipfile.ZipFile(path) as archive:
        return {
            member.filename.removesuffix(".npy"): read_npy(
                archive, member, path, max_bytes=MAX_BYTES
            )
            for member in archive.infolist()
        }
