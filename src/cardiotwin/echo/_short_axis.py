"""The short axis at the level of the papillary muscles: a ring, and the right ventricle beside it.

It is no view from the apex: no volume is read off it. The phantom makes it so that what finds
volumes can be tried on, and learn to refuse, a view that is not its own.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ._heart_shape import CENTRE, N_ANGLES, Shape, half_widths, profile
from ._tissue_map import Points, Tissue, look_up, over, soft

_DIRECTIONS = np.arange(N_ANGLES) * (2 * np.pi / N_ANGLES) - np.pi
"""Angles of the tabulated border: 0 points to the probe, π/2 to the right of the image."""


class AroundRing(NamedTuple):
    """What the short axis shows beside the shape of the ventricle; a batch has leading axes.

    Attributes:
        level: of the cut, 0 at the apex, 1 at the annulus.
        waves: (2, 2) cosines and sines of two and three turns, relative to the radius.
        right_mm: width of the right ventricle at end-diastole, 0 where it is out of view.
        right_angle, right_reach: middle and half of the angle that it covers, radians.
        papillary: (2, 3) angle, radius in mm, and distance of the middle from the border relative
            to that radius, of the two muscles.
        blood_db, background_db, pericardium_db, fibre_db, patches_db: as in the views from the
            apex.
    """

    level: Any
    waves: Any
    right_mm: Any
    right_angle: Any
    right_reach: Any
    papillary: Any
    blood_db: Any
    background_db: Any
    pericardium_db: Any
    fibre_db: Any
    patches_db: Any


class Ring(NamedTuple):
    """The cut of one frame.

    Attributes:
        radius, radius_ed: (N_ANGLES,) border of the cavity now and at end-diastole.
        thickening: area of the wall in the plane, relative to that at end-diastole.
    """

    radius: Any
    radius_ed: Any
    thickening: Any


def rings(shape: Shape, around: AroundRing, volumes_ml: Any, edv_ml: Any) -> Ring:
    """Return the cut of every frame: an ellipse with the widths of the two views from the apex.

    The wall keeps its volume: its area in the plane grows as the long axis shortens.
    """
    now = half_widths(shape, volumes_ml, edv_ml)
    diastole = half_widths(shape, jnp.reshape(edv_ml, (1,)), edv_ml)
    waves = 1.0
    for k in range(2):
        turns = (k + 2) * _DIRECTIONS
        waves += around.waves[k, 0] * jnp.cos(turns) + around.waves[k, 1] * jnp.sin(turns)

    def border(across: Any, down: Any) -> Any:
        across, down = across[:, None], down[:, None]
        ellipse = jnp.hypot(down * jnp.sin(_DIRECTIONS), across * jnp.cos(_DIRECTIONS))
        return profile(shape, around.level) * waves * across * down / ellipse

    radius = border(*now[1:])
    return Ring(
        radius=radius,
        radius_ed=jnp.broadcast_to(border(*diastole[1:]), radius.shape),
        thickening=diastole[0] / now[0],
    )


def ring_tissue(shape: Shape, around: AroundRing, points: Points, ring: Ring) -> Tissue:
    """Return the tissue of the short axis at the points in one frame."""
    border, border_ed = look_up(points, ring.radius), look_up(points, ring.radius_ed)
    section = (border_ed + shape.wall_mm) ** 2 - border_ed**2
    outer = jnp.sqrt(border**2 + section * ring.thickening)
    # Material: areas in the wall grow with it, those beyond are kept.
    gone = points.distance**2 - border**2
    kept = jnp.minimum(gone / ring.thickening, section)
    kept += jnp.maximum(gone - section * ring.thickening, 0.0)
    scale = jnp.where(
        points.distance < border,
        border_ed / border,
        jnp.sqrt(jnp.maximum(border_ed**2 + kept, 0.0)) / points.distance,
    )
    centre = CENTRE * shape.length_mm
    u, v = centre + (points.u - centre) * scale, points.v * scale

    cavity = soft(border - points.distance)
    shell = soft(outer - points.distance)
    wall, free = (shell - cavity).clip(0), 1.0 - shell
    right, right_wall = _right_ventricle(around, points, ring, outer)
    pericardium = jnp.exp(-(((points.distance - outer - 2.0) / 2.2) ** 2)) * (1.0 - right)

    level = around.background_db
    level = over(level, free * pericardium, around.pericardium_db)
    level = over(level, free * right_wall, -2.0)
    level = over(level, free * right, around.blood_db + 2.0)
    # The beam runs along the fibres at the sides of the ring.
    weak = around.fibre_db * (1.0 - points.along**2)
    level = over(level, wall, -weak)
    level = over(level, cavity, around.blood_db)
    level = over(level, _muscles(around, points, ring, centre) * cavity, -1.0)
    blood = jnp.maximum(cavity, free * right)
    return Tissue(u, v, level, cavity, wall, jnp.zeros_like(cavity), blood)


def _right_ventricle(around: AroundRing, points: Points, ring: Ring, outer: Any) -> tuple[Any, Any]:
    """Return blood and wall of the right ventricle: a crescent against the septum."""
    turned = jnp.angle(jnp.exp(1j * (points.angle - around.right_angle)))
    share = jnp.clip(1.0 - (turned / around.right_reach) ** 2, 0.0, 1.0)
    squeeze = 0.4 + 0.6 * ring.radius.mean() / ring.radius_ed.mean()
    wide = around.right_mm * squeeze * jnp.sqrt(share + 1e-6)
    septum = points.distance - outer
    here = (share > 0) & (around.right_mm > 0)
    blood = soft(wide - septum) * soft(septum) * here
    wall = soft(wide + 4.0 - septum) * soft(septum) * here
    return blood, wall


def _muscles(around: AroundRing, points: Points, ring: Ring, centre: Any) -> Any:
    """Return the two papillary muscles: discs at the border of the cavity."""
    seen = 0.0
    for k in range(2):
        angle, radius, inward = around.papillary[k]
        away = jnp.interp(angle, _DIRECTIONS, ring.radius) - inward * radius
        du = points.u - centre + away * jnp.cos(angle)
        dv = points.v - away * jnp.sin(angle)
        seen = jnp.maximum(seen, soft(radius - jnp.hypot(du, dv)))
    return seen
