"""Figures of the methods for single patients: errors of all, the best and the worst patient."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ._patient_answers import PHASES, Answer, Truth

TITLES = ("V (mL)", "P_LA (mmHg)", "P_A (mmHg)", "P_Ao (mmHg)", "Q (mL/s)")


def boxes(answers: Sequence[Answer], truth: Truth) -> go.Figure:
    """Return box plots over patients of the errors of EF, of the five states, of parameters.

    Args:
        answers: of all methods.
        truth: the patients.
    """
    panels = ("EF (points)", *TITLES, "parameters (prior SD)")
    figure = make_subplots(rows=4, cols=2, subplot_titles=panels, vertical_spacing=0.08)
    for answer in answers:
        ef = np.abs(answer.ef_percent - np.asarray(truth.beat.indices.ef_percent))
        rms = np.sqrt(np.mean((answer.waves - truth.waves) ** 2, -1))
        columns = [ef, *rms.T]
        if answer.coordinates is not None:
            columns.append(np.abs(answer.coordinates - truth.coordinates).mean(-1))
        for index, values in enumerate(columns):
            if np.isfinite(values).any():
                figure.add_box(
                    y=values, name=answer.name, boxpoints="all", showlegend=False,
                    row=index // 2 + 1, col=index % 2 + 1,
                )  # fmt: skip
    figure.update_xaxes(showticklabels=False)
    for row, col in ((3, 2), (4, 1)):
        figure.update_xaxes(showticklabels=True, row=row, col=col)
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
    errors = np.sqrt(np.mean((answer.waves[:, 0] - truth.waves[:, 0]) ** 2, -1))
    errors = np.where(np.isfinite(errors), errors, np.inf)
    chosen = (int(np.argmin(errors)), int(np.argmax(errors)))
    words = [
        f"{word}: patient {index}, volumes {errors[index]:.2f} mL off, "
        f"{'converged' if answer.converged[index] else 'did not converge'}"
        for word, index in zip(("best", "worst"), chosen, strict=True)
    ]
    figure = make_subplots(rows=5, cols=2, subplot_titles=words, vertical_spacing=0.04)
    for col, index in enumerate(chosen, 1):
        period = float(np.asarray(truth.beat.circulation.period_s)[index])
        first = col == 1
        curve = truth.volumes[index].volume_curve
        if curve is not None:
            figure.add_scatter(
                x=curve.times_s, y=curve.values, mode="markers", name="measured",
                marker={"color": "gray", "size": 5}, showlegend=first, row=1, col=col,
            )  # fmt: skip
        for row in range(5):
            lines = (("true", truth.waves, "black"), (answer.name, answer.waves, "crimson"))
            for name, waves, color in lines:
                figure.add_scatter(
                    x=PHASES * period, y=waves[index, row], mode="lines", name=name,
                    line={"color": color}, showlegend=first and row == 0, row=row + 1, col=col,
                )  # fmt: skip
            figure.update_yaxes(title=TITLES[row], row=row + 1, col=col)
        figure.update_xaxes(title="time (s)", row=5, col=col)
    figure.update_layout(title=answer.name, height=1300)
    return figure
