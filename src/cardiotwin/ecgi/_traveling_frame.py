"""A network that is told how long ago the wave arrived: the front stands still in its inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from .._checks import check_number
from .._errors import InputError
from .._types import Potentials
from ..tissue import PlaneWave
from ._network_inputs import PreparedInputs
from ._networks import Network
from ._problem import InverseProblem
from ._reconstruction import InverseMethod
from ._tikhonov import Tikhonov
from ._traveling_wave import TravelingWave


class TravelingNetwork(eqx.Module):
    """A network in the frame of the wave: (space, (t − τ)/s, t) ↦ (u, v), with τ trained along.

    Attributes:
        network: what maps the inputs to (u, v).
        arrival_tu: (n_nodes,) τ, time units since the middle of the recording.
        scale_tu: s.
        per_tu: scaled time per time unit, as in the inputs.
    """

    network: Network
    arrival_tu: Float[Array, "*runs n_nodes"]
    scale_tu: float = eqx.field(static=True)
    per_tu: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, "n_inputs n_points"]) -> Float[Array, "2 n_points"]:
        """Return (u, v); the last two rows of the inputs are τ and the scaled time."""
        elapsed = (x[-1:] / self.per_tu - x[-2:-1]) / self.scale_tu
        return self.network(jnp.concatenate([x[:-2], elapsed, x[-1:]]))

    def told(self, inputs: PreparedInputs) -> PreparedInputs:
        """Return the inputs with τ as a further feature of the nodes."""
        space = jnp.concatenate([inputs.space, self.arrival_tu[None].astype(inputs.space.dtype)])
        return PreparedInputs(space, inputs.time, None, inputs.per_tu)

    @property
    def alphas(self) -> Float[Array, "*runs n_blocks"]:
        """α of every residual block."""
        return self.network.alphas


@dataclass(frozen=True, eq=False)
class TravelingFrame:
    """Tell the network the time since the wave arrived at the node, (t − τ)/s, beside space and t.

    An action potential that travels is a function of the time since its arrival and of little
    else, while in space and time it is a steep front that moves. With τ as an input the network
    has only the rest to learn, and τ, one number a node, is trained with it. τ starts where the
    tissue model's plane wave (`tissue.plane_wave`) fits the potentials of a classical method best,
    and the network starts as that wave; so there is no start from noise that could be a bad one.
    Several beats in one recording, or re-entry, have no single τ: leave the frame out there.

    Several starts may be given: that is taken whose wave explains the leads best. (A prior of
    traveling waves is the best start where the operator is right, and a bad one where it is not.)

    Args:
        starts: methods whose potentials tell the first τ.
        scale_tu: s in time units; about twice the width of the front and its wake.

    Raises:
        InputError: a scale that is not positive.

    Source: own; the idea of a moving frame is that of the traveling-wave ansatz u(x − ct).

    >>> TravelingFrame().scale_tu
    5.0
    """

    starts: Sequence[InverseMethod] = field(
        default_factory=lambda: (TravelingWave(uncertainty=False), Tikhonov(uncertainty=False))
    )
    scale_tu: float = 5.0

    def __post_init__(self):
        check_number(self.scale_tu, "scale_tu", above=0)
        if not self.starts:
            raise InputError("starts", found="none", expected="at least one inverse method")

    def first_wave(
        self, problem: InverseProblem, times_tu: Float[np.ndarray, " n_times"], wave: PlaneWave
    ) -> tuple[Float[np.ndarray, " n_nodes"], Float[np.ndarray, "2 n_nodes n_times"]]:
        """Return the arrival times of the best start, and (u, v) of plane waves that arrive then.

        Args:
            problem: what is to be solved.
            times_tu: (n_times,) instants since the first, time units.
            wave: shape of the wave.
        """
        found = []
        for start in self.starts:
            arrival = fit_arrival_times(start.solve(problem).heart_potentials, times_tu, wave)
            fields = wave_at(arrival, times_tu, wave)
            misfit = float(np.linalg.norm(problem.data - problem.matrix @ fields[0]))
            found.append((misfit, arrival, fields))
        _, arrival, fields = min(found, key=lambda one: one[0])
        return arrival, fields

    def wrap(
        self, network: Network, arrival_tu: Float[np.ndarray, " n_nodes"], inputs: PreparedInputs
    ) -> TravelingNetwork:
        """Return the network in the frame of a wave that arrives at given times.

        Args:
            network: with two inputs more than ``inputs`` has features: (t − τ)/s and t.
            arrival_tu: (n_nodes,) τ, time units since the first instant.
            inputs: what the network is told otherwise.
        """
        middle = -float(inputs.time[0]) / inputs.per_tu
        arrival = jnp.asarray(arrival_tu - middle, inputs.space.dtype)
        return TravelingNetwork(network, arrival, self.scale_tu, inputs.per_tu)


def fit_arrival_times(
    potentials: Potentials, times_tu: Float[np.ndarray, " n_times"], wave: PlaneWave
) -> Float[np.ndarray, " n_nodes"]:
    """Return when a plane wave must arrive at each node to fit its potentials best.

    min_τ Σ_t (u(t) − U(t − τ))²: the whole action potential counts, not one threshold crossing.

    Args:
        potentials: (n_nodes, n_times) in the tissue model's unit (0 at rest, about 1 at the peak).
        times_tu: (n_times,) evenly spaced instants, time units.
        wave: the shape U.

    >>> from cardiotwin.tissue import AlievPanfilov, plane_wave
    >>> wave = plane_wave(AlievPanfilov(), diffusion=10.0, duration_tu=40.0)
    >>> times = np.arange(0, 30, 0.5)
    >>> u = wave.at(times - np.array([[5.0], [12.3]]))[0]
    >>> fit_arrival_times(u, times, wave).round(1).tolist()
    [5.0, 12.3]
    """
    step = float(times_tu[1] - times_tu[0])
    # Waves may have come before the recording or come only at its end.
    candidates = np.arange(times_tu[0] - 20 * step, times_tu[-1] + step, step)
    shapes = wave.at(times_tu - candidates[:, None])[0]
    cost = (shapes**2).sum(axis=1) - 2 * potentials @ shapes.T
    best = np.clip(cost.argmin(axis=1), 1, len(candidates) - 2)
    left, middle, right = (
        np.take_along_axis(cost, (best + shift)[:, None], axis=1)[:, 0] for shift in (-1, 0, 1)
    )
    bend = left - 2 * middle + right
    offset = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=bend > 0)
    return candidates[best] + step * np.clip(offset, -1, 1)


def wave_at(
    arrival_tu: Float[np.ndarray, " n_nodes"],
    times_tu: Float[np.ndarray, " n_times"],
    wave: PlaneWave,
    dtype: Any = "float32",
) -> Float[np.ndarray, "2 n_nodes n_times"]:
    """Return (u, v) of plane waves that arrive at given times."""
    return np.stack(wave.at(times_tu - arrival_tu[:, None])).astype(dtype)
