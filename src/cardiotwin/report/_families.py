"""Families of beats: loops coloured by a parameter, and indices against it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from .._checks import check_array
from .._errors import InputError
from .._types import ArrayLike
from ..circulation import Beat, Indices, SteadyIndices, end_systolic_line
from ._beat_labels import INDEX_LABELS, index_label, with_unit
from ._beats import NINETY, several_beats
from ._labels import show_number
from ._loops import PRESSURE, VOLUME, draw_loop
from ._template import BLUE, INK, TIMES, colorscale, make_template

_SWEPT = (
    "co_l_min",
    "mean_aortic_mmhg",
    "ef_percent",
    "edv_ml",
    "lvedp_mmhg",
    "stroke_work_mmhg_ml",
)
# The palest fifth of the scale cannot be seen on white.
_FAMILY_SCALE = [
    [stop, color]
    for stop, color in zip(
        np.linspace(0, 1, 9).tolist(),
        sample_colorscale(colorscale(TIMES), np.linspace(0.12, 1.0, 9).tolist()),
        strict=True,
    )
]


def plot_loop_family(
    beats: Beat | Sequence[Beat],
    values: ArrayLike,
    label: str,
    *,
    espvr: bool = True,
    title: str = "Pressure–volume loops",
) -> go.Figure:
    """Draw loops coloured by a parameter, with the line through their end-systolic points.

    The line is found from the loops alone (`end_systolic_line`); it is a property of the ventricle
    only where no parameter of the ventricle changes along the family (preload, afterload, pump).

    Args:
        beats: batch of shape (n_beats,), or a sequence.
        values: (n_beats,) of the parameter.
        label: name of the parameter with its unit.
        espvr: whether the line is looked for.
        title: heading.

    Raises:
        InputError: as many values as beats are needed; at least two; none may have failed.

    >>> from cardiotwin.circulation import Circulation, steady_state
    >>> volumes = [220.0, 280.0, 340.0]
    >>> beats = steady_state(Circulation(stressed_volume_ml=volumes))
    >>> plot_loop_family(beats, volumes, "stressed volume (mL)").data[-2].name
    'end-systolic line: 1.99 mmHg/mL, V<sub>0</sub> = 10 mL'
    """
    found = several_beats(beats, "beats")
    if len(found) < 2:
        raise InputError("beats", found="one beat", expected="at least two")
    swept = check_array(values, "values", shape=(len(found),))
    low, high = float(swept.min()), float(swept.max())
    width = (high - low) or 1.0
    figure = go.Figure()
    for beat, value in zip(found, swept, strict=True):
        color = str(sample_colorscale(_FAMILY_SCALE, [(value - low) / width])[0])
        trace = draw_loop(beat, color, f"{value:g}", width=1.8)
        trace.showlegend = False
        figure.add_trace(trace)
    line = end_systolic_line(found) if espvr else None
    top = max(float(beat.lv_mmhg.max()) for beat in found)
    right = max(float(beat.volume_ml.max()) for beat in found)
    left = 0.0
    # NaN is no slope.
    if line is not None and line.ees_mmhg_ml > 0:
        slope, v0 = float(line.ees_mmhg_ml), float(line.v0_ml)
        left = min(left, v0)
        figure.add_scatter(
            x=[v0, v0 + 1.08 * top / slope],
            y=[0.0, 1.08 * top],
            mode="lines",
            line={"color": INK, "width": 1.4, "dash": "dash"},
            name=f"end-systolic line: {slope:.3g} mmHg/mL, "
            f"V<sub>0</sub> = {show_number(float(f'{v0:.3g}'))} mL",
            hovertemplate="root mean square off the line: "
            f"{float(line.rms_mmhg):.2g} mmHg<extra></extra>",
        )
        figure.add_scatter(
            x=line.volume_ml,
            y=line.pressure_mmhg,
            mode="markers",
            marker={"size": 7, "color": INK},
            name="end systole",
            text=[f"{value:g}" for value in swept],
            hovertemplate="%{x:.1f} mL, %{y:.1f} mmHg<br>%{text}",
        )
    # A trace without points carries the colour bar.
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        showlegend=False,
        marker={
            "colorscale": _FAMILY_SCALE,
            "cmin": low,
            "cmax": high,
            "color": [low],
            "colorbar": {
                "title": {"text": label, "side": "right"},
                "thickness": 12,
                "outlinewidth": 0,
                "ticks": "outside",
                "len": 0.9,
                "exponentformat": "none",
                "separatethousands": True,
            },
        },
    )
    figure.data = (*figure.data[: len(found)], figure.data[-1], *figure.data[len(found) : -1])
    figure.update_layout(template=make_template(), title=title, height=560)
    figure.update_xaxes(title=VOLUME, range=[1.05 * left, 1.08 * right])
    figure.update_yaxes(title=PRESSURE, range=[-0.02 * top, 1.12 * top])
    return figure


def plot_sweep(
    values: ArrayLike,
    indices: Indices | SteadyIndices | Beat | Mapping[str, ArrayLike],
    *,
    label: str,
    names: Sequence[str] | None = None,
    draws: Indices | SteadyIndices | Beat | Mapping[str, ArrayLike] | None = None,
    columns: int = 3,
    title: str = "",
) -> go.Figure:
    """Draw indices against a swept parameter in small multiples.

    Args:
        values: (n_values,) of the parameter.
        indices: each (n_values,): what `steady_indices` or `steady_state` gave, or arrays by name.
        label: name of the parameter with its unit.
        names: which indices; cardiac output, mean aortic pressure, ejection fraction, volume and
            pressure at end diastole and stroke work when left out (all of a mapping).
        draws: the same sweep for every draw of a posterior, each (n_draws, n_values); nine of ten
            draws lie within the band at every value.
        columns: small multiples a row.
        title: heading.

    Raises:
        InputError: no such index, or arrays that do not fit the values.

    >>> from cardiotwin.circulation import Circulation, steady_state
    >>> beats = steady_state(Circulation(emax=[1.0, 2.0, 3.0]))
    >>> figure = plot_sweep([1.0, 2.0, 3.0], beats, label="Emax (mmHg/mL)", names=["ef_percent"])
    >>> figure.data[0].y.round(1).tolist()
    [37.9, 55.0, 64.0]
    """
    swept = check_array(values, "values", shape=("n_values",))
    known = _by_name(indices, "indices")
    fallback = list(known) if isinstance(indices, Mapping) else [n for n in _SWEPT if n in known]
    chosen = fallback if names is None else [names] if isinstance(names, str) else list(names)
    if not chosen:
        raise InputError("names", found="nothing", expected="at least one index")
    spread = {} if draws is None else _by_name(draws, "draws")
    for name in chosen:
        if name not in known or (spread and name not in spread):
            raise InputError(
                "names", found=repr(name), expected="an index: " + ", ".join(sorted(known))
            )
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[
            with_unit(index_label(name).label, index_label(name).unit) for name in chosen
        ],
        horizontal_spacing=0.085,
        vertical_spacing=0.30 / rows,
    )
    order = np.argsort(swept)
    for number, name in enumerate(chosen):
        row, column = number // columns + 1, number % columns + 1
        n = len(swept)
        own = check_array(known[name], f"indices {name!r}", shape=(n,), finite=False)
        if spread:
            block = check_array(spread[name], f"draws {name!r}", shape=("n_draws", n), finite=False)
            _add_ribbon(figure, swept[order], block[:, order], row, column, number == 0)
        digits = INDEX_LABELS[name].digits if name in INDEX_LABELS else 3
        figure.add_scatter(
            x=swept[order],
            y=own[order],
            mode="lines+markers" if n <= 25 else "lines",
            line={"color": BLUE, "width": 2.2},
            marker={"size": 5},
            showlegend=False,
            name=index_label(name).label,
            hovertemplate=f"%{{x:.4g}}: %{{y:.{digits}f}}<extra></extra>",
            row=row,
            col=column,
        )
        if number + columns >= len(chosen):
            figure.update_xaxes(title=label, row=row, col=column)
    figure.update_xaxes(exponentformat="none", separatethousands=True)
    figure.update_annotations(font={"size": 13}, xanchor="center")
    figure.update_layout(template=make_template(), title=title, height=96 + 250 * rows)
    if spread:
        above = 1 - 30 / (96 + 250 * rows)
        figure.update_layout(
            legend={"x": 1, "xanchor": "right", "yref": "container", "y": above, "yanchor": "top"}
        )
    return figure


def _by_name(indices: Any, where: str) -> dict[str, Any]:
    if isinstance(indices, (Beat, SteadyIndices)):
        indices = indices.indices
    if isinstance(indices, Indices):
        return indices.as_dict()
    if isinstance(indices, Mapping):
        return dict(indices)
    raise InputError(
        where, found=type(indices).__name__, expected="Indices, a Beat, or arrays by name"
    )


def _add_ribbon(
    figure: go.Figure, values: np.ndarray, block: np.ndarray, row: int, column: int, named: bool
) -> None:
    seen = np.isfinite(block).sum(axis=0) >= 2
    if not seen.any():
        return
    low, high = np.nanpercentile(block[:, seen], NINETY, axis=0)
    both = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_scatter(x=values[seen], y=low, **both, showlegend=False, row=row, col=column)
    figure.add_scatter(
        x=values[seen],
        y=high,
        **both,
        fill="tonexty",
        fillcolor="rgba(0,114,178,0.18)",
        name="nine of ten draws",
        showlegend=named,
        row=row,
        col=column,
    )
