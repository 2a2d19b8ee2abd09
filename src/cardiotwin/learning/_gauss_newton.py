"""Two ways to solve the damped Gauss–Newton system (JᵀJ + λI) δ = −Jᵀr."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import cho_factor, cho_solve
from jax.scipy.sparse.linalg import cg
from jaxtyping import Float

from .._checks import check_count, check_number
from ._objective import Problem


class System(NamedTuple):
    """The Gauss–Newton model of the total loss ‖r‖² around the parameters.

    Attributes:
        gradient: (n_weights,) Jᵀr, half of the gradient of the loss.
        parts: L_name of every part.
        multiply: ``v -> JᵀJ v``.
        solve: ``damping -> δ``, the solution of (JᵀJ + damping·I) δ = −Jᵀr.
    """

    gradient: Any
    parts: dict[str, Any]
    multiply: Callable[[Any], Any]
    solve: Callable[[Any], Any]


@runtime_checkable
class GaussNewtonSolver(Protocol):
    """A frozen, hashable way to set up and solve the damped system (pure JAX)."""

    def linearize(self, problem: Problem, parameters: Any, batch: Any) -> System:
        """Return the system at these parameters for this batch."""
        ...


@dataclass(frozen=True)
class DenseNormalEquations:
    """Form JᵀJ and factor it by Cholesky: exact, for up to some thousands of weights.

    The Jacobian is never held as a whole. If the objective can ``split`` a batch, blocks of rows
    are made from a few pieces at a time, by reverse mode for pieces with fewer residuals than
    weights and by forward mode otherwise, and their JᵀJ are summed. Otherwise column j of JᵀJ is
    the product JᵀJ e_j, some columns at a time, with one linearization of all residuals.

    Args:
        rows_at_once: rows of the Jacobian held at a time (memory rows · weights numbers).
        columns_at_once: columns of JᵀJ, or of the Jacobian of a piece, computed at a time.

    Raises:
        InputError: a setting out of range.

    >>> DenseNormalEquations().columns_at_once
    16
    """

    rows_at_once: int = 4096
    columns_at_once: int = 16

    def __post_init__(self):
        check_count(self.rows_at_once, "rows_at_once")
        check_count(self.columns_at_once, "columns_at_once")

    def linearize(self, problem: Problem, parameters: Any, batch: Any) -> System:
        """Return the system with its matrix formed."""
        matrix, gradient, parts = self.normal_matrix(problem, parameters, batch)

        def solve(damping: Any) -> Any:
            damped = matrix + damping * jnp.eye(len(matrix), dtype=matrix.dtype)
            # Not positive definite in this precision: NaN, which the caller takes as a refusal.
            return -cho_solve(cho_factor(damped, lower=True), gradient)

        return System(gradient, parts, lambda v: matrix @ v, solve)

    def normal_matrix(
        self, problem: Problem, parameters: Any, batch: Any
    ) -> tuple[
        Float[Array, "n_weights n_weights"],
        Float[Array, " n_weights"],
        dict[str, Float[Array, ""]],
    ]:
        """Return JᵀJ, Jᵀr and the parts of the loss."""
        if problem.split is None:
            return self._by_products(problem, parameters, batch)
        return self._by_pieces(problem, parameters, problem.split(batch))

    def _by_products(self, problem: Problem, parameters: Any, batch: Any) -> Any:
        flat, _ = ravel_pytree(parameters)
        residual, parts, forward, backward = _linearize(problem, parameters, batch)
        unit = jnp.eye(flat.size, dtype=flat.dtype)
        matrix = lax.map(
            lambda e: backward(forward(e)), unit, batch_size=min(self.columns_at_once, flat.size)
        )
        return (matrix + matrix.T) / 2, backward(residual), parts

    def _by_pieces(self, problem: Problem, parameters: Any, pieces: Any) -> Any:
        flat, unravel = ravel_pytree(parameters)
        n_pieces = jax.tree.leaves(pieces)[0].shape[0]
        first = jax.tree.map(lambda leaf: leaf[0], pieces)
        n_rows = jax.eval_shape(problem.vector, parameters, first).size
        at_once = max(1, min(self.rows_at_once // n_rows, n_pieces))
        n_groups = -(-n_pieces // at_once)
        # The last group is filled up with pieces that count nothing.
        index = jnp.arange(n_groups * at_once).reshape(n_groups, at_once)

        def rows(piece: Any, counts: Any) -> Any:
            def vector(w: Any) -> Any:
                return problem.vector(unravel(w), piece)

            if n_rows <= flat.size:
                residual, pull_back = jax.vjp(vector, flat)
                jacobian = jax.vmap(pull_back)(jnp.eye(n_rows, dtype=residual.dtype))[0]
            else:
                residual, forward = jax.linearize(vector, flat)
                jacobian = lax.map(
                    forward,
                    jnp.eye(flat.size, dtype=flat.dtype),
                    batch_size=min(self.columns_at_once, flat.size),
                ).T
            parts = problem.parts(unravel(flat), piece)
            scale = jnp.sqrt(counts / n_pieces).astype(residual.dtype)
            parts = {name: part * counts / n_pieces for name, part in parts.items()}
            return scale * jacobian, scale * residual, parts

        def add(sums: Any, group: Any) -> Any:
            matrix, gradient, parts = sums
            chosen = jax.tree.map(lambda leaf: leaf[group % n_pieces], pieces)
            counts = (group < n_pieces).astype(flat.dtype)
            jacobian, residual, fresh = jax.vmap(rows)(chosen, counts)
            jacobian = jacobian.reshape(-1, flat.size)
            matrix = matrix + jacobian.T @ jacobian
            gradient = gradient + jacobian.T @ residual.ravel()
            parts = {name: parts[name] + fresh[name].sum().astype(flat.dtype) for name in parts}
            return (matrix, gradient, parts), None

        names = jax.eval_shape(problem.parts, parameters, first)
        zero = jnp.zeros((), flat.dtype)
        start = (
            jnp.zeros((flat.size, flat.size), flat.dtype),
            jnp.zeros_like(flat),
            dict.fromkeys(names, zero),
        )
        return lax.scan(add, start, index)[0]


@dataclass(frozen=True)
class ConjugateGradient:
    """Solve by conjugate gradients on products JᵀJ v, without any matrix: for many residuals.

    One product costs a forward and a backward pass. Stopped early, conjugate gradients from zero
    still give a descent direction, with small curvatures damped away.

    Args:
        steps: most products a solve.
        tolerance: relative residual at which to stop before.

    Raises:
        InputError: a setting out of range.

    >>> ConjugateGradient(steps=25).tolerance
    0.001
    """

    steps: int = 25
    tolerance: float = 1e-3

    def __post_init__(self):
        check_count(self.steps, "steps")
        check_number(self.tolerance, "tolerance", at_least=0, below=1)

    def linearize(self, problem: Problem, parameters: Any, batch: Any) -> System:
        """Return the system with one linearization of all residuals."""
        residual, parts, forward, backward = _linearize(problem, parameters, batch)
        gradient = backward(residual)

        def multiply(v: Any) -> Any:
            return backward(forward(v))

        def solve(damping: Any) -> Any:
            def damped(v: Any) -> Any:
                return multiply(v) + damping * v

            return cg(damped, -gradient, tol=self.tolerance, maxiter=self.steps)[0]

        return System(gradient, parts, multiply, solve)


def _linearize(problem: Problem, parameters: Any, batch: Any) -> Any:
    """Return residual vector, parts, v -> J v and w -> Jᵀ w, on flat vectors."""
    flat, unravel = ravel_pytree(parameters)

    def vector(w: Any) -> Any:
        return problem.vector(unravel(w), batch), problem.parts(unravel(w), batch)

    residual, forward, parts = jax.linearize(vector, flat, has_aux=True)
    transposed = jax.linear_transpose(forward, flat)
    return residual, parts, forward, lambda w: transposed(w)[0]
