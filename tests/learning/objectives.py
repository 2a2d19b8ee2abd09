"""A few objectives with known answers."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


class MatrixFit(eqx.Module):
    """‖A (W − W*) B‖² with condition numbers that make it hard for first-order methods."""

    a: Array
    b: Array
    target: Array

    def __init__(self, spread: float = 2.0, seed: int = 0):
        keys = jax.random.split(jax.random.key(seed), 3)

        def rotated(key, n):
            q, _ = jnp.linalg.qr(jax.random.normal(key, (n, n)))
            return q * jnp.logspace(0, -spread, n) @ q.T

        self.a, self.b = rotated(keys[0], 8), rotated(keys[1], 6)
        self.target = jax.random.normal(keys[2], (8, 6))

    def draw(self, key):
        return None

    def residuals(self, parameters, batch):
        return {"data": self.a @ (parameters["w"] - self.target) @ self.b}


@dataclass(frozen=True, eq=False)
class TwoParts:
    """A noisy line through random points and a penalty on its slope: two parts of unlike size."""

    size: int = 16

    def draw(self, key):
        points, noise = jax.random.split(key)
        x = jax.random.uniform(points, (self.size,))
        return x, 3.0 * x + 1.0 + 0.1 * jax.random.normal(noise, (self.size,))

    def residuals(self, parameters, batch):
        x, y = batch
        line = parameters["slope"] * x + parameters["offset"]
        return {
            "data": (line - y) / np.sqrt(self.size),
            "physics": 100.0 * (parameters["slope"] - 2.0),
        }


@dataclass(frozen=True)
class Curve:
    """y = a·exp(−b·t)·cos(c·t), exact data: the smallest loss is zero."""

    n_points: int = 60

    def draw(self, key):
        return jnp.linspace(0.0, 3.0, self.n_points)

    def residuals(self, parameters, times):
        def curve(p):
            return p[0] * jnp.exp(-p[1] * times) * jnp.cos(p[2] * times)

        truth = jnp.array([2.0, 0.7, 3.0])
        return {"data": (curve(parameters) - curve(truth)) / jnp.sqrt(1.0 * times.size)}


def network(key, width=6, n_outputs=2):
    """Weights of a small tanh network 3 → width → width → n_outputs."""
    sizes = (3, width, width, n_outputs)
    keys = jax.random.split(key, 3)
    return [
        (jax.random.normal(k, (m, n)) / jnp.sqrt(n), jnp.zeros((m, 1)))
        for k, n, m in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def evaluate(layers, x):
    for weight, bias in layers[:-1]:
        x = jnp.tanh(weight @ x + bias)
    weight, bias = layers[-1]
    return weight @ x + bias


@dataclass(frozen=True)
class NetworkFit:
    """Fit a tanh network to a smooth field at random points, in two parts."""

    n_points: int = 24

    def draw(self, key):
        return jax.random.uniform(key, (3, self.n_points))

    def residuals(self, parameters, points):
        u, v = evaluate(parameters, points)
        scale = 1 / jnp.sqrt(1.0 * points.shape[1])
        return {
            "data": scale * (u - jnp.sin(points.sum(0))),
            "physics": scale * (v - u**2),
        }


@dataclass(frozen=True)
class SplitNetworkFit(NetworkFit):
    """The same, with pieces of ``per_piece`` points that Gauss–Newton methods may use."""

    per_piece: int = 1

    def split(self, points, n_pieces=None):
        assert n_pieces is None, "these pieces have a size of their own"
        return jnp.moveaxis(points.reshape(3, -1, self.per_piece), 1, 0)
