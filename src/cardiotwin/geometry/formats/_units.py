"""Lengths in files: which unit, stated by whom, and whether the result has the size of a body."""

import re

import numpy as np

from ..._checks import check_choice
from ..._errors import FileFormatError, UnitError
from ..._types import Points

MM_PER_UNIT = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}

# Between a coarse mesh of a small animal's heart and a person standing upright.
SMALLEST_MM, LARGEST_MM = 5.0, 5000.0

# No unit makes a body of this size; above it, squares and sums begin to lose their meaning.
LARGEST_NUMBER = 1e12

_STATEMENT = re.compile(r"\bunits?\s*[:=]\s*(um|mm|cm|m)\b", re.IGNORECASE)


def unit_stated_in(comment: str) -> str | None:
    """Return the unit of a comment such as 'unit: mm', if there is one."""
    match = _STATEMENT.search(comment)
    return match.group(1).lower() if match else None


def to_mm(
    points: Points, where: str, *, stated: str | None, unit: str | None, check_size: bool
) -> Points:
    """Return the points in mm, or say why their unit is unknown, doubted or wrong."""
    if unit is not None:
        check_choice(unit, "unit", MM_PER_UNIT)
    if not np.isfinite(points).all():
        first = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise FileFormatError(
            where,
            found=f"coordinates that are NaN or infinite, first at node {first} (0-based)",
            expected="finite coordinates",
        )
    if points.size and np.abs(points).max() > LARGEST_NUMBER:
        raise FileFormatError(
            where,
            found=f"a coordinate of size {np.abs(points).max():.3g}",
            expected="coordinates of a body",
            advice="The file is damaged, or these numbers are not coordinates.",
        )
    if stated is not None and unit is not None and stated != unit:
        raise UnitError(
            where,
            found=f"the unit {stated} stated by the file, against unit={unit!r}",
            expected="one unit",
            advice=f"Leave out unit= (surfaces are always returned in mm). If the file is wrong, "
            f"read it with check_size=False and multiply vertices_mm by "
            f"{MM_PER_UNIT[unit] / MM_PER_UNIT[stated]:g}.",
        )
    extent = float(np.linalg.norm(np.ptp(points, axis=0))) if len(points) else 0.0
    unit = unit or stated
    if unit is None:
        raise UnitError(
            where,
            found=f"no unit (the coordinates span {extent:.4g})",
            expected="unit='mm', 'cm', 'm' or 'um'",
            advice=_suggest(extent),
        )
    size = extent * MM_PER_UNIT[unit]
    if check_size and len(points) > 1 and not SMALLEST_MM <= size <= LARGEST_MM:
        raise UnitError(
            where,
            found=f"an extent of {size:.4g} mm when the numbers are taken as {unit}",
            expected=f"between {SMALLEST_MM:g} and {LARGEST_MM:g} mm",
            advice=_suggest(extent) + " check_size=False reads it as it is.",
        )
    return points * MM_PER_UNIT[unit]


def _suggest(extent: float) -> str:
    sizes = {unit: extent * factor for unit, factor in MM_PER_UNIT.items()}
    fitting = [f"{unit!r} makes it {size:.4g} mm" for unit, size in sizes.items() if _fits(size)]
    if not fitting:
        return "No unit makes it the size of a heart or a torso: are these coordinates?"
    return "Anatomical sizes: " + ", ".join(fitting) + "."


def _fits(size_mm: float) -> bool:
    return 20.0 <= size_mm <= 2500.0
