"""What every way from a clip to EF answers and costs, on the same clips, all in one form."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._types import PathLike
from ..echo import TwinModel, phantom_encodings, shipped_twins, simulate_twins
from ..echo._twin_calibration import LEVEL
from ..hemodynamics import (
    MaximumAPosteriori,
    Measurements,
    Posterior,
    WaveformNeuralOde,
    WaveformPinn,
    identify,
)
from ._clip_answers import N_DRAWS, direct_draws, quantiles, taught
from ._echo_patients import SeenClips, for_everybody, no_waves
from ._echo_step_costs import LAWS, Law, StepCosts, twin_costs, untrained_twins, video_costs
from ._patient_answers import Answer, by_network
from ._patient_baselines import STEPS, TUNED
from ._patient_costs import Costs, identification_mb, training_mb
from ._patient_identified import by_mode, by_posterior
from ._timing import median_seconds


class Line(NamedTuple):
    """One method.

    Attributes:
        name: of the method.
        law: how its costs grow.
        answer: of all patients; None where only costs are known.
        epoch_s: seconds of an epoch; None for methods without one.
        patient_s: seconds of the training of a patient in the batch; None where there is none.
        step_ms: milliseconds of a step for one clip or patient.
        evaluation_s: of a new patient, seen already, compiled before.
        ef_s: the same until EF is there, with its interval where there is one.
        before_s: from a clip to what the method reads; None where it reads the clip.
        all_mb: memory of the training, or of all patients side by side.
        one_mb: memory of one new patient.
    """

    name: str
    law: Law
    answer: Answer | None
    epoch_s: float | None = None
    patient_s: float | None = None
    step_ms: float | None = None
    evaluation_s: float | None = None
    ef_s: float | None = None
    before_s: float | None = None
    all_mb: float | None = None
    one_mb: float | None = None


def twin_line(model: TwinModel, clips: SeenClips, seed: int) -> Line:
    """Return the line of P-SSL: parameters are read, their beats simulated."""
    one = clips.encoded[:1]
    until = median_seconds(lambda: simulate_twins(model, one, N_DRAWS, seed), 5)
    costs = twin_costs(model, model.labels, through_physics=True, seed=seed)
    draws = np.asarray(simulate_twins(model, clips.encoded, N_DRAWS, seed).ef_percent)
    return _amortized("P-SSL", LAWS["P-SSL"], model, clips, costs, until, draws)


def supervised_line(
    data: PathLike | None, like: TwinModel, clips: SeenClips, quick: bool, seed: int
) -> Line:
    """Return the line of the same networks that are taught EF, trained where ``data`` are given.

    Raises:
        KeyboardInterrupt: the training was interrupted.
    """
    draws = None
    if data is None:
        model = untrained_twins(like, "ef", seed)
    else:
        every = phantom_encodings(Path(data) / "encodings", 100 if quick else like.card["clips"])
        model, _ = taught(
            *every,
            physics=None,
            labels="ef",
            steps=like.card["steps"] // (10 if quick else 1),
            seed=seed,
            members=len(like.heads),
        )
        draws = direct_draws(model, clips.encoded, seed)[0]
    until = median_seconds(lambda: direct_draws(model, clips.encoded[:1], seed))
    costs = twin_costs(like, "ef", through_physics=False, seed=seed)
    return _amortized("supervised, EF", LAWS["supervised"], model, clips, costs, until, draws)


def _amortized(
    name: str,
    law: Law,
    model: TwinModel,
    clips: SeenClips,
    costs: StepCosts,
    until_s: float,
    draws: np.ndarray | None,
) -> Line:
    """Return the line of networks that read encodings, with EF from draws if there are any."""
    read = median_seconds(lambda: model.read(clips.encoded[:1].encoding))
    answer = None
    if draws is not None:
        own = Costs(
            read, read, 0.0, 1.0, costs.evaluation.megabytes, len(model.heads),
            len(model.heads) * costs.numbers, float("nan"),
        )  # fmt: skip
        answer = for_everybody(answer_of_draws(name, draws, own), clips.seen)
    return Line(
        name,
        law,
        answer,
        epoch_s=costs.epoch_s(shipped_twins().card["clips"]),
        step_ms=1000 * costs.step.seconds / costs.clips,
        evaluation_s=read,
        ef_s=until_s,
        before_s=clips.clip_s,
        all_mb=costs.step.megabytes,
        one_mb=costs.evaluation.megabytes,
    )


def answer_of_draws(name: str, draws: np.ndarray, costs: Costs) -> Answer:
    """Return medians and 90 % intervals of EF; whoever has no draw that beats has no answer.

    Args:
        name: of the method.
        draws: (n_patients, n_draws) EF, NaN where no beat is periodic.
        costs: of the method.
    """
    tail = 50.0 * (1.0 - LEVEL)
    low, middle, high = quantiles(draws, [tail, 50.0, 100.0 - tail])
    return Answer(
        name,
        no_waves(len(draws)),
        None,
        np.isfinite(middle),
        costs,
        ef=middle,
        ef_interval=np.stack([low, high], -1),
    )


def video_line(like: TwinModel, quick: bool, seed: int) -> Line:
    """Return the line of the paper's video network: what it costs."""
    costs = video_costs(quick=quick, seed=seed)
    return Line(
        "3-D convolutions of the paper (costs only)",
        LAWS["video"],
        None,
        epoch_s=costs.epoch_s(like.card["clips"]),
        step_ms=1000 * costs.step.seconds / costs.clips,
        evaluation_s=costs.evaluation.seconds,
        ef_s=costs.evaluation.seconds,
        all_mb=costs.step.megabytes,
        one_mb=costs.evaluation.megabytes,
    )


def patient_lines(clips: SeenClips, quick: bool, seed: int) -> list[Line]:
    """Return the lines of what is done for every patient anew, on the curves of the clips."""
    own = clips.truth.volumes
    steps, tuned = (STEPS // 10, TUNED // 10) if quick else (STEPS, TUNED)
    mode, posterior = MaximumAPosteriori(draws=8), Posterior()
    lines = []
    for kind, method in (
        ("PINN", WaveformPinn(steps=steps)),
        ("Neural ODE", WaveformNeuralOde(steps=tuned)),
    ):
        answer = by_network(kind, own, method, seed)
        # The last that was trained is the first patient alone.
        lines.append(_own_line(kind, answer, clips, training_mb(), trained=True))
    for kind, answer, method in (
        ("mode", by_mode("identify, most probable", own, mode, seed), mode),
        ("posterior", by_posterior("identify, posterior", own, posterior, seed), posterior),
    ):
        lines.append(_own_line(kind, answer, clips, _one_mb(own[0], method, seed), trained=False))
    return lines


def _one_mb(own: Measurements, method: Any, seed: int) -> float:
    return identification_mb([own], lambda: identify(own, method=method, seed=seed))


def _own_line(kind: str, answer: Answer, clips: SeenClips, one_mb: float, *, trained: bool) -> Line:
    costs = answer.costs
    return Line(
        answer.name,
        LAWS[kind],
        for_everybody(answer, clips.seen),
        # All data of a patient are in every step: an epoch is a step.
        epoch_s=costs.step_ms / 1000 if trained else None,
        patient_s=costs.seconds,
        step_ms=costs.step_ms,
        evaluation_s=costs.alone,
        ef_s=costs.alone,
        before_s=clips.clip_s,
        all_mb=costs.memory_mb,
        one_mb=one_mb,
    )


def disks_line(clips: SeenClips) -> Line:
    """Return the line of the EF that comes with the segmentation."""
    ends = [own.interval("ef_percent", LEVEL) for own in clips.segmentations]
    n, middle = len(ends), np.array([own.ef_percent for own in clips.segmentations])
    # Nothing is left to do once a clip is segmented.
    costs = Costs(0.0, None, 0.0, 1.0, None, 0.0, 0, float("nan"))
    answer = Answer("disks", no_waves(n), None, np.full(n, True), costs, ef=middle,
                    ef_interval=np.array(ends))  # fmt: skip
    return Line(
        "method of disks (segment)",
        LAWS["disks"],
        for_everybody(answer, clips.seen),
        before_s=float(np.nanmedian(clips.segment_s)),
    )
