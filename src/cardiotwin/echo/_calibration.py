"""How wrong a segmentation model is, measured on clips whose truth is known."""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from .._checks import check_count
from .._errors import InputError, NumericsError
from .._progress import track
from ._phantom import Phantom, PhantomClip
from ._segment import Segmentation, segment
from ._segmentation_model import SegmentationModel

CALIBRATION_SEED = 1_000_003
"""Of the phantom; a test must use another."""

CONFIDENCE, QUANTILE = 0.9, 1.6449
"""Intervals are made to hold so often; the quantile of the normal distribution for it."""

PERFECT = {"ef_offset": 0.0, "ef_slope": 1.0, "ef_sd": 0.0, "volume_factor": 1.0, "volume_sd": 0.0}


def calibrate(
    model: SegmentationModel, *, n: int = 200, seed: int = CALIBRATION_SEED, quiet: bool = False
) -> SegmentationModel:
    """Return the model with its errors on synthetic clips in its card, from which intervals come.

    EF is corrected along a line, volumes by a factor; to what the noise of the curve leaves open
    comes a normal error with the spread for which 90 % intervals hold 90 % of the truths.

    Args:
        model: trained.
        n: clips, of both views.
        seed: of the phantom.
        quiet: show no progress.

    Raises:
        NumericsError: in hardly any clip a ventricle was found.
    """
    n = check_count(n, "n", at_least=20)
    bare = replace(model, card={**model.card, "calibration": PERFECT})
    phantom = Phantom(views=("A4C", "A2C"))
    numbers = range(n)
    rows = []
    for number in numbers if quiet else track(numbers, "calibration"):
        one = phantom.clip(number, seed)
        try:
            rows.append(_compared(one, segment(one.clip, bare)))
        except InputError:
            continue
    if len(rows) < n // 2:
        raise NumericsError(
            f"A ventricle was found in {len(rows)} of {n} synthetic clips: train the model longer."
        )
    ef_true, ef, ef_noise, volume, volume_noise = np.array(rows).T
    slope, offset = np.polyfit(ef, ef_true, 1)
    factor = float(np.exp(np.median(volume)))
    found = {
        "ef_offset": float(offset),
        "ef_slope": float(slope),
        "ef_sd": extra_spread(ef_true - offset - slope * ef, slope * ef_noise),
        "volume_factor": factor,
        "volume_sd": extra_spread(volume - np.log(factor), volume_noise),
        "clips": len(rows),
        "not_found": n - len(rows),
        "seed": seed,
    }
    return replace(model, card={**model.card, "calibration": found})


def _compared(one: PhantomClip, found: Segmentation) -> tuple[float, ...]:
    """Return true and seen EF, its noise, logarithm of true over seen volume and its noise."""
    seen = found.cycle.largest
    return (
        one.ef_percent,
        found.ef_percent,
        float(found.ef_draws.std()),
        float(np.log(one.edv_ml / np.median(seen))),
        float(seen.std() / seen.mean()),
    )


def extra_spread(errors: Float[np.ndarray, " n"], noises: Float[np.ndarray, " n"]) -> float:
    """Return s for which 90 % of errors lie within ±1.645 √(noise² + s²); 0 if they do anyway.

    >>> errors = np.random.default_rng(0).standard_normal(20000)
    >>> round(extra_spread(errors, np.full(20000, 0.6)), 1)
    0.8
    """

    def missing(s: float) -> float:
        return CONFIDENCE - float(np.mean(np.abs(errors) <= QUANTILE * np.hypot(noises, s)))

    if missing(0.0) <= 0:
        return 0.0
    solution: Any = brentq(missing, 0.0, 10.0 * float(np.abs(errors).max()), xtol=1e-6)
    return float(solution)
