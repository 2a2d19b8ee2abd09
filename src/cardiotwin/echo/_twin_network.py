"""The network from what was seen in a clip to a normal distribution of what is asked for."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Normal(NamedTuple):
    """A normal distribution N(mean, root rootᵀ).

    Attributes:
        mean: (n,) or (batch, n).
        root: (n, n) or (batch, n, n), lower triangular with a positive diagonal.
    """

    mean: Any
    root: Any


class TwinHead(eqx.Module):
    """Layers from the numbers of an encoding to a normal distribution of the unknowns.

    Its covariance is full: two parameters between which a clip cannot tell are uncertain together.

    Attributes:
        layers: linear, each but the last followed by SiLU.
        n_out: unknowns.
        dropout: share of the hidden units that is left out in training.
    """

    layers: list[eqx.nn.Linear]
    n_out: int = eqx.field(static=True)
    dropout: float = eqx.field(static=True)

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        width: int = 96,
        depth: int = 2,
        dropout: float = 0.3,
        key: Any,
    ):
        sizes = (n_in, *(width,) * depth, n_out + n_out * (n_out + 1) // 2)
        keys = jax.random.split(key, depth + 1)
        self.layers = [
            eqx.nn.Linear(a, b, key=k, dtype=jnp.float32)
            for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
        ]
        # Begins as the prior: mean near 0, covariance near 1.
        self.layers[-1] = jax.tree.map(lambda leaf: 0.1 * leaf, self.layers[-1])
        self.n_out = n_out
        self.dropout = dropout

    def __call__(self, numbers: Float[Array, " n_in"], key: Any = None) -> Normal:
        """Return the distribution of one clip.

        Args:
            numbers: of its encoding, of mean 0 and standard deviation 1 among clips.
            key: of the units that are left out; none are without it.
        """
        # What lies far outside of all training clips shall not be extrapolated to.
        x = jnp.clip(numbers, -5.0, 5.0)
        keys = None if key is None else jax.random.split(key, len(self.layers))
        for index, layer in enumerate(self.layers[:-1]):
            x = jax.nn.silu(layer(x))
            if keys is not None:
                kept = jax.random.bernoulli(keys[index], 1.0 - self.dropout, x.shape)
                x = jnp.where(kept, x / (1.0 - self.dropout), 0.0)
        out = self.layers[-1](x)
        rows, columns = np.tril_indices(self.n_out)
        root = jnp.zeros((self.n_out, self.n_out)).at[rows, columns].set(out[self.n_out :])
        # softplus(0.54) = 1.
        diagonal = jax.nn.softplus(jnp.diagonal(root) + 0.5413) + 1e-3
        root = root - jnp.diag(jnp.diagonal(root)) + jnp.diag(diagonal)
        return Normal(out[: self.n_out], root)


def negative_log_density(
    truth: Float[Array, " n"], found: Normal, noise: Float[Array, " n"]
) -> Float[Array, ""]:
    """Return −log N(truth; mean, root rootᵀ + diag(noise²)), without the constant.

    Args:
        truth: what is known.
        found: what is predicted of it; its root need not be square.
        noise: standard deviations of what the prediction leaves out.
    """
    covariance = found.root @ found.root.T + jnp.diag(noise**2)
    factor = jnp.linalg.cholesky(covariance)
    miss = jax.scipy.linalg.solve_triangular(factor, truth - found.mean, lower=True)
    return 0.5 * jnp.sum(miss**2) + jnp.sum(jnp.log(jnp.diagonal(factor)))


def divergence_from_prior(found: Normal) -> Float[Array, ""]:
    """Return the Kullback–Leibler divergence of N(mean, root rootᵀ) from the standard normal.

    >>> divergence_from_prior(Normal(jnp.zeros(3), jnp.eye(3))).item()
    0.0
    """
    logarithm = jnp.sum(jnp.log(jnp.diagonal(found.root)))
    return (
        0.5 * (jnp.sum(found.root**2) + jnp.sum(found.mean**2) - found.mean.shape[-1]) - logarithm
    )
