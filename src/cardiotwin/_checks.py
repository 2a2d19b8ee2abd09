"""Checks at the border: each returns the value in the form that the inside trusts."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from ._errors import FileFormatError, InputError
from ._types import ArrayLike, PathLike


def check_array(
    value: Any,
    where: str,
    *,
    shape: tuple[int | str, ...],
    finite: bool = True,
    advice: str = "",
) -> np.ndarray:
    """Return ``value`` as a float64 array of the given shape.

    Args:
        value: anything that NumPy can turn into numbers.
        where: the argument's name, for the message.
        shape: one entry an axis: a number, or a name for a free length.
        finite: whether NaN and infinity are refused.
        advice: what to do if the check fails.

    Raises:
        InputError: not numbers, wrong number of axes, wrong length, or not finite.

    >>> check_array([[0, 0, 1]], "points", shape=("n_points", 3)).shape
    (1, 3)
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeError
        array = np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape)
    except (TypeError, ValueError):
        kind = getattr(np.asarray(value, dtype=object), "dtype", type(value))
        raise InputError(
            where,
            found=f"{type(value).__name__} ({kind})",
            expected=f"real numbers of shape {_show(shape)}",
            advice=advice,
        ) from None
    _check_shape(array, where, shape, advice)
    if finite and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        raise InputError(
            where,
            found=f"{len(bad)} values that are NaN or infinite, the first at index "
            f"{tuple(int(i) for i in bad[0])}",
            expected="finite numbers",
            advice=advice or "Repair or leave out these channels or nodes first.",
        )
    return array


def check_indices(
    value: ArrayLike, where: str, *, upper: int, shape: tuple[int | str, ...] = ("n",)
) -> np.ndarray:
    """Return ``value`` as int64 indices in ``[0, upper)``.

    Raises:
        InputError: not whole numbers, wrong shape, or out of range.

    >>> check_indices([0, 2], "leads", upper=3)
    array([0, 2])
    """
    array = np.asarray(value)
    if array.dtype.kind == "f" and array.size and np.array_equal(array, np.round(array)):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu" and array.size:
        raise InputError(
            where,
            found=f"entries of type {array.dtype}",
            expected="whole numbers (0-based indices)",
        )
    array = np.ascontiguousarray(array, dtype=np.int64).reshape(array.shape)
    _check_shape(array, where, shape, "")
    if array.size and (array.min() < 0 or array.max() >= upper):
        off = int(array.max()) if array.max() >= upper else int(array.min())
        one_based = array.min() >= 1 and array.max() == upper
        raise InputError(
            where,
            found=f"index {off}",
            expected=f"indices from 0 to {upper - 1}",
            advice="They look 1-based: subtract 1." if one_based else "",
        )
    return array


def check_number(
    value: Any,
    where: str,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    below: float = math.inf,
    at_most: float = math.inf,
    advice: str = "",
) -> float:
    """Return ``value`` as a finite float inside the given bounds.

    Raises:
        InputError: not a number, not finite, or out of bounds.

    >>> check_number(3, "rate_hz", above=0)
    3.0
    """
    expected = f"a finite number {show_bounds(above, at_least, below, at_most)}".rstrip()
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(where, found=repr(value), expected=expected, advice=advice) from None
    inside = above < number < below and at_least <= number <= at_most
    if not (math.isfinite(number) and inside):
        raise InputError(where, found=f"{number:g}", expected=expected, advice=advice)
    return number


def check_count(value: Any, where: str, *, at_least: int = 1) -> int:
    """Return ``value`` as a whole number not below ``at_least``.

    Raises:
        InputError: not a whole number, or too small.

    >>> check_count(4, "n_levels")
    4
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < at_least:
        raise InputError(where, found=repr(value), expected=f"a whole number ≥ {at_least}")
    return int(value)


def check_choice(value: str, where: str, allowed: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``allowed``; otherwise list them and suggest the nearest.

    Raises:
        InputError: not one of the allowed values.

    >>> check_choice("mm", "unit", ["mm", "m"])
    'mm'
    """
    names = sorted(allowed)
    if value in names:
        return value
    near = get_close_matches(str(value), names, n=1)
    raise InputError(
        where,
        found=repr(value),
        expected="one of " + ", ".join(map(repr, names)),
        advice=f"Did you mean {near[0]!r}?" if near else "",
    )


def check_file(path: PathLike, where: str = "path") -> Path:
    """Return ``path`` as a Path to a readable, non-empty file.

    Raises:
        FileFormatError: missing, a folder, or empty.
    """
    path = Path(path)
    if path.is_dir():
        found, advice = "a folder", "Name the file inside it."
    elif not path.exists():
        near = get_close_matches(path.name, [p.name for p in path.parent.glob("*")], n=1)
        found, advice = "nothing there", f"Did you mean {near[0]}?" if near else ""
    elif path.stat().st_size == 0:
        found, advice = "an empty file", "Copy or export it again."
    else:
        return path
    raise FileFormatError(f"{where} {path}", found=found, expected="a file", advice=advice)


def freeze(array: np.ndarray) -> np.ndarray:
    """Return a read-only view, for the fields of frozen objects."""
    view = array.view()
    view.flags.writeable = False
    return view


def show_bounds(above: float, at_least: float, below: float, at_most: float) -> str:
    """Return bounds in words, of those that are finite.

    >>> show_bounds(0, -math.inf, math.inf, 1)
    '> 0 and ≤ 1'
    """
    signs = ((">", above), ("≥", at_least), ("<", below), ("≤", at_most))
    return " and ".join(f"{sign} {limit:g}" for sign, limit in signs if math.isfinite(limit))


def _check_shape(array: np.ndarray, where: str, shape: tuple[int | str, ...], advice: str) -> None:
    fits = array.ndim == len(shape) and all(
        isinstance(want, str) or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        turned = array.ndim == 2 and len(shape) == 2
        turned = turned and all(
            isinstance(want, str) or have == want
            for have, want in zip(array.shape[::-1], shape, strict=True)
        )
        raise InputError(
            where,
            found=f"shape {array.shape}",
            expected=f"shape {_show(shape)}",
            advice=advice or ("It looks transposed." if turned else ""),
        )


def _show(shape: tuple[int | str, ...]) -> str:
    return "(" + ", ".join(str(axis) for axis in shape) + ("," if len(shape) == 1 else "") + ")"
