"""How wide the intervals of twins must be, measured on clips whose truth is known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .._errors import NumericsError
from ..circulation import FAST, steady_indices
from ._encoded_clips import EncodedClips
from ._hidden_spread import hidden_spread, hidden_trust, volume_slopes
from ._twin_model import TwinModel
from ._twin_physics import PERIOD

LEVEL = 0.9
"""Intervals are made to hold so often."""

N_DRAWS = 64
"""Of each clip."""

CALIBRATED = ("widening", "hidden_trust", "hidden_spread", "shift", "calibration")
"""What a calibration writes on the card of a model."""

ROUNDS = 5
"""Of widening, simulating, and looking what is still missing."""


class TwinDraws(NamedTuple):
    """Simulated draws of several clips, (n_clips, n_draws) each; NaN where no beat is periodic.

    Attributes:
        z: (n_clips, n_draws, n_unknowns) coordinates of the parameters.
        ef_percent, edv_ml, esv_ml: of their beats.
    """

    z: Any
    ef_percent: Any
    edv_ml: Any
    esv_ml: Any


def simulate_twins(
    model: TwinModel, clips: EncodedClips, n_draws: int = N_DRAWS, seed: int = 0
) -> TwinDraws:
    """Return draws of the circulation of every clip, simulated.

    Args:
        model: trained through physics.
        clips: encodings.
        n_draws: of each clip.
        seed: of the draws.

    Raises:
        InputError: a model that was taught volumes directly.
    """
    names, unknowns = model.names, model.unknowns
    assert unknowns is not None
    z = model.drawn(model.read(clips.encoding), n_draws, seed)
    column = dict(zip(names, np.moveaxis(z, -1, 0), strict=True))
    period = unknowns.priors[PERIOD].coordinate(clips.encoding.period_s)
    column[PERIOD] = np.broadcast_to(period, z.shape[:-1])
    full = np.stack([column[name] for name in unknowns.names], -1)
    beats = steady_indices(unknowns.circulation(full), solver=FAST, throw=False).indices
    own = [np.asarray(getattr(beats, name)).T for name in ("ef_percent", "edv_ml", "esv_ml")]
    return TwinDraws(np.swapaxes(z, 0, 1), *own)


def calibrate_twins(model: TwinModel, clips: EncodedClips, seed: int = 0) -> TwinModel:
    """Return the model with spreads for which 90 % intervals of EF hold 90 % of the truths.

    Where the parameters of the clips are known, as those of synthetic ones are, their intervals
    are made to hold as often: across what EF and volumes tell, means are moved towards the prior
    as far as that makes them truer, and spread is added. At last means are
    shifted so that neither EF nor the largest volume is too large or too small in the mean.

    Args:
        model: trained through physics.
        clips: neither trained on nor chosen by.
        seed: of the draws.

    Raises:
        InputError: a model that was taught volumes directly.
        NumericsError: hardly a clip whose circulation beats.
    """
    names, unknowns = model.names, model.unknowns
    assert unknowns is not None
    before = {name: told for name, told in model.card.items() if name not in CALIBRATED}

    def ef_of(own: TwinModel) -> tuple[Any, Any]:
        drawn, beating = _beating(own, clips, seed)
        return drawn.ef_percent, _true_ef(beating)

    model = widened_to_hold(replace(model, card=before), ef_of)
    slopes = volume_slopes(unknowns, names, seed)
    if set(names) <= set(clips.truth):
        truth = np.stack([clips.truth[name] for name in names], -1)
        trust = hidden_trust(model.read(clips.encoding).mean.mean(0), truth, slopes)
        model = replace(model, card={**model.card, "hidden_trust": trust.tolist()})
        draws = np.swapaxes(model.drawn(model.read(clips.encoding), N_DRAWS, seed), 0, 1)
        more = hidden_spread(draws, truth, slopes, LEVEL)
        model = replace(model, card={**model.card, "hidden_spread": more.tolist()})
    shift = np.linalg.pinv(slopes) @ _errors(*_beating(model, clips, seed)).mean(0)
    model = replace(model, card={**model.card, "shift": shift.tolist()})
    drawn, beating = _beating(model, clips, seed)
    off = np.abs(_errors(drawn, beating)).mean(0)
    low, high = np.nanpercentile(drawn.ef_percent, [50 - 50 * LEVEL, 50 + 50 * LEVEL], axis=1)
    ef = _true_ef(beating)
    told = {
        "clips": len(clips),
        "ef_mae": 100.0 * float(off[0]),
        "edv_mae_percent": 100.0 * float(off[1]),
        "ef_held": float(np.mean((low <= ef) & (ef <= high))),
    }
    return replace(model, card={**model.card, "calibration": told})


def widened_to_hold(model: TwinModel, told: Callable[[TwinModel], tuple[Any, Any]]) -> TwinModel:
    """Return the model with the widening for which intervals hold as often as they should.

    Args:
        model: with any widening.
        told: from a model to draws (n, n_draws) of EF and the truth (n,).
    """
    widening, rounds = 1.0, []
    # What is told grows by less than the factor: a witness believed less keeps the prior, and
    # networks that disagree do not move.
    for _ in range(ROUNDS):
        missing = needed_widening(*told(model.widened(widening)))
        rounds.append((abs(np.log(missing)), widening))
        widening *= missing
    return model.widened(min(rounds)[1])


def _beating(model: TwinModel, clips: EncodedClips, seed: int) -> tuple[TwinDraws, EncodedClips]:
    """Return simulated draws of the clips whose circulations beat in most draws, and these."""
    drawn = simulate_twins(model, clips, seed=seed)
    beating = np.isfinite(drawn.ef_percent).mean(1) > 0.5
    if beating.sum() < max(20, 0.5 * len(clips)):
        raise NumericsError(
            f"Of {len(clips)} clips {int(beating.sum())} gave circulations with a periodic "
            "beat: train longer, or on more clips."
        )
    return TwinDraws(*(part[beating] for part in drawn)), clips[beating]


def _true_ef(clips: EncodedClips) -> Float[np.ndarray, " n"]:
    return 100.0 * (1.0 - clips.known.esv / clips.known.edv)


def _errors(drawn: TwinDraws, clips: EncodedClips) -> Float[np.ndarray, "n 2"]:
    """Return true less found EF (as a fraction) and logarithm of the largest volume."""
    ef, edv = np.nanmedian(drawn.ef_percent, 1), np.nanmedian(drawn.edv_ml, 1)
    return np.stack([(_true_ef(clips) - ef) / 100.0, np.log(clips.known.edv / edv)], -1)


def needed_widening(draws: Float[np.ndarray, "n n_draws"], truth: Float[np.ndarray, " n"]) -> float:
    """Return the factor on the spread of draws for which 90 % intervals hold 90 % of the truths.

    >>> rng = np.random.default_rng(0)
    >>> truth = 2.0 * rng.standard_normal(4000)
    >>> round(needed_widening(rng.standard_normal((4000, 400)), truth), 1)
    2.0
    """
    low, middle, high = np.nanpercentile(draws, [50 - 50 * LEVEL, 50, 50 + 50 * LEVEL], axis=1)
    half = np.where(truth > middle, high - middle, middle - low)
    return float(np.quantile(np.abs(truth - middle) / np.maximum(half, 1e-9), LEVEL))
