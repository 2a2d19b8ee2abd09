"""The frozen physics between a network that reads clips and what is known of their patients."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._errors import InputError
from ..circulation._circulation import Circuit
from ..hemodynamics import Surrogate, Unknowns
from ..hemodynamics._surrogate import outputs
from ..hemodynamics._surrogate_box import PRIOR_REACH
from ..hemodynamics._surrogate_outputs import PRIMARIES, loop_times

N_HARMONICS = 5
"""Of the volume over the beat that are compared."""

PERIOD = "period_s"

STRAIGHT = 2.5
"""Standard deviations up to which a coordinate means what its prior says; beyond it is bent, so
that it stays within the box with a derivative that is not 0."""

N_EVEN = 64
"""Instants of a beat from which harmonics are computed."""


class TwinPhysics(eqx.Module):
    """Volumes of a circulation from the coordinates of its parameters.

    The length of the beat is that of the clip, so that it is no unknown here: the reference of
    Med-Real2Sim leaves it to its network, which is not told how fast frames follow each other.

    Attributes:
        unknowns: free parameters with their priors, whose coordinates are standard normal.

    Raises:
        InputError: the length of the beat is not among the parameters.
    """

    unknowns: Unknowns = eqx.field(static=True)

    def __init__(self, unknowns: Unknowns):
        if PERIOD not in unknowns.names:
            raise InputError(
                "unknowns",
                found=", ".join(unknowns.names),
                expected=f"{PERIOD} among them, which every clip tells",
            )
        self.unknowns = unknowns

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that a clip is to tell: the free ones but the length of the beat."""
        return tuple(name for name in self.unknowns.names if name != PERIOD)

    def circuit(self, z: Float[Array, " n_unknowns"], period_s: Any) -> Circuit:
        """Return the parameters at coordinates; none goes beyond three standard deviations.

        Args:
            z: of `names`.
            period_s: length of the beat.
        """
        straight, room = jnp.clip(z, -STRAIGHT, STRAIGHT), PRIOR_REACH - STRAIGHT
        reach = straight + room * jnp.tanh((z - straight) / room)
        values: dict[str, Any] = dict(self.unknowns.fixed.values())
        for index, name in enumerate(self.names):
            values[name] = self.unknowns.priors[name].value(reach[index])
        values[PERIOD] = period_s
        return Circuit(**{name: jnp.asarray(values[name]) for name in Circuit._fields})

    @abstractmethod
    def volumes(
        self, z: Float[Array, " n_unknowns"], period_s: Any
    ) -> tuple[Any, Any, Float[Array, " n_instants"]]:
        """Return largest and smallest volume, and the volume at even instants of the beat, mL.

        Args:
            z: of `names`.
            period_s: length of the beat.
        """

    def linearized(
        self, function: Callable[[Any], Any], z: Float[Array, " n_unknowns"]
    ) -> tuple[Any, Callable[[Any], Any]]:
        """Return a function of the volumes at coordinates, and its derivative as a linear map.

        Args:
            function: of coordinates, through `volumes`.
            z: of `names`.
        """
        return jax.linearize(function, z)


class SurrogatePhysics(TwinPhysics):
    """The circulation as a trained surrogate knows it.

    Attributes:
        weights: what the surrogate has learned of the simulator; not trained further.
        box: where it holds.

    Raises:
        InputError: the surrogate was trained in a box that does not hold the unknowns up to three
            standard deviations, and as `TwinPhysics`.
    """

    weights: Any
    box: Any = eqx.field(static=True)

    def __init__(self, surrogate: Surrogate, unknowns: Unknowns):
        super().__init__(unknowns)
        ends = np.outer([-PRIOR_REACH, PRIOR_REACH], np.ones(len(unknowns.names)))
        surrogate.box.check(unknowns.circulation(ends))
        # Single precision, in which clips are read.
        self.weights = jax.tree.map(
            lambda leaf: jnp.asarray(leaf, jnp.float32) if eqx.is_array(leaf) else leaf,
            surrogate.weights,
        )
        self.box = surrogate.box

    def volumes(
        self, z: Float[Array, " n_unknowns"], period_s: Any
    ) -> tuple[Any, Any, Float[Array, " n_instants"]]:
        """Return what the surrogate predicts; the length of the beat stays within its box."""
        axis = {axis.name: axis for axis in self.box.axes}[PERIOD]
        circuit = self.circuit(z, jnp.clip(period_s, axis.low, axis.high))
        circuit = Circuit(*(leaf[None] for leaf in circuit))
        found = outputs(self.weights, circuit, self.box)[0]
        total, v0 = circuit.stressed_volume_ml[0], circuit.v0_ml[0]
        named = dict(zip(PRIMARIES, found[: len(PRIMARIES)], strict=True))
        edv = jnp.exp(named["edv"]) * total + v0
        esv = edv - jnp.exp(named["sv"]) * total
        share = self.weights.mean_loop + found[len(PRIMARIES) :] @ self.weights.components
        times = loop_times(circuit.period_s)[0]
        even = jnp.arange(N_EVEN) / N_EVEN * circuit.period_s[0]
        return edv, esv, jnp.interp(even, times, share * total) + v0


def aligned_harmonics(curve: Float[Array, " n_instants"]) -> Float[Array, " n_numbers"]:
    """Return harmonics of a beat, shifted to where the first has its maximum at 0.

    So a beat can be compared with another of which nobody knows when it began.

    Args:
        curve: at even instants of one beat.

    Returns:
        Mean, amplitude of the first, then cosine and sine amplitudes of the second, third, …

    >>> t = np.arange(64) / 64
    >>> beat = 100 + 30 * np.cos(2 * np.pi * (t - 0.3)) + 5 * np.sin(4 * np.pi * (t - 0.3))
    >>> abs(aligned_harmonics(jnp.asarray(beat))[:4]).round(2).tolist()
    [100.0, 30.0, 0.0, 5.0]
    """
    waves = 2.0 * jnp.fft.rfft(curve)[: N_HARMONICS + 1] / len(curve)
    # No amplitude, no angle: its derivative would not be finite.
    first = jnp.where(jnp.abs(waves[1]) < 1e-6, 1e-6, waves[1])
    turned = waves * jnp.conj(first / jnp.abs(first)) ** np.arange(N_HARMONICS + 1)
    rest = turned[2:]
    pairs = jnp.stack([rest.real, -rest.imag], -1).ravel()
    return jnp.concatenate([jnp.stack([0.5 * waves[0].real, turned[1].real]), pairs])
