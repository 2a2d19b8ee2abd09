"""How wrong a segmentation model is, measured on clips whose truth is known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq, minimize

from .._checks import check_count
from .._errors import InputError, NumericsError
from .._progress import track
from ._clip import APICAL
from ._curve_calibration import ComparedCurve, compared_curve, curve_errors_of
from ._degradation import OWN_STREAM, degraded_at_random
from ._expected_error import MOST, SIGNS, ExpectedError, standardized, times_typical
from ._phantom import Phantom, PhantomClip
from ._segment import Segmentation, segment
from ._segmentation_model import SegmentationModel

CALIBRATION_SEED = 1_000_003
"""Of the phantom; a test must use another."""

CONFIDENCE, QUANTILE = 0.9, 1.6449
"""Intervals are made to hold so often; the quantile of the normal distribution for it."""

PERFECT = {"ef_offset": 0.0, "ef_slope": 1.0, "ef_sd": 0.0, "volume_factor": 1.0, "volume_sd": 0.0}

SMALLEST_SPREAD = 0.05
"""Added to the standard deviation of signs, which may be 0 in good clips."""

RIDGE = 0.02
"""Of the squared weights of signs, against the mean logarithm of the likelihood."""


class _Compared(NamedTuple):
    """One clip; a batch has leading axes.

    Attributes:
        ef, true: EF as seen and in truth.
        noise: standard deviation of what the curve leaves open of EF.
        volume: logarithm of true over seen volume.
        volume_noise: relative noise of the latter.
        signs: of its quality.
    """

    ef: Any
    true: Any
    noise: Any
    volume: Any
    volume_noise: Any
    signs: Any


def calibrate(
    model: SegmentationModel, *, n: int = 200, seed: int = CALIBRATION_SEED, quiet: bool = False
) -> SegmentationModel:
    """Return the model with its errors on synthetic clips in its card, from which intervals come.

    By view, EF is corrected along a line, volumes by a factor; to what the noise of the curve
    leaves open comes a normal error. Its standard deviation is s exp(Σ w z): z are signs of the
    quality of a clip, against those of good clips; w ≥ 0 is fitted by maximum likelihood to the
    clips and to each once more with something wrong with it (frame rate, gain, cut, gaps); s is
    such that 90 % intervals hold 90 % of the truths of good clips. What is wrong with the shape
    of the beat comes from the good clips, see `fit_curve_errors`.

    Args:
        model: trained; fitted to recognise views before, as their probability is one of the signs.
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
    good: dict[str, list[_Compared]] = {view: [] for view in APICAL}
    bad: dict[str, list[_Compared]] = {view: [] for view in APICAL}
    curves: list[ComparedCurve | None] = []
    for number in numbers if quiet else track(numbers, "calibration"):
        one = phantom.clip(number, seed)
        rng = np.random.default_rng([seed, number, *OWN_STREAM])
        for rows, clip in ((good, one.clip), (bad, degraded_at_random(one.clip, rng))):
            try:
                seen = segment(clip, bare)
            except InputError:
                continue
            rows[str(one.clip.view)].append(_compared(one, seen))
            if rows is good:
                curves.append(compared_curve(one, seen))
    n_found = sum(len(rows) for rows in good.values())
    if n_found < n // 2 or min(len(rows) for rows in good.values()) < 8:
        raise NumericsError(
            f"A ventricle was found in {n_found} of {n} synthetic clips: train the model longer."
        )
    found = calibration_of(
        {view: _stacked(rows) for view, rows in good.items()},
        {view: _stacked([*good[view], *rows]) for view, rows in bad.items()},
    )
    shapes = curve_errors_of([own for own in curves if own is not None], found)
    found |= {"curve": shapes.as_dict(), "clips": n_found, "not_found": n - n_found, "seed": seed}
    return replace(model, card={**model.card, "calibration": found})


def calibration_of(good: Mapping[str, _Compared], every: Mapping[str, _Compared]) -> dict[str, Any]:
    """Return the calibration by clips of each view, good ones and all.

    Lines and factors are those of good clips; what signs tell is fitted to all.
    """
    whole = _Compared(*(np.concatenate(parts) for parts in zip(*good.values(), strict=True)))
    rule: dict[str, Any] = {
        "names": list(SIGNS),
        "middle": whole.signs.mean(0).tolist(),
        "spread": (whole.signs.std(0) + SMALLEST_SPREAD).tolist(),
    }
    errors: list[list[Any]] = [[], []]
    noises: list[list[Any]] = [[], []]
    for view, rows in every.items():
        slope, offset = _line(good[view])
        errors[0].append(rows.true - offset - slope * rows.ef)
        errors[1].append(rows.volume - np.median(good[view].volume))
        noises[0].append(slope * rows.noise)
        noises[1].append(rows.volume_noise)
    z = [standardized(rows.signs, rule) for rows in every.values()]
    for name, e, known in zip(("ef", "volume"), errors, noises, strict=True):
        rule[name] = sign_weights(e, known, z).tolist()
    views = {view: _errors(rows, rule) for view, rows in good.items()}
    return {**_errors(whole, rule), "views": views, "signs": rule}


def _errors(rows: _Compared, rule: Mapping[str, Any]) -> dict[str, float]:
    """Return the fields of `ExpectedError` for clips with typical signs."""
    z = standardized(rows.signs, rule)
    slope, offset = _line(rows)
    middle = float(np.median(rows.volume))
    error = rows.true - offset - slope * rows.ef
    times = times_typical(z, rule["volume"])
    return ExpectedError(
        ef_offset=offset,
        ef_slope=slope,
        ef_sd=extra_spread(error, slope * rows.noise, times_typical(z, rule["ef"])),
        volume_factor=float(np.exp(middle)),
        volume_sd=extra_spread(rows.volume - middle, rows.volume_noise, times),
    )._asdict()


def _line(rows: _Compared) -> tuple[float, float]:
    slope, offset = np.polyfit(rows.ef, rows.true, 1)
    return float(slope), float(offset)


def _stacked(rows: list[_Compared]) -> _Compared:
    return _Compared(*(np.array(column) for column in zip(*rows, strict=True)))


def _compared(one: PhantomClip, found: Segmentation) -> _Compared:
    seen = found.cycle.largest
    return _Compared(
        ef=found.ef_percent,
        true=one.ef_percent,
        noise=float(found.ef_draws.std()),
        volume=float(np.log(one.edv_ml / np.median(seen))),
        volume_noise=float(seen.std() / seen.mean()),
        signs=found.signs,
    )


def sign_weights(
    errors: Sequence[Float[np.ndarray, "..."]],
    noises: Sequence[Float[np.ndarray, "..."]],
    signs: Sequence[Float[np.ndarray, "..."]],
) -> Float[np.ndarray, " n_signs"]:
    """Return w ≥ 0 for which errors are most likely normal with variance noise² + s² exp(2 Σ w z).

    Args:
        errors: (n,) of each view, which have their own s.
        noises: (n,) of each view, standard deviations that are known.
        signs: (n, n_signs) of each view, z.

    >>> rng = np.random.default_rng(0)
    >>> z = rng.uniform(0.0, 2.0, (4000, 1))
    >>> errors = np.exp(0.7 * z[:, 0]) * rng.standard_normal(4000)
    >>> sign_weights([errors], [np.zeros(4000)], [z]).round(1).tolist()
    [0.7]
    """
    e, known, z = (np.concatenate(list(parts)) for parts in (errors, noises, signs))
    view = np.repeat(np.arange(len(errors)), [len(part) for part in errors])
    typical = float(np.sqrt(np.mean(e**2)))
    n_views, n_signs = len(errors), z.shape[1]

    def loss(flat: np.ndarray) -> float:
        s = typical * np.exp(flat[:n_views])[view] * times_typical(z, flat[n_views:])
        variance = known**2 + s**2
        likely = np.mean(np.log(variance) + e**2 / variance)
        return float(likely + RIDGE * np.sum(flat[n_views:] ** 2))

    start = np.concatenate([np.full(n_views, -0.3), np.full(n_signs, 0.1)])
    bounds = [(-4.0, 4.0)] * n_views + [(0.0, 2.0)] * n_signs
    solution: Any = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
    return solution.x[n_views:]


def extra_spread(
    errors: Float[np.ndarray, " n"],
    noises: Float[np.ndarray, " n"],
    factors: Float[np.ndarray, " n"] | float = 1.0,
) -> float:
    """Return s for which 90 % of errors lie within ±1.645 √(noise² + (factor s)²), if need be 0.

    >>> errors = np.random.default_rng(0).standard_normal(20000)
    >>> round(extra_spread(errors, np.full(20000, 0.6)), 1)
    0.8
    """

    def missing(s: float) -> float:
        return CONFIDENCE - float(
            np.mean(np.abs(errors) <= QUANTILE * np.hypot(noises, factors * s))
        )

    if missing(0.0) <= 0:
        return 0.0
    solution: Any = brentq(missing, 0.0, 10.0 * MOST * float(np.abs(errors).max()), xtol=1e-6)
    return float(solution)
