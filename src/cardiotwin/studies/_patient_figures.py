"""Figures of the methods for single patients: errors of all, the best and the worst patient."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.colors as pcolors
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ._patient_answers import PHASES, Answer, Truth, ef_errors, wave_errors

TITLES = ("V (mL)", "P_LA (mmHg)", "P_A (mmHg)", "P_Ao (mmHg)", "Q (mL/s)")


def boxes(answers: Sequence[Answer], truth: Truth) -> go.Figure:
    """Return box plots over patients of the errors of EF, of the five states, of parameters.

    Args:
        answers: of all methods.
        truth: the patients.
    """
    panels = ("EF (points)", *TITLES, "parameters (prior SD)")
    figure = make_subplots(rows=4, cols=2, subplot_titles=panels, vertical_spacing=0.08)
    palette = pcolors.qualitative.Dark24
    for number, answer in enumerate(answers):
        columns = [ef_errors(answer, truth), *wave_errors(answer, truth).T]
        if answer.coordinates is not None:
            columns.append(np.abs(answer.coordinates - truth.coordinates).mean(-1))
        for index, values in enumerate(columns):
            if np.isfinite(values).any():
                figure.add_box(
                    y=values, name=answer.name, boxpoints="all", legendgroup=answer.name,
                    showlegend=index == 0, marker_color=palette[number % len(palette)],
                    row=index // 2 + 1, col=index % 2 + 1,
                )  # fmt: skip
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(
        title="Errors over patients: absolute (EF, parameters), root mean square (waves)",
        height=1500,
    )
    return figure


def best_and_worst(answer: Answer, truth: Truth) -> go.Figure:
    """Return all five states of the patients with the smallest and the largest volume error.

    Args:
        answer: of one method.
        truth: the patients.
    """
    errors = _volume_errors(answer, truth)
    ends = {"best": errors.argmin(), "worst": errors.argmax()}
    shown = [_Case(word, answer, truth, int(row)) for word, row in ends.items()]
    return _beside(shown, answer.name)


def success_and_failure(answers: Sequence[tuple[Answer, Truth]]) -> go.Figure:
    """Return all five states of a patient who was learned and of one who was not.

    The success is the patient of median volume error among those that converged by the first
    method; the failure is the largest volume error of all that did not converge, by any method,
    or, where all converged, the largest of all.

    Args:
        answers: of the methods, with their patients.
    """
    first, own = answers[0]
    errors = np.where(first.converged, _volume_errors(first, own), np.inf)
    middle = int(np.argsort(errors)[max(first.converged.sum() - 1, 0) // 2])
    every = [
        (not answer.converged[row], error, _Case("failure", answer, truth, row))
        for answer, truth in answers
        for row, error in enumerate(_volume_errors(answer, truth))
    ]
    failed, _, worst = max(every, key=lambda each: each[:2])
    worst = worst if failed else worst._replace(word="largest error, all converged")
    return _beside([_Case("success", first, own, middle), worst], "A success and a failure")


class _Case(NamedTuple):
    word: str
    answer: Answer
    truth: Truth
    row: int


def _volume_errors(answer: Answer, truth: Truth) -> np.ndarray:
    errors = wave_errors(answer, truth)[:, 0]
    return np.where(np.isfinite(errors), errors, np.inf)


def _beside(cases: Sequence[_Case], title: str) -> go.Figure:
    """Return the states of some patients, a column each, with truth and measured volumes."""
    words = [
        f"{case.word}: {case.answer.name}, patient {case.row},<br>volumes "
        f"{_volume_errors(case.answer, case.truth)[case.row]:.2f} mL off, "
        f"{'converged' if case.answer.converged[case.row] else 'did not converge'}"
        for case in cases
    ]
    figure = make_subplots(rows=5, cols=len(cases), subplot_titles=words, vertical_spacing=0.04)
    for col, (_, answer, truth, index) in enumerate(cases, 1):
        period = float(np.asarray(truth.beat.circulation.period_s)[index])
        first = col == 1
        curve = truth.volumes[index].volume_curve
        if curve is not None:
            figure.add_scatter(
                x=curve.times_s, y=curve.values, mode="markers", name="measured",
                marker={"color": "gray", "size": 5}, showlegend=first, row=1, col=col,
            )  # fmt: skip
        for row in range(5):
            lines = (("true", truth.waves, "black"), ("told", answer.waves, "crimson"))
            for name, waves, color in lines:
                figure.add_scatter(
                    x=PHASES * period, y=waves[index, row], mode="lines", name=name,
                    line={"color": color}, showlegend=first and row == 0, row=row + 1, col=col,
                )  # fmt: skip
            figure.update_yaxes(title=TITLES[row], row=row + 1, col=col)
        figure.update_xaxes(title="time (s)", row=5, col=col)
    figure.update_layout(title=title, height=1300)
    return figure
