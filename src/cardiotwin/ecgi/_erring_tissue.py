"""Simulated tissue whose model errs: an unknown current, different in space and time."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from ..tissue import State, make_step
from ._tissue_leads import ARRAYS, SETTINGS, TissueLeads


@partial(jax.tree_util.register_dataclass, data_fields=["model", "error"], meta_fields=[])
@dataclass(frozen=True, eq=False)
class ErringModel:
    """A membrane with an error current e (u − rest)² on top.

    Quadratic, as the upstroke is near rest: however large e is, rest stays a stable state, so no
    error can set off a wave where there is none. In a front a positive e makes it faster, behind
    it keeps the potential up.

    Attributes:
        model: the ionic model.
        error: e per time unit, a number or one value a node.
    """

    model: Any
    error: Any

    @property
    def rest(self) -> tuple[float, float]:
        """Resting values (u, v), which no error moves."""
        return self.model.rest

    def fastest_rate(self) -> float:
        """Bound of |∂(du/dt)/∂u| without errors."""
        return self.model.fastest_rate()

    def front_thickness(self, diffusion: float) -> float:
        """Distance in mm from 10 % to 90 % of a plane front without errors."""
        return self.model.front_thickness(diffusion)

    def reaction(self, u: Any, v: Any) -> tuple[Any, Any]:
        """Return (du/dt, dv/dt) without diffusion."""
        du, dv = self.model.reaction(u, v)
        return du + self.error * (u - self.rest[0]) ** 2, dv


@partial(
    jax.tree_util.register_dataclass, data_fields=[*ARRAYS, "modes", "hats"], meta_fields=SETTINGS
)
@dataclass(frozen=True, eq=False)
class ErringTissue(TissueLeads):
    """The map ξ ↦ leads with an `ErringModel`: its errors are among the coefficients.

    e(x, t) = Σ ξ_kj φ_j(x) T_k(t), with ξ ~ N(0, I).

    Attributes:
        modes: (n_nodes, n_modes) φ, whose length is the errors' standard deviation.
        hats: (n_times − 1, n_hats) T, from each instant to the next.
    """

    modes: Float[Array | np.ndarray, "n_nodes n_modes"]
    hats: Float[Array | np.ndarray, "n_steps n_hats"]

    @classmethod
    def of(
        cls,
        tissue: TissueLeads,
        modes: Float[Array, "n_nodes n_modes"],
        hats: Float[Array, "n_steps n_hats"],
    ) -> "ErringTissue":
        """Let a tissue err."""
        return cls(**tissue.parts, modes=modes, hats=hats)

    @property
    def n_further(self) -> int:
        """Number of coefficients of e."""
        return self.modes.shape[1] * self.hats.shape[1]

    def errors(self, xi: Any) -> Any:
        """Return e, (n_times − 1, n_nodes)."""
        return self.hats @ (self.further(xi).reshape(self.hats.shape[1], -1) @ self.modes.T)

    def potentials(self, xi: Any, u0: Any = None) -> Any:
        """Return (n_times, n_nodes) u from the onset on, from another u0 where one is given."""
        model, table, start = self.beginning(xi, u0)
        step = make_step(self.stepper, table, self.step_tu)

        @jax.checkpoint
        def one_sample(state: State, error: Array) -> tuple[State, Any]:
            erring = ErringModel(model, error)
            for _ in range(self.steps_per_sample):
                state = step(erring, state, 0.0)
            return state, state.u

        _, later = lax.scan(one_sample, start, self.errors(xi))
        return jnp.concatenate([start.u[None], later])


def hat_functions(
    n_steps: int, step_tu: float, knot_tu: float
) -> Float[np.ndarray, "n_steps n_hats"]:
    """Return piecewise linear functions of time with knots every ``knot_tu``, of mean square one.

    The mean square is that of their sum with independent coefficients of variance one.
    """
    time = (np.arange(n_steps) + 0.5) * step_tu / knot_tu
    knots = np.arange(int(np.ceil(time[-1])) + 1)
    return np.sqrt(1.5) * np.maximum(0.0, 1 - np.abs(time[:, None] - knots))
