"""Checkpoints: a recipe in JSON that never changes, and the numbers in one NPZ file."""

import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .._errors import FileFormatError, InputError
from .._files import atomic_path
from .._npz import read_npy
from .._types import PathLike

FORMAT = 1


def describe_recipe(**sections: Any) -> dict[str, Any]:
    """Return what a checkpoint belongs to, as plain JSON."""
    return {"format": FORMAT, **{name: _plain(value) for name, value in sections.items()}}


def shapes_of(tree: Any) -> list[str]:
    """Return path, shape and type of every leaf."""
    return [
        f"{jax.tree_util.keystr(path)} {leaf.dtype}{list(leaf.shape)}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    ]


def begin(folder: PathLike, recipe: dict[str, Any]) -> dict[str, np.ndarray] | None:
    """Return the arrays of an earlier part of this very training; None where there is none yet.

    Raises:
        InputError: the folder holds a checkpoint of something else.
        FileFormatError: its files are damaged.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError("checkpoint", found=f"the file {folder}", expected="a folder")
    path = folder / "recipe.json"
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            differs = [name for name in recipe if found.get(name) != recipe[name]]
        except (ValueError, AttributeError):
            raise FileFormatError(
                str(path), found="no JSON object", expected="the recipe of a training"
            ) from None
        if differs:
            name = differs[0]
            raise InputError(
                f"checkpoint {folder}",
                found=f"a training that differs in {', '.join(differs)} "
                f"({name}: {_short(found.get(name))})",
                expected=f"the same as now ({name}: {_short(recipe[name])})",
                advice="Choose another folder, or delete this one.",
            )
    else:
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(recipe, indent=1, sort_keys=True), encoding="utf-8")
    numbers = folder / "state.npz"
    return _read(numbers) if numbers.exists() else None


def save(folder: PathLike, arrays: dict[str, Any]) -> None:
    """Write the numbers of a checkpoint; an interrupt leaves the earlier ones whole."""
    with atomic_path(Path(folder) / "state.npz") as temporary, temporary.open("wb") as stream:
        numbers: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
        np.savez(stream, **numbers)


def pack(tree: Any) -> dict[str, Any]:
    """Return the leaves of a state by number."""
    return {f"leaf_{index:05d}": leaf for index, leaf in enumerate(jax.tree.leaves(tree))}


def unpack(like: Any, arrays: dict[str, np.ndarray], where: PathLike) -> Any:
    """Return a state like ``like`` with the saved leaves.

    Raises:
        FileFormatError: leaves are missing or have other shapes.
    """
    leaves, structure = jax.tree.flatten(like)
    found = []
    for name, leaf in pack(leaves).items():
        array = arrays.get(name)
        if array is None or array.shape != leaf.shape or array.dtype != leaf.dtype:
            raise FileFormatError(
                f"{where}/state.npz: {name}",
                found="nothing" if array is None else f"{array.dtype}{list(array.shape)}",
                expected=f"{leaf.dtype}{list(leaf.shape)}",
                advice="Delete the folder and train anew.",
            )
        found.append(jax.numpy.array(array))
    return jax.tree.unflatten(structure, found)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                member.filename.removesuffix(".npy"): read_npy(archive, member, path)
                for member in archive.infolist()
            }
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            str(path),
            found=f"a damaged archive ({error})",
            expected="the numbers of a training",
            advice="Delete the folder and train anew.",
        ) from None


def _plain(value: Any) -> Any:
    """Turn settings into JSON that is the same in another process: no addresses, arrays hashed."""
    if isinstance(value, (np.ndarray, jax.Array)):
        array = np.ascontiguousarray(value)
        digest = hashlib.sha256(array.tobytes()).hexdigest()[:16]
        return f"{array.dtype}{list(array.shape)} sha256 {digest}"
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        items = {f.name: _plain(getattr(value, f.name, None)) for f in dataclasses.fields(value)}
        return {"name": name, **items}
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    attributes = {k: v for k, v in getattr(value, "__dict__", {}).items() if not callable(v)}
    return {"name": name, **{k: _plain(v) for k, v in sorted(attributes.items())}}


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else text[:157] + "..."
