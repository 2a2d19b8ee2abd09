"""A network of the phase of the beat, and what it is trained on: data, prior, equations."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..circulation import PARAMETERS
from ..circulation._circulation import Circuit
from ._priors import Prior
from ._waveform_physics import Scales, Waves, scaled_residuals
from ._waveforms import WaveformData

FARTHEST = 4.0
"""Standard deviations of the prior that a parameter may lie from its median."""

PRESSURE_MMHG, PRESSURE_SPREAD_MMHG = 95.0, 25.0
"""Where pressures of the network begin, and what one unit of its output is."""


class PeriodicNetwork(eqx.Module):
    """Phase of the beat ↦ four numbers, exactly periodic; and the parameters of the circulation.

    The inputs are cos and sin of 2πkφ, k = 1 … K, divided by √k so that a network begins smooth.

    Attributes:
        layers: multilayer perceptron with tanh.
        coordinates: (n_unknowns,) of the parameters, before `FARTHEST` limits them.
        patient: whose network it is: row of the data.
    """

    layers: eqx.nn.MLP
    coordinates: Any
    patient: Any

    @classmethod
    def make(
        cls, harmonics: int, width: int, depth: int, n_unknowns: int, key: Any
    ) -> "PeriodicNetwork":
        """Return a network with random weights and the parameters of the priors' medians."""
        layers = eqx.nn.MLP(
            2 * harmonics, 4, width, depth, activation=jnp.tanh, key=key, dtype=jnp.float32
        )
        return cls(layers, jnp.zeros(n_unknowns, jnp.float32), jnp.int32(0))

    def __call__(self, phase: Float[Any, ""]) -> Float[Any, "4"]:
        """Return four numbers of order one."""
        k = jnp.arange(1, self.layers.in_size // 2 + 1)  # type: ignore[operator]
        angle, size = 2 * jnp.pi * k * phase, 1 / jnp.sqrt(k)
        features = jnp.concatenate([size * jnp.cos(angle), size * jnp.sin(angle)])
        return self.layers(features.astype(phase.dtype))


class PinnObjective(eqx.Module):
    """Squares of misfit, prior and equations, for the patient whose network it is given.

    Attributes:
        data: of all patients.
        fixed: parameters that are not sought.
        softness: of the valves, mmHg.
        mean_ml: (n_patients,) of the volumes.
        spread_ml: (n_patients,).
        counts: (n_patients,) volumes measured.
        priors: of the unknowns, by name.
        points: instants at which the equations are asked for.
        cuff: whether any patient has a cuff pressure.
    """

    data: WaveformData
    fixed: Circuit
    softness: Any
    mean_ml: Any
    spread_ml: Any
    counts: Any
    priors: tuple[tuple[str, Prior], ...] = eqx.field(static=True)
    points: int = eqx.field(static=True)
    cuff: bool = eqx.field(static=True)

    def draw(self, key: Any) -> Any:
        """Return phases: equidistant with one random shift, so that no instant is left out."""
        shift = jax.random.uniform(key, (), self.data.times_s.dtype)
        return (jnp.arange(self.points) + shift) / self.points

    def coordinates(self, network: PeriodicNetwork) -> Any:
        """Return how many standard deviations the parameters lie from the priors' medians."""
        return FARTHEST * jnp.tanh(network.coordinates / FARTHEST)

    def circuit(self, network: PeriodicNetwork) -> Circuit:
        """Return the parameters in physical units."""
        z = self.coordinates(network)
        own = self.fixed._asdict() | {"period_s": self.data.period_s[network.patient]}
        for index, (name, prior) in enumerate(self.priors):
            own[name] = jnp.clip(prior.value(z[index]), *PARAMETERS[name].limits)
        # Far from anybody Emin may pass Emax; the half of Emax keeps a contraction.
        own["emin"] = jnp.minimum(own["emin"], 0.5 * own["emax"])
        return Circuit(**own)

    def scales(self, network: PeriodicNetwork) -> Scales:
        """Return the units of the residuals: twice the volumes' spread in a beat, and 3 mmHg."""
        spread, period = self.spread_ml[network.patient], self.data.period_s[network.patient]
        return Scales(2 * spread / period, 3.0)

    def waves(self, network: PeriodicNetwork, circuit: Circuit, time: Any) -> Waves:
        """Return the states at one instant; the atrium holds what the others leave of the blood.

        Cr P_LA = Vtot − (V − Vd) − Cs P_A − Ca P_Ao: conservation is built in.
        """
        y, c = network(time / circuit.period_s), circuit
        mean, spread = self.mean_ml[network.patient], self.spread_ml[network.patient]
        stressed = mean - c.v0_ml + 2 * spread * y[0]
        arterial = PRESSURE_MMHG + PRESSURE_SPREAD_MMHG * y[1]
        aortic = PRESSURE_MMHG + PRESSURE_SPREAD_MMHG * y[2]
        rest = c.stressed_volume_ml - stressed
        rest = rest - c.arterial_compliance * arterial - c.aortic_compliance * aortic
        flow = self.scales(network).flow * (1 + 2 * y[3])
        return Waves(stressed, rest / c.atrial_compliance, arterial, aortic, flow)

    def waves_and_rates(
        self, network: PeriodicNetwork, circuit: Circuit, times: Float[Any, " n_times"]
    ) -> tuple[Waves, Waves]:
        """Return states and their exact derivatives in time, (n_times,) each."""

        def one(time: Any) -> Any:
            def at(t: Any) -> Waves:
                return self.waves(network, circuit, t)

            return jax.jvp(at, (time,), (jnp.ones_like(time),))

        return jax.vmap(one)(times)

    def residuals(self, parameters: PeriodicNetwork, batch: Any) -> dict[str, Any]:
        """Return misfits, coordinates and equations, and the cuff's misfits where there are any.

        All but the equations are divided by the root of the number of volumes: a pressure, and a
        standard deviation of the prior, count as much as one volume.
        """
        network, phases = parameters, batch
        circuit, row = self.circuit(network), network.patient
        own = WaveformData(*(None if leaf is None else leaf[row] for leaf in self.data))
        # Parts are sums of squares: divided by this, a mean over the volumes.
        root = jnp.sqrt(self.counts[row])
        at = jax.vmap(lambda t: self.waves(network, circuit, t).stressed)(own.times_s)
        misfit = (at + circuit.v0_ml - own.volumes_ml) * own.volume_weights
        times = phases * circuit.period_s
        waves, rates = self.waves_and_rates(network, circuit, times)
        scaled = scaled_residuals(times, waves, rates, circuit, self.scales(network), self.softness)
        parts = {
            "data": misfit / root,
            "prior": self.coordinates(network) / root,
            "physics": jnp.stack(scaled) / jnp.sqrt(phases.size * 1.0).astype(phases.dtype),
        }
        if self.cuff:
            pressure = waves.aortic
            said = jnp.stack([pressure.max(), pressure.min(), pressure.mean()])
            parts["cuff"] = (said - own.cuff_mmhg) * own.cuff_weights / root
        return parts


def as_kind(tree: Any, kind: Any) -> Any:
    """Return the tree with all real arrays in one precision."""

    def convert(leaf: Any) -> Any:
        if eqx.is_inexact_array(leaf) or isinstance(leaf, (float, np.ndarray, np.floating)):
            return jnp.asarray(leaf, kind)
        return leaf

    return jax.tree.map(convert, tree)
