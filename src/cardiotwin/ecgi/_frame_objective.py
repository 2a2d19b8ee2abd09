"""The loss of a network of frames: data, physics by numerical derivatives, simulated truth."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from ..tissue import IonicModel
from ._frame_library import Encoding, Library
from ._networks import Layer
from ._time_stencils import time_derivative

LOWEST = -0.15
"""Potential below which the reaction is that at this potential."""


class FrameLayers(eqx.Module):
    """A multilayer perceptron with x · sigmoid(x) between its layers."""

    layers: tuple[Layer, ...]

    def __call__(self, x: Float[Array, "n_inputs n_points"]) -> Float[Array, "n_outputs n_points"]:
        """Return the coefficients, in units of their SD."""
        for layer in self.layers[:-1]:
            x = jax.nn.silu(layer(x))
        return self.layers[-1](x)


class FrameBatch(NamedTuple):
    """Windows of consecutive instants of some beats, with noise.

    Attributes:
        features: (n_inputs, n_windows · length) what the network is told.
        components: (n_components, n_windows · length) the noisy leads of the instants themselves.
        coefficients: (n_coefficients, n_windows · length) what the beats were.
        factors: (n_windows,) D over the usual D.
    """

    features: Float[Array, "n_inputs n_points"]
    components: Float[Array, "n_components n_points"]
    coefficients: Float[Array, "n_coefficients n_points"]
    factors: Float[Array, " n_windows"]


class FrameObjective(eqx.Module):
    """Residuals of a network of frames (a `learning.Objective`).

    "data": y − R û in the components that stand out of the noise, so that the part's loss is at its
    floor (n_components / n_leads) σ². "potential" and "recovery": r_u and r_v of Eqs. 6 and 7 at
    all nodes of some windows, Δû by neighbors (Eq. 15 or another operator) and ∂/∂t by Eqs. 17 and
    18 along the window. "supervision": û − u and v̂ − v, the mean square over nodes (what the basis
    cannot show left out). A part whose flag is False is not computed.

    Attributes:
        encoding, library: what the network is told and what it learns from.
        laplacian: (n_nodes, n_u) ∇·(D∇) of the basis.
        model: ionic model.
        noise_sd: σ.
        step_tu: interval between instants.
        n_leads: number of leads.
        n_windows, length: windows a batch, instants a window.
        n_physics: how many of the windows the physics looks at.
        lead_in: most samples of rest before the beat.
        parts: names of the parts that are computed.
        noise: a store of white noise from which stretches are cut: drawing a window's 500 samples
            anew took most of a step.
    """

    encoding: Encoding
    library: Library
    laplacian: Float[Array | np.ndarray, "n_nodes n_u"]
    model: IonicModel
    noise_sd: float = eqx.field(static=True)
    step_tu: float = eqx.field(static=True)
    n_leads: int = eqx.field(static=True)
    n_windows: int = eqx.field(static=True)
    length: int = eqx.field(static=True)
    n_physics: int = eqx.field(static=True)
    lead_in: int = eqx.field(static=True)
    parts: tuple[str, ...] = eqx.field(static=True)
    noise: Float[Array | np.ndarray, "n_components n_bank"]

    def draw(self, key: Array) -> FrameBatch:
        """Return random windows of random beats.

        Before a beat the leads show rest. Recordings begin up to ``lead_in`` samples earlier and
        end up to a third earlier than the beat; outside of them the network is told rest and the
        last sample.
        """
        which, when, before, after, noise = jax.random.split(key, 5)
        n_beats, _, n_times = self.library.components.shape
        shape = (self.n_windows,)
        beat = jax.random.randint(which, shape, 0, n_beats)
        begin = -jax.random.randint(before, shape, 0, self.lead_in + 1)
        end = n_times - jax.random.randint(after, shape, 0, n_times // 3)
        start = begin + (jax.random.uniform(when, shape) * (end - self.length + 1 - begin)).astype(
            int
        )
        n_needed = self.length + 2 * self.encoding.boxes.reach
        place = jax.random.randint(noise, shape, 0, self.noise.shape[1] - n_needed + 1)
        parts = jax.vmap(self._window)(place, beat, start, begin, end)
        features, components, coefficients = (
            part.swapaxes(0, 1).reshape(part.shape[1], -1) for part in parts
        )
        factors = jnp.asarray(self.library.factors)[beat]
        return FrameBatch(features, components, coefficients, factors)

    def _window(
        self,
        place: Int[Array, ""],
        beat: Int[Array, ""],
        start: Int[Array, ""],
        begin: Int[Array, ""],
        end: Int[Array, ""],
    ) -> tuple[Array, Array, Array]:
        reach = self.encoding.boxes.reach
        instants = start - reach + jnp.arange(self.length + 2 * reach)
        clean = jnp.asarray(self.library.components)[beat][:, jnp.clip(instants, 0, end - 1)]
        clean = jnp.where(instants >= 0, clean, 0.0)
        noise = jax.lax.dynamic_slice_in_dim(jnp.asarray(self.noise), place, len(instants), axis=1)
        noisy = clean + jnp.where((instants >= begin) & (instants < end), noise, 0.0)
        now = instants[reach : reach + self.length]
        truth = jnp.asarray(self.library.coefficients)[beat][:, jnp.maximum(now, 0)]
        truth = jnp.where(now >= 0, truth, 0.0)
        return self.encoding.features(noisy), noisy[:, reach : reach + self.length], truth

    def residuals(
        self, parameters: FrameLayers, batch: FrameBatch
    ) -> dict[str, Float[Array, "..."]]:
        """Return the parts, divided so that the sum of squares of each is its mean square."""
        return self.residuals_of(parameters(batch.features) * self.encoding.sizes[:, None], batch)

    def residuals_of(
        self, coefficients: Float[Array, "n_coefficients n_points"], batch: FrameBatch
    ) -> dict[str, Float[Array, "..."]]:
        """Return the parts for any coefficients of (u, v)."""
        n_nodes, n_u = self.encoding.potential.shape
        n_points = coefficients.shape[1]
        found = {}
        if "data" in self.parts:
            misfit = batch.components - self.encoding.seen @ coefficients[:n_u]
            found["data"] = misfit * (self.noise_sd / np.sqrt(self.n_leads * n_points))
        if "potential" in self.parts:
            r_u, r_v = self._physics(coefficients, batch.factors[: self.n_physics])
            found |= {"potential": r_u / np.sqrt(r_u.size), "recovery": r_v / np.sqrt(r_v.size)}
        if "supervision" in self.parts:
            found["supervision"] = (coefficients - batch.coefficients) / np.sqrt(n_nodes * n_points)
        return found

    def _physics(
        self, coefficients: Float[Array, "n_coefficients n_points"], factors: Array | np.ndarray
    ) -> tuple[Float[Array, "n_nodes n_looked"], Float[Array, "n_nodes n_looked"]]:
        coefficients = coefficients[:, : self.n_physics * self.length]
        windows = coefficients.reshape(len(coefficients), self.n_physics, self.length)
        rates = time_derivative(windows, self.step_tu).reshape(coefficients.shape)
        n_u = self.encoding.potential.shape[1]
        u, u_rate = (self.encoding.potential @ part[:n_u] for part in (coefficients, rates))
        v, v_rate = (self.encoding.recovery @ part[n_u:] for part in (coefficients, rates))
        spread = (self.laplacian @ coefficients[:n_u]) * jnp.repeat(factors, self.length)
        # Aliev–Panfilov's ξ has a pole at u = −μ2, which an untrained network may come near.
        du, dv = self.model.reaction(jnp.maximum(u, LOWEST), v)
        return u_rate - spread - du, v_rate - dv
