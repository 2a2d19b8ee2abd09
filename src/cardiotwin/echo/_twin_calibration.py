"""How wide the intervals of twins must be, measured on clips whose truth is known."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .._errors import NumericsError
from ..circulation import FAST, steady_indices
from ._encoded_clips import EncodedClips
from ._twin_model import TwinModel
from ._twin_physics import PERIOD
from ._witnesses import drawn_in_turns

LEVEL = 0.9
"""Intervals are made to hold so often."""

N_DRAWS = 64
"""Of each clip."""

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
    z = drawn_in_turns(model.read(clips.encoding), n_draws, seed)
    column = dict(zip(names, np.moveaxis(z, -1, 0), strict=True))
    period = unknowns.priors[PERIOD].coordinate(clips.encoding.period_s)
    column[PERIOD] = np.broadcast_to(period, z.shape[:-1])
    full = np.stack([column[name] for name in unknowns.names], -1)
    beats = steady_indices(unknowns.circulation(full), solver=FAST, throw=False).indices
    own = [np.asarray(getattr(beats, name)).T for name in ("ef_percent", "edv_ml", "esv_ml")]
    return TwinDraws(np.swapaxes(z, 0, 1), *own)


def calibrate_twins(model: TwinModel, clips: EncodedClips, seed: int = 0) -> TwinModel:
    """Return the model with spreads for which 90 % intervals of EF hold 90 % of the truths.

    Args:
        model: trained through physics.
        clips: neither trained on nor chosen by.
        seed: of the draws.

    Raises:
        InputError: a model that was taught volumes directly.
        NumericsError: hardly a clip whose circulation beats.
    """
    truth = 100.0 * (1.0 - clips.known.esv / clips.known.edv)
    widening, rounds = 1.0, []
    # A witness believed less keeps the prior: spreads grow by less than the factor.
    for _ in range(ROUNDS):
        drawn = simulate_twins(model.widened(widening), clips, seed=seed)
        beating = np.isfinite(drawn.ef_percent).mean(1) > 0.5
        if beating.sum() < max(20, 0.5 * len(clips)):
            raise NumericsError(
                f"Of {len(clips)} clips {int(beating.sum())} gave circulations with a periodic "
                "beat: train longer, or on more clips."
            )
        missing = needed_widening(drawn.ef_percent[beating], truth[beating])
        rounds.append((abs(np.log(missing)), widening, drawn, beating))
        widening *= missing
    _, widening, drawn, beating = min(rounds, key=lambda own: own[0])
    middle = np.nanmedian(drawn.ef_percent[beating], 1)
    edv = np.nanmedian(drawn.edv_ml[beating], 1)
    told = {
        "clips": len(clips),
        "widening": float(widening),
        "ef_mae": float(np.mean(np.abs(middle - truth[beating]))),
        "edv_mae_ml": float(np.mean(np.abs(edv - clips.known.edv[beating]))),
    }
    wide = model.widened(widening)
    return replace(wide, card={**wide.card, "calibration": told})


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
