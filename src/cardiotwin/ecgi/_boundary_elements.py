"""Exact integrals of linear potentials over triangles, for many viewpoints at once.

Everything follows from three functions of the viewpoint r: the distance R to the nodes, one
logarithm an edge, and one solid angle a triangle. With P the foot of r on the plane of a
triangle, h its signed distance (positive where the normal points away from r), N_k the shape
functions continued linearly to P, g_k their gradients and m_e the outward in-plane normal of
edge e at in-plane distance t_e from P:

    L_e = ∫_e dl/R = ln((R_a + R_b + l) / (R_a + R_b − l)),    J_e = ∫_e R dl
    ∫ N_k h/R³ dS = N_k(P) Ω − h Σ_e (g_k·m_e) L_e             (double layer, de Munck 1992)
    ∫ N_k / R dS  = N_k(P) (Σ_e t_e L_e − h Ω) + Σ_e (g_k·m_e) J_e    (single layer, Wilton 1984)

Neighbouring triangles share R, L and J; work arrays are (elements, viewpoints) with the
viewpoints of one block contiguous, and corners are gathered to nodes by sparse products.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from .._threads import map_threads
from .._types import Matrix, Points
from ..geometry import Surface

_Work = Float[np.ndarray, "_ _"]
"""Work array: elements (nodes, edges or triangles) × viewpoints."""

_ENTRIES_A_BLOCK = 1 << 17
"""Triangles × viewpoints in one work array: 1 MB, so that a block stays in the cache."""


class LayerIntegrals(NamedTuple):
    """Integrals of the shape function of node j seen from viewpoint i, both (n_points, n_nodes)."""

    double: Matrix
    """∫ N_j (r'−r_i)·n/R³ dS: solid angle weights, in all 4π inside and 0 outside."""

    single: Matrix
    """∫ N_j / R dS in mm."""


def layer_integrals(surface: Surface, viewpoints_mm: Points | None = None) -> LayerIntegrals:
    """Integrate the linear shape functions of a surface over its triangles, analytically.

    Double layer: de Munck, IEEE Trans Biomed Eng 1992;39:986; the weights of a triangle add up
    to its solid angle (van Oosterom and Strackee 1983). Single layer: Wilton et al., IEEE Trans
    Antennas Propag 1984;32:276 (Graglia 1993;41:1448). Nothing is approximated by quadrature, so
    no distance needs special care.

    Args:
        surface: any surface; its nodes carry the linear potential.
        viewpoints_mm: (n_points, 3); None for the surface's own nodes. There a flat triangle
            subtends no solid angle from its own corners, so that the weights seen from a node
            add up to the angle of the surface's own corner (the "autosolid" angle).

    Returns:
        The two (n_points, n_nodes) matrices.
    """
    count = surface.n_nodes if viewpoints_mm is None else len(viewpoints_mm)
    result = LayerIntegrals(*np.empty((2, count, surface.n_nodes)))
    _fill(surface, viewpoints_mm, result.double, result.single)
    return result


def double_layer_weights(surface: Surface, viewpoints_mm: Points | None = None) -> Matrix:
    """Return only the double layer of `layer_integrals`, which costs about half."""
    count = surface.n_nodes if viewpoints_mm is None else len(viewpoints_mm)
    weights = np.empty((count, surface.n_nodes))
    _fill(surface, viewpoints_mm, weights, None)
    return weights


def _fill(
    surface: Surface, viewpoints_mm: Points | None, double: Matrix, single: Matrix | None
) -> None:
    elements = _Elements.of(surface)
    own = viewpoints_mm is None
    points = surface.vertices_mm if own else viewpoints_mm
    step = max(8, _ENTRIES_A_BLOCK // max(surface.n_faces, 1))

    def fill(start: int) -> None:
        rows = slice(start, min(start + step, len(points)))
        weights, potentials = elements.block(
            points[rows], start if own else None, single is not None
        )
        double[rows] = weights.T
        if single is not None and potentials is not None:
            single[rows] = potentials.T

    map_threads(fill, range(0, len(points), step))


@dataclass(frozen=True, eq=False)
class _Elements:
    """What the integrals need of the triangles, whatever the viewpoint."""

    centre: Float[np.ndarray, "3"]
    vertices: Float[np.ndarray, "n 3"]
    faces: Int[np.ndarray, "f 3"]
    ends: Int[np.ndarray, "e 2"]
    lengths: Float[np.ndarray, "e 1"]
    face_edges: Int[np.ndarray, "f 3"]
    double_areas: Float[np.ndarray, "f 1"]
    plane: Float[np.ndarray, "f 4"]
    shape: Float[np.ndarray, "3 f 4"]
    edge_distance: Float[np.ndarray, "3 f 4"]
    coupling: Float[np.ndarray, "3 3 f 1"]
    to_nodes: sp.csr_array
    edges_to_nodes: sp.csr_array
    faces_of_node: sp.csr_array
    edges_of_node: sp.csr_array

    @classmethod
    def of(cls, surface: Surface) -> "_Elements":
        faces, n_nodes, n_faces = surface.faces, surface.n_nodes, surface.n_faces
        centre = surface.centroid_mm
        vertices = surface.vertices_mm - centre
        pairs = np.sort(faces[:, [[1, 2], [2, 0], [0, 1]]].reshape(-1, 2), axis=1)
        ends, face_edges = np.unique(pairs, axis=0, return_inverse=True)
        face_edges = face_edges.reshape(n_faces, 3)
        corners = vertices[faces]
        # Edge k runs from corner k+1 to corner k+2: it lies opposite corner k.
        along = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)
        length = np.linalg.norm(along, axis=2)
        area_vector = np.cross(along[:, 2], -along[:, 1])
        double_area = np.linalg.norm(area_vector, axis=1)
        normal = area_vector / double_area[:, None]
        outward = np.cross(along, normal[:, None]) / length[:, :, None]
        gradient = -outward * (length / double_area[:, None])[:, :, None]
        coupling = np.einsum("fkx,fex->kef", gradient, outward)[..., None]
        nodes = faces.T.ravel()
        numbers = np.arange(3 * n_faces)
        edge_column = np.broadcast_to(face_edges, (3, n_faces, 3))
        node_row = np.broadcast_to(faces.T[:, :, None], (3, n_faces, 3))
        return cls(
            centre=centre,
            vertices=vertices,
            faces=faces,
            ends=ends,
            lengths=np.linalg.norm(vertices[ends[:, 1]] - vertices[ends[:, 0]], axis=1)[:, None],
            face_edges=face_edges,
            double_areas=double_area[:, None],
            # The affine functions below are rows (constant, gradient) applied to (1, r).
            plane=_affine(np.einsum("fx,fx->f", normal, corners[:, 0]), -normal),
            shape=_affine(
                1 - np.einsum("fkx,fkx->fk", gradient, corners).T, gradient.swapaxes(0, 1)
            ),
            edge_distance=_affine(
                np.einsum("fex,fex->fe", outward, np.roll(corners, -1, axis=1)).T,
                -outward.swapaxes(0, 1),
            ),
            coupling=coupling,
            to_nodes=sp.csr_array(
                (np.ones(3 * n_faces), (nodes, numbers)), shape=(n_nodes, 3 * n_faces)
            ),
            edges_to_nodes=sp.csr_array(
                (coupling[..., 0].swapaxes(1, 2).ravel(), (node_row.ravel(), edge_column.ravel())),
                shape=(n_nodes, len(ends)),
            ),
            faces_of_node=_incidence(faces, n_nodes),
            edges_of_node=_incidence(ends, n_nodes),
        )

    def block(
        self, viewpoints: Points, first_own_node: int | None, single: bool
    ) -> tuple[_Work, _Work | None]:
        """Return double and single layer, (n_nodes, n_viewpoints), for a few viewpoints."""
        view = (viewpoints - self.centre).T
        affine = np.vstack([np.ones(view.shape[1]), view])
        squared = np.zeros((len(self.vertices), view.shape[1]))
        for axis in range(3):
            difference = self.vertices[:, axis, None] - view[axis]
            squared += np.square(difference, out=difference)
        distance = np.sqrt(squared)
        near, far = self.ends.T
        logarithm = self._edge_logarithms(distance[near] + distance[far])
        height = self.plane @ affine
        faces_at, edges_at = self._own_pairs(first_own_node, view.shape[1])
        logarithm[edges_at] = 0.0  # ln ∞, always multiplied by a distance that is zero
        height[faces_at] = 0.0
        angle = self._solid_angles(squared, distance, height)
        angle[faces_at] = 0.0

        face_logarithm = [logarithm[self.face_edges[:, e]] for e in range(3)]
        shape = self.shape @ affine
        weights = shape * angle
        for k in range(3):
            bend = self.coupling[k, 0] * face_logarithm[0]
            bend += self.coupling[k, 1] * face_logarithm[1]
            bend += self.coupling[k, 2] * face_logarithm[2]
            weights[k] -= np.multiply(bend, height, out=bend)
        double = self.to_nodes @ weights.reshape(-1, view.shape[1])
        if not single:
            return double, None

        uniform = -height * angle
        for e in range(3):
            uniform += (self.edge_distance[e] @ affine) * face_logarithm[e]
        shape *= uniform
        moments = self._edge_moments(squared[near], squared[far], distance, logarithm)
        potential = self.to_nodes @ shape.reshape(-1, view.shape[1])
        potential += self.edges_to_nodes @ moments
        return double, potential

    def _edge_logarithms(self, detour: _Work) -> _Work:
        excess = np.maximum(detour - self.lengths, 1e-15 * self.lengths)
        return np.log1p(2 * self.lengths / excess)

    def _solid_angles(self, squared: _Work, distance: _Work, height: _Work) -> _Work:
        near, far = self.ends.T
        dot = squared[near]  # a·b = (|a|² + |b|² − |a−b|²)/2, one an edge
        dot += squared[far]
        dot -= self.lengths**2
        dot *= 0.5
        a, b, c = (distance[self.faces[:, k]] for k in range(3))
        below = a * b
        below += dot[self.face_edges[:, 2]]
        below *= c
        below += a * dot[self.face_edges[:, 0]]
        below += b * dot[self.face_edges[:, 1]]
        angle = np.arctan2(self.double_areas * height, below, out=below)
        angle *= 2
        return angle

    def _edge_moments(self, near: _Work, far: _Work, distance: _Work, logarithm: _Work) -> _Work:
        start = (far - near - self.lengths**2) / (2 * self.lengths)
        first, second = self.ends.T
        moment = (near - start**2) * logarithm
        moment += (start + self.lengths) * distance[second]
        moment -= start * distance[first]
        moment *= 0.5
        return moment

    def _own_pairs(self, first: int | None, count: int) -> tuple[tuple, tuple]:
        """Return index pairs (element, viewpoint) where the viewpoint is a corner of it."""
        if first is None:
            return ([], []), ([], [])
        return (
            _pairs(self.faces_of_node[first : first + count]),
            _pairs(self.edges_of_node[first : first + count]),
        )


def _pairs(incidence: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
    return incidence.indices, np.repeat(
        np.arange(len(incidence.indptr) - 1), np.diff(incidence.indptr)
    )


def _affine(constant: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.concatenate([constant[..., None], gradient], axis=-1))


def _incidence(elements: np.ndarray, n_nodes: int) -> sp.csr_array:
    owner = np.repeat(np.arange(len(elements)), elements.shape[1])
    return sp.csr_array(
        (np.ones(elements.size), (elements.ravel(), owner)), shape=(n_nodes, len(elements))
    )
