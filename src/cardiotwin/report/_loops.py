"""Pressure–volume loops."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from .._checks import check_count
from .._errors import InputError
from ..circulation import Beat
from ._beats import draws_of, end_diastole, end_systole, measured_loops, several_beats
from ._loop_geometry import arrow_places, relations
from ._phases import beat_phases, phase_at
from ._template import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, make_template

LOOP_COLORS = (BLUE, ORANGE, GREEN, PURPLE, "#56b4e9", "#cc79a7")
VOLUME, PRESSURE = "left ventricular volume (mL)", "left ventricular pressure (mmHg)"


def plot_pv_loop(
    beats: Beat | Sequence[Beat],
    names: Sequence[str] | None = None,
    bands: Beat | Sequence[Beat | None] | None = None,
    espvr: bool = True,
    *,
    measured: Any = None,
    most_draws: int = 60,
    title: str = "Pressure–volume loop",
) -> go.Figure:
    """Draw pressure–volume loops with end diastole, end systole and the lines these lie on.

    ESPVR is P = Ees (V − Vd) with the largest elastance of the beat, EDPVR P = Emin (V − Vd); in
    this model both are straight. Uncertainty is drawn as the loops of the draws themselves: a
    band about a closed curve would depend on the direction in which it is measured, and a median
    taken point by point would be a loop that no patient of the batch has (`central_draw` finds
    one that has).

    Args:
        beats: one beat, a batch, or a sequence: before and after, with and without a pump.
        names: of the beats, for the legend.
        bands: batch of draws (a posterior) about the beat, or for each beat one or None.
        espvr: whether the two lines are drawn.
        measured: measured loop (volume in mL, pressure in mmHg), or several by name.
        most_draws: how many loops of a band are drawn, taken evenly from all.
        title: heading.

    Raises:
        InputError: names or bands that do not fit, a failed beat, or arrays of unequal length.

    >>> from cardiotwin.circulation import Circulation, steady_state
    >>> figure = plot_pv_loop(steady_state(Circulation()))
    >>> [trace.name for trace in figure.data if trace.showlegend is not False]
    ['loop', 'end diastole', 'end systole', 'ESPVR, EDPVR']
    """
    found = several_beats(beats, "beats")
    labels = _labels(names, len(found))
    fans = _fans(bands, len(found))
    loops = measured_loops(measured)
    check_count(most_draws, "most_draws")
    right = max(
        [float(beat.volume_ml.max()) for beat in found]
        + [float(fan.volume_ml.max()) for fan in fans if fan is not None]
        + [float(volume.max()) for volume, _ in loops.values()]
    )
    high = max(
        [float(beat.lv_mmhg.max()) for beat in found]
        + [float(fan.lv_mmhg.max()) for fan in fans if fan is not None]
        + [float(pressure.max()) for _, pressure in loops.values()]
    )
    left = min(0.0, *(float(beat.circulation.v0_ml) for beat in found), 0.0)
    figure = go.Figure()
    colors = [LOOP_COLORS[number % len(LOOP_COLORS)] for number in range(len(found))]
    for fan, color, label in zip(fans, colors, labels, strict=True):
        if fan is not None:
            figure.add_trace(draw_fan(fan, color, f"draws of {label}", most_draws))
    if espvr:
        _add_relations(figure, found, colors, 1.08 * right, 1.14 * high)
    for (name, (volume, pressure)), dash in zip(
        loops.items(), ("dot", "dash", "dashdot") * len(loops), strict=False
    ):
        figure.add_trace(_measured(volume, pressure, name, dash))
    for beat, color, label in zip(found, colors, labels, strict=True):
        figure.add_trace(draw_loop(beat, color, label))
        figure.add_trace(_arrows(beat, color))
    _add_corners(figure, found, labels)
    if espvr:
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="lines",
            line={"color": colors[0] if len(found) == 1 else GREY, "width": 1.2, "dash": "dash"},
            name="ESPVR, EDPVR",
        )
    figure.update_layout(template=make_template(), title=title, height=600)
    figure.update_layout(
        margin={"r": 92, "t": 52}, legend={"y": -0.14, "yanchor": "top", "font": {"size": 12}}
    )
    figure.update_xaxes(title=VOLUME, range=[1.02 * left, 1.08 * right])
    figure.update_yaxes(title=PRESSURE, range=[-0.02 * high, 1.15 * high])
    return figure


def draw_loop(beat: Beat, color: str, name: str, width: float = 2.6) -> go.Scatter:
    """Return the loop of one beat; the pointer reads time and phase."""
    phases = beat_phases(beat)
    texts = [phase_at(phases, float(time)).name for time in beat.times_s]
    return go.Scatter(
        x=beat.volume_ml,
        y=beat.lv_mmhg,
        mode="lines",
        line={"color": color, "width": width},
        name=name,
        customdata=np.stack([1000 * beat.times_s], axis=-1),
        text=texts,
        hovertemplate="%{x:.1f} mL, %{y:.1f} mmHg<br>%{customdata[0]:.0f} ms, %{text}",
    )


def draw_fan(draws: Beat, color: str, name: str, most: int) -> go.Scatter:
    """Return the loops of some draws as one thin translucent trace."""
    n_draws = len(draws.volume_ml)
    chosen = np.unique(np.linspace(0, n_draws - 1, min(most, n_draws)).round().astype(int))
    gap = np.full((len(chosen), 1), np.nan)
    x, y = (
        np.concatenate([values[chosen], gap], axis=1).ravel()
        for values in (draws.volume_ml, draws.lv_mmhg)
    )
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": color, "width": 0.8},
        opacity=float(np.clip(6 / len(chosen), 0.12, 0.5)),
        name=f"{name} ({len(chosen)} of {n_draws})" if len(chosen) < n_draws else name,
        hoverinfo="skip",
    )


def _labels(names: Sequence[str] | None, count: int) -> list[str]:
    if names is None:
        return ["loop"] if count == 1 else [f"beat {number + 1}" for number in range(count)]
    labels = [names] if isinstance(names, str) else [str(name) for name in names]
    if len(labels) != count:
        raise InputError("names", found=f"{len(labels)} names", expected=f"{count}")
    return labels


def _fans(bands: Any, count: int) -> list[Beat | None]:
    several = [bands] if bands is None or isinstance(bands, Beat) else list(bands)
    if bands is None:
        several = [None] * count
    if len(several) != count:
        raise InputError(
            "bands",
            found=f"{len(several)} for {count} beats",
            expected="a batch of draws, or None, for each beat",
        )
    return [
        None if fan is None else draws_of(fan, f"bands[{number}]")
        for number, fan in enumerate(several)
    ]


def _arrows(beat: Beat, color: str) -> go.Scatter:
    places = arrow_places(beat)
    return go.Scatter(
        x=[value for v0, _, v1, _ in places for value in (v0, v1, None)],
        y=[value for _, p0, _, p1 in places for value in (p0, p1, None)],
        mode="markers",
        marker={
            # Plotly turns each towards where it came from, at any zoom.
            "symbol": "arrow",
            "angleref": "previous",
            "size": [0, 13, 0] * len(places),
            "opacity": 1,
            "color": color,
            "line": {"width": 0},
        },
        showlegend=False,
        hoverinfo="skip",
    )


def _measured(volume: Any, pressure: Any, name: str, dash: str) -> go.Scatter:
    closed = np.isclose(volume[0], volume[-1]) and np.isclose(pressure[0], pressure[-1])
    if not closed:
        volume, pressure = np.append(volume, volume[0]), np.append(pressure, pressure[0])
    return go.Scatter(
        x=volume,
        y=pressure,
        mode="lines",
        line={"color": INK, "width": 1.8, "dash": dash},
        name=name,
        hovertemplate="%{x:.1f} mL, %{y:.1f} mmHg",
    )


def _add_corners(figure: go.Figure, beats: list[Beat], labels: list[str]) -> None:
    for name, corner, fill in (
        ("end diastole", end_diastole, "white"),
        ("end systole", end_systole, INK),
    ):
        points = [corner(beat) for beat in beats]
        figure.add_scatter(
            x=[volume for volume, _ in points],
            y=[pressure for _, pressure in points],
            mode="markers",
            marker={"size": 9, "color": fill, "line": {"color": INK, "width": 1.8}},
            name=name,
            text=labels,
            hovertemplate="%{x:.1f} mL, %{y:.1f} mmHg<br>%{text}",
        )


def _add_relations(
    figure: go.Figure, beats: list[Beat], colors: list[str], right: float, high: float
) -> None:
    """Draw the relations, each with its slope at its end."""
    for line in relations(beats, right, high):
        color = GREY if line.user < 0 else colors[line.user]
        name, short = (
            ("EDPVR", "E<sub>min</sub>") if line.is_diastolic else ("ESPVR", "E<sub>es</sub>")
        )
        figure.add_scatter(
            x=line.volumes_ml,
            y=line.pressures_mmhg,
            mode="lines",
            line={"color": color, "width": 1.2, "dash": "dash"},
            name=name,
            showlegend=False,
            hovertemplate=f"{name}: {line.slope_mmhg_ml:.3g} mmHg/mL, "
            f"Vd = {line.volumes_ml[0]:.3g} mL<extra></extra>",
        )
        figure.add_annotation(
            x=line.volumes_ml[1],
            y=line.pressures_mmhg[1],
            text=f"{short} = {line.slope_mmhg_ml:.3g}<br>mmHg/mL",
            align="left",
            showarrow=False,
            xanchor="left",
            yanchor="middle" if line.is_diastolic else "top",
            xshift=3 if line.is_diastolic else 5,
            yshift=0 if line.is_diastolic else 8,
            font={"color": color, "size": 12},
        )
