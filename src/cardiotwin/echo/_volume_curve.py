"""The beat of a clip as volumes of a patient: when it begins, its corners, and its errors."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..hemodynamics import Curve

N_POINTS = 25
"""Volumes of a beat."""

HALF_S, HALF_SPREAD_S = 0.2, 0.03
"""From the beginning of the contraction to where a smoothed curve has fallen half its way, s: mean
and standard deviation, rounded up, of 300 virtual patients of the priors. The largest volume is no
mark: before the valve opens volumes stand still, and noise decides where the maximum is."""

N_ERRORS = 6
"""Shapes of the errors of single beats that are kept."""

N_UNSEEN = 4
"""Directions of what a clip leaves open of its own curve that are kept: phases never seen."""

RIDGE = 0.001
"""Of the slopes between seen and true shape, a clip."""

TYPICAL_NOISE = 0.05
"""Of single volumes against the stroke volume, beside which shared errors are told apart."""


class Beat(NamedTuple):
    """A smoothed curve from where it has fallen half its way; a batch has leading axes.

    Attributes:
        shape: (…, N_POINTS) 0 at its largest value, −1 at its smallest.
        slope: (…, N_POINTS) derivative of the shape, 1/s.
        unseen: (…, N_UNSEEN, N_POINTS) by how much the shape may differ, one standard deviation
            each: little where a clip lasts longer than a beat.
    """

    shape: Any
    slope: Any
    unseen: Any


class CurveErrors(NamedTuple):
    """How far apart seen and true beats are, in stroke volumes, as synthetic clips tell.

    Attributes:
        middle: (N_POINTS,) mean shape.
        offset: (N_POINTS,) mean of true less seen.
        slopes: (N_POINTS, N_POINTS) what a seen shape says of that, by row of the shape.
        shapes: (N_ERRORS, N_POINTS) errors that remain and that all volumes of a beat share,
            one standard deviation each.
        spread: of what remains, root mean square.
    """

    middle: Float[np.ndarray, " n_points"]
    offset: Float[np.ndarray, " n_points"]
    slopes: Float[np.ndarray, "n_points n_points"]
    shapes: Float[np.ndarray, "n_errors n_points"]
    spread: float

    def as_dict(self) -> dict[str, Any]:
        """Return rounded lists, for the card of a model."""
        return {name: np.round(own, 4).tolist() for name, own in self._asdict().items()}

    @classmethod
    def of(cls, card: Mapping[str, Any] | None) -> "CurveErrors | None":
        """Return what `as_dict` gave, None of None."""
        if card is None:
            return None
        names = ("middle", "offset", "slopes", "shapes")
        arrays = {name: np.asarray(card[name], float) for name in names}
        return cls(**arrays, spread=float(card["spread"]))


def beat_of(curves: Float[np.ndarray, "n_draws n_phases"], period_s: float) -> Beat:
    """Return the mean of draws of a curve of one beat, which is periodic, from its half descent on.

    Args:
        curves: draws.
        period_s: length of the beat.
    """
    n = curves.shape[1]
    curves = np.roll(curves, -int(curves.mean(0).argmax()), 1)
    mean = curves.mean(0)
    shape = (mean - mean[0]) / np.ptp(mean)
    after = int(np.argmax(shape < -0.5))
    half = after - 1 + (shape[after - 1] + 0.5) / (shape[after - 1] - shape[after])
    slope = 0.5 * (np.roll(shape, -1) - np.roll(shape, 1)) * n / period_s
    _, sizes, directions = np.linalg.svd((curves - mean) / np.ptp(mean), full_matrices=False)
    unseen = np.zeros((N_UNSEEN, n))
    kept = min(N_UNSEEN, len(sizes))
    unseen[:kept] = (sizes[:kept, None] / np.sqrt(len(curves))) * directions[:kept]
    at = half + np.arange(N_POINTS) * n / N_POINTS
    own, slope, *unseen = (
        np.interp(at, np.arange(n), row, period=n) for row in (shape, slope, *unseen)
    )
    return Beat(own, slope, np.stack(unseen))


def times_of(period_s: float) -> Float[np.ndarray, " n_points"]:
    """Return when the points of a beat are, from the beginning of the contraction, s."""
    return (HALF_S + np.arange(N_POINTS) / N_POINTS * period_s) % period_s


def shared_errors(
    beat: Beat, ef_percent: Any, ef_sd: Any, volume_sd: Any
) -> Float[np.ndarray, "*batch 3 n_points"]:
    """Return errors that all volumes share, against EDV: of scale, contraction and onset.

    Args:
        beat: one or a batch.
        ef_percent: (…) EF.
        ef_sd: (…) its error, points.
        volume_sd: (…) relative error of all volumes.
    """
    ef, ef_sd, volume_sd = (np.asarray(own)[..., None] for own in (ef_percent, ef_sd, volume_sd))
    scale = volume_sd * (1.0 + ef / 100.0 * beat.shape)
    onset = ef / 100.0 * beat.slope * HALF_SPREAD_S
    return np.stack([scale, ef_sd / 100.0 * beat.shape, onset], -2)


def volume_curve(
    beat: Beat,
    period_s: float,
    edv_ml: float,
    ef_percent: float,
    *,
    ef_sd: float,
    volume_sd: float,
    noise_ml: float,
    errors: CurveErrors | None,
) -> Curve:
    """Return volumes of a beat with their own error and those that they share.

    With the shape s and the stroke volume S it is V = EDV + S (s + o + B (s − s̄)): a smoothed
    curve has no corners, and o and B put them where they were in synthetic clips.

    Args:
        beat: of the clip.
        period_s: its length.
        edv_ml: largest volume of the shape, calibrated.
        ef_percent: calibrated.
        ef_sd: error of EF, points.
        volume_sd: relative error of all volumes.
        noise_ml: of single volumes about the curve.
        errors: of curves; None takes the curve as it is.
    """
    stroke = edv_ml * ef_percent / 100.0
    own, shapes = beat.shape, beat.unseen
    if errors is not None:
        own = own + errors.offset + (own - errors.middle) @ errors.slopes
        shapes = np.concatenate([shapes, errors.shapes])
        # What no shared shape tells is taken to be as large as what they tell: circuits are
        # sensitive to the last percent of a shape, and clips are not the patient's mean beat.
        noise_ml = float(np.hypot(noise_ml, stroke * errors.spread))
    times = times_of(period_s)
    order = np.argsort(times)
    values = edv_ml + stroke * own
    shared = edv_ml * shared_errors(beat, ef_percent, ef_sd, volume_sd)
    shared = np.concatenate([shared, stroke * shapes])
    return Curve(times[order], values[order], noise_ml, shared[:, order])


def fit_curve_errors(
    shapes: Float[np.ndarray, "n n_points"],
    missing: Float[np.ndarray, "n n_points"],
    shared: Float[np.ndarray, "n n_shared n_points"],
) -> CurveErrors:
    """Return the errors of curves by clips whose truth is known.

    Args:
        shapes: as seen, see `Beat`.
        missing: true less seen volumes, in seen stroke volumes.
        shared: in seen stroke volumes, see `shared_errors`; what these explain is no error of the
            shape.
    """
    middle, offset = shapes.mean(0), missing.mean(0)
    away = shapes - middle
    ridge = RIDGE * len(shapes) * np.eye(N_POINTS)
    slopes = np.linalg.solve(away.T @ away + ridge, away.T @ (missing - offset))
    rest = missing - offset - away @ slopes
    # Most probable sizes of the shared errors, beside which the shape has a typical noise.
    scaled = shared / TYPICAL_NOISE
    precision = np.eye(shared.shape[1]) + scaled @ np.swapaxes(scaled, -1, -2)
    match = np.einsum("nkp,np->nk", scaled, rest / TYPICAL_NOISE)
    sizes = np.linalg.solve(precision, match[..., None])[..., 0]
    rest = rest - np.einsum("nk,nkp->np", sizes, shared)
    values, vectors = np.linalg.eigh(rest.T @ rest / len(rest))
    largest = vectors[:, ::-1][:, :N_ERRORS] * np.sqrt(np.maximum(values[::-1][:N_ERRORS], 0.0))
    return CurveErrors(middle, offset, slopes, largest.T, float(np.sqrt(np.mean(rest**2))))
