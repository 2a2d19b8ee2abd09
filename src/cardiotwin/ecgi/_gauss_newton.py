"""The Gauss–Newton curvature of the leads of a simulated beat, for its error bars."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ._tissue_leads import TissueLeads, chunk_size, directional

SEEN = 0.03
"""Directions of ξ that move u0 by less than this part of the most effective one count as unseen.

What remains moves the rim of the excited patch; what is left out makes the resting tissue a bit
less resting, which dies away (or would set off waves that the data exclude)."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """Gauss–Newton Hessian of ‖y − h‖²/2 in its own directions: V diag(values) Vᵀ.

    Attributes:
        directions: (n_coefficients, rank) orthonormal V.
        values: (rank,) eigenvalues, not yet divided by the noise.
    """

    directions: Float[np.ndarray, "n_coefficients rank"]
    values: Float[np.ndarray, " rank"]


def curvature_at(tissue: TissueLeads, xi: Float[np.ndarray, " n_coefficients"]) -> Curvature:
    """Return the Gauss–Newton Hessian at ξ."""
    directions = effective_directions(tissue, xi)
    rank, size = directions.shape[1], min(16, chunk_size(tissue))
    point = jnp.asarray(xi, jnp.float32)
    moves = []
    for first in range(0, rank, size):
        part = directions[:, first : first + size].T
        padded = np.zeros((size, directions.shape[0]), np.float32)
        padded[: len(part)] = part
        found = np.asarray(directional(tissue, point, jnp.asarray(padded)))
        moves.append(found[: len(part)].reshape(len(part), -1))
    jacobian = np.concatenate(moves)
    values, vectors = np.linalg.eigh((jacobian @ jacobian.T).astype(np.float64))
    return Curvature(directions @ vectors, np.maximum(values, 0.0))


def effective_directions(
    tissue: TissueLeads, xi: Float[np.ndarray, " n_coefficients"]
) -> Float[np.ndarray, "n_coefficients rank"]:
    """Return orthonormal directions of ξ that matter: those that move u0, and all others."""
    n_initial = tissue.bases[0].shape[1]
    u0 = np.asarray(tissue.initial_potential(jnp.asarray(xi, jnp.float32)), np.float64)
    rest = tissue.model.rest[0]
    share = (u0 - rest) / (1 - rest)
    moves = (share * (1 - share))[:, None] * np.asarray(tissue.bases[0], np.float64)
    squares, vectors = np.linalg.eigh(moves.T @ moves)
    seen = vectors[:, squares > SEEN**2 * squares[-1]]
    n_other = len(xi) - n_initial
    directions = np.zeros((len(xi), seen.shape[1] + n_other))
    directions[:n_initial, : seen.shape[1]] = seen
    directions[n_initial:, seen.shape[1] :] = np.eye(n_other)
    return directions
