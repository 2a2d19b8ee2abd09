"""A folder of finished batches: a manifest that never changes, and one file a batch."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import FileFormatError, InputError
from .._files import atomic_path
from .._npz import read_npy
from .._types import PathLike
from ._piece import Piece

FORMAT = 1
DIFFERENCES = {
    "format": "another format of this folder",
    "version": "another version of cardiotwin",
    "cases": "other cases",
    "task": "another task",
}


class Store:
    """Finished batches of one task over one set of cases.

    Several programs may fill the same folder: a file appears whole, under a name of its own.

    Args:
        folder: made where it is missing.
        recipe: what the folder belongs to: ``version``, ``task``, ``cases``, plain JSON.

    Raises:
        InputError: the folder holds results of another task, other cases or another version.
        FileFormatError: its manifest is damaged.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "trial"
    >>> store = Store(folder, {"task": "t", "cases": {"rows": 2}})
    >>> store.add(Piece(np.array([1]), {"y": np.array([0.5])}, np.array([0]), np.array(["E: e"])))
    >>> store.read()[0].columns["y"], store.read()[0].errors.tolist()
    (array([0.5]), ['E: e'])
    """

    def __init__(self, folder: PathLike, recipe: dict[str, Any]):
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError("out", found=f"the file {self.folder}", expected="a folder")
        recipe = json.loads(json.dumps({"format": FORMAT, **recipe}))
        manifest = self.folder / "manifest.json"
        if manifest.exists():
            _check_same(manifest, recipe)
        elif any(self.folder.glob("batch-*.npz")):
            raise FileFormatError(
                str(manifest),
                found="nothing, but results beside it",
                expected="what the results belong to",
                advice="Choose another folder.",
            )
        else:
            with atomic_path(manifest) as temporary:
                text = json.dumps(recipe, indent=1, sort_keys=True, ensure_ascii=False)
                temporary.write_text(text, encoding="utf-8")
        self._number = len(self._paths())

    def read(self, n_cases: int | None = None) -> list[Piece]:
        """Return the finished batches, oldest first.

        Raises:
            FileFormatError: a damaged file.
        """
        return [_read(path, n_cases) for path in self._paths()]

    def add(self, piece: Piece) -> None:
        """Write a finished batch; an interrupt leaves no half of it."""
        self._number += 1
        path = self.folder / f"batch-{self._number:07d}-{os.urandom(3).hex()}.npz"
        arrays: dict[str, Any] = {
            "rows": piece.rows,
            "failed": piece.failed,
            "errors": piece.errors,
            "names": np.array(list(piece.columns), dtype=np.str_),
        }
        # By number: a name may hold what a file in an archive must not.
        arrays |= {f"column_{k:04d}": column for k, column in enumerate(piece.columns.values())}
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("batch-*.npz"))


def _check_same(manifest: Path, recipe: dict[str, Any]) -> None:
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        different = [name for name in DIFFERENCES if found.get(name) != recipe.get(name)]
    except (ValueError, AttributeError):
        raise FileFormatError(
            str(manifest), found="no JSON object", expected="what the results belong to"
        ) from None
    if different:
        raise InputError(
            f"out {manifest.parent}",
            found="results of " + " and ".join(DIFFERENCES[name] for name in different) + " "
            f"({different[0]}: {_short(found.get(different[0]))})",
            expected=f"the same as now ({_short(recipe.get(different[0]))})",
            advice="Choose another folder, or delete this one.",
        )


def _read(path: Path, n_cases: int | None) -> Piece:
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {
                member.filename.removesuffix(".npy"): read_npy(archive, member, path)
                for member in archive.infolist()
            }
        columns = {
            str(name): arrays[f"column_{k:04d}"] for k, name in enumerate(arrays["names"].tolist())
        }
        piece = Piece(arrays["rows"], columns, arrays["failed"], arrays["errors"])
        places = np.concatenate([piece.rows, piece.failed])
        lengths = {len(piece.rows)} | {len(column) for column in columns.values()}
        if places.dtype.kind != "i" or len(lengths) > 1 or len(piece.failed) != len(piece.errors):
            raise ValueError("columns of different lengths")
        if places.size and (places.min() < 0 or (n_cases and places.max() >= n_cases)):
            raise ValueError("rows that are not in the table")
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FileFormatError(
            str(path),
            found=f"no batch of results ({error})",
            expected="the results of a batch",
            advice="Delete this file: its cases will be run again.",
        ) from None
    return piece


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "..."
