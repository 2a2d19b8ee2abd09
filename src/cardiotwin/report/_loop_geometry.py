"""Where arrows and straight relations of a pressure–volume loop lie."""

from dataclasses import dataclass

import numpy as np

from ..circulation import Beat
from ._phases import beat_phases


@dataclass(frozen=True)
class Relation:
    """A straight pressure–volume relation as it is drawn.

    Attributes:
        slope_mmhg_ml: of the line.
        is_diastolic: EDPVR, or else ESPVR.
        volumes_ml: of both ends; the first is Vd.
        pressures_mmhg: of both ends.
        user: number of the beat whose it is, −1 if several share it.
    """

    slope_mmhg_ml: float
    is_diastolic: bool
    volumes_ml: tuple[float, float]
    pressures_mmhg: tuple[float, float]
    user: int


def relations(beats: list[Beat], right: float, high: float) -> list[Relation]:
    """Return each different ESPVR and EDPVR once, from Vd to the edge of the figure."""
    found = []
    for is_diastolic in (False, True):
        seen: dict[tuple[float, float], list[int]] = {}
        for number, beat in enumerate(beats):
            slope = float(beat.circulation.emin if is_diastolic else beat.indices.ees_mmhg_ml)
            key = (float(f"{slope:.4g}"), float(f"{float(beat.circulation.v0_ml):.4g}"))
            seen.setdefault(key, []).append(number)
        for (slope, v0), users in seen.items():
            end = min(right, v0 + high / slope)
            shared = len(users) > 1
            ends = (0.0, slope * (end - v0))
            found.append(Relation(slope, is_diastolic, (v0, end), ends, -1 if shared else users[0]))
    return found


def arrow_places(beat: Beat) -> list[tuple[float, float, float, float]]:
    """Return where arrows show the direction: volume and pressure just before, and there.

    One in the middle of the longest phase of each name, unless that is short.
    """
    longest: dict[str, tuple[float, tuple[float, float, float, float]]] = {}
    for phase in beat_phases(beat):
        inside = (beat.times_s >= phase.start_s) & (beat.times_s <= phase.end_s)
        volume, pressure = beat.volume_ml[inside], beat.lv_mmhg[inside]
        if len(volume) < 3:
            continue
        steps = np.hypot(
            np.diff(volume) / np.ptp(beat.volume_ml), np.diff(pressure) / np.ptp(beat.lv_mmhg)
        )
        way = np.concatenate([[0.0], np.cumsum(steps)])
        if way[-1] < max(0.08, longest.get(phase.name, (0.0,))[0]):
            continue
        middle = min(max(int(np.searchsorted(way, way[-1] / 2)), 1), len(volume) - 1)
        before, here = ((float(volume[i]), float(pressure[i])) for i in (middle - 1, middle))
        longest[phase.name] = (float(way[-1]), (*before, *here))
    return [place for _, place in longest.values()]
