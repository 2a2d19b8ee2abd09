"""What a page about a circulation shows: the beat, what it is compared with, its spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._errors import InputError
from ..circulation import Beat
from ..hemodynamics import Identification
from ._beats import NINETY, Loop, draws_of, measured_loops, one_beat
from ._saved_clip import SavedClip, collect_clips


@dataclass(frozen=True, eq=False)
class SavedBeat:
    """A beat with everything that belongs beside it; `save_beat` writes it, `load_beat` reads it.

    Attributes:
        beat: of one patient.
        draws: beats of shape (n_draws,) that fit the data as well (a posterior), or None.
        compared: other beats of the patient by name, before or after something.
        measured: measured loops (volume in mL, pressure in mmHg) by name.
        title: head of the page.
        name: of the beat, for legends.
        notes: sentences that belong beside the numbers (inverse crime, what the data were).
        identification: what the beat and its draws were found by, or None.
        clips: echo clips that they were found in.
    """

    beat: Beat
    draws: Beat | None = None
    compared: Mapping[str, Beat] = field(default_factory=dict)
    measured: Mapping[str, Loop] = field(default_factory=dict)
    title: str = "Circulation"
    name: str = "beat"
    notes: Sequence[str] = ()
    identification: Identification | None = None
    clips: Sequence[SavedClip] = ()

    def index_intervals(self) -> dict[str, tuple[float, float]]:
        """Return between what values nine of ten draws lie, for every index."""
        if self.draws is None:
            return {}
        rows = self.draws.indices.as_dict().items()
        return {name: _interval(values) for name, values in rows}

    def parameter_intervals(self) -> dict[str, tuple[float, float]]:
        """Return the same for every parameter that is not equal in all draws."""
        if self.draws is None:
            return {}
        rows = self.draws.circulation.values().items()
        found = {name: _interval(values) for name, values in rows}
        return {name: (low, high) for name, (low, high) in found.items() if low < high}


def collect_beat(
    beat: Beat | SavedBeat,
    *,
    draws: Beat | None = None,
    compared: Mapping[str, Beat] | None = None,
    measured: Any = None,
    title: str = "",
    name: str = "",
    notes: Sequence[str] = (),
    identification: Identification | None = None,
    clips: Sequence[Any] = (),
) -> SavedBeat:
    """Check what belongs together and return it as one.

    Args:
        beat: of one patient; of a `SavedBeat` the other arguments are not looked at.
        draws: batch of beats that fit the data as well; those that failed are left out, and the
            notes say how many.
        compared: other beats by name.
        measured: (volume in mL, pressure in mmHg), or several such pairs by name.
        title: head of the page.
        name: of the beat, for legends.
        notes: sentences for the page.
        identification: what the beat and its draws were found by.
        clips: what `segment` found in the clips of the patient.

    Raises:
        InputError: a batch where one beat is needed, a failed beat, or names that clash.
    """
    if isinstance(beat, SavedBeat):
        return beat
    own = one_beat(beat, "beat")
    others = {
        str(key): one_beat(other, f"compared[{key!r}]") for key, other in (compared or {}).items()
    }
    name = name or ("this beat" if others else "beat")
    loops = measured_loops(measured)
    names = [name, *others, *loops]
    if len(set(names)) < len(names):
        raise InputError("compared", found=f"names {names}", expected="names that differ")
    good = None if draws is None else draws_of(draws, "draws")
    notes = [notes] if isinstance(notes, str) else list(notes)
    if draws is not None and good is not None:
        n_draws = int(np.prod(draws.volume_ml.shape[:-1]))
        failed = n_draws - len(good.volume_ml)
        if failed:
            notes.append(f"{failed} of {n_draws} draws have no periodic beat and are left out.")
    title = title or "Circulation"
    return SavedBeat(
        own,
        good,
        others,
        loops,
        title,
        name,
        tuple(notes),
        identification,
        collect_clips(clips),
    )


def _interval(values: Any) -> tuple[float, float]:
    known = np.asarray(values, float).ravel()
    known = known[np.isfinite(known)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.percentile(known, NINETY)
    return float(low), float(high)
