"""The Wiggers diagram: pressures, volume, flows and valves over one beat."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..circulation import Beat
from ._beats import draws_of, one_beat, phase_band
from ._phases import (
    BOTH_OPEN,
    CLOSED_CONTRACTION,
    CLOSED_RELAXATION,
    CONTRACTION,
    EJECTION,
    RELAXATION,
    SHORT,
    Phase,
    beat_phases,
    open_spans,
)
from ._template import BLUE, GREEN, INK, ORANGE, PURPLE, make_template

PHASE_COLORS = {
    CONTRACTION: "#fdf0dc",
    CLOSED_CONTRACTION: "#fdf0dc",
    EJECTION: "#e3eef7",
    BOTH_OPEN: "#e3eef7",
    RELAXATION: "#f1e9f5",
    CLOSED_RELAXATION: "#f1e9f5",
}
"""Fill behind a phase; filling stays white."""

# Row, waveform, name, colour, unit and digits of the pointer's reading.
CURVES = (
    (1, "lv_mmhg", "left ventricle", BLUE, "mmHg", 1),
    (1, "aortic_mmhg", "aorta", ORANGE, "mmHg", 1),
    (1, "atrial_mmhg", "left atrium", GREEN, "mmHg", 1),
    (2, "volume_ml", "volume", BLUE, "mL", 1),
    (3, "mitral_ml_s", "mitral valve", GREEN, "mL/s", 0),
    (3, "aortic_valve_ml_s", "aortic valve", ORANGE, "mL/s", 0),
    (3, "pump_ml_s", "pump", PURPLE, "mL/s", 0),
)
_AXES = ("pressure (mmHg)", "LV volume (mL)", "flow (mL/s)", "")
_HEIGHTS = (0.43, 0.19, 0.26, 0.12)


def plot_wiggers(
    beat: Beat, band: Beat | None = None, *, title: str = "Wiggers diagram"
) -> go.Figure:
    """Draw pressures, volume and flows over one beat, and when each valve is open.

    Args:
        beat: of one patient.
        band: batch of draws: at every phase of the beat nine of ten lie within the band. It is
            no band for whole curves, and its edges are no curves of the model. Draws of another
            period are stretched to that of the beat.
        title: heading.

    Raises:
        InputError: a batch where one beat is needed, a failed beat, or a band of no batch.

    >>> from cardiotwin.circulation import Circulation, steady_state
    >>> figure = plot_wiggers(steady_state(Circulation()))
    >>> figure.layout.xaxis4.title.text
    'time since the start of the contraction (ms)'
    """
    beat = one_beat(beat, "beat")
    draws = None if band is None else draws_of(band, "band")
    phases = beat_phases(beat)
    figure = make_subplots(
        rows=4, cols=1, shared_xaxes=True, row_heights=list(_HEIGHTS), vertical_spacing=0.035
    )
    curves = [curve for curve in CURVES if curve[1] != "pump_ml_s" or beat.lvad is not None]
    if draws is not None:
        for row, name, label, color, _, _ in curves:
            _add_band(figure, beat, draws, row, name, label, color)
    for row, name, label, color, unit, digits in curves:
        figure.add_scatter(
            x=1000 * beat.times_s,
            y=getattr(beat, name),
            mode="lines",
            line={"color": color, "width": 2.2},
            name=label,
            legend=_legend(row),
            showlegend=row != 2,
            hovertemplate=f"%{{y:.{digits}f}} {unit}",
            row=row,
            col=1,
        )
    if draws is not None:
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="lines",
            line={"color": "rgba(138,144,153,0.35)", "width": 12},
            name="nine of ten draws",
            row=1,
            col=1,
        )
    _add_valves(figure, phases)
    _add_phases(figure, phases)
    figure.update_layout(
        template=make_template(),
        title=title,
        height=760,
        margin={"t": 74, "r": 150},
        hovermode="x unified",
        hoversubplots="axis",
        legend=_legend_place(1),
        legend3=_legend_place(3),
    )
    last = 1000 * float(beat.times_s[-1])
    # The lowest axis rules, so that one cursor reads all rows.
    figure.update_xaxes(range=[0, last], hoverformat=".0f", ticksuffix="", showgrid=False)
    figure.update_xaxes(title="time since the start of the contraction (ms)", row=4, col=1)
    figure.update_xaxes(ticks="", row=1).update_xaxes(ticks="", row=2).update_xaxes(ticks="", row=3)
    for row, text in enumerate(_AXES, start=1):
        figure.update_yaxes(title=text, row=row, col=1)
    figure.update_yaxes(zeroline=True, zerolinecolor="#b6bcc5", zerolinewidth=1, row=3, col=1)
    figure.update_yaxes(
        tickvals=[1, 2],
        ticktext=["mitral", "aortic"],
        range=[0.3, 2.7],
        ticks="",
        showgrid=False,
        title={"text": "open", "standoff": 4},
        row=4,
        col=1,
    )
    return figure


def _legend(row: int) -> str:
    return "legend" if row == 1 else f"legend{row}"


def _legend_place(row: int) -> dict[str, Any]:
    share = (1 - 3 * 0.035) * np.array(_HEIGHTS) / sum(_HEIGHTS)
    top = 1.0 - float(np.sum(share[: row - 1])) - 0.035 * (row - 1)
    return {
        "orientation": "v",
        "x": 1.01,
        "xanchor": "left",
        "y": top,
        "yanchor": "top",
        "font": {"size": 12},
        "traceorder": "normal",
    }


def _add_band(
    figure: go.Figure, beat: Beat, draws: Beat, row: int, name: str, label: str, color: str
) -> None:
    phases = beat.times_s / beat.times_s[-1]
    low, high = phase_band(draws, name, phases)
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    both = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=1000 * beat.times_s, y=low, **both, row=row, col=1)
    figure.add_scatter(
        x=1000 * beat.times_s,
        y=high,
        **both,
        fill="tonexty",
        fillcolor=f"rgba({red},{green},{blue},0.20)",
        name=f"{label}, nine of ten draws",
        row=row,
        col=1,
    )


def _add_valves(figure: go.Figure, phases: tuple[Phase, ...]) -> None:
    for height, valve, color in ((1, "mitral", GREEN), (2, "aortic", ORANGE)):
        x: list[float | None] = []
        for start, end in open_spans(phases, valve):
            x += [1000 * start, 1000 * end, None]
        figure.add_scatter(
            x=x or [None],
            y=[None if at is None else height for at in x] or [None],
            mode="lines",
            line={"color": color, "width": 13},
            name=f"{valve} valve open",
            showlegend=False,
            hoverinfo="skip",
            row=4,
            col=1,
        )
        if not x:
            figure.add_annotation(
                x=0,
                y=height,
                text="never opens",
                xanchor="left",
                xshift=6,
                showarrow=False,
                font={"size": 12, "color": color},
                row=4,
                col=1,
            )


def _add_phases(figure: go.Figure, phases: tuple[Phase, ...]) -> None:
    """Shade the phases through all rows; the longest of each name is written above."""
    whole = phases[-1].end_s - phases[0].start_s
    longest = {
        name: max((p for p in phases if p.name == name), key=_length)
        for name in SHORT
        if any(p.name == name for p in phases)
    }
    for phase in phases:
        color = PHASE_COLORS.get(phase.name)
        if color is not None:
            figure.add_shape(
                type="rect",
                x0=1000 * phase.start_s,
                x1=1000 * phase.end_s,
                y0=0,
                y1=1,
                xref="x4",
                yref="paper",
                fillcolor=color,
                line_width=0,
                layer="below",
                name=phase.name,
            )
    for phase in longest.values():
        if _length(phase) < 0.015 * whole:
            continue
        figure.add_annotation(
            x=500 * (phase.start_s + phase.end_s),
            y=1.0,
            xref="x4",
            yref="paper",
            yanchor="bottom",
            text=SHORT[phase.name],
            showarrow=False,
            font={"size": 12, "color": INK},
        )


def _length(phase: Phase) -> float:
    return phase.end_s - phase.start_s
