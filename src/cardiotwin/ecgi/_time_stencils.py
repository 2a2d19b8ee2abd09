"""First derivative in time from five neighboring instants, of fourth order (Eqs. 17 and 18)."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy import sparse

from .._checks import check_count, check_number
from .._errors import InputError

REACH = 2
"""Instants to either side that the central formula looks at."""

N_POINTS = 5
"""Instants that every formula looks at."""

# Row p: weights of five neighboring instants in τ ∂u/∂t at the p-th of them. The middle row is
# Eq. 17, the others are Eq. 18 from top to bottom.
STENCILS: Float[np.ndarray, "5 5"] = (
    np.array(
        [
            [-25.0, 48.0, -36.0, 16.0, -3.0],
            [-3.0, -10.0, 18.0, -6.0, 1.0],
            [1.0, -8.0, 0.0, 8.0, -1.0],
            [-1.0, 6.0, -18.0, 10.0, 3.0],
            [3.0, -16.0, 36.0, -48.0, 25.0],
        ]
    )
    / 12
)
STENCILS.flags.writeable = False

AnyArray = TypeVar("AnyArray", np.ndarray, jax.Array)


def time_derivative(values: AnyArray, step_tu: float) -> AnyArray:
    """Return the first derivative along the last axis.

    u'(t) ≈ (u(t−2τ) − 8u(t−τ) + 8u(t+τ) − u(t+2τ)) / 12τ  (Eq. 17), and one-sided formulas of the
    same order at the first and last two instants (Eq. 18). Exact for polynomials to degree 4.

    Args:
        values: (..., n_times) evenly spaced samples, NumPy or JAX, at least five.
        step_tu: interval τ between samples.

    Returns:
        (..., n_times) derivatives of the same type.

    Raises:
        InputError: fewer than five instants, or a step that is not positive.

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, Eqs. 17 and 18.

    >>> times = np.arange(6.0)
    >>> time_derivative(times**3, 1.0).round(6).tolist()
    [0.0, 3.0, 12.0, 27.0, 48.0, 75.0]
    """
    step = check_number(step_tu, "step_tu", above=0)
    _require_five(values.shape[-1] if values.ndim else 0)
    numpy: Any = jnp if isinstance(values, jax.Array) else np
    rows = numpy.asarray(STENCILS / step, dtype=values.dtype)
    w = STENCILS[REACH] / step
    # w[2] is zero. Differences first: a constant gives exactly zero.
    middle = w[3] * (values[..., 3:-1] - values[..., 1:-3])
    middle = middle + w[4] * (values[..., 4:] - values[..., :-4])
    start = values[..., :N_POINTS] @ rows[:REACH].T
    end = values[..., -N_POINTS:] @ rows[REACH + 1 :].T
    return numpy.concatenate([start, middle, end], axis=-1)


def time_derivative_matrix(n_times: int, step_tu: float) -> sparse.csr_array:
    """Return the matrix of `time_derivative`.

    Args:
        n_times: number of evenly spaced samples, at least five.
        step_tu: interval τ between samples.

    Returns:
        (n_times, n_times) matrix G with five entries a row: u' = G u.

    Raises:
        InputError: fewer than five instants, or a step that is not positive.

    >>> (12 * time_derivative_matrix(5, 1.0).toarray()[2]).round(6).tolist()
    [1.0, -8.0, 0.0, 8.0, -1.0]
    """
    step = check_number(step_tu, "step_tu", above=0)
    _require_five(check_count(n_times, "n_times"))
    instants = np.arange(n_times)
    base, row = stencil_of(instants, n_times)
    columns = base[:, None] + np.arange(N_POINTS)
    entries = (np.repeat(instants, N_POINTS), columns.ravel())
    return sparse.csr_array(((STENCILS[row] / step).ravel(), entries), shape=(n_times, n_times))


def stencil_of(instants: AnyArray, n_times: int) -> tuple[AnyArray, AnyArray]:
    """Return the first of the five instants that each formula looks at, and the formula's row."""
    base = instants.clip(REACH, n_times - 1 - REACH) - REACH
    return base, instants - base


def _require_five(n_times: int) -> None:
    if n_times < N_POINTS:
        raise InputError(
            "values",
            found=f"{n_times} instants",
            expected=f"at least {N_POINTS}",
            advice="The fourth-order formulas need five instants.",
        )
