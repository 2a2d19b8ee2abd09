"""What one training step looks at: windows of whole maps, single points, or everything."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from .._checks import check_count
from .._errors import InputError
from ._time_stencils import N_POINTS


class WindowBatch(eqx.Module):
    """Runs of consecutive instants at all nodes.

    Attributes:
        starts: (n_windows,) first instant that is evaluated.
        offsets: (n_windows,) place of the first collocation instant among the evaluated ones.
        weights: (n_windows, length) how much collocation instants count: 0 off the beat, else
            such that the mean over all windows that may be drawn is 1.
        n_evaluated: evaluated instants of a window, the halo for time stencils included.
    """

    starts: Int[Array, " n_windows"]
    offsets: Int[Array, " n_windows"]
    weights: Float[Array, "n_windows length"]
    n_evaluated: int = eqx.field(static=True)

    @property
    def instants(self) -> Int[Array, "n_windows n_evaluated"]:
        """Instants that are evaluated; the data are compared at these too."""
        return self.starts[:, None] + jnp.arange(self.n_evaluated)

    @property
    def length(self) -> int:
        """Collocation instants of a window."""
        return self.weights.shape[1]


class PointBatch(eqx.Module):
    """Single points in space and time, and some whole maps for the data.

    Attributes:
        nodes: (n_points,) node of each point.
        instants: (n_points,) instant of each point.
        data_instants: (n_maps,) instants at which the data are compared.
    """

    nodes: Int[Array, " n_points"]
    instants: Int[Array, " n_points"]
    data_instants: Int[Array, " n_maps"]


Batch = WindowBatch | PointBatch


@runtime_checkable
class Collocation(Protocol):
    """A frozen rule that draws what one training step looks at."""

    def draw(self, key: Array, n_nodes: int, n_times: int, halo: int) -> Batch:
        """Return a batch (pure JAX; ``halo`` instants to either side serve time stencils only)."""
        ...


@dataclass(frozen=True)
class Windows:
    """Draw runs of consecutive instants, at all nodes, that share the points of their stencils.

    A window of 8 instants needs 12 maps for 8 residuals by Eq. 17, where separate instants need
    40. Windows may hang over both ends of the beat, where they are cut: then every instant is
    equally likely to be constrained, the first and last two by Eq. 18.

    Args:
        n_windows: windows in a step.
        length: collocation instants of a window.
        stratified: whether the k-th window is drawn from the k-th of n_windows equal parts of the
            beat, which covers it more evenly than independent windows.

    Raises:
        InputError: no windows, no instants, or (when used) windows longer than the beat.

    >>> batch = Windows(2, 8).draw(jax.random.key(0), 1094, 661, halo=2)
    >>> batch.instants.shape, batch.length
    ((2, 12), 8)
    """

    n_windows: int = 6
    length: int = 8
    stratified: bool = True

    def __post_init__(self):
        check_count(self.n_windows, "n_windows")
        check_count(self.length, "length")

    def draw(self, key: Array, n_nodes: int, n_times: int, halo: int) -> WindowBatch:
        """Return a batch."""
        n_evaluated = self.length + 2 * halo
        _require_instants(n_times, n_evaluated, "a shorter Windows(length=...)")
        # A window starts anywhere from its last instant on the beat's first to its first on the
        # last: each instant is then in a window with the same probability.
        n_places = n_times + self.length - 1
        shares = jax.random.uniform(key, (self.n_windows,))
        if self.stratified:
            shares = (jnp.arange(self.n_windows) + shares) / self.n_windows
        first = jnp.minimum(jnp.floor(shares * n_places), n_places - 1).astype(jnp.int32)
        first = first - (self.length - 1)
        starts = jnp.clip(first - halo, 0, n_times - n_evaluated)
        offsets = jnp.clip(first - starts, 0, 2 * halo)
        instants = (starts + offsets)[:, None] + jnp.arange(self.length)
        inside = (instants >= first[:, None]) & (instants < first[:, None] + self.length)
        weights = inside.astype(jnp.float32) * (n_places / n_times)
        return WindowBatch(starts, offsets, weights, n_evaluated)


@dataclass(frozen=True)
class FullGrid:
    """Look at all nodes and instants in every step (large: 723,000 points in the paper's case).

    >>> FullGrid().draw(jax.random.key(0), 42, 20, halo=2).instants.shape
    (1, 20)
    """

    def draw(self, key: Array, n_nodes: int, n_times: int, halo: int) -> WindowBatch:
        """Return the batch; the key is not used."""
        _require_instants(n_times, N_POINTS, "more instants")
        nothing = jnp.zeros(1, jnp.int32)
        return WindowBatch(nothing, nothing, jnp.ones((1, n_times)), n_times)


@dataclass(frozen=True)
class RandomPoints:
    """Draw points from all pairs of node and instant, as the paper does, anew in every step.

    Numerical derivatives evaluate the network at every point's neighbors and at five instants:
    about thirteen evaluations for one residual, against 1.5 with `Windows`.

    Args:
        n_points: collocation points in a step.
        n_data_instants: instants at which the data are compared in a step.

    Raises:
        InputError: no points, or no instants.

    >>> RandomPoints(100).draw(jax.random.key(0), 1094, 661, halo=2).nodes.shape
    (100,)
    """

    n_points: int = 1000
    n_data_instants: int = 16

    def __post_init__(self):
        check_count(self.n_points, "n_points")
        check_count(self.n_data_instants, "n_data_instants")

    def draw(self, key: Array, n_nodes: int, n_times: int, halo: int) -> PointBatch:
        """Return a batch."""
        _require_instants(n_times, 2 * halo + 1, "more instants")
        where, when, data = jax.random.split(key, 3)
        return PointBatch(
            jax.random.randint(where, (self.n_points,), 0, n_nodes),
            jax.random.randint(when, (self.n_points,), 0, n_times),
            _data_instants(data, self.n_data_instants, n_times),
        )


@dataclass(frozen=True)
class FixedPoints:
    """Look at the same N_c points in every step, for studies of what few points can do.

    Args:
        n_points: N_c, different pairs of node and instant.
        seed: of the draw of the points.
        per_step: how many of them one step looks at, drawn anew; all by default.
        n_data_instants: instants at which the data are compared in a step.

    Raises:
        InputError: no points, or (when used) more points than the beat has.

    >>> FixedPoints(100, seed=3).chosen(1094, 661).sum()
    np.int64(100)
    """

    n_points: int
    seed: int = 0
    per_step: int | None = None
    n_data_instants: int = 16

    def __post_init__(self):
        check_count(self.n_points, "n_points")
        check_count(self.n_data_instants, "n_data_instants")
        if self.per_step is not None:
            check_count(self.per_step, "per_step")

    def chosen(self, n_nodes: int, n_times: int) -> Bool[np.ndarray, "n_nodes n_times"]:
        """Return which pairs of node and instant are collocation points."""
        mask = np.zeros(n_nodes * n_times, dtype=bool)
        mask[_fixed(self.n_points, self.seed, n_nodes * n_times)] = True
        return mask.reshape(n_nodes, n_times)

    def draw(self, key: Array, n_nodes: int, n_times: int, halo: int) -> PointBatch:
        """Return a batch."""
        _require_instants(n_times, 2 * halo + 1, "more instants")
        which, data = jax.random.split(key)
        flat = jnp.asarray(_fixed(self.n_points, self.seed, n_nodes * n_times))
        if self.per_step is not None and self.per_step < self.n_points:
            flat = flat[jax.random.randint(which, (self.per_step,), 0, self.n_points)]
        return PointBatch(
            flat // n_times, flat % n_times, _data_instants(data, self.n_data_instants, n_times)
        )


@lru_cache(maxsize=8)
def _fixed(n_points: int, seed: int, n_all: int) -> Int[np.ndarray, " n_points"]:
    if n_points > n_all:
        raise InputError("n_points", found=str(n_points), expected=f"at most {n_all}")
    flat = np.random.default_rng(seed).choice(n_all, size=n_points, replace=False)
    return np.sort(flat).astype(np.int32)


def _data_instants(key: Array, count: int, n_times: int) -> Int[Array, " n_maps"]:
    # One from each of as many equal parts of the beat.
    shares = (jnp.arange(count) + jax.random.uniform(key, (count,))) / count
    return jnp.minimum((shares * n_times).astype(jnp.int32), n_times - 1)


def _require_instants(n_times: int, needed: int, advice: str) -> None:
    if n_times < needed:
        raise InputError(
            "problem",
            found=f"{n_times} instants",
            expected=f"at least {needed}",
            advice=f"Use {advice}.",
        )
