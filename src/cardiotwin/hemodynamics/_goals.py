"""Which value of a parameter gives a clinical index: for a batch, by sections side by side."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from .._errors import InputError
from ..circulation import FAST, Circulation, Indices, Lvad, steady_indices
from ._transformations import at

FIRST_PROBES, PROBES, ROUNDS = 16, 6, 2
"""Places tried at once over the whole path, and then in ever smaller sections of it.

Sixteen patients cost hardly more than one, and sections cannot be led astray by the small steps
that an index takes where a valve moves to another time step. The last section is a 700th of the
path; the straight line inside it is right to 1e-4.
"""

REACHED = 1e-4
"""Relative distance at which a patient already is where the goal lies."""


def solve_for(
    goal: Float[np.ndarray, "..."],
    circulation: Circulation,
    lvad: Lvad | None,
    *,
    where: str,
    index: Callable[[Indices, Circulation], Any],
    place: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """Return the parameters for which an index of the steady beat has a given value.

    On a path θ(s), 0 ≤ s ≤ 1, of growing severity, the first s with index(θ(s)) = goal.

    Args:
        goal: value of the index; broadcasts with the batch.
        circulation: the patient, or a batch.
        lvad: the pump.
        where: the argument that has the goal, for the message.
        index: of the beat.
        place: parameters at s.

    Raises:
        InputError: the index does not take this value on the path.
    """
    speed = () if lvad is None else np.shape(lvad.speed_rpm)
    try:
        shape = np.broadcast_shapes(circulation.shape, goal.shape, speed)
    except ValueError:
        raise InputError(
            where,
            found=f"shape {goal.shape}",
            expected=f"a shape that broadcasts with the patients, {circulation.shape}",
        ) from None

    def measure(s: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        patients = circulation.replace(**place(s))
        return index(steady_indices(patients, lvad, solver=FAST, throw=False).indices, patients)

    s = np.linspace(0.0, 1.0, FIRST_PROBES).reshape(-1, *[1] * len(shape))
    s = np.broadcast_to(s, (FIRST_PROBES, *shape))
    values = measure(s)
    off = values - goal
    off[0] = np.where(np.abs(off[0]) <= REACHED * np.abs(goal), 0.0, off[0])
    _check_reachable(goal, values, off, where)
    for _ in range(ROUNDS):
        s, off = _section(s, off)
        inner = s[0] + (s[1] - s[0]) * np.linspace(0, 1, PROBES + 2)[1:-1].reshape(
            -1, *[1] * len(shape)
        )
        off = np.concatenate([off[:1], measure(inner) - goal, off[1:]])
        s = np.concatenate([s[:1], inner, s[1:]])
    s, off = _section(s, off)
    rise = off[1] - off[0]
    share = np.where(rise == 0, 0.0, -off[0] / np.where(rise == 0, 1.0, rise))
    return place(s[0] + (s[1] - s[0]) * share)


def _crossings(off: Float[np.ndarray, "..."]) -> Any:
    # Comparisons with NaN are false, so that a place without a beat bounds no section.
    return (off[:-1] == 0) | (off[:-1] * off[1:] < 0) | (off[1:] == 0)


def _section(s: Any, off: Any) -> tuple[Any, Any]:
    """Return the ends of the first section in which the index takes the value."""
    first = np.argmax(_crossings(off), 0)
    ends = np.stack([first, first + 1])
    return np.take_along_axis(s, ends, 0), np.take_along_axis(off, ends, 0)


def _check_reachable(goal: Any, values: Any, off: Any, where: str) -> None:
    lost = ~_crossings(off).any(0)
    if not lost.any():
        return
    first = tuple(int(i) for i in np.argwhere(lost)[0])
    own = values[(slice(None), *first)]
    known = own[np.isfinite(own)]
    expected = "an index that this patient's beat has; it has none here (a valve that never opens)"
    if known.size:
        expected = (
            f"{min(known[0], known[-1]):.4g} to {max(known[0], known[-1]):.4g}: this patient has "
            f"{known[0]:.4g} without the lesion and {known[-1]:.4g} with the model's worst valve"
        )
    raise InputError(where, found=at(np.broadcast_to(goal, lost.shape), lost), expected=expected)
