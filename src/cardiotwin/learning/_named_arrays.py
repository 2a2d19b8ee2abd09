"""The arrays of a network by name, as files of weights hold them, and back."""

import zipfile
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._foreign import foreign_parser
from .._npz import read_npy
from .._types import PathLike

MAX_BYTES = 64 * 2**20
"""Largest array that is read: a hundred times what there is."""


def named_arrays(network: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a network by their paths in it."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(network, eqx.is_array))
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf)
        for path, leaf in leaves
    }


def with_arrays(blank: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return a network with the arrays of a file, which must be those that belong there.

    Raises:
        ValueError: other names or shapes, or values that are not finite.
    """
    own = named_arrays(blank)
    wanted = {name: leaf.shape for name, leaf in own.items()}
    found = {name: array.shape for name, array in arrays.items()}
    if wanted != found:
        raise ValueError(f"arrays {found}, not {wanted}")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("weights that are not finite")
    trained, static = eqx.partition(blank, eqx.is_array)
    structure = jax.tree.structure(trained)
    filled = jax.tree.unflatten(structure, [jnp.asarray(arrays[name]) for name in own])
    return eqx.combine(filled, static)


def read_arrays(path: PathLike) -> dict[str, np.ndarray]:
    """Return all arrays of an NPZ file by name.

    Raises:
        FileFormatError: not an archive of plain arrays, or with false sizes.
    """
    with foreign_parser(path, "NPZ"), zipfile.ZipFile(path) as archive:
        return {
            member.filename.removesuffix(".npy"): read_npy(
                archive, member, path, max_bytes=MAX_BYTES
            )
            for member in archive.infolist()
        }
