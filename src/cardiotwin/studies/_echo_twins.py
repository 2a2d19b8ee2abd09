"""Med-Real2Sim, Table 1 and Fig. 3a, on synthetic clips: supervised, and through the physics."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from .._types import PathLike
from ..echo import (
    EncodedClips,
    LabelledPhantom,
    Phantom,
    TwinModel,
    calibrate_twins,
    encode_clips,
    phantom_encodings,
    simulate_twins,
    train_twins,
)
from ..echo._twin_calibration import needed_widening
from ..echo._twin_losses import meant_by
from ..echo._witnesses import drawn_in_turns
from ..hemodynamics import ADULT_BOX, Surrogate, Unknowns, train_surrogate
from ._echo_phantom import TEST_SEED
from ._table import StudyTable
from ._timing import median_seconds

MEMBERS = 2
"""Networks of every method."""

N_DRAWS = 96

GROUPS = {"EF below 40 %": (0.0, 40.0), "EF above 55 %": (55.0, 100.0)}
"""Of patients whose parameters are compared, as in Fig. 3a."""

COMPARED = ("emax", "stressed_volume_ml", "v0_ml", "emin", "systemic_resistance")


class Answers(NamedTuple):
    """What a method says of test clips, draws (n_clips, n_draws) each.

    Attributes:
        ef, edv, esv: points and mL; volumes None where the method gives none.
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


def echo_twins(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Train the same networks with and without physics on the same encodings, and test them.

    Args:
        data: folder of encodings, as `cardiotwin echo train-twins` leaves it or made here, so
            that an interrupted study goes on; nothing is kept without it.
        quick: 100 clips and few steps.
        seed: of weights and test clips.
    """
    n, n_test, steps = (100, 40, 60) if quick else (3000, 500, 1000)
    folder = None if data is None else Path(data) / "encodings"
    every = phantom_encodings(folder, n)
    test = encode_clips(
        LabelledPhantom(Phantom(views=("A4C", "A2C")), TEST_SEED + seed),
        n_test,
        folder=None if folder is None else folder / f"test-{seed}",
        label="test",
    )
    surrogate = train_surrogate(ADULT_BOX, steps=200 if quick else 8000, quiet=True)
    methods: dict[str, tuple[Surrogate | None, str]] = {
        "supervised, EF": (None, "ef"),
        "supervised, volumes": (None, "volumes"),
        "P-SSL, EF": (surrogate, "ef"),
        "P-SSL, volumes": (surrogate, "volumes"),
        "P-SSL, volume curve": (surrogate, "curve"),
    }
    answers = {}
    for name, (physics, labels) in methods.items():
        begin = time.perf_counter()
        model, _ = train_twins(
            every.training,
            every.validation,
            surrogate=physics,
            labels=labels,
            members=MEMBERS,
            steps=steps,
            seed=seed,
        )
        spent = time.perf_counter() - begin
        answers[name] = _answers(model, every.calibration, test, spent, seed)
    rows = [_row(name, own, test) for name, own in answers.items()]
    columns = [
        "method, labels",
        "EF MAE (points)",
        "EDV MAE (mL)",
        "ESV MAE (mL)",
        "SD of EDV, found over true",
        "90 % of EF holds (%)",
        "90 % of EDV holds (%)",
        "training (s)",
        "reading a clip (ms)",
    ]
    truth = 100.0 * (1.0 - test.known.esv / test.known.edv)
    notes = [
        f"{len(every.training)} synthetic clips to learn from, {len(every.validation)} to choose "
        f"by, {len(every.calibration)} to set the width of intervals, {len(test)} to test; "
        f"{test.failed} test clips in which no beating ventricle was found are left out",
        "same encodings, networks, steps and selection for all rows; training and test clips "
        "come from one generator (an inverse crime), nothing here has been validated on patients",
        f"the mean EF of all patients would be {np.mean(np.abs(truth - truth.mean())):.1f} points "
        "off, their mean EDV "
        f"{np.mean(np.abs(test.known.edv - test.known.edv.mean())):.0f} mL",
        *_parameter_notes(answers["P-SSL, volume curve"], test),
    ]
    figures = {
        "fig3a": _groups_figure(answers["P-SSL, volume curve"], test),
        "ef": _scatter(answers, truth),
    }
    return StudyTable("From clips to circulations", columns, rows, notes, figures)


def _answers(
    model: TwinModel, calibration: EncodedClips, test: EncodedClips, spent: float, seed: int
) -> Answers:
    """Return what a model says of the test clips, its spreads set on the calibration clips."""
    milliseconds = 1000.0 * median_seconds(lambda: model.read(test[0].encoding))
    if model.unknowns is None:
        ef, _, _ = _direct(model, calibration, seed)
        true = 100.0 * (1.0 - calibration.known.esv / calibration.known.edv)
        wide = model.widened(needed_widening(ef, true))
        return Answers(*_direct(wide, test, seed), None, (), spent, milliseconds)
    wide = calibrate_twins(model, calibration, seed)
    drawn = simulate_twins(wide, test, N_DRAWS, seed)
    return Answers(
        drawn.ef_percent, drawn.edv_ml, drawn.esv_ml, drawn.z, model.names, spent, milliseconds
    )


def _direct(model: TwinModel, clips: EncodedClips, seed: int) -> tuple[Any, Any, Any]:
    """Return draws of EF and volumes of a model without physics."""
    drawn = drawn_in_turns(model.read(clips.encoding), N_DRAWS, seed)
    return meant_by(np.swapaxes(drawn, 0, 1), model.labels)


def _row(name: str, own: Answers, test: EncodedClips) -> list[Any]:
    truth = 100.0 * (1.0 - test.known.esv / test.known.edv)
    row: list[Any] = [name, _mae(own.ef, truth), None, None, None, _held(own.ef, truth), None]
    if own.edv is not None:
        edv = np.nanmedian(own.edv, 1)
        row[2:5] = [
            _mae(own.edv, test.known.edv),
            _mae(own.esv, test.known.esv),
            float(edv.std() / test.known.edv.std()),
        ]
        row[6] = _held(own.edv, test.known.edv)
    return [*row, own.seconds, own.milliseconds]


def _mae(draws: Any, truth: Any) -> float:
    return float(np.mean(np.abs(np.nanmedian(draws, 1) - truth)))


def _held(draws: Any, truth: Any) -> float:
    low, high = np.nanpercentile(draws, [5, 95], axis=1)
    return 100.0 * float(np.mean((low <= truth) & (truth <= high)))


def _parameter_notes(own: Answers, test: EncodedClips) -> list[str]:
    told = []
    for index, name in enumerate(own.names):
        true, draws = test.truth[name], own.z[..., index]
        fit = np.corrcoef(np.nanmedian(draws, 1), true)[0, 1]
        spread = np.mean(np.nanstd(draws, 1))
        told.append(f"{name} {fit:.2f}, {spread:.2f}, {_held(draws, true):.0f} %")
    return [
        "parameters by P-SSL with the volume curve; correlation with the truth, mean spread in "
        "standard deviations of the prior (1: nothing learned), share of truths in 90 % "
        "intervals: " + "; ".join(told)
    ]


def _groups_figure(own: Answers, test: EncodedClips) -> go.Figure:
    """Return box plots of parameters of patients with low and high EF, found and true."""
    truth = 100.0 * (1.0 - test.known.esv / test.known.edv)
    priors = Unknowns.of().priors
    figure = make_subplots(1, len(COMPARED), subplot_titles=COMPARED)
    for column, name in enumerate(COMPARED, start=1):
        found = np.nanmedian(own.z[..., own.names.index(name)], 1)
        for source, z in (("found", found), ("true", test.truth[name])):
            for group, (low, high) in GROUPS.items():
                chosen = (truth >= low) & (truth < high)
                figure.add_box(
                    y=priors[name].value(z[chosen]),
                    name=f"{group}, {source}",
                    showlegend=False,
                    row=1,
                    col=column,
                )
    return figure.update_layout(title="Parameters of patients with low and with high EF")


def _scatter(answers: dict[str, Answers], truth: Any) -> go.Figure:
    figure = go.Figure()
    for name, own in answers.items():
        figure.add_scatter(x=truth, y=np.nanmedian(own.ef, 1), mode="markers", name=name)
    figure.add_scatter(x=[10, 80], y=[10, 80], mode="lines", name="equal")
    return figure.update_layout(xaxis_title="true EF (%)", yaxis_title="EF from the clip (%)")
