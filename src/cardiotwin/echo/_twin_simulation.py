"""The circulation itself as the frozen physics of twins, in place of a network that imitates it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..circulation._circulation import Circuit
from ..circulation._indices import indices
from ..circulation._sensitivity import differentiable_beat
from ._twin_physics import N_EVEN, TwinPhysics

STEPS = 100
"""Steps a beat: volumes are right to 0.03 mL."""

TOLERANCE = 3e-5
"""Of the periodic beat, relative to the stressed volume; single precision allows about 1e-6."""


class CirculationPhysics(TwinPhysics):
    """The circulation, whose periodic beat is found for every clip of every batch.

    Nothing has to be trained before, and no box of parameters limits it but the reach of their
    priors.
    """

    def volumes(
        self, z: Float[Array, " n_unknowns"], period_s: Any
    ) -> tuple[Any, Any, Float[Array, " n_instants"]]:
        """Return volumes of the periodic beat."""
        circuit = Circuit(*(jnp.asarray(leaf)[None] for leaf in self.circuit(z, period_s)))
        trace, _ = differentiable_beat(circuit, None, STEPS, TOLERANCE)
        found = indices(trace, circuit)
        even = jnp.arange(N_EVEN) / N_EVEN * circuit.period_s[0]
        curve = jnp.interp(even, trace.times[:, 0], trace.states[0][:, 0]) + circuit.v0_ml[0]
        return found.edv_ml[0], found.esv_ml[0], curve

    def linearized(
        self, function: Callable[[Any], Any], z: Float[Array, " n_unknowns"]
    ) -> tuple[Any, Callable[[Any], Any]]:
        """Return f(z) and its derivative f′, which is taken as constant.

        Gradients of f(z) are exact, and those of f′ L in L; that of f′ in z, a second derivative
        of the circulation, is left out. So a beat is simulated once for a clip, forward, with as
        many tangents as there are unknowns.
        """
        at = lax.stop_gradient(z)
        value, along = jax.linearize(function, at)
        slopes = lax.stop_gradient(jax.vmap(along, out_axes=-1)(jnp.eye(len(z), dtype=z.dtype)))
        return value + slopes @ (z - at), lambda tangent: slopes @ tangent
