"""Tangent plane and mean curvature at every node of a surface."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from .._checks import check_array
from .._types import ArrayLike
from ..geometry import CotangentLaplacian, Surface


class TangentFrames(eqx.Module):
    """Directions along which second derivatives add up to the surface Laplacian.

    Δ_Γ u = aᵀHa + bᵀHb + c·∇u with the curvature vector c = −2κn.

    Attributes:
        first, second: (3, n_nodes) orthonormal a and b in the tangent plane.
        curvature: (3, n_nodes) c in 1/mm.
    """

    first: Float[Array | np.ndarray, "3 n_nodes"]
    second: Float[Array | np.ndarray, "3 n_nodes"]
    curvature: Float[Array | np.ndarray, "3 n_nodes"]

    def scaled(self, per_mm: float, dtype: Any) -> "TangentFrames":
        """Return the directions in a network's coordinates, which are per_mm times those in mm."""
        parts = (self.first, self.second, self.curvature)
        return TangentFrames(*(jnp.asarray(np.asarray(part) * per_mm, dtype) for part in parts))


def tangent_frames(
    surface: Surface, normals: ArrayLike | None = None, mean_curvature: ArrayLike | None = None
) -> TangentFrames:
    """Return frames from given or estimated normals and mean curvatures.

    The normal is the mean of (e₁ × e₂)/(|e₁|² |e₂|²) over the triangles around a node, with their
    two edges e₁, e₂ at it (Max, J Graph Tools 1999;4:1): exact on spheres whatever the mesh. The
    cotangent Laplacian of the position is −2κn (Meyer et al. 2003); its part along the normal
    gives κ, exactly on spheres without obtuse triangles.

    Args:
        surface: any surface without unused nodes.
        normals: (n_nodes, 3) unit normals.
        mean_curvature: (n_nodes,) κ in 1/mm.

    Raises:
        InputError: arrays of the wrong shape.
        GeometryError: a node without triangles.

    >>> from cardiotwin.geometry import zoo
    >>> frames = tangent_frames(zoo.sphere(162, radius_mm=10.0))
    >>> bool(np.allclose(np.linalg.norm(frames.curvature, axis=0), 2 / 10))
    True
    """
    n = surface.n_nodes
    if normals is None:
        normal = _sphere_exact_normals(surface)
    else:
        normal = check_array(normals, "normals", shape=(n, 3))
        normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    if mean_curvature is None:
        bend = CotangentLaplacian().matrix(surface) @ surface.vertices_mm
        along = np.einsum("nx,nx->n", bend, normal)
    else:
        along = -2 * check_array(mean_curvature, "mean_curvature_per_mm", shape=(n,))
    # The axis that is least along the normal makes the first direction well defined.
    axis = np.eye(3)[np.abs(normal).argmin(axis=1)]
    first = np.cross(normal, axis)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(normal, first)
    return TangentFrames(first.T, second.T, (along[:, None] * normal).T)


def _sphere_exact_normals(surface: Surface) -> Float[np.ndarray, "n_nodes 3"]:
    corners = surface.vertices_mm[surface.faces]
    following = np.roll(corners, -1, axis=1) - corners
    preceding = np.roll(corners, 1, axis=1) - corners
    squares = (following**2).sum(axis=2) * (preceding**2).sum(axis=2)
    weighted = np.cross(following, preceding) / squares[:, :, None]
    total = np.zeros((surface.n_nodes, 3))
    np.add.at(total, surface.faces, weighted)
    return total / np.linalg.norm(total, axis=1, keepdims=True)
