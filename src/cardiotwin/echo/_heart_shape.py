"""Shape of the left heart in a view from the apex: from volumes over time to contours."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

N_ANGLES = 256
"""Directions from the centre of the ventricle in which its border is tabulated."""

N_LEVELS = 65
"""Levels along the long axis at which widths are evaluated, dense at the apex."""

CENTRE = 0.55
"""Of the end-diastolic long axis: the fixed point from which the border is seen."""

# Levels are ξ², so that the round apex gets as many points as the sides.
_XI = np.linspace(0.0, 1.0, N_LEVELS)


class Shape(NamedTuple):
    """One heart, seen in one view; a batch has leading axes.

    Attributes:
        length_mm: long axis at end-diastole, from the apex to the plane of the annulus.
        widest: level of the largest width, 0 at the apex, 1 at the annulus.
        pointed: exponent of the profile; above 1 the apex is pointed, below blunt.
        bumps: (2, 3) sines over the level added to the two sides (left, right), relative to the
            half-width: trabeculae, a sigmoid septum.
        other_bumps: (3,) the same for the mean width of the plane at right angles.
        bend: sideways bow of the long axis relative to its length.
        eccentricity: half-width of this plane over that at right angles, end-diastole.
        longitudinal: share of the long axis in the ejection: L ∝ V^longitudinal.
        asynergy: difference of the radial exponents of the two planes: regional wall motion.
        tilt: tangent of the angle by which the plane of the image misses the apex.
        wall_mm: thickness of the wall at end-diastole.
    """

    length_mm: Any
    widest: Any
    pointed: Any
    bumps: Any
    other_bumps: Any
    bend: Any
    eccentricity: Any
    longitudinal: Any
    asynergy: Any
    tilt: Any
    wall_mm: Any


class Ventricle(NamedTuple):
    """Left ventricle of every frame in the plane of the image.

    Coordinates: u along the long axis from the true apex to the base, v to the right, both mm.

    Attributes:
        length_mm: (n_frames,) true long axis.
        radius: (n_frames, N_ANGLES) distance of the border from the centre (u, v) =
            (CENTRE · end-diastolic length, 0), at angles 2π k / N_ANGLES − π from the apex.
        left, right: (n_frames, N_LEVELS, 2) the two sides (u, v), from the seen apex to the
            annulus.
        half_widths: (n_frames,) largest half-width of this plane.
    """

    length_mm: Any
    radius: Any
    left: Any
    right: Any
    half_widths: Any


def profile(shape: Shape, level: Any) -> Any:
    """Return the half-width at a level relative to the largest: a truncated ellipsoid."""
    ellipse = 1.0 - (1.0 - level / shape.widest) ** 2
    return jnp.maximum(ellipse, 0.0) ** (0.5 * shape.pointed)


def ventricle(shape: Shape, volumes_ml: Any, edv_ml: Any) -> Ventricle:
    """Return the ventricle whose volume is that of every frame.

    Cross-sections are ellipses with the widths w(s) of the plane and w'(s) of that at right
    angles, so that the method of disks in two planes is exact::

        V = π/4 · L ∫₀¹ w(s) w'(s) ds

    The long axis follows L = L_ed (V/V_ed)^p; the widths share what remains.

    Args:
        shape: the heart.
        volumes_ml: (n_frames,) of the cavity.
        edv_ml: at which the shape is that of end-diastole.
    """
    length, here, there = half_widths(shape, volumes_ml, edv_ml)
    return _sides(shape, length, here, there)


def half_widths(shape: Shape, volumes_ml: Any, edv_ml: Any) -> tuple[Any, Any, Any]:
    """Return the long axis and the largest half-widths of the plane and of that at right angles.

    Args:
        shape: the heart.
        volumes_ml: (n_frames,) of the cavity.
        edv_ml: at which the shape is that of end-diastole.
    """
    volume = jnp.asarray(volumes_ml) * 1000.0
    ratio = jnp.asarray(volumes_ml) / edv_ml
    length = shape.length_mm * ratio**shape.longitudinal
    sides = 1.0 + _waves(shape.bumps, _FINE)
    other = 1.0 + _waves(shape.other_bumps, _FINE)
    own = profile(shape, _FINE)
    # Of both half-widths: w = 2 R m f, w' = 2 R' n f with means m, n of the bumps.
    integral = jnp.sum(own**2 * sides.mean(0) * other * _FINE_WEIGHTS)
    product = volume / (jnp.pi * length * integral)
    share = ratio ** (shape.asynergy * (1.0 - shape.longitudinal))
    here = jnp.sqrt(product * shape.eccentricity * share)
    there = product / here
    return length, here, there


def _sides(shape: Shape, length: Any, here: Any, there: Any) -> Ventricle:
    """Return the borders that the image plane cuts, which may miss the apex."""
    # The plane leaves the axis at the annulus: y = L (1 − s) tan(angle) at level s.
    out = length[:, None] * (1.0 - _FINE) * shape.tilt
    reach = there[:, None] * profile(shape, _FINE) * (1.0 + _waves(shape.other_bumps, _FINE))
    hit = reach >= out
    first = jnp.argmax(hit, axis=1)
    before = jnp.maximum(first - 1, 0)
    row = jnp.arange(len(length))
    gap0, gap1 = (reach - out)[row, before], (reach - out)[row, first]
    along = jnp.where(first > 0, gap0 / jnp.where(first > 0, gap0 - gap1, 1.0), 0.0)
    fine = jnp.asarray(_FINE)
    apex = fine[before] + along * (fine[first] - fine[before])
    level = apex[:, None] + (1.0 - apex[:, None]) * _XI**2
    out = length[:, None] * (1.0 - level) * shape.tilt
    wide = there[:, None] * profile(shape, level) * (1.0 + _waves(shape.other_bumps, level))
    cut = jnp.sqrt(jnp.maximum(1.0 - (out / jnp.maximum(wide, 1e-3)) ** 2, 0.0))
    half = here[:, None] * profile(shape, level) * jnp.where(shape.tilt > 0, cut, 1.0)
    bow = shape.bend * shape.length_mm * 4.0 * level * (1.0 - level)
    bumps = _waves(shape.bumps, level)
    u = level * length[:, None]
    left = jnp.stack([u, bow - half * (1.0 + bumps[0])], -1)
    right = jnp.stack([u, bow + half * (1.0 + bumps[1])], -1)
    return Ventricle(length, _radii(shape, left, right), left, right, here)


def _waves(weights: Any, level: Any) -> Any:
    """Return sines over the level, zero at apex and annulus; the last axis of weights is summed."""
    waves = jnp.stack([jnp.sin(jnp.pi * k * level) for k in (1, 2, 3)])
    return jnp.tensordot(jnp.asarray(weights), waves, axes=1)


def _radii(shape: Shape, left: Any, right: Any) -> Any:
    """Return the distance of the border from the centre in every direction."""
    centre = CENTRE * shape.length_mm
    # Once around: along the left side to the annulus backwards, then the right side.
    border = jnp.concatenate([left[:, ::-1], right[:, 1:]], axis=1)
    du, dv = border[..., 0] - centre, border[..., 1]
    angle = jnp.arctan2(dv, -du)
    wanted = jnp.arange(N_ANGLES) * (2 * jnp.pi / N_ANGLES) - jnp.pi
    # Between the last point at the right and the first at the left runs the annulus, straight:
    # its distance in a direction follows from where the ray crosses the chord.
    a, b = border[:, -1], border[:, 0]
    au, av, bu, bv = a[:, 0] - centre, a[:, 1], b[:, 0] - centre, b[:, 1]
    ray_u, ray_v = -jnp.cos(wanted), jnp.sin(wanted)
    cross = (au * bv - bu * av)[:, None]
    chord = cross / (ray_u * (bv - av)[:, None] - ray_v * (bu - au)[:, None])
    at_base = (wanted >= angle[:, -1:]) | (wanted <= angle[:, :1])
    crossing = jax.vmap(_along_ray, in_axes=(0, 0, None, None))
    side = crossing(border, angle, centre, wanted)
    return jnp.where(at_base, chord, side)


def _along_ray(border: Any, angle: Any, centre: Any, wanted: Any) -> Any:
    """Return where rays cross the polygon of the sides, whose angles rise."""
    ray_u, ray_v = -jnp.cos(wanted), jnp.sin(wanted)
    k = jnp.clip(jnp.searchsorted(angle, wanted), 1, len(border) - 1)
    a, b = border[k - 1], border[k]
    au, av, bu, bv = a[:, 0] - centre, a[:, 1], b[:, 0] - centre, b[:, 1]
    across = ray_u * (bv - av) - ray_v * (bu - au)
    return (au * bv - bu * av) / jnp.where(jnp.abs(across) > 1e-9, across, 1e-9)


_FINE = np.linspace(0.0, 1.0, 257) ** 2
_FINE_WEIGHTS = np.zeros(257)
_FINE_WEIGHTS[:-1] += np.diff(_FINE) / 2
_FINE_WEIGHTS[1:] += np.diff(_FINE) / 2
