"""What the records of all data sets share: how they are asked for parts, and how they split."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from ..._checks import check_count, check_file, check_number
from ..._errors import FileFormatError, InputError
from ..._types import PathLike
from .._clip import EchoClip

SPLITS = ("TRAIN", "VAL", "TEST")


@dataclass(frozen=True, eq=False)
class TracedFrame:
    """What an expert drew in one frame.

    ``frame`` is its 0-based index in the clip; ``labels`` (height, width) are 0 background,
    1 cavity of the left ventricle, 2 its wall, 3 left atrium.
    """

    frame: int
    labels: UInt8[np.ndarray, "height width"]


@runtime_checkable
class EchoRecord(Protocol):
    """One clip of a data set with what is known of it; pixels are read when asked for."""

    @property
    def name(self) -> str:
        """Name of the clip, unique in its data set."""
        ...

    @property
    def split(self) -> str:
        """Part of the data set: "TRAIN", "VAL" or "TEST"."""
        ...

    @property
    def ef_percent(self) -> float | None:
        """Ejection fraction in percent."""
        ...

    @property
    def edv_ml(self) -> float | None:
        """End-diastolic volume in mL."""
        ...

    @property
    def esv_ml(self) -> float | None:
        """End-systolic volume in mL."""
        ...

    def clip(self) -> EchoClip:
        """Read the clip."""
        ...


Record = TypeVar("Record", bound=EchoRecord)


def by_split(records: Iterable[Record]) -> dict[str, tuple[Record, ...]]:
    """Return the records of each split, in their order."""
    parts: dict[str, list[Record]] = {name: [] for name in SPLITS}
    for record in records:
        parts.setdefault(record.split, []).append(record)
    return {name: tuple(part) for name, part in parts.items()}


def split_names(names: Sequence[str], fractions: Sequence[float], seed: int) -> dict[str, str]:
    """Return the split of each name, drawn from an explicit seed.

    Raises:
        InputError: not three fractions that add up to 1.

    >>> sorted(split_names(["a", "b", "c", "d"], (0.5, 0.25, 0.25), 0).values())
    ['TEST', 'TRAIN', 'TRAIN', 'VAL']
    """
    parts = [check_number(part, "fractions", at_least=0, at_most=1) for part in fractions]
    if len(parts) != len(SPLITS) or abs(sum(parts) - 1) > 1e-9:
        raise InputError(
            "fractions",
            found=f"{list(fractions)}",
            expected="three shares (train, validation, test) that add up to 1",
        )
    order = np.random.default_rng(seed).permutation(len(names))
    ends = np.rint(np.cumsum(parts) * len(names)).astype(int)
    return {
        names[int(i)]: SPLITS[int(np.searchsorted(ends, place, side="right"))]
        for place, i in enumerate(order)
    }


def fold_names(names: Sequence[str], k: int, seed: int) -> list[set[str]]:
    """Return ``k`` groups of names of nearly one size, drawn from an explicit seed.

    Raises:
        InputError: fewer than two groups, or more groups than names.
    """
    k = check_count(k, "k", at_least=2)
    if k > len(names):
        raise InputError("k", found=str(k), expected=f"at most the {len(names)} patients")
    order = np.random.default_rng(seed).permutation(len(names))
    return [{names[int(i)] for i in order[part::k]} for part in range(k)]


def need_parts(root: PathLike, parts: Sequence[str], what: str) -> Path:
    """Return the folder of a data set after checking that its parts are there.

    Raises:
        InputError: no such folder, or parts missing; ``what`` tells where they come from.
    """
    folder = Path(root)
    missing = [part for part in parts if not (folder / part).exists()]
    if missing:
        found = f"no {', '.join(missing)}" if folder.is_dir() else "no such folder"
        raise InputError(
            f"root {folder}", found=found, expected=", ".join(parts) + " in it", advice=what
        )
    return folder


def read_table(path: PathLike, columns: Sequence[str]) -> list[list[str]]:
    """Return the cells of the named columns of a CSV file, row by row.

    Cells that a row is too short for are empty, as in a file that was cut; blank lines are skipped.

    Raises:
        FileFormatError: not text, or columns missing.
    """
    path = check_file(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            rows = csv.reader(handle)
            header = [name.strip() for name in next(rows, [])]
            missing = [name for name in columns if name not in header]
            if missing:
                raise FileFormatError(
                    str(path),
                    found="columns " + (", ".join(header)[:200] or "none"),
                    expected=", ".join(columns),
                    advice=f"Missing: {', '.join(missing)}. Is this the published file?",
                )
            at = [header.index(name) for name in columns]
            return [
                [row[i].strip() if i < len(row) else "" for i in at]
                for row in rows
                if any(map(str.strip, row))
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(
            str(path), found=f"content that is no table ({error})", expected="a CSV file"
        ) from error
