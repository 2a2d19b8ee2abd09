"""From a clip to volumes: masks of every frame, the curve, the beat in it, what to doubt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import median_filter

from .._checks import check_number
from .._errors import InputError
from ..hemodynamics import QUANTITIES, Measurements
from ._clip import APICAL, EchoClip
from ._cycle import Cycle, find_cycle
from ._disks import Disks, disk_volumes, find_disks
from ._expected_error import at_edge, expected_error, quality_signs
from ._labels import ATRIUM, CAVITY, WALL
from ._segmentation_model import Look, SegmentationModel, shipped_model
from ._shown import Shown, look_at
from ._view import view_doubts, view_probabilities
from ._volume_curve import CurveErrors, beat_of, volume_curve

NEIGHBOURS = 7
"""Frames whose median a frame is compared with."""

VOLUMES_ML = (15.0, 700.0)
"""Largest volumes that a ventricle may have; others speak for a wrong pixel size."""

JUMP = 0.12
"""Relative difference of the long axis from that median beyond which a frame is left out: no
heart does that from one frame to the next."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The left ventricle of one clip through the beat.

    Attributes:
        clip: cropped to its sector and resized to what the network sees.
        masks: (n_frames, size, size) 1 cavity, 2 wall, 3 left atrium, 0 everything else.
        disks: long axis and diameters; lengths in pixels where the pixel size is not known.
        volumes: (n_frames,) by disks of this one plane, mL, or in units of its own (largest 1)
            where the pixel size is not known; NaN in frames that were left out.
        cycle: the beat that the volumes repeat.
        ef_draws: (n_draws,) ejection fraction in percent, with the calibrated error of the
            network and of seeing one plane only.
        volume_factors: (n_draws,) the same for volumes: true over seen.
        look: what the network saw besides, frame by frame.
        view_probabilities: of "A4C", "A2C" and "other"; None if the model does not tell views.
        signs: what the expected error grows with, see `calibrate`.
        curve_errors: of the beat's shape; None if the model was not calibrated.
        flags: what to doubt, one sentence each.
    """

    clip: EchoClip
    masks: UInt8[np.ndarray, "n_frames size size"]
    disks: Disks
    volumes: Float[np.ndarray, " n_frames"]
    cycle: Cycle
    ef_draws: Float[np.ndarray, " n_draws"]
    volume_factors: Float[np.ndarray, " n_draws"]
    look: Look
    view_probabilities: Mapping[str, float] | None
    signs: Float[np.ndarray, " n_signs"]
    curve_errors: CurveErrors | None
    flags: tuple[str, ...]

    @property
    def in_ml(self) -> bool:
        """Whether volumes are in mL: the size of a pixel is known."""
        return self.clip.mm_per_pixel is not None

    @property
    def heart_rate_per_min(self) -> float:
        """As the volumes repeat, or as recorded with the clip."""
        return self.cycle.heart_rate_per_min

    @property
    def ef_percent(self) -> float:
        """Median of the ejection fraction."""
        return float(np.median(self.ef_draws))

    @property
    def edv_ml(self) -> float | None:
        """Median of the largest volume; None where the pixel size is not known."""
        return float(np.median(self._edv_draws)) if self.in_ml else None

    @property
    def esv_ml(self) -> float | None:
        """Median of the smallest volume; None where the pixel size is not known."""
        return float(np.median(self._esv_draws)) if self.in_ml else None

    @property
    def ed_frame(self) -> int:
        """Frame of the largest volume."""
        return int(np.nanargmax(self.volumes))

    @property
    def es_frame(self) -> int:
        """Frame of the smallest volume."""
        return int(np.nanargmin(self.volumes))

    def interval(self, name: str, confidence: float = 0.9) -> tuple[float, float]:
        """Return the central interval of "ef_percent", "edv_ml", "esv_ml" or the heart rate.

        Args:
            name: "ef_percent", "edv_ml", "esv_ml" or "heart_rate_per_min".
            confidence: probability that the truth lies inside.

        Raises:
            InputError: an unknown name, or a volume without the size of a pixel.
        """
        draws = {
            "ef_percent": self.ef_draws,
            "heart_rate_per_min": 60.0 / self.cycle.period_s,
            "edv_ml": self._edv_draws,
            "esv_ml": self._esv_draws,
        }
        if name not in draws:
            raise InputError("name", found=repr(name), expected=f"one of {sorted(draws)}")
        if name.endswith("_ml") and not self.in_ml:
            raise InputError(
                "mm_per_pixel",
                found="a clip whose pixel size is not known",
                expected="the size of a pixel, for volumes in mL",
                advice="Give it when reading: read_echo(path, mm_per_pixel=…).",
            )
        tail = 50.0 * (1.0 - check_number(confidence, "confidence", above=0, below=1))
        low, high = np.percentile(draws[name], [tail, 100.0 - tail])
        return float(low), float(high)

    def measurements(self, **others: Any) -> Measurements:
        """Return what was seen as measurements, for `identify`.

        With the pixel size known: heart rate and the volume curve of one beat from the beginning
        of the contraction. Without: heart rate and EF. Each has its error; that of the heart rate
        is what the clip leaves open, but not less than that of an ECG.

        The curve is that of the clip with the calibrated EF and volumes, and with the corners that
        smoothing took, see `volume_curve`. What is not known of volumes and EF, of when the
        contraction begins and of the shape moves all its values together; these are its shared
        errors. What is left is the noise of single volumes.

        Args:
            others: further measurements, such as ``systolic_mmhg``, or instead of what was seen;
                ``errors`` are taken instead of those above, name by name.

        Raises:
            InputError: measurements that contradict each other, see `Measurements`.
            UnitError: a number of the size of another unit.
        """
        rate = "heart_rate_bpm"
        seen: dict[str, Any] = {rate: self.heart_rate_per_min}
        errors = {rate: max(QUANTITIES[rate].error, float(np.std(60.0 / self.cycle.period_s)))}
        if self.in_ml:
            factor = float(np.median(self.volume_factors))
            largest = np.log(self.cycle.largest).std()
            period = 60.0 / self.heart_rate_per_min
            seen["volume_curve"] = volume_curve(
                beat_of(self.cycle.values, period),
                period,
                factor * float(self.cycle.values.mean(0).max()),
                self.ef_percent,
                ef_sd=float(self.ef_draws.std()),
                volume_sd=float(np.hypot(np.log(self.volume_factors).std(), largest)),
                noise_ml=factor * float(np.mean(self.cycle.noise)),
                errors=self.curve_errors,
            )
        else:
            seen["ef_percent"] = self.ef_percent
            errors["ef_percent"] = float(self.ef_draws.std())
        # What somebody else has measured has an error of its own.
        errors = {name: error for name, error in errors.items() if name not in others}
        return Measurements(**{**seen, **others, "errors": errors | others.get("errors", {})})

    @property
    def _edv_draws(self) -> Float[np.ndarray, " n_draws"]:
        return self.cycle.largest * self.volume_factors

    @property
    def _esv_draws(self) -> Float[np.ndarray, " n_draws"]:
        """What EDV and the calibrated EF leave, so that the three agree in every draw."""
        return self._edv_draws * (1.0 - self.ef_draws / 100.0)


def segment(
    clip: EchoClip,
    model: SegmentationModel | None = None,
    *,
    n_draws: int = 400,
    seed: int = 0,
) -> Segmentation:
    """Find the left ventricle in every frame, its volumes, the beat, and EF with an interval.

    Args:
        clip: of a view from the apex.
        model: the one that comes with the package by default.
        n_draws: from what the clip leaves possible.
        seed: of the draws.

    Raises:
        InputError: the clip is said to be no view from the apex, or no ventricle that beats is
            found.

    >>> from cardiotwin.echo import Phantom
    >>> one = Phantom(size=64, n_frames=16).clip(2)
    >>> found = segment(one.clip)
    >>> abs(found.ef_percent - one.ef_percent) < 15, found.interval("ef_percent")[1] < 100
    (True, True)
    """
    model = shipped_model() if model is None else model
    if clip.view not in (None, *APICAL):
        raise InputError(
            f"clip {clip.name}".strip(),
            found=f"view {clip.view}",
            expected=f"a view from the apex, {' or '.join(APICAL)}",
            advice="Volumes by disks need the long axis of the ventricle.",
        )
    shown = look_at(clip, model)
    small = shown.clip
    masks = np.where(shown.used[:, None, None], shown.look.masks, 0).astype(np.uint8)
    disks = find_disks(masks, small.mm_per_pixel or 1.0)
    volumes = _without_jumps(disk_volumes(disks), disks.length_mm)
    _check_beating(clip, volumes)
    if small.mm_per_pixel is None:
        volumes = volumes / np.nanmax(volumes)
    period = clip.heart_rate_per_min and 60.0 / clip.heart_rate_per_min
    times = small.times_ms / 1000.0
    cycle = find_cycle(times, volumes, period_s=period, n_draws=n_draws, seed=seed)
    probabilities = view_probabilities(model, shown)
    signs = quality_signs(shown, volumes, cycle, probabilities)
    calibration = model.card.get("calibration", {})
    error = expected_error(calibration, small.view or _likely(probabilities), signs)
    rng = np.random.default_rng([seed, 1])
    largest, smallest = cycle.extremes()
    ef = error.ef_offset + error.ef_slope * 100.0 * (1.0 - smallest / largest)
    return Segmentation(
        clip=small,
        masks=masks,
        disks=disks,
        volumes=volumes,
        cycle=cycle,
        ef_draws=np.clip(ef + error.ef_sd * rng.standard_normal(n_draws), 0.0, 100.0),
        volume_factors=error.volume_factor * np.exp(error.volume_sd * rng.standard_normal(n_draws)),
        look=shown.look,
        view_probabilities=probabilities,
        signs=signs,
        curve_errors=CurveErrors.of(calibration.get("curve")),
        flags=_doubts(shown, masks, volumes, cycle, model, probabilities),
    )


def _check_beating(clip: EchoClip, volumes: Float[np.ndarray, " n_frames"]) -> None:
    """Refuse a clip in which no ventricle is found, or only one that stands still."""
    known = volumes[np.isfinite(volumes)]
    where = f"clip {clip.name}".strip()
    if len(known) < 8:
        raise InputError(
            where,
            found=f"a left ventricle in {len(known)} of {clip.n_frames} frames",
            expected="one in at least eight",
            advice="Is it a view from the apex, in grey, without zoom on another part?",
        )
    if np.ptp(known) < 1e-6 * known.max():
        raise InputError(
            where,
            found="the same volume in all frames",
            expected="a left ventricle that beats",
            advice="Is it a still image, repeated?",
        )


def _likely(probabilities: Mapping[str, float] | None) -> str | None:
    """Return the view that a clip whose view is not told is of, None where that is open too."""
    if probabilities is None:
        return None
    return max(probabilities, key=probabilities.__getitem__)


def _without_jumps(
    volumes: Float[np.ndarray, " n"], length: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Return volumes with NaN where the long axis is not that of the frames around."""
    known = np.isfinite(length)
    if known.sum() < NEIGHBOURS:
        return volumes
    typical = np.full(len(length), np.nan)
    typical[known] = median_filter(length[known], NEIGHBOURS, mode="nearest")
    jump = np.abs(length / typical - 1.0) > JUMP
    return np.where(jump, np.nan, volumes)


def _doubts(
    shown: Shown,
    masks: np.ndarray,
    volumes: np.ndarray,
    cycle: Cycle,
    model: SegmentationModel,
    probabilities: Mapping[str, float] | None,
) -> tuple[str, ...]:
    """Return what makes the result doubtful."""
    flags = view_doubts(shown.clip, probabilities)
    lost = int(np.isnan(volumes).sum())
    if lost > 0.1 * len(volumes):
        flags.append(f"In {lost} of {len(volumes)} frames no ventricle like the others was found.")
    if cycle.beats_seen < 1.0:
        flags.append(f"The clip lasts {cycle.beats_seen:.2f} beats: it may miss the extremes.")
    period = cycle.period_s
    if period.std() > 0.1 * period.mean():
        flags.append("The heart rate could not be determined from the clip.")
    if cycle.rather_s is not None:
        flags.append(
            f"The heart rate that was given, {cycle.heart_rate_per_min:.0f}/min, does not fit the "
            f"clip, which repeats itself at {60.0 / cycle.rather_s:.0f}/min."
        )
    around = (masks == WALL).sum() / max(int((masks == CAVITY).sum()), 1)
    atrium = (masks[shown.used] == ATRIUM).any((1, 2)).mean()
    if around < 0.2 or atrium < 0.5:
        flags.append("Wall or atrium are hardly seen: it may not be a view from the apex.")
    if at_edge(masks[shown.used]) > 0.2:
        flags.append("The ventricle reaches the edge of the image: volumes are too small.")
    largest = float(np.median(cycle.largest))
    if shown.clip.mm_per_pixel is not None and not VOLUMES_ML[0] < largest < VOLUMES_ML[1]:
        flags.append(f"A largest volume of {largest:.3g} mL: is the size of a pixel right?")
    if "calibration" not in model.card:
        flags.append("The model was not calibrated: its errors are assumed, not measured.")
    return tuple(flags)
