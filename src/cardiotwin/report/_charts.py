"""Flat figures: electrograms, parameter choice, metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from .._checks import check_array
from .._errors import InputError
from .._types import ArrayLike
from ..ecgi import NINETY_PERCENT, ParameterChoice
from ._labels import METRICS, show_number
from ._template import BLUE, INK, ORANGE, RULE_COLORS, make_template


def plot_electrograms(
    times_ms: ArrayLike,
    measured: ArrayLike | None,
    reconstructed: ArrayLike,
    *,
    unit: str = "",
    standard_deviation: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    title: str = "Electrograms",
) -> go.Figure:
    """Draw electrograms one above the other: truth in ink, reconstruction in blue.

    Args:
        times_ms: (n_times,) instants.
        measured: (n_traces, n_times) measured or simulated truth, or None.
        reconstructed: (n_traces, n_times).
        unit: unit of the potentials.
        standard_deviation: (n_traces, n_times) for a band of 90 % (± 1.645 SD).
        names: label of every trace.
        title: heading.

    Raises:
        InputError: arrays that do not fit.

    >>> figure = plot_electrograms([0, 1], [[0, 1]], [[0, 2]], unit="mV")
    >>> [trace.name for trace in figure.data]
    ['truth', 'reconstruction']
    """
    found = check_array(reconstructed, "reconstructed", shape=("n_traces", "n_times"))
    times = check_array(times_ms, "times_ms", shape=(found.shape[1],))
    labels = [str(i) for i in range(len(found))] if names is None else list(names)
    if len(labels) != len(found):
        raise InputError("names", found=f"{len(labels)} names", expected=f"{len(found)}")
    true = None if measured is None else check_array(measured, "measured", shape=found.shape)
    spread = None
    if standard_deviation is not None:
        spread = NINETY_PERCENT * check_array(
            standard_deviation, "standard_deviation", shape=found.shape
        )
    stacked = [found] + ([] if true is None else [true])
    apart = 1.1 * max(float(np.ptp(block, axis=1).max()) for block in stacked) or 1.0
    # A single trace keeps its true ordinate; several are set apart and share a scale.
    shift = -apart * np.arange(len(found))[:, None]
    figure = go.Figure()
    if spread is not None:
        gap = np.full((len(found), 1), np.nan)
        edges = (found - spread + shift, found + spread + shift)
        low, high = (np.concatenate([edge, gap], axis=1).ravel() for edge in edges)
        axis = np.tile(np.append(times, np.nan), len(found))
        figure.add_scatter(x=axis, y=low, line={"width": 0}, showlegend=False, hoverinfo="skip")
        figure.add_scatter(
            x=axis,
            y=high,
            line={"width": 0},
            fill="tonexty",
            fillcolor="rgba(0,114,178,0.18)",
            name="90 % interval",
            hoverinfo="skip",
        )
    if true is not None:
        figure.add_trace(_rows(times, true + shift, "truth", INK, 2.2))
    figure.add_trace(_rows(times, found + shift, "reconstruction", BLUE, 1.6))
    figure.update_layout(template=make_template(), title=title)
    figure.update_xaxes(title="time (ms)")
    if len(found) == 1:
        figure.update_yaxes(title=f"potential ({unit})" if unit else "potential")
    else:
        figure.update_yaxes(
            tickvals=shift.ravel(), ticktext=labels, title=f"scale: {apart:.3g} {unit} a row"
        )
    return figure


def plot_parameter_choice(
    choices: ParameterChoice | Sequence[ParameterChoice],
    *,
    title: str = "Choice of the regularization parameter",
) -> go.Figure:
    """Draw the criterion of each rule over λ, with its choice, its interval and other rules.

    Criteria of different rules have no common scale: each is drawn from 0 (best) to 1 (worst).

    Args:
        choices: one choice, or several of the same problem.
        title: heading.

    Raises:
        InputError: no choice at all.

    >>> choice = ParameterChoice(
    ...     "GCV", np.array([0.1]), np.array([0.01, 0.1, 1.0]), np.array([3.0, 1.0, 2.0]),
    ...     (0.05, 0.3), {"L-curve": 0.2},
    ... )
    >>> len(plot_parameter_choice(choice).data)
    2
    """
    several = [choices] if isinstance(choices, ParameterChoice) else list(choices)
    if not several:
        raise InputError("choices", found="nothing", expected="at least one ParameterChoice")
    figure = go.Figure()
    for number, choice in enumerate(several):
        color = (BLUE, *RULE_COLORS)[number % (1 + len(RULE_COLORS))]
        chosen = float(np.median(choice.value))
        figure.add_scatter(
            x=choice.candidates,
            y=unit_criterion(choice.criterion),
            name=f"{choice.rule}: λ = {chosen:.3g}",
            line={"color": color, "width": 2},
            hovertemplate="λ = %{x:.3g}<extra>" + choice.rule + "</extra>",
        )
        low, high = choice.interval
        if np.isfinite([low, high]).all() and 0 < low < high:
            figure.add_vrect(x0=low, x1=high, fillcolor=color, opacity=0.10, line_width=0)
        if chosen > 0:
            figure.add_vline(x=chosen, line={"color": color, "width": 1.5})
    others = {name: value for choice in several for name, value in choice.others.items()}
    shown = {name: value for name, value in others.items() if np.isfinite(value) and value > 0}
    if shown:
        figure.add_scatter(
            x=list(shown.values()),
            y=np.full(len(shown), -0.06),
            mode="markers",
            marker={"symbol": "triangle-up", "size": 10, "color": ORANGE},
            text=list(shown),
            hovertemplate="%{text}: λ = %{x:.3g}<extra></extra>",
            name="other rules",
        )
    figure.update_layout(template=make_template(), title=title)
    figure.update_xaxes(type="log", title="λ", exponentformat="power")
    figure.update_yaxes(title="criterion, 0 best to 1 worst", range=[-0.12, 1.05])
    return figure


def unit_criterion(criterion: ArrayLike) -> np.ndarray:
    """Map a criterion to 0 (best) … 1 (worst) for drawing; logarithmic where it spans decades.

    >>> unit_criterion([1.0, 3.0, 2.0]).tolist()
    [0.0, 1.0, 0.5]
    """
    values = check_array(criterion, "criterion", shape=("n_candidates",), finite=False)
    known = values[np.isfinite(values)]
    if not known.size:
        return values
    if known.min() > 0 and known.max() / known.min() > 100:
        values, known = np.log(values), np.log(known)
    width = np.ptp(known) or 1.0
    return (values - known.min()) / width


def plot_metrics_table(
    metrics: Mapping[str, float] | Mapping[str, Mapping[str, float]] | Any,
    *,
    title: str = "Metrics",
) -> go.Figure:
    """Set out metrics as a table: one column, or one for each named method.

    Args:
        metrics: numbers by name, the result of `evaluate`, or a dictionary of either by method.
        title: heading.

    >>> plot_metrics_table({"Tikhonov": {"relative_error": 0.25}}).data[0].cells["values"][1]
    ['0.25']
    """
    from ._collect import plain_metrics

    nested = isinstance(metrics, Mapping) and any(
        isinstance(value, Mapping) or hasattr(value, "as_dict") for value in metrics.values()
    )
    columns = metrics if nested else {"value": metrics}
    rows = {name: plain_metrics(column) for name, column in columns.items()}
    names = list(dict.fromkeys(metric for column in rows.values() for metric in column))
    labels = [METRICS.get(name, name) for name in names]
    cells = [[show_number(column.get(name)) for name in names] for column in rows.values()]
    figure = go.Figure(
        go.Table(
            header={
                "values": ["metric", *rows],
                "align": ["left", "right"],
                "fill": {"color": "white"},
                "font": {"weight": 600},
                "line": {"color": "#b6bcc5"},
            },
            cells={
                "values": [labels, *cells],
                "align": ["left", "right"],
                "height": 28,
                "fill": {"color": "white"},
                "line": {"color": "#eceef1"},
            },
        )
    )
    figure.update_layout(template=make_template(), title=title)
    return figure


def _rows(times: np.ndarray, values: np.ndarray, name: str, color: str, width: float) -> go.Scatter:
    gap = np.full((len(values), 1), np.nan)
    return go.Scatter(
        x=np.tile(np.append(times, np.nan), len(values)),
        y=np.concatenate([values, gap], axis=1).ravel(),
        name=name,
        line={"color": color, "width": width},
    )
