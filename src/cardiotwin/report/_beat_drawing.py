"""What the page's script draws of a circulation, as plain numbers."""

from typing import Any

import numpy as np

from ..circulation import Beat
from ._beat_saved import SavedBeat
from ._beats import end_diastole, end_systole, phase_band
from ._loop_geometry import arrow_places, relations
from ._phases import (
    BOTH_OPEN,
    CLOSED_CONTRACTION,
    CLOSED_RELAXATION,
    CONTRACTION,
    EJECTION,
    RELAXATION,
    beat_phases,
    open_spans,
)

MOST_DRAWN = 40
"""Loops of draws on a page; every further one would hide the others."""

PHASE_KINDS = {
    CONTRACTION: "rise",
    CLOSED_CONTRACTION: "rise",
    EJECTION: "ejection",
    BOTH_OPEN: "ejection",
    RELAXATION: "fall",
    CLOSED_RELAXATION: "fall",
}
"""Tint of a phase on the page; filling has none."""

_EVERY = 3  # A loop of a draw keeps every third point: nobody sees the others.

_PANELS: tuple[tuple[str, str, str, int, tuple[tuple[str, str, str, int], ...]], ...] = (
    ("pressure", "pressure (mmHg)", "mmHg", 0, (
        ("lv_mmhg", "left ventricle", "LV", 0),
        ("aortic_mmhg", "aorta", "aorta", 1),
        ("atrial_mmhg", "left atrium", "LA", 2),
    )),
    ("volume", "volume (mL)", "mL", 0, (("volume_ml", "left ventricle", "LV", 0),)),
    ("flow", "flow (mL/s)", "mL/s", 0, (
        ("mitral_ml_s", "mitral valve", "mitral", 2),
        ("aortic_valve_ml_s", "aortic valve", "aortic", 1),
        ("pump_ml_s", "pump", "pump", 3),
    )),
)  # fmt: skip


def drawing_facts(saved: SavedBeat) -> dict[str, Any]:
    """Return everything that circulation.js draws, rounded to six digits."""
    beat, draws = saved.beat, saved.draws
    beats = {saved.name: beat, **saved.compared}
    phases = beat_phases(beat)
    spread = [] if draws is None else _fan(draws)
    measured = [
        {"x": floats(np.append(volume, volume[0])), "y": floats(np.append(own, own[0])),
         "label": name}
        for name, (volume, own) in saved.measured.items()
    ]  # fmt: skip
    every = [*beats.values()] + ([] if draws is None else [draws])
    right = max([float(own.volume_ml.max()) for own in every] + [max(m["x"]) for m in measured])
    top = max([float(own.lv_mmhg.max()) for own in every] + [max(m["y"]) for m in measured])
    left = min(0.0, *(float(own.circulation.v0_ml) for own in beats.values()), 0.0)
    lines = relations(list(beats.values()), 1.06 * right, 1.08 * top)
    return {
        "times": floats(1000 * beat.times_s),
        "endSystole": int(np.argmax(beat.lv_mmhg / (beat.volume_ml - beat.circulation.v0_ml))),
        "volumeRange": [1.02 * left, 1.16 * right],
        "pressureRange": [-0.02 * top, 1.12 * top],
        "loops": [
            {"x": floats(own.volume_ml), "y": floats(own.lv_mmhg), "label": name}
            for name, own in beats.items()
        ],
        "fan": spread,
        "relations": [
            {"x": floats(line.volumes_ml), "y": floats(line.pressures_mmhg), "user": line.user}
            for line in lines
        ],
        "relationLabels": [
            [float(line.volumes_ml[1]), float(line.pressures_mmhg[1]),
             f"{'Emin' if line.is_diastolic else 'Ees'} = {line.slope_mmhg_ml:.3g}",
             line.is_diastolic]
            for line in lines
        ],
        "corners": [
            [*corner(own), kind, name]
            for name, own in beats.items()
            for kind, corner in (("end diastole", end_diastole), ("end systole", end_systole))
        ],
        "arrows": [
            [*floats(np.array(place)), user]
            for user, own in enumerate(beats.values())
            for place in arrow_places(own)
        ],
        "measured": measured,
        "phases": [
            {"name": phase.name, "kind": PHASE_KINDS.get(phase.name, ""),
             "from": 1000 * phase.start_s, "to": 1000 * phase.end_s}
            for phase in phases
        ],
        "valves": [
            {"name": valve, "color": color,
             "open": [[1000 * start, 1000 * end] for start, end in open_spans(phases, valve)]}
            for valve, color in (("aortic", 1), ("mitral", 2))
        ],
        "panels": [_panel(saved, *panel) for panel in _PANELS],
    }  # fmt: skip


def _panel(
    saved: SavedBeat, name: str, label: str, unit: str, digits: int, curves: Any
) -> dict[str, Any]:
    beat, draws = saved.beat, saved.draws
    fractions = beat.times_s / beat.times_s[-1]
    shown = [curve for curve in curves if curve[0] != "pump_ml_s" or beat.lvad is not None]
    return {
        "id": name,
        "label": label,
        "unit": unit,
        "digits": digits,
        "curves": [
            {
                "name": long,
                "short": short,
                "color": color,
                "y": floats(getattr(beat, wave)),
                "band": None
                if draws is None
                else [floats(edge) for edge in phase_band(draws, wave, fractions)],
            }
            for wave, long, short, color in shown
        ],
    }


def _fan(draws: Beat) -> list[dict[str, Any]]:
    n_draws = len(draws.volume_ml)
    chosen = np.unique(np.linspace(0, n_draws - 1, min(MOST_DRAWN, n_draws)).round().astype(int))
    kept = np.unique([*range(0, draws.volume_ml.shape[1], _EVERY), draws.volume_ml.shape[1] - 1])
    return [
        {"x": floats(draws.volume_ml[i, kept], 4), "y": floats(draws.lv_mmhg[i, kept], 4)}
        for i in chosen
    ]


def floats(values: Any, digits: int = 6) -> list[float]:
    """Return numbers rounded to so many digits, for JSON that is no longer than it need be."""
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, float).ravel().tolist()]
