"""SOAP: Adam in the slowly turning eigenbasis of Shampoo's two factors."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from .._checks import check_count, check_number
from ._objective import Problem
from ._optimizer import Advance, learning_rate
from ._schedules import Schedule, as_schedule


class Side(NamedTuple):
    """One factor (left or right) of all matrices of one shape: (n_matrices, n, n) each."""

    factor: Any
    basis: Any


class SoapState(NamedTuple):
    """State of `soap_directions`, by group: matrices of equal shape, then all other weights.

    Attributes:
        momentum: running mean of the gradient, in the weights' own axes.
        square: running mean of the squared gradient, in the eigenbasis.
        left: factor E[G Gᵀ] and its eigenbasis, None where it is left out.
        right: factor E[Gᵀ G] and its eigenbasis, None where it is left out.
    """

    momentum: tuple[Any, ...]
    square: tuple[Any, ...]
    left: tuple[Side | None, ...]
    right: tuple[Side | None, ...]


@dataclass(frozen=True)
class SOAP:
    """Run Adam in the eigenbasis of Shampoo's factors, the training's default.

    For every matrix of weights with gradient G: L ← b·L + (1−b)·G Gᵀ, R ← b·R + (1−b)·Gᵀ G with
    eigenvectors Q_L, Q_R; Adam's mean square is kept for G' = Q_Lᵀ G Q_R, and its step is turned
    back by Q_L … Q_Rᵀ. The eigenvectors are renewed every ``refresh_every`` steps by one power
    iteration and a QR decomposition. Vectors and scalars take plain Adam. As in the authors' own
    code the first step only sets up the factors and leaves the weights where they are: in the
    eigenbasis of a single gradient that gradient is diagonal, and Adam would blow the rounding
    errors beside its diagonal up to full size.

    A leaf with three axes is a stack of matrices (its last two axes), one with more is a
    convolution kernel (first axis × all others). Matrices of equal shape are treated in one
    stacked operation, so that a network of many small layers costs few small kernels.

    Args:
        learning_rate: η, a number or a schedule.
        b1: memory of the gradient.
        b2: memory of its square, and of the factors.
        epsilon: against division by zero.
        weight_decay: decoupled decay of the weights.
        refresh_every: steps between two renewals of the eigenvectors.
        largest_side: a side longer than this keeps its own axes (its factor is left out).

    Raises:
        InputError: a setting out of range.

    Source: Vyas et al., SOAP: Improving and Stabilizing Shampoo using Adam, arXiv:2409.11321,
    algorithm 3; b1 = b2 = 0.95 as there.

    >>> SOAP(learning_rate=4e-3).refresh_every
    5
    """

    learning_rate: float | Schedule = 4e-3
    b1: float = 0.95
    b2: float = 0.95
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    refresh_every: int = 5
    largest_side: int = 1024

    def __post_init__(self):
        as_schedule(self.learning_rate)
        check_number(self.b1, "b1", at_least=0, below=1)
        check_number(self.b2, "b2", at_least=0, below=1)
        check_number(self.epsilon, "epsilon", above=0)
        check_number(self.weight_decay, "weight_decay", at_least=0)
        check_count(self.refresh_every, "refresh_every")
        check_count(self.largest_side, "largest_side")

    def init(self, parameters: Any) -> Any:
        """Return zeros and unit bases."""
        return soap_directions(self).init(parameters)

    def step(self, problem: Problem, parameters: Any, state: Any, batch: Any, step: Any) -> Advance:
        """Take one step (the first one only sets up the factors)."""
        _, parts, gradient = problem.gradient(parameters, batch)
        direction, state = soap_directions(self).update(gradient, state, parameters, step=step)
        rate = learning_rate(self.learning_rate, step)
        if self.weight_decay:
            decay = self.weight_decay
            direction = jax.tree.map(lambda d, p: d + decay * p, direction, parameters)
        parameters = jax.tree.map(
            lambda p, d: p - (rate * d).astype(p.dtype), parameters, direction
        )
        return Advance(parameters, state, parts, {"learning_rate": rate})


def soap_directions(settings: SOAP) -> optax.GradientTransformationExtraArgs:
    """Return the transformation from gradients to SOAP's directions (rate and sign not included).

    Args:
        settings: b1, b2, epsilon, refresh_every and largest_side are used.

    Returns:
        An optax transformation whose ``update`` needs ``step=``, the 0-based step number. It is
        an argument, not a part of the state, so that it stays one number for a batch of runs and
        the renewal of the bases stays a branch.

    >>> import jax.numpy as jnp
    >>> transformation = soap_directions(SOAP())
    >>> weights = {"matrix": jnp.eye(2), "bias": jnp.ones(2)}
    >>> state = transformation.init(weights)
    >>> direction, state = transformation.update(weights, state, step=0)
    >>> bool((direction["matrix"] == 0).all())
    True
    """

    def init(parameters: Any) -> Any:
        groups = _Groups(parameters)
        stacks = groups.gather(parameters)
        zeros = tuple(jnp.zeros_like(stack) for stack in stacks)

        def side(stack: Any, axis: int) -> Side | None:
            if stack.ndim < 3 or not 1 < stack.shape[axis] <= settings.largest_side:
                return None
            n = stack.shape[axis]
            unit = jnp.broadcast_to(jnp.eye(n, dtype=stack.dtype), (len(stack), n, n))
            return Side(jnp.zeros_like(unit), unit)

        return SoapState(
            zeros,
            tuple(jnp.zeros_like(stack) for stack in stacks),
            tuple(side(stack, 1) for stack in stacks),
            tuple(side(stack, 2) if stack.ndim > 2 else None for stack in stacks),
        )

    def update(
        gradients: Any, state: SoapState, params: Any = None, *, step: Any, **extra: Any
    ) -> tuple[Any, SoapState]:
        del params, extra
        groups = _Groups(gradients)
        stacks = groups.gather(gradients)
        b1, b2 = settings.b1, settings.b2
        count = jnp.maximum(step, 1).astype(jnp.float32)
        unbias1, unbias2 = 1 - b1**count, 1 - b2**count
        moving = step > 0
        directions, momenta, squares = [], [], []
        for g, m, v, left, right in zip(stacks, *state, strict=True):
            turned = _turn(g, left, right)
            m = jnp.where(moving, b1 * m + (1 - b1) * g, m)
            v = jnp.where(moving, b2 * v + (1 - b2) * jnp.square(turned), v)
            scale = jnp.sqrt(v / unbias2.astype(v.dtype)) + settings.epsilon
            step_there = _turn(m, left, right) / (unbias1.astype(m.dtype) * scale)
            directions.append(jnp.where(moving, _turn_back(step_there, left, right), 0))
            momenta.append(m)
            squares.append(v)
        lefts = _accumulate(state.left, stacks, b2, "kij,klj->kil")
        rights = _accumulate(state.right, stacks, b2, "kji,kjl->kil")

        def renewed(args: Any) -> Any:
            return _renew(*args)

        which = jnp.where(step == 0, 2, jnp.where(step % settings.refresh_every == 0, 1, 0))
        lefts, rights, squares = lax.switch(
            which, (lambda same: same, renewed, _start), (lefts, rights, tuple(squares))
        )
        state = SoapState(tuple(momenta), squares, lefts, rights)
        return groups.scatter(directions), state

    return optax.GradientTransformationExtraArgs(init, update)  # type: ignore[arg-type]


class _Groups:
    """Which leaves go into which stack: matrices by shape and type, everything else in a row."""

    def __init__(self, tree: Any):
        self.leaves, self.structure = jax.tree.flatten(tree)
        matrices: dict[Any, list[int]] = {}
        others: dict[Any, list[int]] = {}
        for index, leaf in enumerate(self.leaves):
            shape = _matrix_shape(leaf.shape)
            if shape is None:
                others.setdefault(leaf.dtype, []).append(index)
            else:
                matrices.setdefault((shape[1:], leaf.dtype), []).append(index)
        self.matrices, self.others = list(matrices.values()), list(others.values())

    def gather(self, tree: Any) -> list[Any]:
        leaves = jax.tree.leaves(tree)
        stacks = [
            _joined([leaves[i].reshape(_matrix_shape(leaves[i].shape)) for i in group])
            for group in self.matrices
        ]
        return stacks + [_joined([leaves[i].ravel() for i in group]) for group in self.others]

    def scatter(self, stacks: list[Any]) -> Any:
        leaves: list[Any] = [None] * len(self.leaves)
        for group, stack in zip(self.matrices + self.others, stacks, strict=True):
            start = 0
            for index in group:
                like = self.leaves[index]
                shape = _matrix_shape(like.shape)
                length = math.prod(like.shape) if shape is None else shape[0]
                leaves[index] = stack[start : start + length].reshape(like.shape)
                start += length
        return jax.tree.unflatten(self.structure, leaves)


def _joined(pieces: list[Any]) -> Any:
    return pieces[0] if len(pieces) == 1 else jnp.concatenate(pieces)


def _matrix_shape(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    if len(shape) < 2 or math.prod(shape) == 0:
        return None
    if len(shape) == 3:
        return shape
    return 1, shape[0], math.prod(shape[1:])


def _turn(stack: Any, left: Side | None, right: Side | None) -> Any:
    if left is not None:
        stack = jnp.einsum("kia,kij->kaj", left.basis, stack)
    return stack if right is None else jnp.einsum("kij,kjb->kib", stack, right.basis)


def _turn_back(stack: Any, left: Side | None, right: Side | None) -> Any:
    if left is not None:
        stack = jnp.einsum("kia,kaj->kij", left.basis, stack)
    return stack if right is None else jnp.einsum("kib,kjb->kij", stack, right.basis)


def _accumulate(
    sides: tuple[Side | None, ...], gradients: list[Any], memory: float, product: str
) -> tuple[Side | None, ...]:
    def one(side: Side | None, gradient: Any) -> Side | None:
        if side is None:
            return None
        fresh = jnp.einsum(product, gradient, gradient)
        return side._replace(factor=memory * side.factor + (1 - memory) * fresh)

    return tuple(one(*pair) for pair in zip(sides, gradients, strict=True))


def _start(state: Any) -> Any:
    lefts, rights, squares = state
    found: list[Side | None] = []
    earlier = None
    for side in (*lefts, *rights):
        if side is not None:
            # Largest first: the order that a power iteration keeps.
            basis = jnp.linalg.eigh(_after(side.factor, earlier))[1][..., ::-1]
            side, earlier = side._replace(basis=basis), basis
        found.append(side)
    return tuple(found[: len(lefts)]), tuple(found[len(lefts) :]), squares


def _after(matrices: Any, earlier: Any) -> Any:
    """Return the same matrices, but not before the earlier ones are decomposed.

    On a CPU the decomposition of a stack waits for threads of the pool that it runs in. Two of
    them side by side on two cores wait for each other for ever (jaxlib 0.10, stacks of patients or
    seeds); nothing but numbers keeps the compiler from running them so.
    """
    return matrices if earlier is None else matrices + 0.0 * earlier[:1, :1, :1]


def _renew(lefts: Any, rights: Any, squares: Any) -> Any:
    """Turn every basis by one power iteration; the mean squares follow where columns swap."""
    new_lefts, new_rights, new_squares = [], [], []
    earlier = None
    for left, right, square in zip(lefts, rights, squares, strict=True):
        if left is not None:
            left, order = _power_iteration(left, earlier)
            square = jnp.take_along_axis(square, order[:, :, None], axis=1)
            earlier = left.basis
        if right is not None:
            right, order = _power_iteration(right, earlier)
            square = jnp.take_along_axis(square, order[:, None, :], axis=2)
            earlier = right.basis
        new_lefts.append(left)
        new_rights.append(right)
        new_squares.append(square)
    return tuple(new_lefts), tuple(new_rights), tuple(new_squares)


def _power_iteration(side: Side, earlier: Any) -> tuple[Side, Any]:
    product = side.factor @ side.basis
    sizes = jnp.einsum("kia,kia->ka", side.basis, product)
    order = jnp.argsort(-sizes, axis=1)
    product = jnp.take_along_axis(product, order[:, None, :], axis=2)
    return side._replace(basis=jnp.linalg.qr(_after(product, earlier))[0]), order
