"""Laplace approximation of an assimilated beat: which coefficients the leads fix, and how well."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ._tissue_leads import TissueLeads, chunk_size

Directions = Float[np.ndarray, "n_directions n_coefficients"]


@jax.jit
def _curved(tissue: TissueLeads, xi: Any, ways: Any) -> tuple[Any, Any]:
    """Return J d, (n, n_times, n_leads), and JᵀJ d, (n, n_coefficients), of several d."""
    _, push = jax.linearize(tissue.predict, xi)
    back = jax.linear_transpose(push, xi)
    seen = jax.vmap(push)(ways)
    return seen, jax.vmap(lambda one: back(one)[0])(seen)


@jax.jit
def _moved(tissue: TissueLeads, xi: Any, ways: Any) -> Any:
    """Return how u changes along several d, (n, n_times, n_nodes)."""
    return jax.vmap(lambda d: jax.jvp(tissue.potentials, (xi,), (d,))[1])(ways)


def _in_chunks(tissue: TissueLeads, function: Any, ways: Directions) -> Any:
    size = min(16, chunk_size(tissue))
    for first in range(0, len(ways), size):
        part = np.zeros((size, ways.shape[1]), np.float32)
        count = min(size, len(ways) - first)
        part[:count] = ways[first : first + count]
        found = function(jnp.asarray(part))
        yield jax.tree.map(lambda x, n=count: np.asarray(x, np.float64)[:n], found)


def told_directions(
    tissue: TissueLeads,
    xi: Float[np.ndarray, " n_coefficients"],
    n_directions: int,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "n_coefficients n_directions"], Float[np.ndarray, " n_directions"]]:
    """Return orthonormal directions of ξ that the leads tell most about, and eigenvalues of JᵀJ.

    A randomized eigenvalue decomposition: two passes of ``n_directions`` linearized simulations.

    Source: Halko, Martinsson and Tropp, SIAM Rev 2011;53:217, section 5.3.
    """
    point = jnp.asarray(xi, jnp.float32)
    both = partial(_curved, tissue, point)
    random = rng.standard_normal((n_directions, len(xi)))
    images = np.concatenate([found[1] for found in _in_chunks(tissue, both, random)])
    basis = np.linalg.qr(images.T)[0]
    images = np.concatenate([found[1] for found in _in_chunks(tissue, both, basis.T)])
    small = images @ basis
    values, vectors = np.linalg.eigh((small + small.T) / 2)
    return basis @ vectors, np.maximum(values, 0.0)


def linearized_deviation(
    tissue: TissueLeads,
    xi: Float[np.ndarray, " n_coefficients"],
    precision: float,
    *,
    n_directions: int,
    n_draws: int,
    seed: int,
) -> Float[np.ndarray, "n_nodes n_times"]:
    """Return the standard deviation of u under N(ξ, (1 + w JᵀJ)⁻¹), from draws of it.

    Directions beyond ``n_directions`` keep their prior.

    Args:
        tissue: the map from ξ to the leads.
        xi: its most probable coefficients.
        precision: w.
        n_directions: of ξ that are taken for told by the leads.
        n_draws: linearized simulations whose spread is returned.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    directions, values = told_directions(tissue, xi, min(n_directions, len(xi)), rng)
    draws = rng.standard_normal((n_draws, len(xi)))
    shorter = 1 - 1 / np.sqrt(1 + precision * values)
    draws -= (draws @ directions * shorter) @ directions.T
    moved = partial(_moved, tissue, jnp.asarray(xi, jnp.float32))
    total = sum((found**2).sum(axis=0) for found in _in_chunks(tissue, moved, draws))
    deviation = np.sqrt(np.asarray(total) / n_draws)
    onset = int(tissue.onset)
    return np.vstack([np.zeros((onset, tissue.n_nodes)), deviation])[: tissue.n_times].T
