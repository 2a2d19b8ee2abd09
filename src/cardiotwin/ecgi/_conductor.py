"""The piecewise homogeneous body: which surface lies in which, and the equations that follow.

For a point r in a region of conductivity σ(r), with k over the surfaces between regions
(outward normals, solid angles dΩ positive where the normal points away from r):

    4π σ(r) φ(r) = Σ_k (σ_in,k − σ_out,k) ∫_k φ dΩ + sources

Outside the torso σ = 0. A node sees its own surface under 2π, as on a smooth surface: what flat
triangles leave out is given to the node and its ring (`_corner`), so that a constant potential
solves every row exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.linalg as la
from jaxtyping import Float

from .._checks import check_number
from .._errors import GeometryError, InputError, NumericsError
from .._types import Matrix, Vector
from ..geometry import Surface, check_anatomical_size
from ._boundary_elements import double_layer_weights
from ._corner import with_corner

_ON_SURFACE = 1e-6
"""How far a winding number may be from a whole number before a node counts as on a surface."""


@dataclass(frozen=True, eq=False)
class Inclusion:
    """A closed region of another conductivity inside the torso: a lung, the blood in a cavity.

    Args:
        surface: closed, outward; several separate parts (both lungs) may share one surface.
        conductivity_ratio: its conductivity over that of the torso at large. Usual values for a
            torso of 0.2 S/m: lungs 0.2 (0.04 S/m), blood 3 (0.6 S/m) (van Oosterom and
            Oostendorp 2004).

    Raises:
        InputError: a negative ratio.
        GeometryError: a surface that is not closed and outward.

    >>> from cardiotwin.geometry import Surface
    >>> block = Surface([[0, 0, 0], [60, 0, 0], [0, 60, 0], [0, 0, 60]],
    ...                 [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], "lung")
    >>> Inclusion(block, 0.2)
    Inclusion(surface=Surface('lung': 4 nodes, 4 triangles, closed), conductivity_ratio=0.2)
    """

    surface: Surface
    conductivity_ratio: float

    def __post_init__(self):
        check_closed(self.surface, self.surface.name or "inclusion")
        ratio = check_number(self.conductivity_ratio, "conductivity_ratio", at_least=0)
        object.__setattr__(self, "conductivity_ratio", ratio)


@dataclass(frozen=True, eq=False)
class Conductor:
    """Surfaces between regions, their conductivities, and what each sees of each.

    ``surfaces[0]`` is the torso. ``double[k][m]`` holds the weights of surface m seen from the
    nodes of surface k, its own completed to 2π.
    """

    surfaces: tuple[Surface, ...]
    inside: tuple[float, ...]
    double: list[list[np.ndarray]] = field(repr=False)
    within: np.ndarray = field(repr=False)

    @classmethod
    def of(
        cls, torso: Surface, inclusions: Sequence[Inclusion], extra: Sequence[Inclusion] = ()
    ) -> "Conductor":
        """Check the surfaces, integrate over them, and find out which lies in which."""
        regions = [*inclusions, *extra]
        surfaces = (torso, *(region.surface for region in regions))
        labels = surface_labels(torso, inclusions) + [r.surface.name or "heart" for r in extra]
        double = [
            [
                with_corner(double_layer_weights(m), m)
                if m is k
                else double_layer_weights(m, k.vertices_mm)
                for m in surfaces
            ]
            for k in surfaces
        ]
        within = np.zeros((len(surfaces), len(surfaces)), dtype=bool)
        for k, row in enumerate(double):
            for m, weights in enumerate(row):
                if k != m:
                    within[k, m] = lies_within(weights, labels[k], labels[m])
        for k in range(1, len(surfaces)):
            require_inside(bool(within[k, 0]), labels[k], labels[0])
        return cls(surfaces, (1.0, *(r.conductivity_ratio for r in regions)), double, within)

    @property
    def sizes(self) -> list[int]:
        """Number of nodes of each surface."""
        return [surface.n_nodes for surface in self.surfaces]

    @property
    def outside(self) -> list[float]:
        """Conductivity just outside each surface."""
        return [0.0, *(self.around(row) for row in self.within[1:])]

    @property
    def jumps(self) -> list[float]:
        """σ_in − σ_out of each surface."""
        return [a - b for a, b in zip(self.inside, self.outside, strict=True)]

    def around(self, containing: np.ndarray) -> float:
        """Return the conductivity in the innermost of the surfaces that contain a place."""
        depth = np.where(containing, self.within.sum(axis=1), -1)
        return self.inside[int(np.argmax(depth))] if containing.any() else 0.0

    def system(self) -> Matrix:
        """Return the matrix K of Σ_k (…) φ_k − 4π σ φ = −sources for the nodes of all surfaces."""
        jumps, outside = self.jumps, self.outside
        matrix = np.block(
            [[jumps[m] * weights for m, weights in enumerate(row)] for row in self.double]
        )
        corner = np.concatenate(
            [
                jumps[k] * row[k].sum(axis=1) + 4 * np.pi * outside[k]
                for k, row in enumerate(self.double)
            ]
        )
        matrix[np.diag_indices_from(matrix)] -= corner
        # Rows add up to rounding only; the rest goes to the diagonal so that constants stay exact.
        matrix[np.diag_indices_from(matrix)] -= matrix.sum(axis=1)
        return matrix

    def seen_from(self, points_mm: np.ndarray) -> tuple[list[Matrix], Float[np.ndarray, " n"]]:
        """Return the weights of every surface from points, and the conductivity at each point."""
        weights = [double_layer_weights(surface, points_mm) for surface in self.surfaces]
        windings = np.stack([w.sum(axis=1) / (4 * np.pi) for w in weights])
        on = np.abs(windings - np.round(windings)).max(axis=0) > _ON_SURFACE
        outside = windings[0] < 0.5
        if on.any() or outside.any():
            first = int(np.flatnonzero(on | outside)[0])
            raise GeometryError(
                "observed",
                found=f"{int((on | outside).sum())} points on a surface or outside the torso, the "
                f"first is number {first} at {points_mm[first].round(3).tolist()} mm",
                expected="points inside the torso",
                advice="For electrodes on the skin pass Electrodes.project(torso, positions).",
            )
        return weights, np.array([self.around(column) for column in windings.T > 0.5])


def surface_labels(torso: Surface, inclusions: Sequence[Inclusion]) -> list[str]:
    """Return a name for messages, the torso's first."""
    return [torso.name or "torso"] + [
        region.surface.name or f"inclusions[{i}]" for i, region in enumerate(inclusions)
    ]


def check_heart_and_torso(heart: Surface, torso: Surface) -> None:
    """Raise unless both are closed, outward, whole, and of the size of a body in mm.

    Raises:
        GeometryError: open, inward, with unused or coincident nodes or triangles without area.
        UnitError: a heart smaller than 20 mm or a torso larger than 3 m.
    """
    for surface, where in ((heart, "heart"), (torso, "torso")):
        check_anatomical_size(surface, surface.name or where)
        check_closed(surface, surface.name or where)


def check_closed(surface: Surface, where: str) -> None:
    """Raise unless a surface can bound a region: closed, outward, no idle or double nodes."""
    surface.require_closed(where)
    unused = np.setdiff1d(np.arange(surface.n_nodes), surface.faces)
    if unused.size:
        raise GeometryError(
            where,
            found=f"{unused.size} nodes that no triangle uses, the first is number {unused[0]}",
            expected="every node on a triangle",
            advice="Remove these nodes: boundary elements give them no potential.",
        )
    flat = np.flatnonzero(surface.face_areas_mm2 <= 1e-12 * surface.extent_mm**2)
    if flat.size:
        raise GeometryError(
            where,
            found=f"{flat.size} triangles without area, the first is number {flat[0]}",
            expected="triangles with an area",
            advice="Merge coincident nodes or flip the long edge of these triangles.",
        )
    if len(np.unique(surface.vertices_mm, axis=0)) < surface.n_nodes:
        raise GeometryError(
            where,
            found="several nodes at one place",
            expected="one node a place",
            advice="Merge coincident nodes.",
        )


def lies_within(weights: Matrix, inner: str, outer: str) -> bool:
    """Tell whether nodes that see a closed surface under these weights are inside it.

    Raises:
        GeometryError: some are inside and some outside, or some on the surface.
    """
    winding = weights.sum(axis=1) / (4 * np.pi)
    inside = np.abs(winding - 1) < _ON_SURFACE
    outside = np.abs(winding) < _ON_SURFACE
    if inside.all() or outside.all():
        return bool(inside.all())
    raise GeometryError(
        inner,
        found=f"{int(inside.sum())} nodes inside {outer}, {int(outside.sum())} outside and "
        f"{int((~inside & ~outside).sum())} on it",
        expected=f"a surface wholly inside or wholly outside {outer}",
        advice="Surfaces may not cross or touch: shrink or move one of them.",
    )


def require_inside(inside: bool, inner: str, outer: str) -> None:
    """Raise unless one surface lies in the other."""
    if not inside:
        raise GeometryError(
            inner,
            found=f"all its nodes outside {outer}",
            expected=f"a surface inside {outer}",
            advice="Check that both surfaces share frame and unit, and their order.",
        )


def check_inclusions(inclusions: Sequence[Any]) -> tuple[Inclusion, ...]:
    """Return the inclusions as a tuple, or say which entry is none."""
    for i, region in enumerate(inclusions):
        if not isinstance(region, Inclusion):
            raise InputError(
                f"inclusions[{i}]",
                found=type(region).__name__,
                expected="an Inclusion",
                advice="Write Inclusion(surface, conductivity_ratio).",
            )
    return tuple(inclusions)


def solve(
    matrix: Float[np.ndarray, "n n"], right: Float[np.ndarray, "n m"], what: str
) -> Float[np.ndarray, "n m"]:
    """Solve a dense system in place of its arguments, refusing a singular one."""
    (factor,) = la.get_lapack_funcs(("getrf",), (matrix,))
    factors, pivots, singular = factor(matrix, overwrite_a=True)
    solution = la.lu_solve((factors, pivots), right, overwrite_b=True) if not singular else None
    if solution is None or not np.isfinite(solution).all():
        raise NumericsError(
            f"{what}: the boundary-element system is singular. Two surfaces or nodes almost touch; "
            "geometry.validate shows where a surface is faulty."
        )
    return solution


def area_weights(surface: Surface) -> Vector:
    """Return node weights of the mean over a surface's area."""
    return surface.node_areas_mm2 / surface.node_areas_mm2.sum()
