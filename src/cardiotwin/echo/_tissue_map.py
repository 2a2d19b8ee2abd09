"""What the ultrasound meets at a point: which tissue, how bright, and where it was in diastole."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from ._heart_shape import CENTRE, N_ANGLES, Shape, Ventricle

EDGE_MM = 0.6
"""Half of the transition between two tissues."""


class Surroundings(NamedTuple):
    """Everything around the left ventricle; a batch has leading axes.

    Attributes:
        atrium_mm: length of the left atrium at end-diastole, from the annulus to its roof.
        atrium_width: its largest width relative to the annulus.
        right: 1 where the right heart is in view (four chambers), 0 otherwise.
        right_mm: width of the right ventricle at its base.
        right_apex: level where the right ventricle ends towards the apex.
        leaflets: length of the left and the right leaflet relative to the annulus.
        opening: angle of the fully open leaflets from the annulus, radians.
        papillary: (3,) level, reach into the cavity in mm and side (−1, 1; 0: none in view).
        blood_db, background_db, pericardium_db, valve_db, deep_db: brightness against the wall.
        fibre_db: how much weaker the wall is where the beam runs along it.
        patches_db: spread of slow changes of brightness in the tissue.
    """

    atrium_mm: Any
    atrium_width: Any
    right: Any
    right_mm: Any
    right_apex: Any
    leaflets: Any
    opening: Any
    papillary: Any
    blood_db: Any
    background_db: Any
    pericardium_db: Any
    valve_db: Any
    deep_db: Any
    fibre_db: Any
    patches_db: Any


class Points(NamedTuple):
    """Fixed points of a view in the coordinates of the heart, as seen from its centre.

    Attributes:
        u, v: along the long axis and to the right, mm.
        distance, angle: from the centre of the ventricle; 0 points to the apex.
        bin, share: where the angle falls between two tabulated directions.
        along: |cosine| between the beam and the direction from the centre.
    """

    u: Any
    v: Any
    distance: Any
    angle: Any
    bin: Any
    share: Any
    along: Any


def locate(shape: Shape, u: Any, v: Any, beam_u: Any, beam_v: Any) -> Points:
    """Return points given by coordinates and by the direction of the beam there."""
    du = u - CENTRE * shape.length_mm
    distance = jnp.sqrt(du**2 + v**2) + 1e-6
    angle = jnp.arctan2(v, -du)
    place = (angle + jnp.pi) * (N_ANGLES / (2 * jnp.pi))
    low = jnp.clip(jnp.floor(place), 0, N_ANGLES - 1)
    along = jnp.abs(beam_u * du + beam_v * v) / distance
    return Points(u, v, distance, angle, low.astype(jnp.int32), place - low, along)


class Motion(NamedTuple):
    """How far a frame has moved from end-diastole; every field is of one frame.

    Attributes:
        radius: (N_ANGLES,) border of the cavity.
        radius_ed: (N_ANGLES,) at end-diastole, the same for all frames.
        left, right: (2,) hinges of the mitral valve, (u, v).
        axis_mm: length of the long axis.
        thickening: how much more area the wall takes in the plane than at end-diastole.
        open: 0 for a closed mitral valve, 1 for the fully open one.
    """

    radius: Any
    radius_ed: Any
    left: Any
    right: Any
    axis_mm: Any
    thickening: Any
    open: Any


def motions(heart: Ventricle, diastole: Ventricle, opened: Any) -> Motion:
    """Return the motion of every frame against end-diastole, which has one frame."""
    shrunk = diastole.half_widths / heart.half_widths
    return Motion(
        radius=heart.radius,
        radius_ed=jnp.broadcast_to(diastole.radius, heart.radius.shape),
        left=heart.left[:, -1],
        right=heart.right[:, -1],
        axis_mm=heart.length_mm,
        # The wall keeps its volume: its section grows as the way around the cavity shortens.
        thickening=jnp.clip(shrunk, 0.5, 1.8) ** 0.5,
        open=opened,
    )


class Tissue(NamedTuple):
    """What stands at the points.

    Attributes:
        u, v: where the tissue was at end-diastole, mm: its speckle is carried along.
        decibel: brightness against the myocardium.
        cavity, wall, atrium: how much of the point belongs to each, 0 to 1.
        blood: how much of it is blood of any chamber.
    """

    u: Any
    v: Any
    decibel: Any
    cavity: Any
    wall: Any
    atrium: Any
    blood: Any


def tissue(shape: Shape, around: Surroundings, points: Points, motion: Motion) -> Tissue:
    """Return the tissue at the points in one frame."""
    border, border_ed = look_up(points, motion.radius), look_up(points, motion.radius_ed)
    wall_ed = _wall_thickness(shape, points, motion)
    # Material: areas beyond the border are kept, those of the wall but for the thickening.
    section = (border_ed + wall_ed) ** 2 - border_ed**2
    beyond = points.distance**2 - border**2
    kept = jnp.minimum(beyond / motion.thickening, section)
    kept = kept + jnp.maximum(beyond - section * motion.thickening, 0.0)
    inside = points.distance < border
    before = jnp.where(
        inside,
        points.distance * border_ed / border,
        jnp.sqrt(jnp.maximum(border_ed**2 + kept, 0.0)),
    )
    scale = before / points.distance
    centre = CENTRE * shape.length_mm
    u, v = centre + (points.u - centre) * scale, points.v * scale

    cavity = soft(border - points.distance)
    outer = jnp.sqrt(border**2 + section * motion.thickening)
    shell = soft(outer - points.distance)
    wall = (shell - cavity).clip(0) * (wall_ed > 0.5)
    atrium, atrium_wall, deep = _left_atrium(shape, around, points, motion)
    right, right_wall = _right_heart(shape, around, points, motion, outer)
    free, atrial = (1.0 - shell) * (1.0 - atrium), atrium * (1.0 - shell)

    level = around.background_db
    level = over(level, free * soft(deep), around.deep_db)
    # Where the right heart lies against the septum there is no pericardium.
    bare = jnp.where(points.angle < 0.0, 1.0 - around.right, 1.0) * (jnp.abs(points.angle) > 0.3)
    pericardium = jnp.exp(-(((points.distance - outer - 2.0) / 2.2) ** 2)) * bare
    level = over(level, free * pericardium, around.pericardium_db)
    level = over(level, free * right_wall, -2.0)
    level = over(level, free * right, around.blood_db + 2.0)
    level = over(level, atrium_wall * (1.0 - shell), 0.0)
    weak = around.fibre_db * (1.0 - points.along**2)
    level = over(level, wall, -weak)
    level = over(level, cavity * (1.0 - atrium), around.blood_db)
    level = over(level, atrial, around.blood_db + 1.0)
    level = over(level, _papillary(around, points, motion) * cavity, -weak - 2.0)
    level = over(level, _leaflets(around, points, motion), around.valve_db)
    blood = jnp.maximum(jnp.maximum(cavity, atrial), free * right)
    return Tissue(u, v, level, cavity, wall, atrial, blood)


def look_up(points: Points, table: Any) -> Any:
    low = table[points.bin]
    high = table[(points.bin + 1) % N_ANGLES]
    return low + points.share * (high - low)


def soft(inside_mm: Any) -> Any:
    """Return 1 well inside, 0 well outside, with a narrow ramp between."""
    return jnp.clip(0.5 + inside_mm / (2 * EDGE_MM), 0.0, 1.0)


def over(below: Any, cover: Any, level: Any) -> Any:
    """Return brightness where something covers a part of what lies below."""
    return below + jnp.clip(cover, 0.0, 1.0) * (level - below)


def _wall_thickness(shape: Shape, points: Points, motion: Motion) -> Any:
    """Return the thickness at end-diastole: thinner at the apex, none in the mitral opening."""
    apex = jnp.exp(-((points.angle / 0.5) ** 2))
    centre = CENTRE * shape.length_mm

    def angle(hinge: Any) -> Any:
        return jnp.arctan2(hinge[1], -(hinge[0] - centre))

    beside = (points.angle < angle(motion.right)) & (points.angle > angle(motion.left))
    return jnp.where(beside, shape.wall_mm * (1.0 - 0.35 * apex), 0.0)


def _left_atrium(
    shape: Shape, around: Surroundings, points: Points, motion: Motion
) -> tuple[Any, Any, Any]:
    """Return blood and wall of the left atrium, and how far beyond its roof a point lies."""
    roof = shape.length_mm + around.atrium_mm
    middle = 0.5 * (motion.left + motion.right)
    half = 0.5 * jnp.hypot(motion.right[0] - motion.left[0], motion.right[1] - motion.left[1])
    floor = motion.left[0] + (points.v - motion.left[1]) * (motion.right[0] - motion.left[0]) / (
        motion.right[1] - motion.left[1]
    )
    depth = (points.u - floor) / jnp.maximum(roof - middle[0], 5.0)
    wide = half * (1.0 + (around.atrium_width - 1.0) * jnp.sin(jnp.pi * depth.clip(0, 1) * 0.8))
    reach = wide * jnp.sqrt(jnp.clip(1.0 - jnp.clip(depth, 0, 1) ** 4, 0.0, 1.0))
    sideways = jnp.abs(points.v - middle[1])
    below = soft(points.u - floor)
    blood = soft(reach - sideways) * below * (depth < 1.0)
    wall = soft(reach + 3.0 - sideways) * below * soft(roof + 3.0 - points.u)
    return blood, wall, points.u - roof - 4.0


def _right_heart(
    shape: Shape, around: Surroundings, points: Points, motion: Motion, outer: Any
) -> tuple[Any, Any]:
    """Return blood and wall of the right ventricle and atrium, left of the septum."""
    base = motion.left[0]
    level = points.u / jnp.maximum(base, 1.0)
    along = jnp.clip((level - around.right_apex) / (1.0 - around.right_apex), 0.0, 1.0)
    squeeze = 0.6 + 0.4 * motion.axis_mm / shape.length_mm
    wide = around.right_mm * squeeze * jnp.sqrt(along * (2.0 - along) + 1e-6)
    septum = points.distance - outer
    left = points.angle < -0.15
    # Above the annulus the chamber lies against the septum, below it against the atrium.
    beside = jnp.where(level < 1.0, septum, -(points.v - motion.left[1]) - 4.0)
    roof = shape.length_mm + 0.9 * around.atrium_mm
    below = jnp.clip((points.u - base) / (roof - base), 0.0, 1.0)
    wide = jnp.where(level < 1.0, wide, around.right_mm * jnp.sqrt(1.0 - below**4 + 1e-6))
    # The tricuspid annulus lies a little nearer to the apex than the mitral one.
    ring = jnp.exp(-(((points.u - base + 5.0) / 1.2) ** 2)) * (1.0 - motion.open)
    here = around.right * left
    blood = soft(wide - beside) * soft(beside) * here * (points.u < roof) * (1.0 - ring)
    wall = soft(wide + 4.0 - beside) * soft(beside) * here * soft(roof + 3.0 - points.u)
    return blood * (along > 0), wall * (along > 0)


def _papillary(around: Surroundings, points: Points, motion: Motion) -> Any:
    """Return a papillary muscle: a bump of the wall that reaches into the cavity."""
    level, reach, side = around.papillary
    border = look_up(points, motion.radius)
    at = jnp.exp(-(((points.u / motion.axis_mm - level) / 0.09) ** 2))
    return soft(points.distance - border + reach * at) * (at > 0.2) * (side * points.angle > 0)


def _leaflets(around: Surroundings, points: Points, motion: Motion) -> Any:
    """Return the leaflets of the mitral valve, which swing into the ventricle, and its ring."""
    gap = motion.right - motion.left
    width = jnp.hypot(gap[0], gap[1])
    tilt = jnp.arctan2(gap[0], gap[1])
    swing = 0.16 + (around.opening - 0.16) * motion.open
    seen = 0.0
    for hinge, side, length in (
        (motion.left, 1.0, around.leaflets[0]),
        (motion.right, -1.0, around.leaflets[1]),
    ):
        # From the hinge towards the other, turned by the swing towards the apex.
        toward_u = jnp.sin(tilt) * side * jnp.cos(swing) - jnp.cos(tilt) * jnp.sin(swing)
        toward_v = jnp.cos(tilt) * side * jnp.cos(swing) + jnp.sin(tilt) * jnp.sin(swing)
        du, dv = points.u - hinge[0], points.v - hinge[1]
        along = jnp.clip(du * toward_u + dv * toward_v, 0.0, width * length)
        bow = 0.06 * along * (1.0 - along / (width * length + 1e-6)) * 4.0
        away = jnp.hypot(du - along * toward_u - bow, dv - along * toward_v)
        ring = jnp.exp(-((jnp.hypot(du, dv) / 2.6) ** 2))
        seen = jnp.maximum(seen, jnp.maximum(jnp.exp(-((away / 1.1) ** 2)), ring))
    return seen
