"""Named, seeded, offline geometries, so that an example is three lines.

>>> case = get("human", heart_nodes=200, torso_nodes=150)
>>> case.heart.n_nodes, case.torso.n_faces
(200, 296)
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_array, check_choice, check_count, check_number, freeze
from .._errors import GeometryError
from .._types import ArrayLike
from ._anatomy import (
    HEART_REACH_MM,
    TORSO_REACH_MM,
    HeartFrame,
    cavity_surfaces,
    heart_gauge,
    lead_positions,
    lung_surfaces,
    torso_gauge,
)
from ._shapes import gauge_radius, icosphere
from ._star import star_surface
from ._surface import Surface

_ICOSPHERE_LEVELS = {10 * 4**level + 2: level for level in range(7)}


@dataclass(frozen=True, eq=False)
class SpheresCase:
    """A spherical heart inside a spherical torso, for which exact answers are known.

    Args:
        heart: the inner sphere.
        torso: the outer sphere.
        heart_radius_mm: radius of the inner sphere.
        torso_radius_mm: radius of the outer sphere.
        heart_centre_mm: (3,) centre of the inner sphere; the torso's is the origin.
    """

    heart: Surface
    torso: Surface
    heart_radius_mm: float
    torso_radius_mm: float
    heart_centre_mm: Float[np.ndarray, " 3"]


@dataclass(frozen=True, eq=False)
class HumanCase:
    """A human-like torso with an epicardium inside it.

    Patient frame in mm: x to the patient's left, y to the back, z up, origin mid-torso.

    Args:
        heart: closed epicardial surface.
        torso: closed body surface; neck and arms end as rounded stumps.
        apex_node: heart node farthest along the axis toward the apex.
        base_node: heart node in the middle of the base.
        heart_axis: (3,) unit vector from base to apex.
        regions: heart nodes by name: "anterior", "posterior", "left", "right" (patient's
            directions), "apex", "base".
        standard_leads: electrode name → (3,) place in mm on the torso's triangles: V1–V6, RA, LA,
            RL, LL.
        lungs: the right and the left lung, if asked for.
        cavities: left and right blood cavity, if asked for.
        settings: the arguments that made this case.
    """

    heart: Surface
    torso: Surface
    apex_node: int
    base_node: int
    heart_axis: Float[np.ndarray, " 3"]
    regions: dict[str, Int[np.ndarray, " n_region"]]
    standard_leads: dict[str, Float[np.ndarray, " 3"]]
    lungs: tuple[Surface, ...] = ()
    cavities: tuple[Surface, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def nodes_near(self, node: int, count: int) -> Int[np.ndarray, " n_near"]:
        """Return the ``count`` heart nodes nearest to a heart node, itself first.

        >>> case = human(200, 150)
        >>> len(case.nodes_near(case.apex_node, 12))
        12
        """
        count = min(check_count(count, "count"), self.heart.n_nodes)
        offset = self.heart.vertices_mm - self.heart.vertices_mm[node]
        return np.argsort(np.linalg.norm(offset, axis=1), kind="stable")[:count]


def sphere(
    n_nodes: int = 642,
    radius_mm: float = 50.0,
    centre_mm: ArrayLike = (0.0, 0.0, 0.0),
    *,
    seed: int = 0,
) -> Surface:
    """Make a sphere with exactly ``n_nodes`` nodes and 2·n_nodes − 4 triangles.

    Args:
        n_nodes: 12, 42, 162, 642, 2562, 10242 or 40962 give an icosphere, other numbers from 12
            on an even spread.
        radius_mm: radius of the sphere on which the nodes lie.
        centre_mm: (3,) centre.
        seed: another seed turns the even spread (icospheres stay as they are).

    Returns:
        A closed, outward surface.

    Raises:
        InputError: too few nodes, or a radius that is not positive.

    >>> sphere(500, radius_mm=40.0).n_faces
    996
    """
    n = check_count(n_nodes, "n_nodes", at_least=12)
    radius = check_number(radius_mm, "radius_mm", above=0)
    if n in _ICOSPHERE_LEVELS:
        return icosphere(_ICOSPHERE_LEVELS[n], radius_mm=radius, centre_mm=centre_mm)
    return star_surface(
        lambda d: np.full(len(d), radius), n, centre_mm=centre_mm, seed=seed, name="sphere"
    )


def concentric_spheres(
    n_nodes: int = 642,
    *,
    torso_nodes: int | None = None,
    heart_radius_mm: float = 40.0,
    torso_radius_mm: float = 100.0,
) -> SpheresCase:
    """Make two spheres around the origin: a degree-l harmonic passes with a known gain.

    Args:
        n_nodes: nodes of each sphere.
        torso_nodes: another number for the outer one.
        heart_radius_mm: inner radius.
        torso_radius_mm: outer radius.

    Raises:
        InputError: too few nodes or a radius that is not positive.
        GeometryError: the heart sphere is not inside the torso sphere.

    >>> concentric_spheres(162).torso.n_nodes
    162
    """
    return eccentric_spheres(
        n_nodes,
        torso_nodes=torso_nodes,
        heart_radius_mm=heart_radius_mm,
        torso_radius_mm=torso_radius_mm,
        heart_centre_mm=(0.0, 0.0, 0.0),
    )


def eccentric_spheres(
    n_nodes: int = 642,
    *,
    torso_nodes: int | None = None,
    heart_radius_mm: float = 40.0,
    torso_radius_mm: float = 100.0,
    heart_centre_mm: ArrayLike = (25.0, 10.0, -15.0),
) -> SpheresCase:
    """Make a sphere off the centre of another.

    Args:
        n_nodes: nodes of each sphere.
        torso_nodes: another number for the outer one.
        heart_radius_mm: inner radius.
        torso_radius_mm: outer radius, around the origin.
        heart_centre_mm: (3,) centre of the inner one.

    Raises:
        InputError: too few nodes or a radius that is not positive.
        GeometryError: the heart sphere is not inside the torso sphere.

    >>> eccentric_spheres(162).heart.n_nodes
    162
    """
    inner = check_number(heart_radius_mm, "heart_radius_mm", above=0)
    outer = check_number(torso_radius_mm, "torso_radius_mm", above=0)
    centre = check_array(heart_centre_mm, "heart_centre_mm", shape=(3,))
    gap = outer - inner - float(np.linalg.norm(centre))
    if gap <= 0:
        raise GeometryError(
            "heart_centre_mm",
            found=f"a heart sphere that reaches {-gap:.3g} mm beyond the torso sphere",
            expected="a heart sphere inside the torso sphere",
            advice="Make the torso larger, or the heart smaller or nearer to the origin.",
        )
    return SpheresCase(
        sphere(n_nodes, inner, centre).renamed("heart"),
        sphere(torso_nodes or n_nodes, outer).renamed("torso"),
        inner,
        outer,
        freeze(centre),
    )


def human(
    heart_nodes: int = 1094,
    torso_nodes: int = 352,
    *,
    seed: int = 0,
    heart_volume_ml: float = 509.0,
    heart_centre_mm: ArrayLike = (16.0, -36.0, 50.0),
    heart_angles_degrees: ArrayLike = (45.0, 30.0, 30.0),
    torso_scale: float = 1.0,
    lungs: bool = False,
    cavities: bool = False,
) -> HumanCase:
    """Make a human-like torso and the epicardium in it.

    The shapes are our own, smooth and seen whole from one inner point each, so the same body can
    be had with any number of nodes. The default sizes give 700 and 2184 triangles.

    Args:
        heart_nodes: nodes of the heart (100 to 10,000 is the range that is tested).
        torso_nodes: nodes of the torso.
        seed: another seed gives other meshes of the same shapes.
        heart_volume_ml: volume of the meshed heart, with its blood.
        heart_centre_mm: (3,) place of the heart's centre (before `torso_scale`).
        heart_angles_degrees: how far the apex points to the left, down, and to the front.
        torso_scale: enlarges the torso and the place of the heart in it, not the heart.
        lungs: whether to make two lungs.
        cavities: whether to make a left and a right blood cavity.

    Returns:
        Surfaces, apex and base nodes, regions and 12-lead electrode positions.

    Raises:
        InputError: a number of nodes below 12, a size that is not positive.
        GeometryError: the heart does not lie inside the torso.

    >>> case = human(300, 200)
    >>> bool(case.torso.contains(case.heart.vertices_mm).all())
    True
    """
    volume = check_number(heart_volume_ml, "heart_volume_ml", above=0)
    scale = check_number(torso_scale, "torso_scale", above=0)
    centre = check_array(heart_centre_mm, "heart_centre_mm", shape=(3,)) * scale
    left, down, front = check_array(heart_angles_degrees, "heart_angles_degrees", shape=(3,))
    frame = HeartFrame.from_angles(left, down, front)

    torso = star_surface(
        gauge_radius(torso_gauge, reach_mm=TORSO_REACH_MM), torso_nodes, seed=seed, name="torso"
    )
    torso = torso.with_vertices(scale * torso.vertices_mm)
    local = star_surface(
        gauge_radius(heart_gauge, reach_mm=HEART_REACH_MM), heart_nodes, seed=seed, name="heart"
    )
    enlargement = (volume / local.volume_ml) ** (1 / 3)
    heart = local.with_vertices(centre + enlargement * local.vertices_mm @ frame.axes)
    # The nodes nearest to the skin decide; testing all of them would take long on fine meshes.
    outermost = np.argsort(torso_gauge(heart.vertices_mm / scale))[-300:]
    outside = ~torso.contains(heart.vertices_mm[outermost])
    if outside.any():
        raise GeometryError(
            "heart_centre_mm",
            found=f"{int(outside.sum())} heart nodes outside the torso",
            expected="a heart inside the torso",
            advice="Move it toward the origin, reduce heart_volume_ml or raise torso_scale.",
        )
    case = HumanCase(
        heart=heart,
        torso=torso,
        apex_node=int(np.argmax(local.vertices_mm[:, 2])),
        base_node=_most_along(local.vertices_mm, np.array([0.0, 0.0, -1.0])),
        heart_axis=freeze(frame.apex.copy()),
        regions=_heart_regions(heart.vertices_mm - centre, frame.apex),
        standard_leads=lead_positions(torso, scale),
        settings={
            "heart_nodes": heart_nodes,
            "torso_nodes": torso_nodes,
            "seed": seed,
            "heart_volume_ml": volume,
            "heart_centre_mm": tuple(float(c) for c in centre / scale),
            "heart_angles_degrees": (float(left), float(down), float(front)),
            "torso_scale": scale,
        },
    )
    if lungs:
        case = replace(case, lungs=lung_surfaces(heart, scale, seed=seed))
    if cavities:
        case = replace(case, cavities=cavity_surfaces(frame, centre, enlargement, seed=seed))
    return case


_CASES: dict[str, Callable[..., Any]] = {
    "sphere": sphere,
    "concentric_spheres": concentric_spheres,
    "eccentric_spheres": eccentric_spheres,
    "human": human,
}


def names() -> tuple[str, ...]:
    """List the names that `get` knows.

    >>> names()
    ('sphere', 'concentric_spheres', 'eccentric_spheres', 'human')
    """
    return tuple(_CASES)


def get(name: str, **settings: Any) -> Any:
    """Make a case by its name.

    Args:
        name: one of `names()`.
        settings: keyword arguments of the builder of that name.

    Raises:
        InputError: no such case; the message lists the names.

    >>> get("sphere", n_nodes=42).n_faces
    80
    """
    return _CASES[check_choice(name, "name", _CASES)](**settings)


def _most_along(points: np.ndarray, direction: np.ndarray) -> int:
    return int(np.argmax(points @ direction / np.linalg.norm(points, axis=1)))


def _heart_regions(offsets: np.ndarray, apex: np.ndarray) -> dict[str, np.ndarray]:
    """Nodes within 45° of a direction seen from the heart's centre; 30° for apex and base."""
    rays = offsets / np.linalg.norm(offsets, axis=1, keepdims=True)
    cones = {
        "anterior": (np.array([0.0, -1.0, 0.0]), 45.0),
        "posterior": (np.array([0.0, 1.0, 0.0]), 45.0),
        "left": (np.array([1.0, 0.0, 0.0]), 45.0),
        "right": (np.array([-1.0, 0.0, 0.0]), 45.0),
        "apex": (apex, 30.0),
        "base": (-apex, 30.0),
    }
    return {
        name: np.flatnonzero(rays @ direction > np.cos(np.radians(angle)))
        for name, (direction, angle) in cones.items()
    }
