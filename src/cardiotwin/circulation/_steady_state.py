"""The periodic solution of circulations, one or a hundred thousand."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped

from .._checks import check_count, check_number
from .._errors import InputError, NumericsError
from .._provenance import make_provenance
from ._beat import OK, WAVEFORMS, Beat
from ._circulation import Circuit, Circulation
from ._groups import LANES, group_size, in_groups
from ._indices import Indices, indices
from ._integrate import Trace, prepare, trace_beat
from ._lvad import Lvad, Pump
from ._periodic import (
    begin,
    newton_inverse,
    period_residual,
    polish,
    search_coarse,
    search_fine,
)

COARSE_STEPS = 40
"""Steps a beat of the grid on which most of the way is gone."""

N_COARSE = 7
"""Beats there."""


class _Attempt(NamedTuple):
    """How hard a search tries.

    Attributes:
        n_coarse: beats on the coarse grid.
        share: of the tolerance at which the search ends; the step after its last beat brings
            another digit or two.
        max_beats: on the final grid.
        enough: share of patients after whose convergence the search ends.
        newton: begin on the final grid with the exact Jacobian.
    """

    n_coarse: int
    share: float
    max_beats: int
    enough: float
    newton: bool


ATTEMPTS = (
    _Attempt(N_COARSE, share=3.0, max_beats=1_000_000, enough=0.97, newton=False),
    _Attempt(20, share=0.3, max_beats=12, enough=1.0, newton=False),
    _Attempt(20, share=0.3, max_beats=1_000_000, enough=1.0, newton=True),
)
"""The next is for those whose certificate does not hold yet: the second is the same program."""


@dataclass(frozen=True)
class CycleSolver:
    """How the periodic solution is found.

    Implicit Runge–Kutta of second order, L-stable, with exact valves; Broyden's method for the
    fixed point of the cycle map, first on a coarse grid.

    Attributes:
        steps: steps a beat, rounded up to a multiple of 20. With 200, over the box of
            Med-Real2Sim volumes are right to 0.004 mL and pressures to 0.03 mmHg; in extreme
            circulations, or in suction, to 0.1 mL and a few tenths of a mmHg. The error falls
            with the square.
        tolerance: largest change over a beat, relative to the stressed volume, that is accepted.
        max_beats: the last allowed on the final grid.

    Raises:
        InputError: a number out of range.
    """

    steps: int = 200
    tolerance: float = 1e-6
    max_beats: int = 60

    def __post_init__(self):
        check_count(self.steps, "steps", at_least=40)
        check_number(self.tolerance, "tolerance", at_least=1e-11, at_most=1e-2)
        check_count(self.max_beats, "max_beats")


FAST = CycleSolver(tolerance=1e-5)
"""For many patients: as exact as the default, one beat less."""

PRECISE = CycleSolver(steps=3000, tolerance=1e-10)
"""For verification: volumes right to 0.0001 mL."""


@dataclass(frozen=True, eq=False)
class SteadyIndices:
    """The clinical indices of a batch without its waveforms.

    Attributes:
        indices: NaN where the status is not "periodic".
        period_residual: largest change of a state over the beat relative to the stressed volume.
        status: "periodic", or what went wrong.
    """

    indices: Indices
    period_residual: Float[np.ndarray, "*batch"]
    status: Shaped[np.ndarray, "*batch"]


def steady_state(
    circulation: Circulation,
    lvad: Lvad | None = None,
    *,
    solver: CycleSolver | None = None,
    throw: bool = True,
) -> Beat:
    """Return the beat that repeats itself, P(y*) = y* for the cycle map P.

    Args:
        circulation: one patient or a batch.
        lvad: a pump from the left ventricle to the aorta; its speeds broadcast with the batch.
        solver: steps, tolerance and limits; `FAST` for large batches.
        throw: raise if a patient has no periodic beat; otherwise its numbers are NaN and its
            status says why.

    Raises:
        InputError: the speeds do not broadcast with the batch.
        NumericsError: a patient has no periodic beat.

    >>> beat = steady_state(Circulation())
    >>> print(f"{beat.indices.edv_ml:.1f} mL, {beat.indices.systolic_mmhg:.1f} mmHg")
    149.2 mL, 117.6 mmHg
    """
    solver = CycleSolver() if solver is None else solver
    circulation, lvad = together(circulation, lvad)
    found = find_beats(circulation, lvad, solver, keep_waveforms=True)
    status = status_of(found, solver, circulation.shape, "steady_state" if throw else None)
    good = np.asarray(status == OK)
    waves = dict(zip(WAVEFORMS, found.waves, strict=True))
    shape = circulation.shape
    return Beat(
        **{
            name: np.where(good[..., None], value.reshape(*shape, -1), np.nan)
            for name, value in waves.items()
        },
        indices=found.indices.map(lambda own: np.where(good, own.reshape(shape), np.nan)),
        period_residual=found.residual.reshape(shape),
        beats=found.beats.reshape(shape),
        status=status,
        circulation=circulation,
        lvad=lvad,
        provenance=make_provenance({"verb": "steady_state", "solver": solver}),
    )


def steady_indices(
    circulation: Circulation,
    lvad: Lvad | None = None,
    *,
    solver: CycleSolver = FAST,
    throw: bool = True,
) -> SteadyIndices:
    """Return only the clinical indices of the beats that repeat themselves: for large batches.

    Args:
        circulation: a batch of patients.
        lvad: a pump; its speeds broadcast with the batch.
        solver: steps, tolerance and limits.
        throw: raise if a patient has no periodic beat; otherwise its indices are NaN.

    Raises:
        InputError: the speeds do not broadcast with the batch.
        NumericsError: a patient has no periodic beat.

    >>> found = steady_indices(Circulation(emax=[1.0, 2.0]))
    >>> found.indices.ef_percent.round(1).tolist()
    [37.9, 55.0]
    """
    circulation, lvad = together(circulation, lvad)
    found = find_beats(circulation, lvad, solver, keep_waveforms=False)
    shape = circulation.shape
    status = status_of(found, solver, shape, "steady_indices" if throw else None)
    return SteadyIndices(
        indices=found.indices.map(lambda own: np.where(status == OK, own.reshape(shape), np.nan)),
        period_residual=found.residual.reshape(shape),
        status=status,
    )


class Found(NamedTuple):
    """Results, patients first: starts and waveforms have a second axis."""

    start: Any
    indices: Indices
    residual: Float[np.ndarray, " n_patients"]
    beats: Int[np.ndarray, " n_patients"]
    waves: tuple[Float[np.ndarray, "n_patients n_times"], ...]


def together(circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
    """Return both with the shape of the batch."""
    if lvad is None:
        return circulation, None
    try:
        shape = np.broadcast_shapes(circulation.shape, np.shape(lvad.speed_rpm))
    except ValueError:
        raise InputError(
            "speed_rpm",
            found=f"shape {np.shape(lvad.speed_rpm)}",
            expected=f"a shape that broadcasts with the patients, {circulation.shape}",
        ) from None
    if shape != circulation.shape:
        period = np.broadcast_to(circulation.period_s, shape)
        circulation = circulation.replace(period_s=period)
    return circulation, replace(lvad, speed_rpm=np.broadcast_to(lvad.speed_rpm, shape))


def find_beats(
    circulation: Circulation, lvad: Lvad | None, solver: CycleSolver, keep_waveforms: bool
) -> Found:
    """Return the beats of all patients, those that are not periodic too."""
    circuit = circulation.circuit()
    pump = None if lvad is None else lvad.pump()
    # Small groups share one program, whoever asks: compiling takes longer than the waveforms do.
    small = group_size(len(circuit.period_s)) < LANES[-1]

    def solve(own: Circuit, own_pump: Pump | None, attempt: _Attempt) -> Found:
        return _solve_lanes(
            own,
            own_pump,
            solver.steps,
            attempt.n_coarse,
            attempt.share * solver.tolerance,
            min(attempt.max_beats, solver.max_beats),
            attempt.enough,
            keep_waveforms or small,
            attempt.newton,
        )

    found = in_groups(partial(solve, attempt=ATTEMPTS[0]), circuit, pump)
    for attempt in ATTEMPTS[1:]:
        slow = np.flatnonzero(~(found.residual < solver.tolerance))
        if not len(slow):
            break
        again = in_groups(partial(solve, attempt=attempt), circuit, pump, chosen=slow)

        def insert(all_of_them: Any, some: Any, slow: Any = slow) -> Any:
            all_of_them[slow] = some
            return all_of_them

        found = jax.tree.map(insert, found, again)
    return found


@partial(jax.jit, static_argnames=("steps", "keep_waveforms", "newton"))
def _solve_lanes(
    circuit: Circuit,
    pump: Pump | None,
    steps: int,
    n_coarse: Any,
    tolerance: Any,
    max_beats: Any,
    enough: Any,
    keep_waveforms: bool,
    newton: bool,
) -> Found:
    """Solve a group in lockstep."""
    found = search_coarse(circuit, pump, COARSE_STEPS, n_coarse)
    start, inverse = found.point + found.step, found.inverse
    if newton:
        inverse = newton_inverse(start, circuit, pump, steps)
    search, fine = search_fine(
        begin(start, inverse), circuit, pump, steps, tolerance, max_beats, enough
    )
    first = polish(search, circuit)
    last, trace = trace_beat(first, circuit, prepare(circuit, steps), pump)
    beats = jnp.full(circuit.period_s.shape, n_coarse + 1) + fine
    waves = waveforms(trace, circuit) if keep_waveforms else ()
    residual = period_residual(first, last, circuit)
    return Found(jnp.stack(first, -1), indices(trace, circuit), residual, beats, waves)


def waveforms(trace: Trace, circuit: Circuit) -> tuple[Any, ...]:
    """Return the waveforms in the order of `WAVEFORMS`, patients first."""
    volume, atrial, arterial, aortic, flow = trace.states[:5]

    def closed(own: Any) -> Any:
        # Flows are known at the ends of steps; the first instant is the last of the beat before.
        return jnp.concatenate([own[-1:], own])

    columns = (
        trace.times,
        volume + circuit.v0_ml,
        trace.elastance * volume,
        atrial,
        aortic,
        arterial,
        closed(trace.flows.mitral),
        closed(trace.flows.aortic_valve),
        flow,
        closed(trace.flows.pump) if len(trace.states) == 5 else trace.states[5],
    )
    return tuple(jnp.moveaxis(column, 0, -1) for column in columns)


def status_of(
    found: Found, solver: CycleSolver, shape: tuple[int, ...], verb: str | None
) -> Shaped[np.ndarray, "*batch"]:
    """Return the status of every patient; raise in the name of a verb, if there is one."""
    residual = found.residual
    good = residual < solver.tolerance
    texts = np.full(len(residual), OK, dtype="<U120")
    for index in np.flatnonzero(~good):
        texts[index] = (
            f"not periodic after {found.beats[index]} beats: changes by {residual[index]:.1e} of "
            f"the stressed volume a beat, {solver.tolerance:.1e} allowed"
        )
    if verb is not None and not good.all():
        first = int(np.flatnonzero(~good)[0])
        raise NumericsError(
            f"{verb}: {np.count_nonzero(~good)} of {len(good)} patients have no periodic "
            f"beat; the first, number {first}: {texts[first]}. Look at its parameters, allow more "
            "beats (max_beats), or find the others by steady_state(…, throw=False)."
        )
    return texts.reshape(shape)
