"""The triangulated surface that everything stands on."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from .._checks import check_array, check_indices, freeze
from .._errors import GeometryError
from .._types import ArrayLike, Faces, Vertices

_PAIRS_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class Surface:
    """A triangulated surface: nodes in millimetres and triangles of node numbers.

    Construction checks only what makes the arrays usable (shapes, finite coordinates, node
    numbers in range, three different corners a triangle). Whether the surface is closed,
    outward and free of faults is told by `validate`, and asserted by `require_closed`.

    Args:
        vertices_mm: (n_nodes, 3) coordinates in mm.
        faces: (n_faces, 3) 0-based corners, counter-clockwise seen from outside.
        name: label used in reports.

    Raises:
        InputError: arrays of the wrong shape or type, NaN, or node numbers out of range.
        GeometryError: a triangle uses one node twice.

    >>> tetrahedron = Surface(
    ...     [[0, 0, 0], [60, 0, 0], [0, 60, 0], [0, 0, 60]],
    ...     [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]],
    ... )
    >>> tetrahedron.is_closed, tetrahedron.euler_number, round(tetrahedron.volume_ml, 6)
    (True, 2, 36.0)
    """

    vertices_mm: Vertices
    faces: Faces
    name: str = field(default="")

    def __init__(self, vertices_mm: ArrayLike, faces: ArrayLike, name: str = ""):
        vertices = check_array(vertices_mm, "vertices_mm", shape=("n_nodes", 3)).copy()
        corners = check_indices(faces, "faces", upper=len(vertices), shape=("n_faces", 3)).copy()
        twice = (corners == np.roll(corners, 1, axis=1)).any(axis=1)
        if twice.any():
            first = int(np.flatnonzero(twice)[0])
            raise GeometryError(
                "faces",
                found=f"{int(twice.sum())} triangles that use a node twice, the first is "
                f"number {first} {corners[first].tolist()}",
                expected="three different nodes in every triangle",
                advice="Remove these triangles.",
            )
        object.__setattr__(self, "vertices_mm", freeze(vertices))
        object.__setattr__(self, "faces", freeze(corners))
        object.__setattr__(self, "name", name)

    def __repr__(self) -> str:
        kind = "closed" if self.is_closed else "open"
        label = f"{self.name!r}: " if self.name else ""
        return f"Surface({label}{self.n_nodes} nodes, {self.n_faces} triangles, {kind})"

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.vertices_mm)

    @property
    def n_faces(self) -> int:
        """Number of triangles."""
        return len(self.faces)

    @cached_property
    def _half_edges(self) -> Int[np.ndarray, "n_half_edges 2"]:
        return self.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)

    @cached_property
    def _edge_counts(self) -> tuple[np.ndarray, np.ndarray]:
        return np.unique(np.sort(self._half_edges, axis=1), axis=0, return_counts=True)

    @property
    def edges(self) -> Int[np.ndarray, "n_edges 2"]:
        """(n_edges, 2) each undirected edge once, smaller node number first."""
        return self._edge_counts[0]

    @cached_property
    def edge_lengths_mm(self) -> Float[np.ndarray, " n_edges"]:
        """(n_edges,) lengths of `edges`."""
        ends = self.vertices_mm[self.edges]
        return np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)

    @property
    def boundary_edges(self) -> Int[np.ndarray, "n_boundary_edges 2"]:
        """(n_boundary_edges, 2) edges that belong to one triangle only."""
        edges, counts = self._edge_counts
        return edges[counts == 1]

    @cached_property
    def is_closed(self) -> bool:
        """Whether every edge belongs to exactly two triangles with opposite senses along it."""
        counts = self._edge_counts[1]
        directed = np.unique(self._half_edges, axis=0)
        return bool(self.n_faces and (counts == 2).all() and len(directed) == 3 * self.n_faces)

    @property
    def euler_number(self) -> int:
        """Nodes in use − edges + triangles: 2 for a sphere, 0 for a torus."""
        return len(np.unique(self.faces)) - len(self.edges) + self.n_faces

    @cached_property
    def face_normals(self) -> Float[np.ndarray, "n_faces 3"]:
        """(n_faces, 3) unit normals, zero where a triangle has no area."""
        length = np.linalg.norm(self._area_vectors, axis=1, keepdims=True)
        return np.divide(
            self._area_vectors, length, out=np.zeros_like(self._area_vectors), where=length > 0
        )

    @cached_property
    def face_areas_mm2(self) -> Float[np.ndarray, " n_faces"]:
        """(n_faces,) areas of the triangles."""
        return np.linalg.norm(self._area_vectors, axis=1)

    @cached_property
    def _area_vectors(self) -> Float[np.ndarray, "n_faces 3"]:
        a, b, c = (self.vertices_mm[self.faces[:, k]] for k in range(3))
        return 0.5 * np.cross(b - a, c - a)

    @cached_property
    def node_normals(self) -> Float[np.ndarray, "n_nodes 3"]:
        """(n_nodes, 3) area-weighted unit normals, zero at nodes that no triangle uses."""
        total = np.zeros((self.n_nodes, 3))
        for corner in range(3):
            np.add.at(total, self.faces[:, corner], self._area_vectors)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.divide(total, length, out=np.zeros_like(total), where=length > 0)

    @cached_property
    def node_areas_mm2(self) -> Float[np.ndarray, " n_nodes"]:
        """(n_nodes,) a third of the area of the triangles around each node."""
        return np.bincount(
            self.faces.ravel(), np.repeat(self.face_areas_mm2 / 3, 3), minlength=self.n_nodes
        )

    @property
    def area_mm2(self) -> float:
        """Total area."""
        return float(self.face_areas_mm2.sum())

    @cached_property
    def volume_ml(self) -> float:
        """Signed enclosed volume in mL (positive when the normals point outward)."""
        a, b, c = (self.vertices_mm[self.faces[:, k]] - self.centroid_mm for k in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6000)

    @cached_property
    def centroid_mm(self) -> Float[np.ndarray, " 3"]:
        """(3,) mean of the nodes."""
        return self.vertices_mm.mean(axis=0)

    @property
    def extent_mm(self) -> float:
        """Diagonal of the box around the nodes."""
        return float(np.linalg.norm(np.ptp(self.vertices_mm, axis=0)))

    @property
    def mean_edge_mm(self) -> float:
        """Mean length of the edges."""
        return float(self.edge_lengths_mm.mean())

    def flipped(self) -> "Surface":
        """Return the surface with all normals reversed."""
        return Surface(self.vertices_mm, self.faces[:, ::-1], self.name)

    def with_vertices(self, vertices_mm: ArrayLike) -> "Surface":
        """Return the same triangles on moved nodes."""
        return Surface(vertices_mm, self.faces, self.name)

    def moved(
        self, translation_mm: ArrayLike = (0.0, 0.0, 0.0), rotation: ArrayLike | None = None
    ) -> "Surface":
        """Return the surface rotated about its centroid by a (3, 3) matrix, then translated."""
        turn = np.eye(3) if rotation is None else check_array(rotation, "rotation", shape=(3, 3))
        shift = check_array(translation_mm, "translation_mm", shape=(3,))
        return self.with_vertices(
            (self.vertices_mm - self.centroid_mm) @ turn.T + self.centroid_mm + shift
        )

    def contains(self, points_mm: ArrayLike) -> Bool[np.ndarray, " n_points"]:
        """Tell which points lie inside a closed surface (solid angle above 2π).

        Raises:
            GeometryError: the surface is not closed.
        """
        self.require_closed()
        points = check_array(points_mm, "points_mm", shape=("n_points", 3))
        # In blocks: all pairs of 10,000 points and 20,000 triangles would fill 20 GB.
        size = max(1, _PAIRS_AT_ONCE // max(1, self.n_faces))
        starts = range(0, len(points), size)
        total = [solid_angles(self, points[k : k + size]).sum(axis=1) for k in starts]
        return np.concatenate([np.empty(0), *total]) > 2 * math.pi

    def require_closed(self, where: str | None = None) -> "Surface":
        """Return the surface itself, or say why it is not closed and outward.

        Raises:
            GeometryError: open rims, edges shared by more than two triangles, triangles that
                disagree on their orientation, or normals that point inward.
        """
        label = where or self.name or "surface"
        if not self.is_closed:
            _, counts = self._edge_counts
            found = (
                f"{int((counts == 1).sum())} rim edges and {int((counts > 2).sum())} edges with "
                "more than two triangles"
                if (counts != 2).any()
                else "neighbouring triangles that disagree on their orientation"
            )
            raise GeometryError(
                label,
                found=found,
                expected="a closed surface",
                advice="Use geometry.cap for open rims and geometry.orient for orientation; "
                "geometry.validate prints the whole report.",
            )
        if self.volume_ml <= 0:
            raise GeometryError(
                label,
                found=f"normals that point inward (volume {self.volume_ml:.4g} mL)",
                expected="outward normals",
                advice="Use surface.flipped().",
            )
        return self

    def renamed(self, name: str) -> "Surface":
        """Return the surface under another name."""
        return replace(self, name=name)


def solid_angles(
    surface: Surface, points_mm: Float[np.ndarray, "n_points 3"]
) -> Float[np.ndarray, "n_points n_faces"]:
    """Signed solid angle of every triangle seen from every point.

    Ω = 2 atan2(a·(b×c), abc + (a·b)c + (b·c)a + (c·a)b); positive for a triangle whose outward
    normal points away from the viewer, so that a closed outward surface gives 4π inside and 0
    outside (van Oosterom and Strackee, IEEE Trans Biomed Eng 1983;30:125).

    Args:
        surface: any surface.
        points_mm: (n_points, 3) viewpoints in mm.

    Returns:
        (n_points, n_faces) angles in steradian.
    """
    a, b, c = (surface.vertices_mm[surface.faces[:, k]] - points_mm[:, None] for k in range(3))
    la, lb, lc = (np.sqrt(np.einsum("pfx,pfx->pf", v, v)) for v in (a, b, c))
    triple = np.einsum("pfx,pfx->pf", a, np.cross(b, c))
    below = (
        la * lb * lc
        + np.einsum("pfx,pfx->pf", a, b) * lc
        + np.einsum("pfx,pfx->pf", b, c) * la
        + np.einsum("pfx,pfx->pf", c, a) * lb
    )
    return 2 * np.arctan2(triple, below)
