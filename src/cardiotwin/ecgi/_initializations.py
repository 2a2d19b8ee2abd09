"""How the weights of a network are drawn before training."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
from jax import Array
from jaxtyping import Float

from .._checks import check_number


@runtime_checkable
class Initialization(Protocol):
    """A frozen rule that draws the weight matrix of one layer; biases start at zero."""

    def draw(self, key: Array, n_outputs: int, n_inputs: int, dtype: Any) -> Float[Array, "m n"]:
        """Return (n_outputs, n_inputs) weights."""
        ...


@dataclass(frozen=True)
class Xavier:
    """Draw weights of variance gain² · 2/(n_inputs + n_outputs).

    Args:
        gain: factor on every weight.
        uniform: whether the distribution is uniform instead of normal.

    Raises:
        InputError: a gain that is not positive.

    Source: Glorot and Bengio, AISTATS 2010, Eq. 12 and 16.

    >>> Xavier().draw(jax.random.key(0), 15, 4, "float32").shape
    (15, 4)
    """

    gain: float = 1.0
    uniform: bool = False

    def __post_init__(self):
        check_number(self.gain, "gain", above=0)

    def draw(self, key: Array, n_outputs: int, n_inputs: int, dtype: Any) -> Float[Array, "m n"]:
        """Return (n_outputs, n_inputs) weights."""
        deviation = self.gain * math.sqrt(2 / (n_inputs + n_outputs))
        return _of_deviation(key, (n_outputs, n_inputs), deviation, self.uniform, dtype)


@dataclass(frozen=True)
class LeCun:
    """Draw weights of variance gain²/n_inputs, which keeps the variance of linear units.

    Args:
        gain: factor on every weight.
        uniform: whether the distribution is uniform instead of normal.

    Raises:
        InputError: a gain that is not positive.

    Source: LeCun, Bottou, Orr and Müller, Efficient BackProp (1998), Eq. 16.

    >>> LeCun().draw(jax.random.key(0), 15, 4, "float32").shape
    (15, 4)
    """

    gain: float = 1.0
    uniform: bool = False

    def __post_init__(self):
        check_number(self.gain, "gain", above=0)

    def draw(self, key: Array, n_outputs: int, n_inputs: int, dtype: Any) -> Float[Array, "m n"]:
        """Return (n_outputs, n_inputs) weights."""
        deviation = self.gain / math.sqrt(n_inputs)
        return _of_deviation(key, (n_outputs, n_inputs), deviation, self.uniform, dtype)


@dataclass(frozen=True)
class Orthogonal:
    """Draw gain times a random matrix with orthonormal rows or columns, whichever are fewer.

    Args:
        gain: factor on every weight; 5/3 compensates the mean slope of tanh.

    Raises:
        InputError: a gain that is not positive.

    Source: Saxe, McClelland and Ganguli, ICLR 2014.

    >>> weights = Orthogonal().draw(jax.random.key(0), 15, 15, "float32")
    >>> bool(abs(weights @ weights.T - jax.numpy.eye(15)).max() < 1e-5)
    True
    """

    gain: float = 1.0

    def __post_init__(self):
        check_number(self.gain, "gain", above=0)

    def draw(self, key: Array, n_outputs: int, n_inputs: int, dtype: Any) -> Float[Array, "m n"]:
        """Return (n_outputs, n_inputs) weights."""
        return jax.nn.initializers.orthogonal(self.gain)(key, (n_outputs, n_inputs), dtype)


def _of_deviation(
    key: Array, shape: tuple[int, int], deviation: float, uniform: bool, dtype: Any
) -> Float[Array, "m n"]:
    if uniform:
        reach = deviation * math.sqrt(3)
        return jax.random.uniform(key, shape, dtype, -reach, reach)
    return deviation * jax.random.normal(key, shape, dtype)
