"""What the folds on CAMUS frames gave: the table, its notes, its figures."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from ..echo._labels import LABELS
from ._camus_masks import PLANES, VIEWS, AnnotatedFrames, ejection_fractions
from ._resume import Rows
from ._table import StudyTable

OF_PLANE = {"biplane": slice(0, 4), "2CH": slice(0, 2), "4CH": slice(2, 4)}
"""Frames of a patient that belong to each plane, ED before ES."""

COLUMNS = [
    *("segmentation", "patients", "Dice ED", "Dice ES", "Dice wall", "Dice atrium"),
    *("EF MAE (points)", "bias", "limits from", "to", "correlation", "EF MAE, listed EF"),
]


STRETCH = 1.25
"""Ratio of the sides of a pixel that is tried, as the true one is not known."""


class Scored:
    """Rows of `scores` as arrays.

    Attributes:
        patients: (n,) their numbers.
        dice: (n, 3, 4) of cavity, wall and atrium in each view.
        ef: (n, 3) percent, as in `PLANES`.
        corrected: (n,) biplane EF, corrected; the same as it comes where nothing corrects it.
    """

    def __init__(self, rows: Rows):
        numbers = np.array([row[1:] for row in rows], float)
        n_labels, n_views = len(LABELS) - 1, len(VIEWS)
        self.patients = np.array([row[0] for row in rows])
        self.dice = numbers[:, : n_labels * n_views].reshape(-1, n_labels, n_views)
        self.ef = numbers[:, n_labels * n_views :][:, : len(PLANES)]
        more = numbers[:, n_labels * n_views + len(PLANES) :]
        self.corrected = more[:, 0] if more.shape[1] else self.ef[:, 0]

    def row(self, name: str, given: AnnotatedFrames, plane: str) -> list[Any]:
        """Return a line of the table: Dice in the views of a plane, and its EF."""
        seen = self.dice[:, :, OF_PLANE[plane]]
        by_phase = [float(seen[:, 0, k::2].mean()) for k in (0, 1)]
        others = [float(seen[:, k].mean()) for k in (1, 2)]
        column = PLANES.index(plane)
        found, true = self.ef[:, column], given.ef[self.patients, column]
        listed = given.listed_ef[self.patients, column]
        return [
            name,
            len(found),
            *by_phase,
            *others,
            *agreement(found, true),
            float(np.nanmean(abs(found - listed))),
        ]


def agreement(found: Float[np.ndarray, " n"], true: Float[np.ndarray, " n"]) -> list[float]:
    """Return mean absolute error, bias, limits of agreement (bias ∓ 1.96 SD), correlation.

    Source: Bland and Altman 1986.

    >>> found = agreement(np.array([51.0, 61.0]), np.array([50.0, 60.0]))
    >>> [round(number, 3) for number in found]
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    known = np.isfinite(found) & np.isfinite(true)
    found, true = found[known], true[known]
    error = found - true
    bias, spread = float(error.mean()), float(error.std(ddof=1))
    correlation = float(np.corrcoef(found, true)[0, 1]) if found.std() and true.std() else np.nan
    return [
        float(abs(error).mean()),
        bias,
        bias - 1.96 * spread,
        bias + 1.96 * spread,
        correlation,
    ]


def camus_table(
    given: AnnotatedFrames, before: Rows, after: list[Rows], how: list[str]
) -> StudyTable:
    """Return the table of a network as it was and fine-tuned.

    Args:
        given: frames, masks and ejection fractions to compare with.
        before: rows of `scores` by the network as it was.
        after: of each fold, those of its own fine-tuned network.
        how: sentences on the training.
    """
    zero, tuned = Scored(before), Scored([row for fold in after for row in fold])
    rows = [
        scored.row(f"{name}, {plane}", given, plane)
        for name, scored in (("fine-tuned", tuned), ("as shipped", zero))
        for plane in PLANES
    ]
    for number, fold in enumerate(after, start=1):
        rows.append(Scored(fold).row(f"fine-tuned, fold {number}, biplane", given, "biplane"))
    rows += [_corrected(given, tuned), _constant(given, after)]
    between = [
        agreement(ours, listed) for ours, listed in zip(given.ef.T, given.listed_ef.T, strict=True)
    ]
    notes = [
        _targets(rows[0], rows[-2]),
        *how,
        "EF is compared with that by our disks from the masks of the expert; in the last column "
        "with the table beside the frames, made from the same masks: not the official EF of CAMUS",
        "our disks against that table, points: "
        + "; ".join(
            f"{plane} mean absolute {one[0]:.2f}, bias {one[1]:+.2f}, limits {one[2]:+.1f} to "
            f"{one[3]:+.1f}"
            for plane, one in zip(PLANES, between, strict=True)
        ),
        f"left out of EF, as a mask has no ventricle: {_lost(tuned, given)} patients fine-tuned, "
        f"{_lost(zero, given)} as shipped",
        "the frames were stretched to squares and their pixel size is not known: no volume in mL, "
        "and EF nearly, not exactly, what it would be with the true sides: pixels "
        f"{STRETCH:g} times as high change it by {_by_stretching(given):.2f} points in the mean",
        "false lines of a pixel, left by interpolated labels, are removed from the masks of the "
        "expert before anything is compared",
        "one hospital, single frames, ED and ES chosen by the expert: nothing is said of other "
        "sites, of clips, or of clinical use",
        "the fine-tuned weights are not kept: CAMUS is for non-commercial research (CC BY-NC-SA)",
    ]
    figures = {"ef": _scatter(given, tuned, zero), "dice": _histogram(tuned, zero)}
    return StudyTable("Segmentation of CAMUS frames", COLUMNS, rows, notes, figures)


def _corrected(given: AnnotatedFrames, tuned: Scored) -> list[Any]:
    """Return the line of biplane EF as each fold corrects it by its own training patients."""
    true, listed = (own[tuned.patients, 0] for own in (given.ef, given.listed_ef))
    off = float(np.nanmean(abs(tuned.corrected - listed)))
    errors = agreement(tuned.corrected, true)
    return ["fine-tuned, biplane, corrected", len(true), *[None] * 4, *errors, off]


def _constant(given: AnnotatedFrames, after: list[Rows]) -> list[Any]:
    """Return the line of what needs no image: the mean EF of the patients of the other folds."""
    patients = [Scored(fold).patients for fold in after]
    means = [
        np.nanmean(given.ef[np.concatenate(patients[:k] + patients[k + 1 :]), 0])
        for k in range(len(after))
    ]
    guessed = np.repeat(means, [len(own) for own in patients])
    tested = np.concatenate(patients)
    errors = agreement(guessed, given.ef[tested, 0])[:4]
    listed = float(np.nanmean(abs(guessed - given.listed_ef[tested, 0])))
    return ["mean EF of the other folds", len(tested), *[None] * 4, *errors, None, listed]


def _by_stretching(given: AnnotatedFrames) -> float:
    square, high = (ejection_fractions(given.masks, (side, 1.0)) for side in (1.0, STRETCH))
    return float(np.nanmean(abs(high - square)[:, 0]))


def _lost(scored: Scored, given: AnnotatedFrames) -> int:
    return int(np.isnan(scored.ef + given.ef[scored.patients]).any(1).sum())


def _targets(best: list[Any], corrected: list[Any]) -> str:
    told = []
    for name, value, target, reached in (
        ("Dice ED", best[2], 0.92, best[2] >= 0.92),
        ("Dice ES", best[3], 0.90, best[3] >= 0.90),
        ("EF MAE", best[6], 6.5, best[6] <= 6.5),
        ("EF MAE corrected", corrected[6], 6.5, corrected[6] <= 6.5),
    ):
        told.append(f"{name} {value:.3g} ({target} {'reached' if reached else 'MISSED'})")
    return "targets of the fine-tuned network: " + ", ".join(told)


def _scatter(given: AnnotatedFrames, tuned: Scored, zero: Scored) -> go.Figure:
    figure = go.Figure()
    for name, scored in (("as shipped", zero), ("fine-tuned", tuned)):
        figure.add_scatter(
            x=given.ef[scored.patients, 0], y=scored.ef[:, 0], mode="markers", name=name
        )
    figure.add_scatter(x=[0, 90], y=[0, 90], mode="lines", name="equal")
    return figure.update_layout(
        xaxis_title="biplane EF from the expert's masks (%)",
        yaxis_title="biplane EF from the network's masks (%)",
    )


def _histogram(tuned: Scored, zero: Scored) -> go.Figure:
    figure = go.Figure()
    for name, scored in (("as shipped", zero), ("fine-tuned", tuned)):
        for phase, label in enumerate(("ED", "ES")):
            values = scored.dice[:, 0, phase::2].ravel()
            figure.add_histogram(
                x=values, name=f"{name}, {label}", xbins={"size": 0.01}, opacity=0.6
            )
    return figure.update_layout(
        barmode="overlay", xaxis_title="Dice of the cavity, frame by frame", yaxis_title="frames"
    )
