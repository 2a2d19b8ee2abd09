"""Building blocks of the image networks: convolutions whose result never depends on the batch."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

GROUP_CHANNELS = 8
"""Channels that are normalized together."""


class Convolution(eqx.Module):
    """Convolution over height and width, channels last, which is what is fast on a CPU.

    Attributes:
        kernel: (side, side, n_in, n_out).
        bias: (n_out,).
        stride: step in both directions.
    """

    kernel: Any
    bias: Any
    stride: int = eqx.field(static=True)

    def __init__(self, n_in: int, n_out: int, side: int = 3, stride: int = 1, *, key: Any):
        # He et al. 2015: keeps the variance through rectifiers.
        scale = jnp.sqrt(2.0 / (side * side * n_in))
        self.kernel = scale * jax.random.normal(key, (side, side, n_in, n_out), jnp.float32)
        self.bias = jnp.zeros(n_out, jnp.float32)
        self.stride = stride

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c2"]:
        """Return the filtered maps."""
        return self.bias + jax.lax.conv_general_dilated(
            x,
            self.kernel.astype(x.dtype),
            (self.stride, self.stride),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )


class Normalization(eqx.Module):
    """Group normalization: mean 0, variance 1 over the image and a group of channels.

    Source: Wu and He 2018. Batch statistics, as in the reference of Med-Real2Sim, would make a
    patient's result depend on who else is in the batch.
    """

    scale: Any
    shift: Any

    def __init__(self, channels: int):
        self.scale = jnp.ones(channels, jnp.float32)
        self.shift = jnp.zeros(channels, jnp.float32)

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Return the normalized maps."""
        n, h, w, c = x.shape
        groups = x.reshape(n, h, w, max(1, c // GROUP_CHANNELS), -1)
        mean = groups.mean((1, 2, 4), keepdims=True)
        spread = groups.var((1, 2, 4), keepdims=True)
        normal = (groups - mean) * jax.lax.rsqrt(spread + 1e-5)
        return normal.reshape(x.shape) * self.scale + self.shift


class Block(eqx.Module):
    """Two convolutions, each normalized and rectified."""

    first: Convolution
    second: Convolution
    normal: tuple[Normalization, Normalization]

    def __init__(self, n_in: int, n_out: int, *, key: Any):
        one, two = jax.random.split(key)
        self.first = Convolution(n_in, n_out, key=one)
        self.second = Convolution(n_out, n_out, key=two)
        self.normal = Normalization(n_out), Normalization(n_out)

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c2"]:
        """Return the maps after both."""
        x = jax.nn.relu(self.normal[0](self.first(x)))
        return jax.nn.relu(self.normal[1](self.second(x)))


def halved(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    """Return maps of half the size: the largest of four neighbours."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def doubled(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    """Return maps of twice the size, every value four times."""
    return jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)


def folded(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c4"]:
    """Return half the size and four times the channels: nothing is lost."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // 2, 2, w // 2, 2, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // 2, w // 2, 4 * c)


def unfolded(x: Float[Array, "n h w c4"]) -> Float[Array, "n h2 w2 c"]:
    """Return what was folded."""
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, 2, 2, c // 4)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, c // 4)
