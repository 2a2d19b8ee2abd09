"""Implicit diffusion: steps that the mesh does not limit."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg as sl
import scipy.sparse as sp
from jax import Array
from jaxtyping import Float
from scipy.sparse.linalg import splu

from .._checks import check_count, check_number
from .._errors import InputError
from .._precision import double_precision
from ._models import IonicModel
from ._steppers import State, heun, steps_below, whole_steps

# With γ = 2 − √2 both stages of TR-BDF2 solve with the same matrix I − (γ/2) h A.
_GAMMA = 2 - math.sqrt(2)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class DensePropagator:
    """One step of diffusion as a dense matrix.

    Attributes:
        matrix: (n_nodes, n_nodes) u after a step = matrix · u before it.
    """

    matrix: Float[Array, "n_nodes n_nodes"]

    def propagate(self, u: Float[Array, " n_nodes"]) -> Float[Array, " n_nodes"]:
        """Return u one step of diffusion later (pure JAX)."""
        return self.matrix @ u


@dataclass(frozen=True, eq=False)
class SparsePropagator:
    """One step of diffusion by sparse triangular solves (SciPy, on the host).

    Attributes:
        propagate: maps u before a step to u after it.
    """

    propagate: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ImplicitDiffusion:
    """Implicit steps for diffusion, explicit ones for the reaction.

    Order 2: Strang splitting, half a step of reaction (Heun), a whole step of
    diffusion (TR-BDF2), half a step of reaction. TR-BDF2 damps what Crank–Nicolson would let
    ring: its amplification tends to 0 for fast modes.
    Order 1: (I − hA) u⁺ = u + h reaction(u) (implicit–explicit Euler).

    The diffusion step is factored once. Up to ``dense_up_to`` nodes it becomes one dense matrix
    and the whole beat one compiled loop that can be differentiated; above, sparse LU factors
    are used step by step.

    Args:
        step_tu: time step in time units; None takes the largest that divides the sample step
            and is at most 0.1 (the splitting error shows first in the speed of the front).
        order: 2 (Strang) or 1 (Euler).
        dense_up_to: largest number of nodes for the dense matrix.

    Raises:
        InputError: a step that is not positive, or an order other than 1 and 2.

    Source: Strang, SIAM J Numer Anal 1968;5:506; Bank et al., IEEE Trans Electron Devices
    1985;32:1992 (TR-BDF2).

    >>> ImplicitDiffusion(0.1).order
    2
    """

    step_tu: float | None = None
    order: int = 2
    dense_up_to: int = 1500

    def __post_init__(self):
        if self.step_tu is not None:
            object.__setattr__(self, "step_tu", check_number(self.step_tu, "step_tu", above=0))
        if self.order not in (1, 2):
            raise InputError("order", found=repr(self.order), expected="1 or 2")
        check_count(self.dense_up_to, "dense_up_to", at_least=0)

    def steps_per_sample(
        self, sample_step_tu: float, *, diffusion_rate: float, reaction_rate: float
    ) -> int:
        """Return the number of steps in a sample step; diffusion sets no limit.

        Raises:
            InputError: the step is too long for the reaction, or does not divide the sample step.
        """
        del diffusion_rate
        # Half steps of Heun or whole steps of Euler, both stable up to 2.
        interval = 4.0 if self.order == 2 else 2.0
        limit = interval / reaction_rate if reaction_rate > 0 else math.inf
        if self.step_tu is None:
            return steps_below(sample_step_tu, min(0.1, 0.5 * limit))
        if self.step_tu > limit:
            largest = sample_step_tu / steps_below(sample_step_tu, limit)
            raise InputError(
                "step_tu",
                found=f"{self.step_tu:g} time units",
                expected=f"at most {limit:.4g}, the stability limit of the explicit reaction "
                f"({interval:g} / {reaction_rate:.4g} fastest reaction rate)",
                advice=f"The largest stable step that divides the sample step of "
                f"{sample_step_tu:g} is {largest:.6g}.",
            )
        return whole_steps(sample_step_tu, self.step_tu)

    @double_precision
    def prepare(self, matrix: sp.csr_array, step_tu: float) -> DensePropagator | SparsePropagator:
        """Factor one step of diffusion."""
        n_nodes = len(matrix.indptr) - 1
        identity = sp.eye_array(n_nodes, format="csc")
        part = 1.0 if self.order == 1 else 0.5 * _GAMMA
        system = sp.csc_array(identity - part * step_tu * matrix)
        if n_nodes <= self.dense_up_to:
            factors = sl.lu_factor(system.toarray())
            step = self._diffuse(matrix, step_tu, lambda u: sl.lu_solve(factors, u))
            return DensePropagator(jnp.asarray(step(np.eye(n_nodes))))
        solve = splu(system).solve
        return SparsePropagator(self._diffuse(matrix, step_tu, solve))

    def _diffuse(
        self, matrix: sp.csr_array, step_tu: float, solve: Callable[[np.ndarray], np.ndarray]
    ) -> Callable[[np.ndarray], np.ndarray]:
        if self.order == 1:
            return solve
        weight = 1 / (_GAMMA * (2 - _GAMMA))

        def tr_bdf2(u: np.ndarray) -> np.ndarray:
            middle = solve(u + 0.5 * _GAMMA * step_tu * (matrix @ u))
            return solve(weight * (middle - (1 - _GAMMA) ** 2 * u))

        return tr_bdf2

    def advance(
        self, model: IonicModel, diffusion: Any, state: State, current: Any, step_tu: Any
    ) -> State:
        """Return the state one step later (pure JAX with a `DensePropagator`)."""
        reacted = self.react(model, state, current, step_tu)
        diffused = State(diffusion.propagate(reacted.u), reacted.v)
        return diffused if self.order == 1 else self.react(model, diffused, current, step_tu)

    def react(self, model: IonicModel, state: State, current: Any, step_tu: Any) -> State:
        """Return the state after the reaction alone: half a step (order 2) or a whole one."""

        def slope(y: State) -> State:
            du, dv = model.reaction(y.u, y.v)
            return State(du + current, dv)

        if self.order == 1:
            du, dv = slope(state)
            return State(state.u + step_tu * du, state.v + step_tu * dv)
        return heun(slope, state, 0.5 * step_tu)

    def recipe(self) -> "ImplicitDiffusion":
        """Return the method without its step: what a compiled program depends on."""
        return replace(self, step_tu=None)
