"""What a method that was taught on encoded clips says of test clips, and how right it is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from ..echo import (
    EncodedClips,
    Encoding,
    TwinModel,
    calibrate_twins,
    simulate_twins,
    train_twins,
)
from ..echo._twin_calibration import widened_to_hold
from ..echo._twin_losses import known_quantities, meant_by
from ..echo._twin_network import Normal
from ..echo._witnesses import drawn_in_turns, together
from ..hemodynamics import Surrogate
from ._timing import median_seconds

MEMBERS = 2
"""Networks of every method."""

N_DRAWS = 96

SCORES = [
    "EDV MAE (mL)",
    "ESV MAE (mL)",
    "SD of EDV, found over true",
    "90 % of EF holds (%)",
    "90 % of EDV holds (%)",
    "training (s)",
    "reading a clip (ms)",
]
"""What `scores` gives."""


class Answers(NamedTuple):
    """What a method says of test clips, draws (n_clips, n_draws) each.

    Attributes:
        ef, edv, esv: points and mL; volumes None where the method gives none. NaN where a drawn
            circulation has no periodic beat.
        z: (n_clips, n_draws, n_unknowns) parameters; None without physics.
        names: of the parameters.
        seconds: of the training.
        milliseconds: of reading one clip that is encoded.
    """

    ef: Any
    edv: Any
    esv: Any
    z: Any
    names: tuple[str, ...]
    seconds: float
    milliseconds: float


def taught(
    training: EncodedClips,
    validation: EncodedClips,
    calibration: EncodedClips | None,
    *,
    physics: Surrogate | str | None,
    labels: str,
    steps: int,
    seed: int,
    members: int = MEMBERS,
) -> tuple[TwinModel, float]:
    """Return a trained method, the width of its intervals set by other clips, and seconds.

    Args:
        training: to learn from.
        validation: to choose among weights.
        calibration: to set the spreads by; None leaves them as they are.
        physics: frozen, as `train_twins` takes it; None for the supervised way.
        labels: "ef", "volumes" or "curve".
        steps: of each network.
        seed: of weights and draws.
        members: networks that vote.

    Raises:
        KeyboardInterrupt: the training was interrupted.
    """
    begin = time.perf_counter()
    model, found = train_twins(
        training,
        validation,
        physics=physics,
        labels=labels,
        members=members,
        steps=steps,
        seed=seed,
    )
    if any(one.step < steps for one in found):
        raise KeyboardInterrupt
    spent = time.perf_counter() - begin
    return calibrated(model, calibration, seed), spent


def calibrated(model: TwinModel, clips: EncodedClips | None, seed: int) -> TwinModel:
    """Return the model without a mean error, with intervals of EF that hold in 90 % of clips.

    Args:
        model: with physics or without.
        clips: neither trained on nor chosen by; None leaves the spreads as they are.
        seed: of the draws.
    """
    if clips is None:
        return model
    if model.unknowns is not None:
        return calibrate_twins(model, clips, seed)
    # As with physics, what is told shall be neither too large nor too small in the mean.
    found = model.read(clips.encoding).mean.mean(0)
    shift = (known_quantities(clips.known, model.labels) - found).mean(0)
    model = replace(model, card={**model.card, "shift": shift.tolist()})
    return widened_to_hold(model, lambda own: (direct_draws(own, clips, seed)[0], true_ef(clips)))


def answers(model: TwinModel, test: EncodedClips, spent: float, seed: int) -> Answers:
    """Return what a model says of the test clips.

    Args:
        model: with physics or without, calibrated.
        test: clips.
        spent: seconds of its training.
        seed: of the draws.
    """
    milliseconds = 1000.0 * median_seconds(lambda: model.read(test[:1].encoding))
    if model.unknowns is None:
        return Answers(*direct_draws(model, test, seed), None, (), spent, milliseconds)
    drawn = simulate_twins(model, test, N_DRAWS, seed)
    return Answers(
        drawn.ef_percent, drawn.edv_ml, drawn.esv_ml, drawn.z, model.names, spent, milliseconds
    )


def answers_by_patient(
    model: TwinModel, own: Answers, test: EncodedClips, patients: Any, seed: int
) -> tuple[Answers, EncodedClips]:
    """Return what a model says of patients with one or two clips, and the first clip of each.

    Twins of two clips are drawn from what both say `together`; of a model without physics the
    draws of both are averaged. Either takes the errors of the clips as independent.

    Args:
        model: as `taught` returns it.
        own: its answers clip by clip.
        test: the clips.
        patients: (n_clips,) names.
        seed: of the draws.
    """
    _, first = np.unique(patients, return_index=True)
    _, last = np.unique(patients[::-1], return_index=True)
    second = len(patients) - 1 - last
    if model.unknowns is None:
        numbers = [None if one is None else 0.5 * (one[first] + one[second]) for one in own[:3]]
        return own._replace(ef=numbers[0], edv=numbers[1], esv=numbers[2]), test[first]
    found = [one[first] for one in own[:4]]
    both = first != second
    if both.any():
        given = {field.name: getattr(model, field.name) for field in fields(TwinModel)}
        pair = _TwoViews(**given, other=test[second[both]].encoding)
        drawn = simulate_twins(pair, test[first[both]], N_DRAWS, seed)
        for one, new in zip(
            found, (drawn.ef_percent, drawn.edv_ml, drawn.esv_ml, drawn.z), strict=True
        ):
            one[both] = new
    return own._replace(ef=found[0], edv=found[1], esv=found[2], z=found[3]), test[first]


def true_ef(clips: EncodedClips) -> Float[np.ndarray, " n"]:
    """Return the ejection fraction in percent of the known volumes."""
    return 100.0 * (1.0 - clips.known.esv / clips.known.edv)


def scores(own: Answers, test: EncodedClips) -> list[Any]:
    """Return the numbers of `SCORES`; None for volumes of a method that gives none."""
    row: list[Any] = [None, None, None, held(own.ef, true_ef(test)), None]
    if own.edv is not None:
        edv = middle(own.edv)
        row[:3] = [
            mae(own.edv, test.known.edv),
            mae(own.esv, test.known.esv),
            float(np.nanstd(edv) / test.known.edv.std()),
        ]
        row[4] = held(own.edv, test.known.edv)
    return [*row, own.seconds, own.milliseconds]


def middle(draws: Float[np.ndarray, "n n_draws"]) -> Float[np.ndarray, " n"]:
    """Return the median of every clip's draws; NaN where it has none."""
    return quantiles(draws, [50])[0]


def mae(draws: Float[np.ndarray, "n n_draws"], truth: Float[np.ndarray, " n"]) -> float:
    """Return the mean absolute error of the medians, of clips that have one."""
    return float(np.nanmean(np.abs(middle(draws) - truth)))


def held(draws: Float[np.ndarray, "n n_draws"], truth: Float[np.ndarray, " n"]) -> float:
    """Return the share of truths in 90 % intervals, percent; a clip without draws holds none."""
    low, high = quantiles(draws, [5, 95])
    return 100.0 * float(np.mean((low <= truth) & (truth <= high)))


def ef_scatter(found: Mapping[str, Any], truth: Float[np.ndarray, " n"]) -> go.Figure:
    """Return EF found against true.

    Args:
        found: name of a method → (n,) percent.
        truth: percent.
    """
    figure = go.Figure()
    for name, own in found.items():
        figure.add_scatter(x=truth, y=own, mode="markers", name=name)
    figure.add_scatter(x=[10, 80], y=[10, 80], mode="lines", name="equal")
    return figure.update_layout(xaxis_title="true EF (%)", yaxis_title="EF from the clip (%)")


@dataclass(frozen=True, eq=False)
class _TwoViews(TwinModel):
    """A model that hears a second clip of every patient with the one that it reads."""

    other: Encoding

    def read(self, encoding: Encoding) -> Normal:
        """Return what both say together, as `TwinModel.read` does of one."""
        return together([super().read(encoding), super().read(self.other)])


def direct_draws(model: TwinModel, clips: EncodedClips, seed: int) -> tuple[Any, Any, Any]:
    """Return (n_clips, n_draws) EF and volumes of a model without physics.

    Args:
        model: that was taught EF or volumes.
        clips: encoded.
        seed: of the draws.
    """
    drawn = drawn_in_turns(model.read(clips.encoding), N_DRAWS, seed)
    return meant_by(np.swapaxes(drawn, 0, 1), model.labels)


def quantiles(draws: Any, percent: list[float]) -> Float[np.ndarray, "n_percent n"]:
    """Return quantiles of every clip's draws; NaN where it has none."""
    drawn = np.isfinite(draws).any(1)
    found = np.full((len(percent), len(draws)), np.nan)
    found[:, drawn] = np.nanpercentile(draws[drawn], percent, axis=1)
    return found
