"""Ionic models: how the membrane of one node reacts, without its neighbors."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from .._checks import check_array, check_number
from .._types import ArrayLike

MS_PER_TU = 12.9
"""Milliseconds in one dimensionless time unit of the Aliev–Panfilov model (facts of the 1996
paper: 1 time unit ≈ 12.9 ms; membrane voltage ≈ 100 u − 80 mV)."""


@runtime_checkable
class IonicModel(Protocol):
    """What every ionic model offers: a reaction, a resting state, and how fast it can be."""

    @property
    def rest(self) -> tuple[float, float]:
        """Resting values (u, v)."""
        ...

    def fastest_rate(self) -> float:
        """Bound of |∂(du/dt)/∂u| over the range of an action potential, per time unit."""
        ...

    def reaction(self, u: Any, v: Any) -> tuple[Any, Any]:
        """Return (du/dt, dv/dt) without diffusion."""
        ...

    def front_thickness(self, diffusion: float) -> float:
        """Distance in mm from 10 % to 90 % of a plane front."""
        ...


def _scalar_or_nodes(value: Any, where: str, *, at_least: float, above: float) -> Any:
    if isinstance(value, jax.Array):  # also a tracer, when a gradient runs through a parameter
        return value
    array = np.asarray(value)
    if array.ndim == 0:
        return check_number(value, where, at_least=at_least, above=above)
    array = check_array(value, where, shape=("n_nodes",)).copy()
    worst = float(array.min(initial=np.inf))
    check_number(worst if array.size else 0.0, f"{where} (its minimum)", at_least=at_least)
    if worst <= above:
        check_number(worst, f"{where} (its minimum)", above=above)
    array.flags.writeable = False
    return array


def _as_pytree(model: type) -> type:
    """Let JAX look into a model: its parameters are traced, so that new values need no compile."""
    names = [field.name for field in fields(model)]

    def flatten(instance: Any):
        return tuple(getattr(instance, name) for name in names), None

    def unflatten(_: None, values: tuple):
        instance = object.__new__(model)  # the values may be tracers: no checks here
        for name, value in zip(names, values, strict=True):
            object.__setattr__(instance, name, value)
        return instance

    jax.tree_util.register_pytree_node(model, flatten, unflatten)
    return model


@_as_pytree
@dataclass(frozen=True, eq=False)
class AlievPanfilov:
    """The two-variable Aliev–Panfilov membrane.

    du/dt = k u (u − a)(1 − u) − u v
    dv/dt = ξ(u, v) (−v − k u (u − a − 1)),  ξ = e0 + μ1 v / (u + μ2)

    u is the normalized transmembrane potential (0 rest, 1 peak), v the recovery variable.
    The diffusion term belongs to the tissue: Eq. 1 of Zhu, Bilchick and Xie prints
    ``∇·(D∇u) u``; the factor u after the divergence is a misprint and is left out.

    Args:
        a: excitability threshold, dimensionless.
        k: strength of the fast current, per time unit.
        e0: slow recovery rate, per time unit.
        mu1: gain of the recovery rate, per time unit.
        mu2: offset of the recovery rate, dimensionless.

    Each may be a number, an array of one value a node, or a JAX array (for gradients).

    Raises:
        InputError: a parameter is negative, not finite, or (mu2) not positive.

    Source: Aliev and Panfilov, Chaos Solitons Fractals 1996;7:293; parameters of Zhu, Bilchick
    and Xie, Sci Rep 2025;15:31747 (Eq. 1 and 2).

    >>> du, dv = AlievPanfilov().reaction(0.5, 0.0)
    >>> round(du, 6), round(dv, 6)
    (0.8, 0.0048)
    """

    a: ArrayLike | Array = 0.1
    k: ArrayLike | Array = 8.0
    e0: ArrayLike | Array = 0.002
    mu1: ArrayLike | Array = 0.3
    mu2: ArrayLike | Array = 0.3

    variables: ClassVar[tuple[str, str]] = ("potential", "recovery")

    def __post_init__(self):
        for name in ("a", "k", "e0", "mu1", "mu2"):
            above = 0.0 if name == "mu2" else -np.inf
            value = _scalar_or_nodes(getattr(self, name), name, at_least=0.0, above=above)
            object.__setattr__(self, name, value)

    @property
    def rest(self) -> tuple[float, float]:
        """Resting values (u, v) = (0, 0)."""
        return 0.0, 0.0

    def fastest_rate(self) -> float:
        """Bound of |∂(du/dt)/∂u|: k (1 − a) at u = 1, plus the largest v = k (1 + a)² / 4."""
        a, k = np.asarray(self.a), np.asarray(self.k)
        return float(np.max(k * np.maximum(1 - a, a) + k * (1 + a) ** 2 / 4))

    def reaction(self, u: Any, v: Any) -> tuple[Any, Any]:
        """Return (du/dt, dv/dt) without diffusion, for numbers, NumPy or JAX arrays."""
        a, k = self.a, self.k
        du = u * (k * (u - a) * (1 - u) - v)
        dv = (self.e0 + self.mu1 * v / (u + self.mu2)) * (-v - k * u * (u - a - 1))
        return du, dv

    def plane_wave_speed(self, diffusion: float) -> float:
        """Speed of a plane front in fully recovered tissue, (1 − 2a) sqrt(kD/2).

        Args:
            diffusion: D in mm² per time unit.

        Returns:
            mm per time unit (exact for v = 0; the slow recovery makes it about 0.3 % slower).

        >>> round(AlievPanfilov().plane_wave_speed(10.0), 2)
        5.06
        """
        return float(np.mean((1 - 2 * np.asarray(self.a)) * np.sqrt(np.asarray(self.k) / 2))) * (
            diffusion**0.5
        )

    def front_thickness(self, diffusion: float) -> float:
        """Distance in mm from 10 % to 90 % of a plane front, 2 ln 9 sqrt(2D/k).

        A mesh whose edges are as long as this makes waves too slow (16 % in one dimension).

        >>> round(AlievPanfilov().front_thickness(10.0), 2)
        6.95
        """
        fastest = np.maximum(np.mean(np.asarray(self.k)), 1e-12)
        return float(2 * np.log(9) * np.sqrt(2 * diffusion / fastest))


@_as_pytree
@dataclass(frozen=True, eq=False)
class MitchellSchaeffer:
    """The two-variable Mitchell–Schaeffer membrane, for tests with another model than the truth.

    du/dt = h u² (1 − u) / τ_in − u / τ_out
    dh/dt = (1 − h) / τ_open  if u < u_gate,  else  −h / τ_close

    The second variable is the gate h (1 at rest). Times are in time units of 12.9 ms. The gate's
    constants are the published 120 and 150 ms. The two membrane constants keep their published
    ratio of 20, which fixes the duration of the action potential (τ_close ln(τ_out / 4τ_in) =
    241 ms), but are 5.4 times longer than published: with D = 10 mm² per time unit the front
    then travels at 5.3 mm per time unit and is 7 mm thick, about as in the Aliev–Panfilov
    model, and meshes of 6 mm edges can carry it. `published` gives the original constants.

    Args:
        tau_in: inward (fast) time constant, time units.
        tau_out: outward (leak) time constant, time units.
        tau_open: time constant of recovery, time units.
        tau_close: time constant of the plateau, time units.
        gate: potential at which the gate switches, dimensionless.

    Raises:
        InputError: a parameter is not positive or not finite.

    Source: Mitchell and Schaeffer, Bull Math Biol 2003;65:767 (Eq. 2.1-2.4).

    >>> du, dh = MitchellSchaeffer().reaction(0.0, 1.0)
    >>> float(du), float(dh)
    (0.0, 0.0)
    """

    tau_in: ArrayLike | Array = 0.125
    tau_out: ArrayLike | Array = 2.5
    tau_open: ArrayLike | Array = 120 / MS_PER_TU
    tau_close: ArrayLike | Array = 150 / MS_PER_TU
    gate: ArrayLike | Array = 0.13

    variables: ClassVar[tuple[str, str]] = ("potential", "gate")

    def __post_init__(self):
        for name in ("tau_in", "tau_out", "tau_open", "tau_close", "gate"):
            value = _scalar_or_nodes(getattr(self, name), name, at_least=0.0, above=0.0)
            object.__setattr__(self, name, value)

    @classmethod
    def published(cls) -> "MitchellSchaeffer":
        """Return the constants of the paper: 0.3, 6, 120 and 150 ms, gate 0.13.

        The front is then 5.4 times steeper in time: use D ≈ 1.7 and edges below 1 mm.

        >>> round(MitchellSchaeffer.published().tau_in * MS_PER_TU, 6)
        0.3
        """
        return cls(tau_in=0.3 / MS_PER_TU, tau_out=6 / MS_PER_TU)

    @property
    def rest(self) -> tuple[float, float]:
        """Resting values (u, h) = (0, 1)."""
        return 0.0, 1.0

    def fastest_rate(self) -> float:
        """Bound of |∂(du/dt)/∂u| on [0, 1]: 1/τ_in + 1/τ_out at u = 1, h = 1."""
        return float(np.max(1 / np.asarray(self.tau_in) + 1 / np.asarray(self.tau_out)))

    def reaction(self, u: Any, v: Any) -> tuple[Any, Any]:
        """Return (du/dt, dh/dt) without diffusion; ``v`` is the gate h."""
        du = v * u * u * (1 - u) / self.tau_in - u / self.tau_out
        dh = jnp.where(u < self.gate, (1 - v) / self.tau_open, -v / self.tau_close)
        return du, dh

    def plane_wave_speed(self, diffusion: float) -> float:
        """Speed of a plane front with the gate open, (u₂ − 2u₁) sqrt(D / 2τ_in).

        u₁ < u₂ are the roots of u (1 − u) = τ_in / τ_out.

        >>> round(MitchellSchaeffer().plane_wave_speed(10.0), 2)
        5.32
        """
        low, high = self._roots()
        return float(np.mean((high - 2 * low) * np.sqrt(diffusion / 2 / np.asarray(self.tau_in))))

    def front_thickness(self, diffusion: float) -> float:
        """Distance in mm from 10 % to 90 % of a plane front, 2 ln 9 sqrt(2D τ_in) / u₂.

        >>> round(MitchellSchaeffer().front_thickness(10.0), 2)
        7.34
        """
        steepness = np.sqrt(2 * diffusion * np.asarray(self.tau_in)) / self._roots()[1]
        return float(np.mean(2 * np.log(9) * steepness))

    def _roots(self) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        ratio = np.asarray(self.tau_in) / np.asarray(self.tau_out)
        root = np.sqrt(np.maximum(1 - 4 * ratio, 0))
        return np.asarray((1 - root) / 2), np.asarray((1 + root) / 2)
