"""Med-Real2Sim, Table 1 and Fig. 3a, on synthetic clips: supervised, and through the physics."""

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from .._types import PathLike
from ..echo import EncodedClips, LabelledPhantom, Phantom, encode_clips, phantom_encodings
from ..echo._twin_training import CIRCULATION
from ..hemodynamics import ADULT_BOX, Surrogate, Unknowns, train_surrogate
from ._clip_answers import (
    SCORES,
    Answers,
    answers,
    ef_scatter,
    held,
    mae,
    middle,
    scores,
    taught,
    true_ef,
)
from ._echo_phantom import TEST_SEED
from ._table import StudyTable

GROUPS = {"EF below 40 %": (0.0, 40.0), "EF above 55 %": (55.0, 100.0)}
"""Of patients whose parameters are compared, as in Fig. 3a."""

COMPARED = ("emax", "stressed_volume_ml", "v0_ml", "emin", "systemic_resistance")


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
    methods: dict[str, tuple[Surrogate | str | None, str]] = {
        "supervised, EF": (None, "ef"),
        "supervised, volumes": (None, "volumes"),
        "P-SSL, EF": (surrogate, "ef"),
        "P-SSL, volumes": (surrogate, "volumes"),
        "P-SSL, volume curve": (surrogate, "curve"),
        "P-SSL through the circulation itself, volume curve": (CIRCULATION, "curve"),
    }
    found = {}
    for name, (physics, labels) in methods.items():
        model, spent = taught(
            every.training,
            every.validation,
            every.calibration,
            physics=physics,
            labels=labels,
            steps=steps,
            seed=seed,
        )
        found[name] = answers(model, test, spent, seed)
    truth = true_ef(test)
    rows = [[name, mae(own.ef, truth), *scores(own, test)] for name, own in found.items()]
    columns = ["method, labels", "EF MAE (points)", *SCORES]
    notes = [
        f"{len(every.training)} synthetic clips to learn from, {len(every.validation)} to choose "
        f"by, {len(every.calibration)} to set the width of intervals, {len(test)} to test; "
        f"{test.failed} test clips in which no beating ventricle was found are left out",
        "same encodings, networks, steps and selection for all rows; training and test clips "
        "come from one generator (an inverse crime), nothing here has been validated on patients",
        f"the mean EF of all patients would be {np.mean(np.abs(truth - truth.mean())):.1f} points "
        "off, their mean EDV "
        f"{np.mean(np.abs(test.known.edv - test.known.edv.mean())):.0f} mL",
        *_parameter_notes(found["P-SSL, volume curve"], test),
    ]
    figures = {
        "fig3a": _groups_figure(found["P-SSL, volume curve"], test),
        "ef": ef_scatter({name: middle(own.ef) for name, own in found.items()}, truth),
    }
    return StudyTable("From clips to circulations", columns, rows, notes, figures)


def _parameter_notes(own: Answers, test: EncodedClips) -> list[str]:
    told = []
    for index, name in enumerate(own.names):
        true, draws = test.truth[name], own.z[..., index]
        fit = np.corrcoef(middle(draws), true)[0, 1]
        spread = np.mean(np.nanstd(draws, 1))
        told.append(f"{name} {fit:.2f}, {spread:.2f}, {held(draws, true):.0f} %")
    return [
        "parameters by P-SSL with the volume curve; correlation with the truth, mean spread in "
        "standard deviations of the prior (1: nothing learned), share of truths in 90 % "
        "intervals: " + "; ".join(told)
    ]


def _groups_figure(own: Answers, test: EncodedClips) -> go.Figure:
    """Return box plots of parameters of patients with low and high EF, found and true."""
    truth = true_ef(test)
    priors = Unknowns.of().priors
    figure = make_subplots(1, len(COMPARED), subplot_titles=COMPARED)
    for column, name in enumerate(COMPARED, start=1):
        found = middle(own.z[..., own.names.index(name)])
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
