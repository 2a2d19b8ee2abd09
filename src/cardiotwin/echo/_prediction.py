"""From clips to the pressure–volume loop: parameters of a circulation with intervals."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from .._checks import check_choice, check_count
from .._errors import InputError
from .._provenance import make_provenance
from ..circulation import FAST, Indices, steady_indices
from ..hemodynamics import QUANTITIES, Identification, Measurements, Unknowns
from ._clip import EchoClip
from ._encoding import encode
from ._expected_error import trouble
from ._segment import Segmentation, segment
from ._segmentation_model import SegmentationModel, shipped_model
from ._twin_model import TwinModel, shipped_twins
from ._twin_physics import PERIOD

RATE = "heart_rate_bpm"

PROPOSALS = 20
"""Draws for each that is asked for where a cuff is to choose among them: few agree with it."""

FEWEST = 50.0
"""Effective draws below which the answer is not to be trusted."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What clips of one patient say of the circulation.

    Attributes:
        segmentations: one a clip, with masks, volumes by disks, and the beat.
        identification: weighted draws of the circulation: ``interval("ef_percent")``,
            ``interval("emax")``, ``loops()`` and so on; `Cohort.from_identifications` takes it.
        flags: what to doubt, one sentence each.
        seconds: wall-clock time: segmenting, encoding, reading parameters, simulating.
    """

    segmentations: tuple[Segmentation, ...]
    identification: Identification
    flags: tuple[str, ...]
    seconds: dict[str, float]

    @property
    def in_ml(self) -> bool:
        """Whether volumes come from the clips: the size of a pixel is known of one at least."""
        return any(one.in_ml for one in self.segmentations)

    @property
    def ef_percent(self) -> float:
        """Median of the ejection fraction."""
        return float(self.identification.quantile("ef_percent", 0.5))

    @property
    def edv_ml(self) -> float | None:
        """Median of the largest volume; None where no pixel size is known."""
        return float(self.identification.quantile("edv_ml", 0.5)) if self.in_ml else None

    @property
    def esv_ml(self) -> float | None:
        """Median of the smallest volume; None where no pixel size is known."""
        return float(self.identification.quantile("esv_ml", 0.5)) if self.in_ml else None


def predict(
    clips: EchoClip | Sequence[EchoClip],
    *,
    model: TwinModel | None = None,
    segmentation_model: SegmentationModel | None = None,
    n_draws: int = 400,
    seed: int = 0,
    **clinic: Any,
) -> Prediction:
    """Return the circulation that clips of one patient show, with its pressure–volume loop.

    Every clip is segmented and encoded; the networks of the model give distributions of the
    parameters, the wider the worse a clip looks, which are multiplied over the clips; draws from
    them are simulated by the circulation itself, not by the surrogate of the training. Pressures
    are not seen in a clip: they have the spread of the prior unless a cuff narrows it.

    Args:
        clips: one, or several views of one patient.
        model: the one that comes with the package by default.
        segmentation_model: the one that the model was trained with; the package's by default.
        n_draws: simulated beats; twenty times as many with clinical numbers, to be weighted.
        seed: of the draws.
        clinic: further measurements by name, such as ``systolic_mmhg=120``; see `Measurements`.

    Raises:
        InputError: no clip, no ventricle found in one, measurements that cannot be, or two models
            that do not belong together.

    >>> from cardiotwin.echo import Phantom
    >>> one = Phantom(size=64, n_frames=16).clip(2)
    >>> found = predict(one.clip, n_draws=50)
    >>> abs(found.ef_percent - one.ef_percent) < 15
    True
    """
    every = [clips] if isinstance(clips, EchoClip) else list(clips)
    if not every:
        raise InputError("clips", found="none", expected="at least one clip")
    n_draws = check_count(n_draws, "n_draws", at_least=20)
    clinic = {name: value for name, value in clinic.items() if value is not None}
    for name in clinic:
        check_choice(name, "clinic", (*QUANTITIES, "errors"))
    if set(clinic) - {"errors"}:
        Measurements(**clinic)  # A slip is refused before anything is computed.
    if RATE in clinic:
        every = [clip.replace(heart_rate_per_min=clinic[RATE]) for clip in every]
    model = shipped_twins() if model is None else model
    segmenter = shipped_model() if segmentation_model is None else segmentation_model
    if model.card.get("segmentation", segmenter.digest) != segmenter.digest:
        raise InputError(
            "segmentation_model",
            found="another network than the one whose encodings the model was trained on",
            expected="that one",
            advice="Give both models of one training: --model FOLDER --segmentation FOLDER.",
        )
    unknowns, names = model.unknowns, model.names
    assert unknowns is not None
    marks = [time.perf_counter()]
    segmentations = tuple(segment(clip, segmenter, seed=seed) for clip in every)
    marks.append(time.perf_counter())
    encodings = [encode(one, one.clip.heart_rate_per_min) for one in segmentations]
    marks.append(time.perf_counter())
    if set(clinic) - {RATE, "errors"}:
        n_draws *= PROPOSALS
    calibration = segmenter.card.get("calibration", {})
    doubts = [trouble(calibration, one.signs) for one in segmentations]
    read = model.draw(encodings, n_draws, seed, doubts)
    marks.append(time.perf_counter())
    z = _with_period(read, names, unknowns, segmentations, seed)
    indices = steady_indices(unknowns.circulation(z), solver=FAST, throw=False).indices
    beating = np.isfinite(np.asarray(indices.ef_percent))
    if not beating.any():
        raise InputError(
            "clips",
            found="no circulation with a periodic beat",
            expected="parameters of a living patient",
            advice="Look at the segmentation: cardiotwin echo segment FILE",
        )
    z, indices = z[beating], indices.map(lambda own: np.asarray(own)[beating])
    measured = _measured(segmentations, indices, clinic)
    period = np.asarray(unknowns.circulation(z).period_s)
    weights = _weights(indices, period, measured, clinic)
    marks.append(time.perf_counter())
    effective = float(1.0 / np.sum(weights**2))
    trusted = effective >= min(FEWEST, 0.5 * n_draws)
    status = f"{effective:.0f} effective draws of {n_draws}, read from {_count(every)}"
    if not trusted:
        status = f"not to be trusted: {status}; clip and clinical numbers contradict each other"
    spent = dict(zip(("segment", "encode", "read", "simulate"), np.diff(marks), strict=True))
    identification = Identification(
        measurements=measured,
        unknowns=unknowns,
        coordinates=z,
        weights=weights,
        predicted=indices,
        mode=weights @ z,
        status=status,
        trusted=trusted,
        diagnostics={"effective_draws": effective, "beating": float(beating.sum())},
        seconds=float(marks[-1] - marks[0]),
        provenance=make_provenance(
            {
                "verb": "predict",
                "clips": [clip.name for clip in every],
                "measured": measured.as_dict(),
                "model": model.card.get("provenance", {}),
            },
            seed=seed,
        ),
    )
    return Prediction(
        segmentations=segmentations,
        identification=identification,
        flags=_flags(segmentations),
        seconds={name: float(value) for name, value in spent.items()},
    )


def _with_period(
    read: Float[np.ndarray, "n n_read"],
    names: tuple[str, ...],
    unknowns: Unknowns,
    segmentations: Sequence[Segmentation],
    seed: int,
) -> Float[np.ndarray, "n n_unknowns"]:
    """Return coordinates of all unknowns: the length of the beat as the clips leave it open."""
    rng = np.random.default_rng([seed, 2])
    drawn = np.exp(
        np.mean(
            [np.log(rng.choice(one.cycle.period_s, len(read))) for one in segmentations], axis=0
        )
    )
    column = dict(zip(names, read.T, strict=True))
    column[PERIOD] = unknowns.priors[PERIOD].coordinate(drawn)
    return np.stack([column[name] for name in unknowns.names], -1)


def _measured(
    segmentations: Sequence[Segmentation], indices: Indices, clinic: dict[str, Any]
) -> Measurements:
    """Return what the clips and the clinic say in numbers, with errors."""
    rate = float(np.mean([one.heart_rate_per_min for one in segmentations]))
    ef = np.asarray(indices.ef_percent)
    read, errors = {RATE: rate}, {}
    if not {"edv_ml", "esv_ml"} <= set(clinic):  # Whoever gives both volumes has told EF.
        read["ef_percent"], errors["ef_percent"] = float(np.median(ef)), float(np.std(ef))
    return Measurements(**{**read, **clinic, "errors": {**errors, **clinic.get("errors", {})}})


def _weights(
    indices: Indices,
    period: Float[np.ndarray, " n"],
    measured: Measurements,
    clinic: dict[str, Any],
) -> Float[np.ndarray, " n"]:
    """Return weights of draws: how well each agrees with what was measured besides the clips."""
    logarithm = np.zeros(len(period))

    def values(name: str) -> Any:
        return period if name == "period_s" else np.asarray(getattr(indices, name))

    for name in measured.used:
        if name not in clinic or name == RATE:
            continue
        told = QUANTITIES[name].among(values)
        miss = (told - float(getattr(measured, name))) / measured.error(name)
        logarithm = logarithm - 0.5 * miss**2
    weights = np.exp(logarithm - logarithm.max())
    return weights / weights.sum()


def _flags(segmentations: Sequence[Segmentation]) -> tuple[str, ...]:
    if len(segmentations) == 1:
        return segmentations[0].flags
    return tuple(
        f"{one.clip.name or f'clip {index + 1}'}: {flag}"
        for index, one in enumerate(segmentations)
        for flag in one.flags
    )


def _count(clips: Sequence[EchoClip]) -> str:
    return "one clip" if len(clips) == 1 else f"{len(clips)} clips"
