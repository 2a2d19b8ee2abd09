"""How wrong a segmented clip is expected to be, from signs of its quality."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ._cycle import Cycle
from ._labels import CAVITY, WALL
from ._shown import Shown

SIGNS = (
    "entropy where the cavity is",
    "entropy where the wall is",
    "noise of the curve against the beat",
    "share of frames left out",
    "share of frames with the cavity at the edge",
    "probability of no view from the apex",
)
"""Each the larger the worse; the first three as logarithms."""

MOST = 8.0
"""Times the typical error that signs can make of it, and the inverse."""

UNCALIBRATED = {
    "ef_offset": 0.0,
    "ef_slope": 1.0,
    "ef_sd": 5.0,
    "volume_factor": 1.0,
    "volume_sd": 0.15,
}
"""Errors assumed of a model that was not calibrated: EF in points, volumes relative."""


class ExpectedError(NamedTuple):
    """Errors of a clip beyond the noise of its curve.

    Attributes:
        ef_offset, ef_slope: line from seen to true EF.
        ef_sd: standard deviation of EF about it, points.
        volume_factor: true over seen volume.
        volume_sd: standard deviation of its logarithm.
    """

    ef_offset: float
    ef_slope: float
    ef_sd: float
    volume_factor: float
    volume_sd: float


def expected_error(
    calibration: Mapping[str, Any], view: str | None, signs: Float[np.ndarray, " n_signs"]
) -> ExpectedError:
    """Return the error of a clip of a view with these signs.

    Args:
        calibration: of the model's card, as `calibrate` has measured it; may lack anything.
        view: "A4C" or "A2C"; of both together if it is another or not known.
        signs: `SIGNS`.
    """
    own = {**UNCALIBRATED, **calibration, **calibration.get("views", {}).get(view, {})}
    found = ExpectedError(*(own[name] for name in ExpectedError._fields))
    if "signs" not in own:
        return found
    z = standardized(signs, own["signs"])
    ef, volume = (float(times_typical(z, own["signs"][name])) for name in ("ef", "volume"))
    return found._replace(ef_sd=ef * found.ef_sd, volume_sd=volume * found.volume_sd)


def trouble(calibration: Mapping[str, Any], signs: Float[np.ndarray, " n_signs"]) -> float:
    """Return how many times the typical error of EF is expected of a clip, at least once.

    Args:
        calibration: of the model's card; without signs in it every clip is typical.
        signs: `SIGNS`.
    """
    if "signs" not in calibration:
        return 1.0
    rule = calibration["signs"]
    return max(1.0, float(times_typical(standardized(signs, rule), rule["ef"])))


def standardized(signs: Any, rule: Mapping[str, Any]) -> Float[np.ndarray, "*batch n_signs"]:
    """Return signs against those of good clips, in their standard deviations."""
    return (np.asarray(signs) - np.asarray(rule["middle"])) / np.asarray(rule["spread"])


def times_typical(z: Float[np.ndarray, "*batch n_signs"], weights: Any) -> Any:
    """Return how many times the typical error is expected: exp(Σ w z), within `MOST`."""
    return np.exp(np.clip(z @ np.asarray(weights), -np.log(MOST), np.log(MOST)))


def quality_signs(
    shown: Shown,
    volumes: Float[np.ndarray, " n_frames"],
    cycle: Cycle,
    probabilities: Mapping[str, float] | None,
) -> Float[np.ndarray, " n_signs"]:
    """Return `SIGNS` of a clip.

    Args:
        shown: what the network saw.
        volumes: NaN in frames that were left out.
        cycle: the beat in them.
        probabilities: of the views, None where the model does not tell.
    """
    doubt = shown.look.doubt[shown.used].mean(0)
    beating = np.maximum(cycle.largest - cycle.smallest, 0.02 * cycle.largest)
    return np.array(
        [
            np.log(doubt[CAVITY] + 1e-3),
            np.log(doubt[WALL] + 1e-3),
            np.log(np.mean(cycle.noise / beating)),
            np.mean(~np.isfinite(volumes)),
            at_edge(shown.look.masks[shown.used]),
            0.0 if probabilities is None else probabilities["other"],
        ]
    )


def at_edge(masks: np.ndarray) -> float:
    """Return the share of frames in which the cavity reaches the edge of the image."""
    edge = np.zeros(masks.shape[1:], bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    return float((masks == CAVITY)[:, edge].any(1).mean())
