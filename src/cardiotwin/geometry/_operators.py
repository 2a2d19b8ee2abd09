"""Surface operators as sparse matrices: two Laplacians, the gradient, the mass."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import sparse

from .._checks import check_array
from .._errors import GeometryError, InputError
from .._types import ArrayLike
from ._surface import Surface


@dataclass(frozen=True)
class PaperLaplacian:
    """The graph Laplacian of the EAND-ARN paper (Eq. 15).

    Δu_i = 4/(r_i n_i) Σ_j (u_j − u_i)/d_ij, with n_i neighbours at distances d_ij and their mean
    r_i. It is self-adjoint and conserves Σ m_i u_i in its own mass m_i = r_i n_i = Σ_j d_ij (mm),
    not in area. It equals the surface Laplacian only where the unit edge vectors of a node
    cancel: on an icosphere its error for the first spherical harmonic is 28 % at 162 nodes and
    52 % at 642, so refinement does not help. Use `CotangentLaplacian` where that matters.

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, Eq. 15. (Eq. 14 there prints 4/r_i where
    4/r_i² follows from its Eq. 12; Eq. 15 is right.)

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(42)
    >>> float(abs(PaperLaplacian().matrix(ball) @ np.ones(42)).max()) < 1e-12
    True
    """

    name = "eq15"

    def matrix(self, surface: Surface) -> sparse.csr_array:
        """Return the (n_nodes, n_nodes) operator in 1/mm².

        Raises:
            GeometryError: a node without triangles, or two joined nodes at one place.
        """
        return self.weighted_matrix(surface, np.ones(surface.n_nodes))

    def weighted_matrix(self, surface: Surface, conductivity: ArrayLike) -> sparse.csr_array:
        """Return ∇·(D∇u), where an edge has the mean D of its two ends.

        Args:
            surface: any surface.
            conductivity: one number, or (n_nodes,) values D_i ≥ 0.

        Returns:
            (n_nodes, n_nodes) operator; D times `matrix` where D is constant, and conserving
            Σ m_i u_i whatever D is.

        Raises:
            InputError: D of another length, or negative.
            GeometryError: as `matrix`.
        """
        mass = self.mass(surface)
        lengths = surface.edge_lengths_mm
        return _divergence_form(surface, 4 / lengths, conductivity, mass)

    def mass(self, surface: Surface) -> Float[np.ndarray, " n_nodes"]:
        """Return m_i = r_i n_i = Σ_j d_ij in mm, the weights in which `matrix` is self-adjoint."""
        _require_positive(surface.edge_lengths_mm, surface, "edges of no length")
        both_ends = surface.edges.ravel()
        mass = np.bincount(
            both_ends, np.repeat(surface.edge_lengths_mm, 2), minlength=surface.n_nodes
        )
        return _require_positive(mass, surface, "nodes that no triangle uses")


@dataclass(frozen=True)
class CotangentLaplacian:
    """The Laplace–Beltrami operator of linear finite elements with a lumped mass.

    Δu_i = 1/(2 A_i) Σ_j (cot α_ij + cot β_ij)(u_j − u_i), where α and β are the angles opposite
    the edge ij. The lumped area A_i (mm²) is the mixed Voronoi area: the part of each triangle
    nearest to node i, or, in an obtuse triangle, half of it for the obtuse corner and a quarter
    for the others. The sign is that of the Laplacian (negative semidefinite); no flux crosses an
    open rim.

    Source: Meyer, Desbrun, Schröder and Barr, in Visualization and Mathematics III (2003), p. 35.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(642, radius_mm=10.0)
    >>> x = ball.vertices_mm[:, 0]
    >>> bool(np.allclose(CotangentLaplacian().matrix(ball) @ x, -2 / 100 * x, atol=2e-3))
    True
    """

    name = "cotangent"

    def matrix(self, surface: Surface) -> sparse.csr_array:
        """Return the (n_nodes, n_nodes) operator in 1/mm².

        Raises:
            GeometryError: a triangle without area, or a node without triangles.
        """
        return self.weighted_matrix(surface, np.ones(surface.n_nodes))

    def weighted_matrix(self, surface: Surface, conductivity: ArrayLike) -> sparse.csr_array:
        """Return ∇·(D∇u), where an edge has the mean D of its two ends.

        Args:
            surface: any surface.
            conductivity: one number, or (n_nodes,) values D_i ≥ 0.

        Returns:
            (n_nodes, n_nodes) operator; D times `matrix` where D is constant, and conserving
            Σ A_i u_i whatever D is.

        Raises:
            InputError: D of another length, or negative.
            GeometryError: as `matrix`.
        """
        mass = self.mass(surface)
        cotangents = _corner_cotangents(surface)
        # The corner k of a triangle looks at the edge between the two other corners.
        opposite = np.sort(surface.faces[:, [[1, 2], [2, 0], [0, 1]]].reshape(-1, 2), axis=1)
        edges = surface.edges
        place = np.searchsorted(
            edges[:, 0] * surface.n_nodes + edges[:, 1],
            opposite[:, 0] * surface.n_nodes + opposite[:, 1],
        )
        weights = np.bincount(place, 0.5 * cotangents.ravel(), minlength=len(edges))
        return _divergence_form(surface, weights, conductivity, mass)

    def mass(self, surface: Surface) -> Float[np.ndarray, " n_nodes"]:
        """Return the mixed Voronoi area of each node in mm²; together they are the whole area."""
        cotangents = _corner_cotangents(surface)
        corners = surface.vertices_mm[surface.faces]
        opposite_squared = ((np.roll(corners, -1, axis=1) - np.roll(corners, 1, axis=1)) ** 2).sum(
            axis=2
        )
        # Triangle abc gives node a: (|ab|² cot c + |ac|² cot b)/8.
        products = opposite_squared * cotangents
        share = (np.roll(products, -1, axis=1) + np.roll(products, 1, axis=1)) / 8
        obtuse = cotangents < 0
        area = surface.face_areas_mm2[:, None]
        share = np.where(
            obtuse.any(axis=1, keepdims=True), area * np.where(obtuse, 0.5, 0.25), share
        )
        mass = np.bincount(surface.faces.ravel(), share.ravel(), minlength=surface.n_nodes)
        return _require_positive(mass, surface, "nodes that no triangle uses")


def surface_gradient(surface: Surface) -> sparse.csr_array:
    """Gradient of a function that is linear on each triangle.

    ∇u = Σ_k u_k (n × e_k)/(2A), where e_k is the edge opposite the corner k.

    Args:
        surface: any surface with triangles of positive area.

    Returns:
        (3·n_faces, n_nodes) matrix in 1/mm; its rows are the x components of all triangles, then
        y, then z.

    Raises:
        GeometryError: a triangle without area.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(42)
    >>> slopes = surface_gradient(ball) @ ball.vertices_mm[:, 2]
    >>> slopes.reshape(3, ball.n_faces).shape
    (3, 80)
    """
    areas = _require_positive(surface.face_areas_mm2, surface, "triangles without area")
    corners = surface.vertices_mm[surface.faces]
    opposite = np.roll(corners, 1, axis=1) - np.roll(corners, -1, axis=1)
    slopes = np.cross(surface.face_normals[:, None], opposite) / (2 * areas[:, None, None])
    rows = np.arange(3 * surface.n_faces).reshape(3, surface.n_faces, 1)
    columns = np.broadcast_to(surface.faces, (3, surface.n_faces, 3))
    return sparse.csr_array(
        (
            np.moveaxis(slopes, 2, 0).ravel(),
            (np.broadcast_to(rows, columns.shape).ravel(), columns.ravel()),
        ),
        shape=(3 * surface.n_faces, surface.n_nodes),
    )


def nodal_gradient(surface: Surface) -> sparse.csr_array:
    """Gradient at the nodes: the area-weighted mean of `surface_gradient` around each node.

    Args:
        surface: any surface with triangles of positive area and no unused node.

    Returns:
        (3·n_nodes, n_nodes) matrix in 1/mm; rows ordered x of all nodes, then y, then z.

    Raises:
        GeometryError: a triangle without area, or a node without triangles.

    >>> from cardiotwin.geometry import zoo
    >>> nodal_gradient(zoo.sphere(42)).shape
    (126, 42)
    """
    total = _require_positive(surface.node_areas_mm2, surface, "nodes that no triangle uses")
    share = np.repeat(surface.face_areas_mm2 / 3, 3)
    faces = np.repeat(np.arange(surface.n_faces), 3)
    mean = sparse.csr_array(
        (share / total[surface.faces.ravel()], (surface.faces.ravel(), faces)),
        shape=(surface.n_nodes, surface.n_faces),
    )
    three = sparse.block_diag([mean] * 3, format="csr")
    return sparse.csr_array(three @ surface_gradient(surface))


def mass_matrix(surface: Surface, *, lumped: bool = False) -> sparse.csr_array:
    """Mass matrix of linear finite elements: uᵀMw = ∫ u w dS.

    Args:
        surface: any surface.
        lumped: whether the rows are summed onto the diagonal (a third of the area of the
            triangles around each node).

    Returns:
        (n_nodes, n_nodes) matrix in mm²; all entries together are the area of the surface.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(42)
    >>> bool(np.isclose(mass_matrix(ball).sum(), ball.area_mm2))
    True
    """
    if lumped:
        return sparse.csr_array(sparse.diags_array(surface.node_areas_mm2))
    local = (np.ones((3, 3)) + np.eye(3)) / 12 * surface.face_areas_mm2[:, None, None]
    rows = np.broadcast_to(surface.faces[:, :, None], local.shape)
    columns = np.broadcast_to(surface.faces[:, None, :], local.shape)
    return sparse.csr_array(
        (local.ravel(), (rows.ravel(), columns.ravel())), shape=(surface.n_nodes,) * 2
    )


def _divergence_form(
    surface: Surface,
    edge_weights: Float[np.ndarray, " n_edges"],
    conductivity: ArrayLike,
    mass: Float[np.ndarray, " n_nodes"],
) -> sparse.csr_array:
    n = surface.n_nodes
    if np.ndim(conductivity) == 0:
        conductivity = np.full(n, conductivity)
    values = check_array(
        conductivity,
        "conductivity",
        shape=(n,),
        advice="Give one number, or one value a node.",
    )
    if (values < 0).any():
        raise InputError(
            "conductivity",
            found=f"{int((values < 0).sum())} negative values, the smallest {values.min():g}",
            expected="values ≥ 0",
            advice="Negative conductivity makes diffusion run backward.",
        )
    i, j = surface.edges.T
    weights = edge_weights * (values[i] + values[j]) / 2
    diagonal = -np.bincount(i, weights, minlength=n) - np.bincount(j, weights, minlength=n)
    entries = np.concatenate([weights / mass[i], weights / mass[j], diagonal / mass])
    rows = np.concatenate([i, j, np.arange(n)])
    columns = np.concatenate([j, i, np.arange(n)])
    return sparse.csr_array((entries, (rows, columns)), shape=(n, n))


def _corner_cotangents(surface: Surface) -> Float[np.ndarray, "n_faces 3"]:
    areas = _require_positive(surface.face_areas_mm2, surface, "triangles without area")
    corners = surface.vertices_mm[surface.faces]
    following = np.roll(corners, -1, axis=1) - corners
    preceding = np.roll(corners, 1, axis=1) - corners
    return np.einsum("fcx,fcx->fc", following, preceding) / (2 * areas[:, None])


def _require_positive(values: np.ndarray, surface: Surface, fault: str) -> np.ndarray:
    bad = values <= 0
    if bad.any():
        raise GeometryError(
            surface.name or "surface",
            found=f"{int(bad.sum())} {fault}, the first is number {int(np.flatnonzero(bad)[0])}",
            expected="a surface on which derivatives exist everywhere",
            advice="Repair it with geometry.clean; geometry.validate prints the whole report.",
        )
    return values
