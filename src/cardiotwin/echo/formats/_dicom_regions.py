"""The ultrasound region of a DICOM header: where it is in the frame and how large its pixels are.

Exporters shrink frames and leave the region as it was. Then it reaches beyond the frame, and the
frame it was written for is sought among whole multiples and the usual screens of the same shape.
"""

from dataclasses import dataclass
from typing import Any

from .._clip import SMALLEST_SIDE

TWO_DIMENSIONAL, TISSUE, CENTIMETRES = 1, 1, 3
# Screens of scanners: width, height.
_SCREENS = (
    (640, 480),
    (768, 576),
    (800, 600),
    (1024, 768),
    (1016, 708),
    (1152, 864),
    (1280, 720),
    (1280, 800),
    (1280, 960),
    (1280, 1024),
    (1600, 1200),
    (1920, 1080),
    (1920, 1200),
)
_MOST_TIMES = 4


@dataclass(frozen=True)
class Region:
    """Place (top, bottom, left, right; ends exclusive), mm a pixel (height, width), and notes."""

    place: tuple[int, int, int, int] | None
    mm_per_pixel: tuple[float, float] | None
    notes: tuple[str, ...]


def find_region(dataset: Any, height: int, width: int) -> Region:
    """Return the largest two-dimensional tissue region of a header, fitted to the frame."""
    regions = [
        item
        for item in dataset.get("SequenceOfUltrasoundRegions") or []
        if item.get("RegionSpatialFormat") == TWO_DIMENSIONAL
        and item.get("RegionDataType", TISSUE) == TISSUE
    ]
    if not regions:
        return _from_spacing(dataset)
    notes = []
    if len(regions) > 1:
        notes.append(f"the largest of {len(regions)} ultrasound regions taken")
    corners = max((_corners(item) for item in regions), key=_area)
    item = next(item for item in regions if _corners(item) == corners)
    scale, screen = 1.0, None
    left, top, right, bottom = corners
    if not (0 <= left < right and 0 <= top < bottom):
        notes.append(f"ultrasound region {corners} left out: it is empty")
        return Region(None, None, tuple(notes))
    if right > width or bottom > height:
        reach = f"({left}, {top})-({right - 1}, {bottom - 1})"
        screen = _original(right, bottom, height, width)
        if screen is None:
            notes.append(
                f"ultrasound region {reach} lies outside of the "
                f"{width} × {height} frame and no scale explains it: pixel size unknown"
            )
            return Region(None, None, tuple(notes))
        scale = screen[0] / width
        notes.append(
            f"ultrasound region {reach} lies outside of the "
            f"{width} × {height} frame: taken as that of {screen[0]} × {screen[1]}, "
            f"pixels {scale:g} times as large"
        )
    top, bottom, left, right = (round(edge / scale) for edge in (top, bottom, left, right))
    place = (top, bottom, left, right)
    if min(bottom - top, right - left) < SMALLEST_SIDE:
        notes.append(f"ultrasound region of {bottom - top} × {right - left} pixels not cut out")
        place = None
    pixel = _pixel(item, scale)
    if pixel is None:
        spacing = _from_spacing(dataset)
        return Region(place, spacing.mm_per_pixel, (*notes, *spacing.notes))
    return Region(place, pixel, tuple(notes))


def _corners(item: Any) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom, the last two exclusive."""
    x0, y0, x1, y1 = (
        int(item.get(f"RegionLocation{name}", 0)) for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")
    )
    return x0, y0, x1 + 1, y1 + 1


def _area(corners: tuple[int, int, int, int]) -> int:
    left, top, right, bottom = corners
    return (right - left) * (bottom - top)


def _original(right: int, bottom: int, height: int, width: int) -> tuple[int, int] | None:
    """Return width and height of the smallest likely frame that holds the region."""
    whole = [(times * width, times * height) for times in range(2, _MOST_TIMES + 1)]
    alike = [
        (wide, high)
        for wide, high in _SCREENS
        if abs(wide / width / (high / height) - 1) < 0.01 and 1 < wide / width <= _MOST_TIMES
    ]
    fitting = [(w, h) for w, h in (*whole, *alike) if right <= w and bottom <= h]
    return min(fitting, default=None)


def _pixel(item: Any, scale: float) -> tuple[float, float] | None:
    """Return height and width in mm where the region states them in centimetres."""
    sides = []
    for axis in "YX":
        delta = abs(float(item.get(f"PhysicalDelta{axis}") or 0.0))
        if item.get(f"PhysicalUnits{axis}Direction") != CENTIMETRES or not delta > 0:
            return None
        sides.append(10.0 * delta * scale)
    return sides[0], sides[1]


def _from_spacing(dataset: Any) -> Region:
    spacing = dataset.get("PixelSpacing")
    if not spacing or len(spacing) != 2 or not all(float(side) > 0 for side in spacing):
        return Region(None, None, ("no pixel size in the header",))
    pixel = float(spacing[0]), float(spacing[1])
    return Region(None, pixel, ("pixel size from PixelSpacing: the header has no region in cm",))
