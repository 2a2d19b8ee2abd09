"""Volume of the left ventricle from masks: the method of disks, in one plane or in two."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from .._checks import check_array, check_count
from .._errors import InputError
from .._types import ArrayLike
from ._clip import check_pixel
from ._labels import ATRIUM, CAVITY, WALL

N_DISKS = 20
"""As the American Society of Echocardiography recommends (Lang et al. 2015)."""


class Disks(NamedTuple):
    """Long axis and diameters of the ventricle in every frame; NaN where there is no ventricle.

    Attributes:
        length_mm: (n_frames,) from the middle of the annulus to the apex.
        diameters_mm: (n_frames, n_disks) from base to apex, each the mean over its disk.
        base, apex: (n_frames, 2) row and column, pixels.
    """

    length_mm: Float[np.ndarray, " n_frames"]
    diameters_mm: Float[np.ndarray, "n_frames n_disks"]
    base: Float[np.ndarray, "n_frames 2"]
    apex: Float[np.ndarray, "n_frames 2"]

    @property
    def area_mm2(self) -> Float[np.ndarray, " n_frames"]:
        """(n_frames,) area of the cavity."""
        return self.length_mm * self.diameters_mm.mean(1)


def find_disks(
    masks: ArrayLike, mm_per_pixel: float | tuple[float, float] = 1.0, *, n_disks: int = N_DISKS
) -> Disks:
    """Return long axis and diameters of the cavity in masks.

    The base is the middle of the opening: that part of the border of the cavity that touches
    neither wall nor, where an atrium is marked, anything but it. The apex is the point of the
    cavity farthest from there.

    Args:
        masks: (n_frames, height, width) 1 cavity, 2 wall, 3 left atrium, 0 everything else.
        mm_per_pixel: height and width of a pixel; lengths are in pixels if it is left out.
        n_disks: how many.

    Raises:
        InputError: masks of another shape.

    >>> mask = np.zeros((1, 80, 60)); mask[0, 10:60, 15:45] = 2; mask[0, 14:60, 20:40] = 1
    >>> disks = find_disks(mask)
    >>> float(disks.length_mm[0].round()), float(disks.diameters_mm.mean().round())
    (47.0, 20.0)
    """
    labels = check_array(masks, "masks", shape=("n_frames", "height", "width"))
    n_disks = check_count(n_disks, "n_disks", at_least=2)
    sides = check_pixel(mm_per_pixel)
    if sides is None:
        raise InputError("mm_per_pixel", found="None", expected="the size of a pixel, or 1")
    labels, corner = _around_cavity(labels)
    cavity: Any = _largest(np.equal(labels, CAVITY))
    opening = _opening(labels, cavity)
    place = np.indices(labels.shape[1:]).reshape(2, -1).T.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        base = _means(opening.reshape(len(labels), -1), place)
    offset = (place[None] - base[:, None]) * np.array(sides)
    inside = cavity.reshape(len(labels), -1)
    distance = np.where(inside, np.hypot(offset[..., 0], offset[..., 1]), -1.0)
    tip = distance.argmax(1)
    found = inside.any(1) & np.isfinite(base).all(1)
    axis = np.take_along_axis(offset, tip[:, None, None], 1)[:, 0]
    pixel = np.sqrt(sides[0] * sides[1])
    # The borders of the outermost pixels lie half a pixel beyond their centres, at both ends.
    length = np.where(found, np.hypot(*axis.T) + pixel, np.nan)
    axis = axis / np.hypot(*axis.T)[:, None]
    along = (np.einsum("fpi,fi->fp", offset, axis) + 0.5 * pixel) / length[:, None]
    diameters = _areas(along, inside & found[:, None], n_disks, pixel / length)
    diameters *= (sides[0] * sides[1] * n_disks / length)[:, None]
    return Disks(
        length_mm=length,
        diameters_mm=np.where(found[:, None], diameters, np.nan),
        base=base + corner,
        apex=np.where(found[:, None], place[tip] + corner, np.nan),
    )


def disk_volumes(one: Disks, other: Disks | None = None) -> Float[np.ndarray, " n_frames"]:
    """Return the volume of every frame in mL, V = π/4 · L/n · Σ w w′.

    Args:
        one: of one plane; cross-sections are taken as circles, w′ = w.
        other: of the plane at right angles, frame for frame; L is the longer of both axes, since
            a plane that misses the apex shows too short a one.

    Raises:
        InputError: the planes do not have the same frames and disks.

    Source: Lang et al. 2015, recommendations for chamber quantification.
    """
    if other is None:
        return np.pi / 4 * one.length_mm * (one.diameters_mm**2).mean(1) / 1000.0
    if one.diameters_mm.shape != other.diameters_mm.shape:
        raise InputError(
            "other",
            found=f"frames and disks {other.diameters_mm.shape}",
            expected=f"{one.diameters_mm.shape}, as in the first plane",
        )
    length = np.maximum(one.length_mm, other.length_mm)
    return np.pi / 4 * length * (one.diameters_mm * other.diameters_mm).mean(1) / 1000.0


def _around_cavity(labels: np.ndarray) -> tuple[np.ndarray, Float[np.ndarray, "2"]]:
    """Return the part of all frames that holds the cavity and what touches it, and its corner."""
    there = np.equal(labels, CAVITY).any(0)
    if not there.any():
        return labels, np.zeros(2)
    parts = []
    for axis in (1, 0):
        seen = np.flatnonzero(np.any(there, axis=axis))
        parts.append(slice(max(seen[0] - 2, 0), seen[-1] + 3))
    return labels[:, parts[0], parts[1]], np.array([part.start for part in parts], float)


def _largest(cavity: Bool[np.ndarray, "n h w"]) -> Bool[np.ndarray, "n h w"]:
    """Return the largest patch of every frame, its holes filled."""
    # Neighbours in a frame only: patches of different frames never touch.
    flat = np.zeros((3, 3, 3), bool)
    flat[1] = ndimage.generate_binary_structure(2, 1)
    filled = cavity | ~_outside(~cavity, flat)
    found: Any = ndimage.label(filled, flat)
    labels, n = found
    if n == 0:
        return cavity
    sizes = np.bincount(labels.ravel())
    frame = np.repeat(np.arange(len(cavity)), cavity[0].size)
    best = np.zeros(len(cavity), int)
    order = np.argsort(sizes[labels.ravel()] * (labels.ravel() > 0), kind="stable")
    best[frame[order]] = labels.ravel()[order]
    return (labels == best[:, None, None]) & (labels > 0)


def _outside(free: Bool[np.ndarray, "n h w"], flat: np.ndarray) -> Bool[np.ndarray, "n h w"]:
    """Return what is free and connected with the border of its frame."""
    edge = np.zeros_like(free)
    edge[:, [0, -1], :] = edge[:, :, [0, -1]] = True
    return ndimage.binary_propagation(edge & free, flat, mask=free)


def _opening(labels: np.ndarray, cavity: Bool[np.ndarray, "n h w"]) -> Bool[np.ndarray, "n h w"]:
    """Return pixels of the cavity beside the atrium; without one, beside anything but wall."""
    plus = ndimage.generate_binary_structure(2, 1)
    flat = np.zeros((3, 3, 3), bool)
    flat[1] = plus

    def beside(what: np.ndarray) -> np.ndarray:
        return cavity & ndimage.binary_dilation(what & ~cavity, flat)

    atrium = beside(labels == ATRIUM)
    without = ~atrium.any((1, 2))
    atrium[without] = beside(labels != WALL)[without]
    return atrium


def _means(chosen: Bool[np.ndarray, "n p"], place: Float[np.ndarray, "p 2"]) -> np.ndarray:
    return (chosen @ place) / chosen.sum(1)[:, None]


def _areas(
    along: np.ndarray, inside: np.ndarray, n_disks: int, blur: np.ndarray
) -> Float[np.ndarray, "n n_disks"]:
    """Return the pixels in every disk, each pixel spread over the disks that it covers."""
    total = np.zeros((len(along), n_disks))
    shifts = (np.arange(4) - 1.5) / 4
    frame = np.broadcast_to(np.arange(len(along))[:, None], along.shape)[inside]
    for shift in shifts:
        place = along + shift * blur[:, None]
        disk = np.clip((place[inside] * n_disks).astype(int), 0, n_disks - 1)
        total += np.bincount(frame * n_disks + disk, minlength=total.size).reshape(total.shape)
    return total / len(shifts)
