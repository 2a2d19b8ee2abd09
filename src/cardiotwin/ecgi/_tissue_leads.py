"""From Gaussian coefficients to leads through the simulated tissue, with derivatives."""

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from ..tissue import EdgeDiffusion, IonicModel, State, Stepper, rollout

GAIN_SD = 1.0
"""Prior standard deviation of the logarithm of the gain, about the gain of the start."""

ARRAYS = [
    "model",
    "table",
    "bases",
    "offset",
    "leads",
    "data",
    "onset",
    "gain",
    "step_tu",
    "reach",
]
"""Attributes of `TissueLeads` that compiled code takes as arguments."""

SETTINGS = ["names", "stepper", "steps_per_sample", "free_gain"]
"""Attributes of `TissueLeads` that decide what is compiled."""


@partial(jax.tree_util.register_dataclass, data_fields=ARRAYS, meta_fields=SETTINGS)
@dataclass(frozen=True, eq=False)
class TissueLeads:
    """The map h: coefficients ξ ↦ leads, h(ξ) = g A u(t; u0(ξ), D(ξ), …), as a JAX pytree.

    u0 = sigmoid(offset + B₀ ξ₀). The sigmoid keeps the start between rest and the peak, the only
    states that the membrane models are made for, and makes a patch with a sharp rim a smooth
    field. No stimulus is assumed: any field may come out. Before its onset the tissue rests.

    ξ holds the coefficients of the fields, then whatever a subclass adds (`n_further`), then that
    of the gain if it is free.

    Attributes:
        model: ionic model.
        table: its diffusion D₀ Δ.
        bases: one (n_nodes, n_coefficients) basis for each of ``names``.
        offset: prior mean of the logit of u0.
        leads: (n_leads, n_nodes) A.
        data: (n_times, n_leads).
        onset: sample at which the simulation begins.
        gain: g of the start (or given).
        step_tu: time step.
        reach: farthest value of the second variable minus rest, where its start is unknown.
        names: of the unknown fields; the first is "initial".
        stepper: time stepper without its step.
        steps_per_sample: time steps between two samples.
        free_gain: whether the last coefficient is ln(g / gain).
    """

    model: IonicModel
    table: EdgeDiffusion
    bases: tuple[Float[Array | np.ndarray, "n_nodes ..."], ...]
    offset: Float[Array, ""]
    leads: Float[Array | np.ndarray, "n_leads n_nodes"]
    data: Float[Array | np.ndarray, "n_times n_leads"]
    onset: Int[Array, ""]
    gain: Float[Array, ""]
    step_tu: Float[Array, ""]
    reach: Float[Array, ""]
    names: tuple[str, ...]
    stepper: Stepper
    steps_per_sample: int
    free_gain: bool

    @property
    def n_times(self) -> int:
        """Number of instants."""
        return self.data.shape[0]

    @property
    def n_nodes(self) -> int:
        """Number of heart nodes."""
        return self.leads.shape[1]

    @property
    def parts(self) -> dict[str, Any]:
        """The attributes that every subclass has too, by name."""
        return {item.name: getattr(self, item.name) for item in fields(TissueLeads)}

    @property
    def n_further(self) -> int:
        """Number of coefficients that are neither of a field nor of the gain."""
        return 0

    @property
    def n_coefficients(self) -> int:
        """Length of ξ."""
        return sum(basis.shape[1] for basis in self.bases) + self.n_further + self.free_gain

    def further(self, xi: Any) -> Any:
        """Return the coefficients that are neither of a field nor of the gain."""
        last = len(xi) - self.free_gain
        return xi[last - self.n_further : last]

    def extended(self, xi: Float[np.ndarray, " n_plain"]) -> Float[np.ndarray, " n_coefficients"]:
        """Return coefficients of the plain map with zeros for the further ones."""
        last = len(xi) - self.free_gain
        return np.concatenate([xi[:last], np.zeros(self.n_further), xi[last:]])

    @property
    def slices(self) -> dict[str, slice]:
        """Where the coefficients of each field are in ξ."""
        ends = np.cumsum([0, *(basis.shape[1] for basis in self.bases)])
        return {
            name: slice(int(a), int(b))
            for name, a, b in zip(self.names, ends[:-1], ends[1:], strict=True)
        }

    def fields(self, xi: Any) -> dict[str, Any]:
        """Return B ξ of every unknown field."""
        return {
            name: basis @ xi[part]
            for basis, (name, part) in zip(self.bases, self.slices.items(), strict=True)
        }

    def initial_potential(self, xi: Any) -> Any:
        """Return u0 (pure JAX)."""
        rest = self.model.rest[0]
        return rest + (1 - rest) * jax.nn.sigmoid(
            self.offset + self.bases[0] @ xi[: self.bases[0].shape[1]]
        )

    def gain_of(self, xi: Any) -> Any:
        """Return g."""
        return self.gain * jnp.exp(GAIN_SD * xi[-1]) if self.free_gain else self.gain

    def beginning(self, xi: Any, u0: Any = None) -> tuple[Any, EdgeDiffusion, State]:
        """Return membrane, diffusion and first state, with another u0 where one is given."""
        fields = self.fields(xi)
        model: Any = self.model
        for name, values in fields.items():
            if name not in ("initial", "diffusion", "recovery"):
                model = replace(model, **{name: getattr(model, name) * jnp.exp(values)})
        table = self.table
        if "diffusion" in fields:
            table = table.edge_averaged(jnp.exp(fields["diffusion"]))
        u0 = self.initial_potential(xi) if u0 is None else u0
        v0 = jnp.full_like(u0, model.rest[1])
        if "recovery" in fields:
            v0 = v0 + self.reach * jax.nn.sigmoid(self.offset + fields["recovery"])
        return model, table, State(u0, v0)

    def potentials(self, xi: Any, u0: Any = None) -> Any:
        """Return (n_times, n_nodes) u from the onset on, from another u0 where one is given."""
        model, table, start = self.beginning(xi, u0)
        return rollout(
            model,
            table,
            start,
            stepper=self.stepper,
            step_tu=self.step_tu,
            n_times=self.n_times,
            steps_per_sample=self.steps_per_sample,
        ).u

    def shifted(self, series: Any, before: Any) -> Any:
        """Delay a series (n_times, n) by the onset, with ``before`` until then."""
        started = (jnp.arange(self.n_times) >= self.onset)[:, None]
        return jnp.where(started, jnp.roll(series, self.onset, axis=0), before)

    def predict(self, xi: Any) -> Any:
        """Return h(ξ), (n_times, n_leads)."""
        seen = self.potentials(xi) @ self.leads.T
        rest = self.model.rest[0] * self.leads.sum(axis=1)
        return self.gain_of(xi) * self.shifted(seen, rest)

    def misfit(self, xi: Any) -> Any:
        """Return ‖y − h(ξ)‖²."""
        return ((self.data - self.predict(xi)) ** 2).sum()


@jax.jit
def misfit_and_gradient(tissue: TissueLeads, xi: Any) -> tuple[Any, Any]:
    """Return ‖y − h‖² and its gradient by reverse mode through the simulation."""
    return jax.value_and_grad(tissue.misfit)(xi)


@jax.jit
def residual(tissue: TissueLeads, xi: Any) -> Any:
    """Return y − h."""
    return tissue.data - tissue.predict(xi)


@jax.jit
def directional(tissue: TissueLeads, xi: Any, directions: Any) -> Any:
    """Return ∂h/∂ξ · d for several directions, (n_directions, n_times, n_leads)."""
    return jax.vmap(lambda d: jax.jvp(tissue.predict, (xi,), (d,))[1])(directions)


@jax.jit
def simulated_leads(tissue: TissueLeads, starts: Any, xi: Any) -> Any:
    """Return A u for several initial potentials, (n_starts, n_times, n_leads), onset and gain 1.

    ``xi`` has one row a start for the other unknown fields.
    """
    return jax.vmap(lambda u0, x: tissue.potentials(x, u0) @ tissue.leads.T)(starts, xi)


@jax.jit
def simulated_potentials(tissue: TissueLeads, starts: Any, xi: Any) -> Any:
    """Return g u for several starts, (n_starts, n_times, n_nodes), delayed to the onset."""

    def one(u0: Any, x: Any) -> Any:
        return tissue.gain_of(x) * tissue.shifted(tissue.potentials(x, u0), tissue.model.rest[0])

    return jax.vmap(one)(starts, xi)


def chunk_size(tissue: TissueLeads) -> int:
    """Return how many simulations run at once in about 300 MB."""
    return int(np.clip(300e6 // (16 * tissue.n_times * tissue.n_nodes), 1, 32))
