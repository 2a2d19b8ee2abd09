"""A clip in as many numbers as any other, whatever its length and frame rate."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .._checks import check_number
from ._clip import APICAL
from ._cycle import N_PHASES, smoothed, waves_at
from ._disks import Disks, disk_volumes
from ._segment import Segmentation

N_GROUPS = 4
"""Neighbouring disks whose diameters are averaged."""

CURVE_HARMONICS = 5
"""Of each curve that are kept."""

NOISE = 0.25
"""Of a single value of a curve against its spread over the beat."""

TYPICAL_MM = 1.4
"""Height of a pixel of the frames as the network sees them."""

FEW_PIXELS = 20.0
"""Added to areas before logarithms are taken: an atrium may be out of sight."""

POWERS_OF_LENGTH = (3, 1, *(1,) * N_GROUPS, 2, 2, 2)
"""Of the curves: volume, long axis, diameters, areas of cavity, wall and atrium."""


class Encoding(NamedTuple):
    """What the segmentation network saw in a clip; a batch has leading axes.

    Attributes:
        numbers: (…, n_numbers) of the curves, with lengths in pixels of the frames that the
            network saw.
        powers: (n_numbers,) power of a length that each is the logarithm of, 0 for the others.
        looks: (…, n_looks) means and spreads over the frames of what the network saw.
        log_mm: logarithm of the height of such a pixel over `TYPICAL_MM`; NaN if not known.
        period_s: length of the beat.
    """

    numbers: Any
    powers: Any
    looks: Any
    log_mm: Any
    period_s: Any

    def scaled(self, known: Any = True) -> Float[np.ndarray, "*batch n_scaled"]:
        """Return the numbers in mm where the pixel size is known, and whether it is.

        Args:
            known: (…) where the pixel size may be used if there is one.
        """
        log_mm = np.where(known, self.log_mm, np.nan)
        there = np.isfinite(log_mm)
        log_mm = np.where(there, log_mm, 0.0)[..., None]
        return np.concatenate([self.numbers + self.powers * log_mm, log_mm, there[..., None]], -1)


def encode(found: Segmentation, heart_rate_per_min: float | None = None) -> Encoding:
    """Return a segmented clip in numbers.

    Volume, long axis, diameters and areas become harmonics of the beat, shifted to where the
    first harmonic of the volume has its maximum: neither the frame rate nor the instant at which
    the clip begins matters. Beside them stand means over the frames of what the network saw.

    Args:
        found: of the clip.
        heart_rate_per_min: where it is known better than from the clip.
    """
    rate = found.heart_rate_per_min
    if heart_rate_per_min is not None:
        rate = check_number(heart_rate_per_min, "heart_rate_per_min", at_least=20, at_most=300)
    sides = found.clip.mm_per_pixel
    pixel = 1.0 if sides is None else float(np.sqrt(np.prod(np.broadcast_to(sides, 2))))
    seen = np.isfinite(found.volumes)
    curves = frame_numbers(found.disks, found.look.areas, pixel)
    middle, spread = curves[seen].mean(0), curves[seen].std(0) + 1e-6
    phase = found.clip.times_ms[seen] / 1000.0 * rate / 60.0
    waves = smoothed(phase, (curves[seen] - middle) / spread, NOISE) * spread
    pairs = turned(waves)[:CURVE_HARMONICS]
    extremes = _extremes(waves[:, 0])
    cycle, look = found.cycle, found.look
    beating = cycle.largest.mean() - cycle.smallest.mean()
    of_length = np.concatenate([waves[0] + middle, extremes[:2] + middle[0]])
    others = [
        pairs.real.ravel(),
        # The first sine of the volume is 0 by construction.
        pairs.imag.ravel()[1:],
        [extremes[1] - extremes[0], np.log(cycle.noise.mean() / beating)],
        [np.log(rate / 70.0), cycle.period_s.std() / cycle.period_s.mean()],
        [1.0 - seen.mean(), cycle.beats_seen],
        [float(found.clip.view == view) for view in APICAL],
    ]
    looks = [
        *(leaf.mean(0) for leaf in (look.doubt, look.coarse, look.brightest, look.fine)),
        *(leaf.std(0) for leaf in (look.coarse, look.fine)),
    ]
    numbers = np.concatenate([of_length, *(np.ravel(own) for own in others)])
    powers = np.concatenate([POWERS_OF_LENGTH, [3.0, 3.0], np.zeros(len(numbers) - len(of_length))])
    log_mm = np.nan if sides is None else np.log(pixel / TYPICAL_MM)
    return Encoding(
        numbers, powers, np.concatenate(looks), np.float64(log_mm), np.float64(60.0 / rate)
    )


def frame_numbers(
    disks: Disks, areas: Float[np.ndarray, "n_frames n_labels"], pixel: float = 1.0
) -> Float[np.ndarray, "n_frames n_curves"]:
    """Return logarithms of volume, long axis, diameters and areas of each frame, in pixels.

    Args:
        disks: of the frames.
        areas: sum of the probabilities of each label, pixels; the first, background, is left out.
        pixel: height of a pixel in the unit of the disks.
    """
    diameters = disks.diameters_mm / pixel
    groups = diameters.reshape(len(diameters), N_GROUPS, -1).mean(2)
    with np.errstate(invalid="ignore"):
        columns = [
            np.log(disk_volumes(disks) * 1000.0 / pixel**3)[:, None],
            np.log(disks.length_mm / pixel)[:, None],
            np.log(groups + 0.5),
            np.log(areas[:, 1:] + FEW_PIXELS),
        ]
    return np.concatenate(columns, 1)


def turned(waves: Float[np.ndarray, "n_weights n_curves"]) -> Any:
    """Return complex harmonics of curves, from the maximum of the first curve's first on."""
    pairs = waves[1::2] - 1j * waves[2::2]
    angle = np.angle(pairs[0, 0])
    return pairs * np.exp(-1j * angle * np.arange(1, len(pairs) + 1))[:, None]


def _extremes(waves: Float[np.ndarray, " n_weights"]) -> tuple[float, float]:
    """Return the largest and the smallest value of a curve of one beat."""
    curve = waves_at(np.arange(N_PHASES) / N_PHASES) @ waves
    return curve.max(), curve.min()
