"""Where ultrasound looked: the fan of a clip, without text, icons, rulers and traces.

Speckle moves and letters do not. The largest patch that moves, with its dark cavities filled, is
nearly the fan; six numbers (apex, two straight sides, near and far arc) are fitted to it, so that
the silent corners of the fan are kept and a trace that runs into the patch is cut off.
"""

import math

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage, optimize
from scipy.spatial import ConvexHull, QhullError

from .._types import ArrayLike
from ._clip import check_frames

# Frames that are looked at; more only cost time.
_MOST_FRAMES = 48
# Pixels a side of the picture on which the fan is fitted first; twice as many afterwards.
_FIT_SIDE = 96
# Costs of the fit, in pixels of the patch left out of the fan: a silent dark pixel taken in, a
# silent bright one (a letter), and the share of the patch that a radian of asymmetry costs
# (phased arrays look equally far to both sides).
_DARK_COST, _LETTER_COST, _SKEW_COST = 0.3, 2.0, 0.2
# Shares at which the fit is believed: of the patch outside the fan, of the fan outside the patch.
_MOST_LOST, _MOST_EMPTY = 0.06, 0.4
# Share of the frame beyond which it has been cropped to the inside of the fan.
_FULL = 0.97
# Grey levels between neighbours.
_LETTER_CONTRAST = 15
_NARROWEST, _WIDEST = math.radians(25), math.radians(150)


def find_sector(frames: ArrayLike) -> Bool[np.ndarray, "height width"]:
    """Return true where the ultrasound picture is, false on text, icons, rulers and traces.

    Args:
        frames: (n_frames, height, width) grey levels; the apex may lie up or down.

    Returns:
        The fan where one can be fitted to what moves, otherwise the convex hull of the largest
        patch that moves; everything if nothing does.

    Raises:
        InputError: frames that are no grey levels, or too small.

    >>> import numpy as np
    >>> row, column = np.mgrid[:80, :80]
    >>> fan = (np.hypot(row, column - 40) < 70) & (abs(column - 40) < 0.7 * row)
    >>> frames = fan * np.random.default_rng(0).integers(0, 200, (6, 80, 80))
    >>> bool((find_sector(frames) >= fan).mean() > 0.99)
    True
    """
    return fit_sector(check_frames(frames, "frames"))[0]


def fit_sector(
    frames: UInt8[np.ndarray, "n_frames height width"],
) -> tuple[Bool[np.ndarray, "height width"], str]:
    """Return `find_sector` and one sentence on how it was found."""
    shape = frames.shape[1:]
    patch, way = _moving_patch(frames)
    if not patch.any():
        return np.ones(shape, dtype=bool), "sector: the whole frame, as nothing stands out"
    if patch.mean() > _FULL:
        return np.ones(shape, dtype=bool), "sector: the whole frame, as all of it moves"
    # Letters are edges that do not move; the dark corners of a fan have no edges.
    middle = frames[len(frames) // 2]
    contrast = ndimage.maximum_filter(middle, 3) - ndimage.minimum_filter(middle, 3)
    letters = ~patch & (contrast > _LETTER_CONTRAST)
    price = np.where(letters, _LETTER_COST, _DARK_COST) * ~patch
    candidates = [(*_coarse_fan(patch[::flip], price[::flip]), flip) for flip in (1, -1)]
    cost, fan, flip = min(candidates, key=lambda candidate: candidate[0])
    if math.isfinite(cost):
        cost, fan = _fine_fan(fan, patch[::flip], price[::flip])
    if math.isfinite(cost):
        # A pixel of margin, for what is lost between the pixels that the fit looked at.
        inside = _draw(fan, shape, margin=1.0)[::flip]
        lost = np.count_nonzero(patch & ~inside) / np.count_nonzero(patch)
        empty = np.count_nonzero(inside & ~patch) / max(np.count_nonzero(inside), 1)
        if lost <= _MOST_LOST and empty <= _MOST_EMPTY:
            degrees = math.degrees(fan[3] - fan[2])
            marks = ndimage.binary_dilation(letters, iterations=2) & ~patch
            return inside & ~marks, f"sector: a fan of {degrees:.0f}° fitted to what {way}"
    return _hull(patch), f"sector: the convex hull of what {way}, as it is no fan"


def _moving_patch(frames: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the largest connected patch that moves (or is bright, in a frozen clip)."""
    rows = np.unique(np.linspace(0, len(frames) - 1, _MOST_FRAMES).round().astype(int))
    levels = frames[rows].astype(np.float32)
    spread, way = ndimage.uniform_filter(levels.std(axis=0), 3), "moves"
    top = float(np.percentile(spread, 99))
    if top < 1.0:
        spread, way = ndimage.uniform_filter(levels.mean(axis=0), 3), "is bright"
        top = float(np.percentile(spread, 99))
    # Motion in the dark corners of a fan is a fiftieth of that of the walls.
    active = spread > max(0.5, 0.015 * top)
    # Opening cuts thin traces and letters, closing joins speckle.
    side = min(frames.shape[1:])
    active = ndimage.binary_opening(active, iterations=max(1, side // 100))
    reach = max(2, side // 60)
    padded = np.pad(active, reach)
    active = ndimage.binary_closing(padded, iterations=reach)[reach:-reach, reach:-reach]
    labels = np.asarray(ndimage.label(active)[0])  # type: ignore[index]
    if not labels.any():
        return np.zeros(frames.shape[1:], dtype=bool), way
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(ndimage.binary_fill_holes(labels == sizes.argmax()), dtype=bool), way


def _coarse_fan(patch: np.ndarray, price: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the cost and [apex row, apex column, left, right, near, far] of a first fan.

    Angles are measured from straight down, positive to the right; the apex is above.
    """
    step = max(1, math.ceil(max(patch.shape) / _FIT_SIDE))
    fan = _first_guess(patch[::step, ::step])
    if fan is None:
        return math.inf, np.zeros(6)
    return _descend(fan * np.array([step, step, 1, 1, step, step]), patch, price, step, 0.05)


def _fine_fan(fan: np.ndarray, patch: np.ndarray, price: np.ndarray) -> tuple[float, np.ndarray]:
    """Return cost and numbers of the fan on a finer picture; infinite cost if it is none."""
    step = max(1, math.ceil(max(patch.shape) / (2 * _FIT_SIDE)))
    cost, fan = _descend(fan, patch, price, step, 0.01)
    _, _, left, right, near, far = fan
    sound = _NARROWEST < right - left < _WIDEST and left < 0 < right and far > max(near, 0)
    return (cost if sound else math.inf), fan


def _descend(
    fan: np.ndarray, patch: np.ndarray, price: np.ndarray, step: int, reach: float
) -> tuple[float, np.ndarray]:
    """Return cost and fan of least cost near one, on every ``step``-th pixel."""
    small, costs = patch[::step, ::step], price[::step, ::step]
    wanted = np.count_nonzero(small)

    def cost(fan: np.ndarray) -> float:
        inside = _draw(fan, small.shape, step=step)
        lost = wanted - np.count_nonzero(inside & small)
        return float(lost + costs[inside].sum() + _SKEW_COST * wanted * abs(fan[2] + fan[3]))

    far = reach * patch.shape[0]
    simplex = np.vstack([fan, fan + np.diag([1.5 * far, far, -2 * reach, 2 * reach, far, far])])
    options = {"maxfev": 300, "initial_simplex": simplex, "xatol": 0.02, "fatol": 0.5}
    best = optimize.minimize(cost, fan, method="Nelder-Mead", options=options)
    return float(best.fun), best.x


def _first_guess(patch: np.ndarray) -> np.ndarray | None:
    """Return a fan from straight lines through the outermost pixels of each row."""
    height, width = patch.shape
    rows = np.flatnonzero(patch.any(axis=1))
    if len(rows) < 6:
        return None
    left = patch[rows].argmax(axis=1)
    right = width - 1 - patch[rows][:, ::-1].argmax(axis=1)
    sides = []
    for columns, outermost in ((left, left.min()), (right, right.max())):
        # From the top to where the side is widest; what the edge of the frame cuts says nothing.
        last = max(int(np.argmax(columns == outermost)), 3)
        use = np.arange(len(rows)) <= last
        free = (columns > 1) & (columns < width - 2)
        use = use & free if np.count_nonzero(use & free) > 3 else use
        sides.append(np.polyfit(rows[use], columns[use], 1))
    (slope_left, at_left), (slope_right, at_right) = sides
    if slope_right - slope_left < 0.1:
        return None
    row = (at_left - at_right) / (slope_right - slope_left)
    row = float(np.clip(row, rows[0] - height, rows[0] + 0.2 * height))
    column = slope_left * row + at_left
    down, across = np.nonzero(patch)
    radii = np.hypot(down - row, across - column)
    angles = math.atan(slope_left), math.atan(slope_right)
    near, far = np.percentile(radii, 0.5), np.percentile(radii, 99.5)
    return np.array([row, column, *angles, near, far])


def _draw(
    fan: np.ndarray, shape: tuple[int, ...], margin: float = 0.0, step: int = 1
) -> np.ndarray:
    """Return which of every ``step``-th pixel are within ``margin`` of the fan."""
    row, column, left, right, near, far = fan
    down = step * np.arange(shape[0])[:, None] - row
    across = step * np.arange(shape[1])[None, :] - column
    radius = np.hypot(down, across)
    # Signed distances to the two straight sides, positive inside.
    from_left = across * math.cos(left) - down * math.sin(left)
    from_right = down * math.sin(right) - across * math.cos(right)
    ring = (radius >= near - margin) & (radius <= far + margin)
    return ring & (from_left >= -margin) & (from_right >= -margin) & (down >= -margin)


def _hull(patch: np.ndarray) -> np.ndarray:
    """Return the convex hull of a patch."""
    points = np.argwhere(patch)
    try:
        hull = ConvexHull(points)
    except QhullError:
        return patch
    inside = np.ones(patch.shape, dtype=bool)
    row, column = np.ogrid[: patch.shape[0], : patch.shape[1]]
    for normal_row, normal_column, offset in hull.equations:
        inside &= normal_row * row + normal_column * column + offset <= 1e-6
    return inside
