"""Networks from points in space and time to (u, v): feed-forward and adaptive residual.

Features come first: a network maps (n_inputs, n_points) to (2, n_points), so that every layer is
one product of a small matrix with a long one.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from .._checks import check_count, check_number
from ._initializations import Initialization, Xavier

N_OUTPUTS = 2
"""The potential u and the recovery variable v."""

Activation = Callable[[Any], Any]


class Layer(eqx.Module):
    """An affine map W x + b (Eq. 10 without its activation)."""

    weight: Float[Array, "n_outputs n_inputs"]
    bias: Float[Array, " n_outputs"]

    def __call__(self, x: Float[Array, "n_inputs n_points"]) -> Float[Array, "n_outputs n_points"]:
        """Return W x + b at every point."""
        return self.weight @ x + self.bias[:, None]


class FeedForwardNetwork(eqx.Module):
    """A multilayer perceptron (Eq. 10) with a linear last layer."""

    layers: tuple[Layer, ...]
    activation: Activation = eqx.field(static=True)

    def __call__(self, x: Float[Array, "n_inputs n_points"]) -> Float[Array, "2 n_points"]:
        """Return (u, v) at every point."""
        return self.after_first(self.layers[0](x))

    def after_first(self, first: Float[Array, "width n_points"]) -> Float[Array, "2 n_points"]:
        """Return (u, v) from what the first layer makes before its activation."""
        x = self.activation(first)
        for layer in self.layers[1:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)

    @property
    def first(self) -> Layer:
        """The layer that reads the inputs."""
        return self.layers[0]

    @property
    def alphas(self) -> Float[Array, "*runs 0"]:
        """No residual blocks, no α."""
        return jnp.zeros((*self.first.bias.shape[:-1], 0), self.first.bias.dtype)


class AdaptiveBlock(eqx.Module):
    """Two layers and a shortcut in trainable proportion (Eq. 11).

    x ↦ (1 − α) σ(W₂ σ(W₁ x + b₁) + b₂) + α x,  α = 1/(1 + exp(−α_T))
    """

    inner: Layer
    outer: Layer
    alpha_logit: Float[Array, "*runs"]
    activation: Activation = eqx.field(static=True)

    def __call__(self, x: Float[Array, "width n_points"]) -> Float[Array, "width n_points"]:
        """Return the block's output at every point."""
        alpha = jax.nn.sigmoid(self.alpha_logit)
        hidden = self.activation(self.outer(self.activation(self.inner(x))))
        return hidden + alpha * (x - hidden)


class AdaptiveResidualNetwork(eqx.Module):
    """Blocks of Eq. 11 with one layer before, between and (linear) behind them."""

    joints: tuple[Layer, ...]
    blocks: tuple[AdaptiveBlock, ...]
    last: Layer
    activation: Activation = eqx.field(static=True)

    def __call__(self, x: Float[Array, "n_inputs n_points"]) -> Float[Array, "2 n_points"]:
        """Return (u, v) at every point."""
        return self.after_first(self.first(x))

    def after_first(self, first: Float[Array, "width n_points"]) -> Float[Array, "2 n_points"]:
        """Return (u, v) from what the first layer makes before its activation."""
        x = self.blocks[0](self.activation(first))
        for joint, block in zip(self.joints[1:], self.blocks[1:], strict=True):
            x = block(self.activation(joint(x)))
        return self.last(x)

    @property
    def first(self) -> Layer:
        """The layer that reads the inputs."""
        return self.joints[0]

    @property
    def alphas(self) -> Float[Array, "*runs n_blocks"]:
        """α of every block: the share of its input that passes unchanged."""
        return jax.nn.sigmoid(jnp.stack([block.alpha_logit for block in self.blocks], axis=-1))


Network = FeedForwardNetwork | AdaptiveResidualNetwork


@runtime_checkable
class NetworkSettings(Protocol):
    """Frozen settings that make a network."""

    def initialize(self, key: Array, n_inputs: int, dtype: Any = "float32") -> Network:
        """Return a network with freshly drawn weights."""
        ...


@dataclass(frozen=True)
class FeedForward:
    """The multilayer perceptron of EP-DL: x ↦ σ(W x + b), layer after layer.

    Args:
        width: neurons of every layer but the last.
        layers: number of layers as Table I counts them, the output layer included.
        activation: σ.
        initialization: how the weights are drawn.

    Raises:
        InputError: no neurons, or fewer than two layers.

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, Eq. 10 and Table I.

    >>> network = FeedForward(width=10, layers=10).initialize(jax.random.key(0), n_inputs=4)
    >>> network(jnp.zeros((4, 7))).shape, count_weights(network)
    ((2, 7), 952)
    """

    width: int = 15
    layers: int = 10
    activation: Activation = jnp.tanh
    initialization: Initialization = field(default_factory=Xavier)

    def __post_init__(self):
        check_count(self.width, "width")
        check_count(self.layers, "layers", at_least=2)

    def initialize(self, key: Array, n_inputs: int, dtype: Any = "float32") -> FeedForwardNetwork:
        """Return a network with freshly drawn weights."""
        sizes = [n_inputs, *[self.width] * (self.layers - 1), N_OUTPUTS]
        return FeedForwardNetwork(
            tuple(_draw_layers(key, sizes, self.initialization, dtype)), self.activation
        )


@dataclass(frozen=True)
class AdaptiveResNet:
    """The adaptive residual network of EAND-ARN (Eq. 11, Fig. 2).

    A layer, then blocks of two layers with one layer between them, then the linear output layer:
    3·blocks + 1 layers as Table I counts them (NN2, NN4, NN6: 4, 7, 10 layers with 1, 2, 3 blocks).

    Args:
        width: neurons of every layer but the last.
        blocks: number of residual blocks.
        initial_alpha: α of every block before training, between 0 and 1; the paper does not say.
        activation: σ.
        initialization: how the weights are drawn.

    Raises:
        InputError: no neurons, no blocks, or α outside (0, 1).

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, Eq. 11 and Table I.

    >>> network = AdaptiveResNet().initialize(jax.random.key(0), n_inputs=4)
    >>> network(jnp.zeros((4, 7))).shape, count_weights(network)
    ((2, 7), 2030)
    >>> network.alphas.tolist()
    [0.5, 0.5, 0.5]
    """

    width: int = 15
    blocks: int = 3
    initial_alpha: float = 0.5
    activation: Activation = jnp.tanh
    initialization: Initialization = field(default_factory=Xavier)

    def __post_init__(self):
        check_count(self.width, "width")
        check_count(self.blocks, "blocks")
        check_number(self.initial_alpha, "initial_alpha", above=0, below=1)

    def initialize(
        self, key: Array, n_inputs: int, dtype: Any = "float32"
    ) -> AdaptiveResidualNetwork:
        """Return a network with freshly drawn weights."""
        sizes = [n_inputs, *[self.width] * (3 * self.blocks), N_OUTPUTS]
        layers = _draw_layers(key, sizes, self.initialization, dtype)
        logit = jnp.asarray(math.log(self.initial_alpha / (1 - self.initial_alpha)), dtype)
        blocks = tuple(
            AdaptiveBlock(inner, outer, logit, self.activation)
            for inner, outer in zip(layers[1:-1:3], layers[2:-1:3], strict=True)
        )
        return AdaptiveResidualNetwork(tuple(layers[0:-1:3]), blocks, layers[-1], self.activation)


def count_weights(network: Network) -> int:
    """Return how many numbers are trained.

    >>> count_weights(AdaptiveResNet(blocks=1).initialize(jax.random.key(0), 4))
    588
    """
    return sum(leaf.size for leaf in jax.tree.leaves(network))


def _draw_layers(
    key: Array, sizes: list[int], initialization: Initialization, dtype: Any
) -> list[Layer]:
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        Layer(initialization.draw(one, n_out, n_in, dtype), jnp.zeros(n_out, dtype))
        for one, n_in, n_out in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]
