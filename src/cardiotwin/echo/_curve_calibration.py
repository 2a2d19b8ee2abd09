"""What is wrong with the shape of the beats that clips show, by clips whose truth is known."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..circulation import steady_state
from ._expected_error import ExpectedError
from ._phantom import PhantomClip
from ._segment import Segmentation
from ._volume_curve import Beat, CurveErrors, beat_of, fit_curve_errors, shared_errors, times_of

SAME_BEAT = 0.1
"""Relative difference of the length of the beat beyond which a clip says nothing of its shape."""


class ComparedCurve(NamedTuple):
    """The beat of one clip.

    Attributes:
        view: of the clip.
        ef, largest: EF and largest volume as seen, before calibration.
        beat: as seen.
        curve: (n_points,) true volumes of the patient at the same phases, mL.
    """

    view: str
    ef: float
    largest: float
    beat: Beat
    curve: Float[np.ndarray, " n_points"]


def compared_curve(one: PhantomClip, found: Segmentation) -> ComparedCurve | None:
    """Return seen and true beat; None where the beat was found at another length.

    Args:
        one: synthetic clip.
        found: of it, by a model without calibration.
    """
    period = 60.0 / found.heart_rate_per_min
    if abs(found.heart_rate_per_min / one.heart_rate_per_min - 1.0) > SAME_BEAT:
        return None
    truth = steady_state(one.circulation)
    phases = np.asarray(truth.times_s) / float(one.circulation.period_s)
    return ComparedCurve(
        view=str(one.clip.view),
        ef=found.ef_percent,
        largest=float(found.cycle.values.mean(0).max()),
        beat=beat_of(found.cycle.values, period),
        curve=np.interp(times_of(period) / period, phases, truth.volume_ml, period=1.0),
    )


def curve_errors_of(every: Sequence[ComparedCurve], calibration: Mapping[str, Any]) -> CurveErrors:
    """Return the errors of curves that are stretched to calibrated EF and volumes.

    Args:
        every: clips.
        calibration: of EF and volumes, by view.
    """
    errors = [_of_view(calibration, own.view) for own in every]
    ef = np.array([e.ef_offset + e.ef_slope * own.ef for e, own in zip(errors, every, strict=True)])
    edv = np.array([e.volume_factor * own.largest for e, own in zip(errors, every, strict=True)])
    stroke = (edv * ef / 100.0)[:, None]
    beats = Beat(*(np.stack(parts) for parts in zip(*(own.beat for own in every), strict=True)))
    seen = edv[:, None] + stroke * beats.shape
    missing = (np.stack([own.curve for own in every]) - seen) / stroke
    shared = shared_errors(
        beats, ef, np.array([e.ef_sd for e in errors]), np.array([e.volume_sd for e in errors])
    )
    shared = shared * (edv[:, None] / stroke)[:, None]
    return fit_curve_errors(beats.shape, missing, shared)


def _of_view(calibration: Mapping[str, Any], view: str) -> ExpectedError:
    own = calibration["views"][view]
    return ExpectedError(*(own[name] for name in ExpectedError._fields))
