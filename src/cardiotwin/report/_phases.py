"""The phases of a beat, as its valves mark them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..circulation import Beat
from ._beats import one_beat

FILLING, EJECTION = "filling", "ejection"
CONTRACTION, RELAXATION = "isovolumic contraction", "isovolumic relaxation"
CLOSED_CONTRACTION = "contraction, valves closed"
CLOSED_RELAXATION = "relaxation, valves closed"
BOTH_OPEN = "both valves open"

SHORT = {
    FILLING: "filling",
    EJECTION: "ejection",
    CONTRACTION: "IVC",
    RELAXATION: "IVR",
    CLOSED_CONTRACTION: "contraction",
    CLOSED_RELAXATION: "relaxation",
    BOTH_OPEN: "both open",
}
"""Names of phases as a narrow figure prints them."""


@dataclass(frozen=True)
class Phase:
    """A part of a beat during which no valve moves.

    Attributes:
        name: filling, ejection, isovolumic contraction or relaxation. Where a pump or a leak
            changes the volume behind closed valves they are "contraction, valves closed" and
            "relaxation, valves closed"; if the aortic valve never opens, the peak of the
            ventricular pressure parts them.
        start_s: when it begins, s from the start of the contraction.
        end_s: when it ends.
        mitral_open: whether the mitral valve lets blood through.
        aortic_open: whether the aortic valve does.
    """

    name: str
    start_s: float
    end_s: float
    mitral_open: bool
    aortic_open: bool


def beat_phases(beat: Beat) -> tuple[Phase, ...]:
    """Return the phases of a beat in order; together they are the whole beat.

    A valve is open while blood flows forward through it. Where it moves is found by linear
    interpolation of the pressure over it. Filling usually stands at both ends of the beat: the
    mitral valve closes a moment after the contraction has begun.

    Args:
        beat: of one patient.

    Raises:
        InputError: a batch, or a beat that failed.

    >>> from cardiotwin.circulation import Circulation, steady_state
    >>> [phase.name for phase in beat_phases(steady_state(Circulation()))][:3]
    ['filling', 'isovolumic contraction', 'ejection']
    """
    beat = one_beat(beat, "beat")
    times = beat.times_s
    mitral, aortic = beat.mitral_ml_s > 0, beat.aortic_valve_ml_s > 0
    over_mitral, over_aortic = beat.atrial_mmhg - beat.lv_mmhg, beat.lv_mmhg - beat.aortic_mmhg
    cuts = [float(times[0])]
    states = [(bool(mitral[0]), bool(aortic[0]))]
    for i in range(len(times) - 1):
        moved = [
            (_crossing(times[i : i + 2], over[i : i + 2]), valve)
            for valve, (opened, over) in enumerate(((mitral, over_mitral), (aortic, over_aortic)))
            if opened[i] != opened[i + 1]
        ]
        for when, valve in sorted(moved):
            now = list(states[-1])
            now[valve] = not now[valve]
            cuts.append(max(when, cuts[-1]))
            states.append((now[0], now[1]))
    cuts.append(float(times[-1]))
    return _named(beat, cuts, states)


def _crossing(times: Float[np.ndarray, " 2"], over: Float[np.ndarray, " 2"]) -> float:
    """Return when the pressure over a valve is zero; the middle if it does not change sign."""
    change = over[1] - over[0]
    part = -over[0] / change if over[0] * over[1] < 0 else 0.5
    return float(times[0] + min(max(part, 0.0), 1.0) * (times[1] - times[0]))


def _named(beat: Beat, cuts: list[float], states: list[tuple[bool, bool]]) -> tuple[Phase, ...]:
    leaks = float(beat.circulation.mitral_leak) > 0 or float(beat.circulation.aortic_leak) > 0
    tight = beat.lvad is None and not leaks
    rise, fall = (CONTRACTION, RELAXATION) if tight else (CLOSED_CONTRACTION, CLOSED_RELAXATION)
    peak = float(beat.times_s[np.argmax(beat.lv_mmhg)])
    parts = [
        (mitral, aortic, start, end)
        for (mitral, aortic), start, end in zip(states, cuts[:-1], cuts[1:], strict=True)
        if end > start
    ]
    phases: list[Phase] = []
    for number, (mitral, aortic, start, end) in enumerate(parts):
        if mitral or aortic:
            name = BOTH_OPEN if mitral and aortic else FILLING if mitral else EJECTION
            phases.append(Phase(name, start, end, mitral, aortic))
        elif _ejects(parts, number, -1):
            phases.append(Phase(fall, start, end, False, False))
        elif not _ejects(parts, number, 1) and start < peak < end:
            phases.append(Phase(rise, start, peak, False, False))
            phases.append(Phase(fall, peak, end, False, False))
        else:
            phases.append(Phase(rise, start, end, False, False))
    return tuple(phases)


def _ejects(parts: list[tuple[bool, bool, float, float]], number: int, step: int) -> bool:
    """Tell whether the phase before or after one lets blood through the aortic valve."""
    return parts[(number + step) % len(parts)][1]


def phase_at(phases: tuple[Phase, ...], time_s: float) -> Phase:
    """Return the phase that an instant belongs to."""
    return next((phase for phase in phases if time_s <= phase.end_s), phases[-1])


def open_spans(phases: tuple[Phase, ...], valve: str) -> list[tuple[float, float]]:
    """Return when a valve ("mitral", "aortic") is open; phases that touch are joined."""
    spans: list[tuple[float, float]] = []
    for phase in phases:
        if not getattr(phase, f"{valve}_open"):
            continue
        if spans and spans[-1][1] == phase.start_s:
            spans[-1] = (spans[-1][0], phase.end_s)
        else:
            spans.append((phase.start_s, phase.end_s))
    return spans
