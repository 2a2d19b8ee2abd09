"""What a solution is penalized for: Γ in min ‖y − Ru‖² + λ²‖Γu‖²."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from .._checks import check_array
from .._errors import InputError
from .._types import ArrayLike
from ..geometry import CotangentLaplacian, PaperLaplacian, Surface, surface_gradient


@runtime_checkable
class Regularizer(Protocol):
    """Anything with a matrix Γ for a heart surface."""

    def matrix(self, heart: Surface | None, n_nodes: int) -> Float[np.ndarray, "n_rows n_nodes"]:
        """Return Γ as a dense array."""
        ...


@dataclass(frozen=True)
class Magnitude:
    """Zero order: Γ = I, the size of the potentials.

    >>> Magnitude().matrix(None, 2)
    array([[1., 0.],
           [0., 1.]])
    """

    def matrix(self, heart: Surface | None, n_nodes: int) -> Float[np.ndarray, "n_rows n_nodes"]:
        """Return the identity."""
        return np.eye(n_nodes)


@dataclass(frozen=True)
class Gradient:
    """First order: ‖Γu‖² = ∫|∇u|² dA / mean triangle area, of linear triangles.

    The division by the mean area keeps λ comparable between meshes of one size.
    """

    def matrix(self, heart: Surface | None, n_nodes: int) -> Float[np.ndarray, "n_rows n_nodes"]:
        """Return the area-weighted gradient, (3 n_faces, n_nodes)."""
        surface = _need(heart, "Gradient")
        weights = np.sqrt(surface.face_areas_mm2 / surface.face_areas_mm2.mean())
        return np.tile(weights, 3)[:, None] * surface_gradient(surface).toarray()


@dataclass(frozen=True)
class Roughness:
    """Second order: Γ = the surface Laplacian, of Eq. 15 (as in the paper) or cotangent."""

    laplacian: PaperLaplacian | CotangentLaplacian = field(default_factory=PaperLaplacian)

    def matrix(self, heart: Surface | None, n_nodes: int) -> Float[np.ndarray, "n_rows n_nodes"]:
        """Return the (n_nodes, n_nodes) Laplacian."""
        return self.laplacian.matrix(_need(heart, "Roughness")).toarray()


@dataclass(frozen=True, eq=False)
class GivenRegularizer:
    """Γ as a matrix of the user's, for instance a volume gradient.

    >>> GivenRegularizer([[1.0, -1.0]]).matrix(None, 2)
    array([[ 1., -1.]])
    """

    gamma: ArrayLike

    def matrix(self, heart: Surface | None, n_nodes: int) -> Float[np.ndarray, "n_rows n_nodes"]:
        """Return the matrix itself."""
        return check_array(self.gamma, "gamma", shape=("n_rows", n_nodes))


def _need(heart: Surface | None, who: str) -> Surface:
    if heart is None:
        raise InputError(
            "regularizer",
            found=f"{who} without a heart surface",
            expected="an operator that knows its heart surface",
            advice="Give ObservationOperator(..., heart=surface), or use Magnitude() (order 0).",
        )
    return heart
