"""Patients seen in synthetic clips: who they are, what was read of each, answers for everybody."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .._errors import InputError
from .._progress import track
from ..circulation import steady_state
from ..echo import EncodedClips, PhantomClip, Segmentation, encode, segment
from ..echo._encoding import Encoding
from ..echo._twin_losses import Known
from ..hemodynamics import Measurements
from ._patient_answers import (
    PHASES,
    WAVES,
    Answer,
    Truth,
    coordinates_of,
    joined,
    sampled,
)


@dataclass(frozen=True, eq=False)
class SeenClips:
    """What is made of clips, one of every patient.

    Attributes:
        truth: all patients; its measurements are those of the clips that were seen, in order.
        seen: (n_patients,) in whose clip a beating ventricle was found.
        segmentations: of the clips that were seen.
        encoded: encodings of the clips that were seen.
        segment_s: (n_patients,) seconds that the segmentation took.
        encode_s: (n_patients,) seconds that the encoding took, NaN where there is none.
    """

    truth: Truth
    seen: Bool[np.ndarray, " n_patients"]
    segmentations: tuple[Segmentation, ...]
    encoded: EncodedClips
    segment_s: Float[np.ndarray, " n_patients"]
    encode_s: Float[np.ndarray, " n_patients"]

    @property
    def clip_s(self) -> float:
        """Median seconds from a clip to its encoding."""
        return float(np.nanmedian(self.segment_s + self.encode_s))


def see_clips(made: Sequence[PhantomClip]) -> SeenClips:
    """Segment and encode clips, and take the time.

    Args:
        made: one clip of every patient.

    Raises:
        InputError: a beating ventricle is found in none.
    """
    found: list[Segmentation] = []
    encodings: list[Encoding] = []
    seen = np.zeros(len(made), bool)
    spent = np.full((2, len(made)), np.nan)
    _segmented(made[0])  # Whatever is compiled is compiled here.
    for row in track(range(len(made)), "clips"):
        begin = time.perf_counter()
        own = _segmented(made[row])
        spent[0, row] = time.perf_counter() - begin
        if own is None:
            continue
        begin = time.perf_counter()
        encodings.append(encode(own))
        spent[1, row] = time.perf_counter() - begin
        found.append(own)
        seen[row] = True
    if not found:
        raise InputError("clips", found="none with a beating ventricle", expected="at least one")
    shown = [one for one, good in zip(made, seen, strict=True) if good]
    edv, esv = np.array([[one.edv_ml, one.esv_ml] for one in shown]).T
    stacked = Encoding(*(np.stack(leaves) for leaves in zip(*encodings, strict=True)))
    encoded = EncodedClips(stacked._replace(powers=encodings[0].powers), Known(edv, esv, None), {})
    truth = truth_of_clips(made, [own.measurements() for own in found])
    return SeenClips(truth, seen, tuple(found), encoded, spent[0], spent[1])


def truth_of_clips(made: Sequence[PhantomClip], volumes: Sequence[Measurements] = ()) -> Truth:
    """Return the patients of synthetic clips as they are.

    Args:
        made: one clip of every patient.
        volumes: what was measured in the clips in which something was; pressures are not.
    """
    circulation = joined([one.circulation for one in made])
    beat = steady_state(circulation)
    period = np.asarray(circulation.period_s)[:, None]
    return Truth(
        beat,
        sampled(beat, PHASES * period),
        coordinates_of(circulation),
        list(volumes),
        [],
        None,
    )


def for_everybody(answer: Answer, seen: Bool[np.ndarray, " n_patients"]) -> Answer:
    """Return the answer with rows of NaN, not converged, for patients in whose clip nobody is seen.

    Args:
        answer: of the patients that were seen.
        seen: who they are among all.
    """

    def spread(rows: np.ndarray | None) -> np.ndarray | None:
        if rows is None:
            return None
        every = np.full((len(seen), *rows.shape[1:]), np.nan)
        every[seen] = rows
        return every

    converged = np.zeros(len(seen), bool)
    converged[seen] = answer.converged
    return answer._replace(
        waves=spread(answer.waves),
        coordinates=spread(answer.coordinates),
        converged=converged,
        circulation=None,
        ef=spread(answer.ef_percent),
        ef_interval=spread(answer.ef_interval),
    )


def no_waves(n: int) -> Float[np.ndarray, "n 5 n_phases"]:
    """Return the waves of a method that tells EF alone."""
    return np.full((n, len(WAVES), len(PHASES)), np.nan)


def _segmented(one: PhantomClip) -> Segmentation | None:
    try:
        return segment(one.clip)
    except InputError:
        return None
