"""Our own parametric heart, torso, lungs and blood cavities, as gauge functions in mm.

Patient frame: x to the patient's left, y to the back, z up; the origin is the middle of the torso.
A gauge is below 1 inside its body and above 1 outside; rays from the centre cross 1 once.
The numbers are ordinary adult proportions, drawn freehand: they come from no data set.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from .._errors import GeometryError
from ._shapes import gauge_radius, smooth_intersection, smooth_union
from ._star import star_surface
from ._surface import Surface

TORSO_REACH_MM = 420.0
HEART_REACH_MM = 200.0

# Half-width, depth to the front and depth to the back of the trunk at heights from the hips,
# over waist, chest and shoulders to the neck. Arms and neck end as rounded stumps.
_HEIGHTS = np.array([-260.0, -170.0, -70.0, 40.0, 120.0, 170.0, 205.0, 235.0, 275.0])
_HALF_WIDTH = CubicSpline(_HEIGHTS, [158, 172, 150, 164, 182, 182, 145, 95, 62], bc_type="natural")
_FRONT = CubicSpline(_HEIGHTS, [104, 112, 106, 122, 120, 102, 84, 70, 62], bc_type="natural")
_BACK = CubicSpline(_HEIGHTS, [104, 110, 92, 106, 112, 104, 92, 78, 66], bc_type="natural")
_MIDDLE, _HALF_HEIGHT = 5.0, 245.0


def torso_gauge(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
    """Gauge of the trunk: superellipse sections whose axes change with height, rounded ends."""
    x, y, z = points.T
    height = np.clip(z, _HEIGHTS[0], _HEIGHTS[-1])
    spine = 1 - 0.07 * np.exp(-((x / 28) ** 2))  # groove along the back
    depth = np.where(y < 0, _FRONT(height), _BACK(height) * spine)
    section = (np.abs(x) / _HALF_WIDTH(height)) ** 2.5 + (np.abs(y) / depth) ** 2.3
    return (section + np.abs((z - _MIDDLE) / _HALF_HEIGHT) ** 9) ** 0.5


@dataclass(frozen=True, eq=False)
class HeartFrame:
    """Axes of the heart: toward the right ventricle, across, and toward the apex."""

    axes: Float[np.ndarray, "3 3"]

    @classmethod
    def from_angles(cls, left: float, down: float, front: float) -> "HeartFrame":
        """Take the angles (degrees) by which the apex points left, down and to the front."""
        apex = np.sin(np.radians([left, -front, -down]))
        apex /= np.linalg.norm(apex)
        right_front = np.array([-0.75, -0.66, 0.0])
        side = right_front - (right_front @ apex) * apex
        side /= np.linalg.norm(side)
        return cls(np.stack([side, np.cross(apex, side), apex]))

    @property
    def apex(self) -> Float[np.ndarray, " 3"]:
        """(3,) unit vector from the middle of the base to the apex."""
        return self.axes[2]


def heart_gauge(local: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
    """Gauge of the epicardium in the heart's axes (apex along +w), before scaling to its volume.

    A cone-like left ventricle, a flatter right ventricle that stops short of the apex, and a
    base cut off by a plane.
    """
    u, v, w = local.T
    left = np.sqrt(((u + 8) ** 2 + v**2) / 40**2 * np.exp(0.75 * w / 66) + (w / 66) ** 2)
    right = np.sqrt(
        ((u - 16) / 40) ** 2 + (v / 44) ** 2 * np.exp(0.5 * w / 60) + ((w + 8) / 52) ** 2
    )
    return smooth_intersection(smooth_union(left, right), np.maximum(-w, 0) / 46)


# Name → (degrees from the front toward the patient's left, height in mm) on the trunk.
_LEADS = {
    "V1": (-13.0, 62.0),
    "V2": (13.0, 62.0),
    "V3": (28.0, 50.0),
    "V4": (44.0, 38.0),
    "V5": (66.0, 38.0),
    "V6": (90.0, 38.0),
    "RA": (-62.0, 176.0),
    "LA": (62.0, 176.0),
    "RL": (-50.0, -176.0),
    "LL": (50.0, -176.0),
}


def lead_positions(torso: Surface, scale: float = 1.0) -> dict[str, Float[np.ndarray, " 3"]]:
    """Find the electrodes of the 12-lead ECG on the triangles of the parametric torso.

    V1 and V2 stand at the two sides of the breastbone, V4 under the middle of the left
    collarbone, V6 under the left armpit; limb electrodes are on shoulders and lower belly
    (Mason–Likar).

    Args:
        torso: the meshed torso, in the frame of `torso_gauge`.
        scale: how much it was enlarged.

    Returns:
        Name → (3,) position in mm, on the surface.
    """
    azimuth, height = np.radians([a for a, _ in _LEADS.values()]), [h for _, h in _LEADS.values()]
    rays = np.stack([np.sin(azimuth), -np.cos(azimuth), np.zeros(len(azimuth))], axis=1)
    starts = np.stack([0 * azimuth, 0 * azimuth, scale * np.array(height)], axis=1)
    a, b, c = (torso.vertices_mm[torso.faces[:, k]] for k in range(3))
    # Ray start + t·ray meets the triangle a + p(b − a) + q(c − a): Cramer's rule, all pairs.
    across = np.cross(rays[:, None], (c - a)[None])
    determinant = np.einsum("fx,rfx->rf", b - a, across)
    flat = np.abs(determinant) < 1e-9
    determinant = np.where(flat, 1.0, determinant)
    offset = starts[:, None] - a
    p = np.einsum("rfx,rfx->rf", offset, across) / determinant
    turned = np.cross(offset, (b - a)[None])
    q = np.einsum("rx,rfx->rf", rays, turned) / determinant
    t = np.einsum("fx,rfx->rf", c - a, turned) / determinant
    hit = ~flat & (np.minimum(p, q) >= -1e-9) & (p + q <= 1 + 1e-9) & (t > 0)
    distance = np.where(hit, t, -np.inf).max(axis=1)
    return dict(zip(_LEADS, starts + distance[:, None] * rays, strict=True))


def lung_surfaces(
    heart: Surface, scale: float = 1.0, *, n_nodes: int = 300, seed: int = 0
) -> tuple[Surface, Surface]:
    """Make the right and the left lung in the room that the heart leaves.

    A lung is the part of the chest 10 mm or more below the skin, above the diaphragm, beside the
    midline, and at least 6 mm beyond the plane that touches the heart on that lung's side.

    Args:
        heart: the meshed heart in its place.
        scale: how much the torso was enlarged.
        n_nodes: nodes of each lung.
        seed: another seed gives other meshes.

    Returns:
        (right, left), closed and outward.
    """
    lungs = []
    for name, side in (("right lung", -1.0), ("left lung", 1.0)):
        centre = scale * np.array([side * 92.0, 22.0, 70.0])
        # The heart lies to the front, so the plane between them faces sideways and back.
        normal = np.array([side * 0.86, 0.51, 0.0])
        normal /= np.linalg.norm(normal)
        wall = float((heart.vertices_mm @ normal).max()) + 6.0
        room = float(centre @ normal) - wall
        if room < 10:
            raise GeometryError(
                name,
                found=f"{room:.3g} mm between its middle and the heart",
                expected="at least 10 mm",
                advice="Make the heart smaller, the torso larger, or leave out the lungs.",
            )
        gauge = partial(
            _lung_gauge, centre=centre, normal=normal, room=room, side=side, scale=scale
        )
        radius = gauge_radius(gauge, reach_mm=TORSO_REACH_MM * scale)
        lungs.append(star_surface(radius, n_nodes, centre_mm=centre, seed=seed, name=name))
    return lungs[0], lungs[1]


def _lung_gauge(
    offset: Float[np.ndarray, "n 3"],
    *,
    centre: Float[np.ndarray, " 3"],
    normal: Float[np.ndarray, " 3"],
    room: float,
    side: float,
    scale: float,
) -> Float[np.ndarray, " n"]:
    points = (centre + offset) / scale
    # Shrunk toward the axis of the trunk, which keeps about 10 mm to the skin everywhere.
    skin = torso_gauge(points / np.array([0.9, 0.88, 0.9]))
    beside = np.maximum(-side * offset[:, 0] / (side * centre[0] - 14 * scale), 0)
    behind = np.maximum(-offset @ normal / room, 0)
    above = np.maximum(-offset[:, 2] / (78 * scale), 0)
    below = np.maximum(offset[:, 2] / (112 * scale), 0)
    return smooth_intersection(skin**2, beside, behind, above, below, sharpness=7.0)


def cavity_surfaces(
    frame: HeartFrame,
    centre: Float[np.ndarray, " 3"],
    enlargement: float,
    *,
    n_nodes: int = 200,
    seed: int = 0,
) -> tuple[Surface, Surface]:
    """Make the left and the right blood cavity: ellipsoids inside the walls of `heart_gauge`.

    Args:
        frame: axes of the heart.
        centre: (3,) place of the heart's centre in mm.
        enlargement: factor from `heart_gauge` to the heart's volume.
        n_nodes: nodes of each cavity.
        seed: another seed gives other meshes.

    Returns:
        (left, right), closed and outward.
    """
    cavities = []
    # Middle and half-axes in the heart's own frame, before enlargement.
    for name, middle, half in (
        ("left cavity", (-14.0, 0.0, 0.0), (21.0, 23.0, 38.0)),
        ("right cavity", (30.0, 0.0, -9.0), (13.0, 30.0, 29.0)),
    ):
        size = np.array(half)

        def radius(directions: np.ndarray, size: np.ndarray = size) -> np.ndarray:
            return 1 / np.linalg.norm(directions / size, axis=1)

        local = star_surface(radius, n_nodes, seed=seed)
        points = enlargement * (local.vertices_mm + np.array(middle)) @ frame.axes + centre
        cavities.append(Surface(points, local.faces, name))
    return cavities[0], cavities[1]
