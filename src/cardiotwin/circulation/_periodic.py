"""The fixed point of the cycle map: Broyden's method, coarse grid first, and its derivative.

The map is piecewise affine and forgets all but two or three directions within a beat, so that a
few secants describe it: three beats instead of eight for most patients, six instead of twenty-five
for those with stenosed valves.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ._circulation import Circuit
from ._integrate import beat_map, prepare, rest, stressed_volume
from ._lvad import Pump
from ._stage import State

FLOW_SECONDS = 0.02
"""Turns flows into volumes where states are compared."""

UNKNOWN = 1e3
"""Change of a state whose beat has not been computed: larger than any."""

ROUNDING = 1e-12
"""Change below which another beat teaches nothing."""


class Search(NamedTuple):
    """Where Broyden's method is, in volumes relative to the stressed volume.

    Attributes:
        point: (n_states, …) state at the start of the beat.
        change: (n_states, …) what one beat does to it.
        step: (n_states, …) where to look next, from the point.
        inverse: (n_states, n_states, …) approximate inverse of point ↦ −change.
        plain: whether the inverse is the identity.
    """

    point: Any
    change: Any
    step: Any
    inverse: Any
    plain: Any

    @property
    def residual(self) -> Any:
        """Largest change."""
        return jnp.max(jnp.abs(self.change), 0)


def scales(circuit: Circuit, n_states: int) -> Any:
    """Return (n_states, …) what one unit of the scaled state is in units of the state."""
    total = circuit.stressed_volume_ml
    own = [
        total,
        total / circuit.atrial_compliance,
        total / circuit.arterial_compliance,
        total / circuit.aortic_compliance,
        *[total / FLOW_SECONDS] * (n_states - 4),
    ]
    return jnp.stack(own)


def make_map(circuit: Circuit, pump: Pump | None, n_steps: int) -> Any:
    """Return the cycle map of scaled states, (n_states, …) ↦ the same."""
    prepared = prepare(circuit, n_steps)
    unit = scales(circuit, 5 if pump is None else 6)

    def mapped(point: Any) -> Any:
        state: State = tuple(point * unit)
        return jnp.stack(beat_map(state, prepared, pump)) / unit

    return mapped


def guess(circuit: Circuit, pump: Pump | None) -> Any:
    """Return a scaled start with exactly the right stressed volume."""
    state = rest(circuit, pump)
    ratio = circuit.stressed_volume_ml / stressed_volume(state, circuit)
    return jnp.stack(state) * ratio / scales(circuit, len(state))


def begin(point: Any, inverse: Any = None) -> Search:
    """Return a search that has not seen a beat yet."""
    plain = jnp.full(point.shape[1:], inverse is None)
    inverse = _identity(point) if inverse is None else inverse
    return Search(point, jnp.full(point.shape, UNKNOWN), jnp.zeros(point.shape), inverse, plain)


def advance(search: Search, mapped: Any, done: Any) -> Search:
    """Return the search one beat later; patients that are done stay where they are.

    A step that makes things twice as bad is taken back and the secants are forgotten: the next
    is one beat of the circuit itself.
    """
    step = search.step
    point = search.point + step
    change = mapped(point) - point
    moved = jnp.sum(search.inverse * (change - search.change), 1)
    row = jnp.sum(step[:, None] * search.inverse, 0)
    bottom = jnp.sum(step * moved, 0)
    usable = jnp.abs(bottom) > 1e-30
    gain = -(step + moved) / jnp.where(usable, bottom, 1.0)
    inverse = search.inverse + jnp.where(usable, gain, 0.0)[:, None] * row
    residual = jnp.max(jnp.abs(change), 0)
    worse = ~(residual <= 2 * search.residual) & ~search.plain
    point = jnp.where(worse, search.point, point)
    change = jnp.where(worse, search.change, change)
    inverse = jnp.where(worse, _identity(point), inverse)
    found = Search(point, change, jnp.sum(inverse * change, 1), inverse, worse)
    return jax.tree.map(lambda old, new: jnp.where(done, old, new), search, found)


def _identity(point: Any) -> Any:
    n = point.shape[0]
    return jnp.eye(n).reshape(n, n, *[1] * (point.ndim - 1)) * jnp.ones((n, *point.shape))


def search_coarse(circuit: Circuit, pump: Pump | None, n_steps: int, n_beats: Any) -> Search:
    """Return where a fixed number of beats on a coarse grid comes to."""
    mapped = make_map(circuit, pump, n_steps)

    def body(_: Any, search: Search) -> Search:
        return advance(search, mapped, search.residual < ROUNDING)

    return lax.fori_loop(0, n_beats, body, begin(guess(circuit, pump)))


def search_fine(
    search: Search,
    circuit: Circuit,
    pump: Pump | None,
    n_steps: int,
    tolerance: Any,
    max_beats: Any,
    enough: Any,
) -> tuple[Search, Any]:
    """Return the search on the final grid and the number of beats it took.

    Args:
        search: not begun yet.
        circuit: the parameters.
        pump: a pump.
        n_steps: steps a beat.
        tolerance: of the relative change.
        max_beats: the last allowed.
        enough: share of patients after whose convergence the search ends; who is left is taken
            up again among others that are slow.
    """
    mapped = make_map(circuit, pump, n_steps)

    def going(carry: tuple[Search, Any]) -> Any:
        search, count = carry
        return (count < max_beats) & (jnp.mean(search.residual < tolerance) < enough)

    def body(carry: tuple[Search, Any]) -> tuple[Search, Any]:
        search, count = carry
        return advance(search, mapped, search.residual < tolerance), count + 1

    return lax.while_loop(going, body, (search, jnp.asarray(0)))


def cycle_jacobian(point: Any, circuit: Circuit, pump: Pump | None, n_steps: int) -> Any:
    """Return J of the cycle map of scaled states, (n_states, n_states, …)."""
    # Not jax.jvp for each direction: the compiler then repeats the beat itself in each of them.
    _, along = jax.linearize(make_map(circuit, pump, n_steps), point)
    return jax.vmap(along, 1, 1)(_identity(point))


def newton_inverse(point: Any, circuit: Circuit, pump: Pump | None, n_steps: int) -> Any:
    """Return (I − J + y cᵀ)⁻¹ with J the Jacobian of the cycle map of scaled states y."""
    matrix = bordered(cycle_jacobian(point, circuit, pump, n_steps), point)
    inverse = jnp.linalg.inv(jnp.moveaxis(matrix, (0, 1), (-2, -1)))
    return jnp.moveaxis(inverse, (-2, -1), (0, 1))


def bordered(jacobian: Any, point: Any) -> Any:
    """Return I − J + y cᵀ for the Jacobian J at y, (n_states, n_states, …).

    As the stressed volume c·y is conserved, cᵀ(I − J) = 0; the border y cᵀ makes the matrix
    regular and says that a step may change c·y only where it is wrong.
    """
    n = point.shape[0]
    total = jnp.array([1.0] * 4 + [0.0] * (n - 4)).reshape(n, *[1] * (point.ndim - 1))
    return _identity(point) - jacobian + point[:, None] * total[None]


def polish(search: Search, circuit: Circuit) -> State:
    """Return the state after one more step, whose beat will be the certificate.

    The steps conserve the stressed volume only as well as they are rounded; here it is made exact.
    """
    point = search.point + search.step
    return tuple(point / jnp.sum(point[:4], 0) * scales(circuit, len(point)))


def attach(state: State, circuit: Circuit, pump: Pump | None, n_steps: int) -> State:
    """Return the same periodic state, with its derivatives in circuit and pump.

    One Newton step from the fixed point y* is zero, but its derivative is that of the implicit
    function theorem, (I − J)⁻¹ ∂P/∂θ. It needs one beat and the Jacobian instead of the search.
    """
    fixed, held = lax.stop_gradient(circuit), lax.stop_gradient(pump)
    unit = scales(fixed, len(state))
    point = lax.stop_gradient(jnp.stack(state)) / unit
    inverse = lax.stop_gradient(newton_inverse(point, fixed, held, n_steps))
    here: State = tuple(point * unit)
    after = jnp.stack(beat_map(here, prepare(circuit, n_steps), pump)) / unit
    lack = (circuit.stressed_volume_ml - stressed_volume(here, circuit)) / unit[0]
    shift = jnp.sum(inverse * (after - point + point * lack), 1)
    return tuple((point + shift) * unit)


def period_residual(before: State, after: State, circuit: Circuit) -> Any:
    """Return the largest change of a state over a beat, relative to the stressed volume."""
    unit = scales(circuit, len(before))
    return jnp.max(jnp.abs(jnp.stack(after) - jnp.stack(before)) / unit, 0)
