"""Three-dimensional figures of values on surfaces."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from .._checks import check_array, check_choice
from .._types import ArrayLike
from ..geometry import Surface
from ._isolines import isochrone_levels, isolines
from ._template import AMOUNT, DIFFERENCE, INK, TIMES, color_range, colorscale, make_template

_LIGHTING = {"ambient": 0.55, "diffuse": 0.6, "specular": 0.12, "roughness": 0.6, "fresnel": 0.1}
_VIEWS = {
    "front": (0.0, -1.9, 0.25),
    "back": (0.0, 1.9, 0.25),
    "left": (1.9, 0.0, 0.25),
    "right": (-1.9, 0.0, 0.25),
}


def plot_map(
    surface: Surface,
    values: ArrayLike,
    unit: str,
    *,
    kind: Literal["auto", "signed", "positive", "difference", "amount"] = "auto",
    limits: tuple[float, float] | None = None,
    title: str = "",
    view: str = "front",
) -> go.Figure:
    """Draw nodal values on a surface.

    Signed values get a diverging colour scale that is pale at zero and symmetric about it.

    Args:
        surface: triangles.
        values: (n_nodes,) values; triangles with a NaN corner stay grey.
        unit: unit for the colour bar.
        kind: "signed" or "positive" potentials ("auto" looks at the values), a signed
            "difference" (other colours, so that it is not taken for potentials), or an "amount"
            that cannot be negative, such as a standard deviation.
        limits: lowest and highest value of the colour scale.
        title: heading.
        view: "front", "back", "left" or "right" in the patient frame of the zoo (x to the
            patient's left, y to the back, z up).

    Raises:
        InputError: values of another length, or an unknown kind or view.

    >>> triangle = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> plot_map(triangle, [-1.0, 0.0, 2.0], "mV").data[0].cmin
    -2.0
    """
    nodal = check_array(values, "values", shape=(surface.n_nodes,), finite=False)
    check_choice(kind, "kind", ("auto", "signed", "positive", "difference", "amount"))
    colors, low, high = _colors(nodal, kind)
    if limits is not None:
        low, high = limits
    return _scene(_mesh(surface, nodal, colors, low, high, unit), title, view)


def plot_activation_map(
    surface: Surface,
    times_ms: ArrayLike,
    *,
    step_ms: float | None = None,
    title: str = "Activation",
    view: str = "front",
) -> go.Figure:
    """Draw activation times with isochrones; early is bright, late is dark.

    Args:
        surface: triangles.
        times_ms: (n_nodes,) times; NaN where a node is never activated.
        step_ms: time between two isochrones; a round number when left out.
        title: heading.
        view: as in `plot_map`.

    Raises:
        InputError: times of another length.

    >>> from cardiotwin.geometry import zoo
    >>> heart = zoo.human(heart_nodes=100, torso_nodes=100).heart
    >>> figure = plot_activation_map(heart, heart.vertices_mm[:, 2], step_ms=20.0)
    >>> figure.data[1].mode
    'lines'
    """
    times = check_array(times_ms, "times_ms", shape=(surface.n_nodes,), finite=False)
    known = times[np.isfinite(times)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if step_ms is None:
        levels = isochrone_levels(times)
    else:
        levels = step_ms * np.arange(np.floor(low / step_ms) + 1, np.ceil(high / step_ms))
    mesh = _mesh(surface, times, TIMES, low, high, "ms")
    if len(levels):
        mesh.update(colorbar={"tickvals": levels})
    return _scene([mesh, _lines(surface, times, levels)], title, view)


def plot_body_map(
    torso: Surface,
    values: ArrayLike,
    unit: str,
    *,
    electrodes_mm: ArrayLike | None = None,
    title: str = "Body surface",
    view: str = "front",
) -> go.Figure:
    """Draw body-surface potentials with the electrodes as dots; arguments as `plot_map`.

    >>> triangle = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> len(plot_body_map(triangle, [0, 1, 2], "mV", electrodes_mm=[[0, 0, 0]]).data)
    2
    """
    figure = plot_map(torso, values, unit, title=title, view=view)
    if electrodes_mm is not None:
        figure.add_trace(_dots(electrodes_mm, "electrodes"))
    return figure


def plot_torso_and_heart(
    torso: Surface,
    heart: Surface,
    *,
    torso_values: ArrayLike | None = None,
    heart_values: ArrayLike | None = None,
    unit: str = "",
    electrodes_mm: ArrayLike | None = None,
    title: str = "Heart in the torso",
    view: str = "front",
) -> go.Figure:
    """Draw a heart inside a translucent torso, each with its own colour limits.

    Args:
        torso: outer surface.
        heart: inner surface.
        torso_values: (n_torso_nodes,) potentials, or None for skin without values.
        heart_values: (n_heart_nodes,) potentials, or None.
        unit: unit of both.
        electrodes_mm: (n_leads, 3) places that are drawn as dots.
        title: heading.
        view: as in `plot_map`.

    >>> from cardiotwin.geometry import zoo
    >>> case = zoo.human(heart_nodes=100, torso_nodes=100)
    >>> len(plot_torso_and_heart(case.torso, case.heart).data)
    2
    """
    traces = []
    for surface, values, skin, opacity, place in (
        (heart, heart_values, "#c8575d", 1.0, 0.98),
        (torso, torso_values, "#c9ced6", 0.28, 1.12),
    ):
        name = surface.name or ("heart" if surface is heart else "torso")
        if values is None:
            mesh = _mesh(surface, np.zeros(surface.n_nodes), (skin, skin), 0.0, 1.0, "")
            mesh.showscale = False
        else:
            nodal = check_array(values, f"values of the {name}", shape=(surface.n_nodes,))
            colors, low, high = color_range(nodal)
            mesh = _mesh(surface, nodal, colors, low, high, unit)
            mesh.update(colorbar={"x": place, "title": {"text": f"{name}<br>{unit}"}})
        mesh.opacity = opacity
        traces.append(mesh)
    if electrodes_mm is not None:
        traces.append(_dots(electrodes_mm, "electrodes"))
    return _scene(traces, title, view)


def _colors(values: np.ndarray, kind: str) -> tuple[tuple[str, ...], float, float]:
    size = np.nanmax(np.abs(values), initial=0.0) or 1.0
    if kind == "difference":
        return DIFFERENCE, -size, size
    if kind == "amount":
        return AMOUNT, 0.0, size
    return color_range(values, kind)  # pyright: ignore[reportArgumentType]


def _mesh(
    surface: Surface,
    values: np.ndarray,
    colors: Sequence[str],
    low: float,
    high: float,
    unit: str,
) -> go.Mesh3d:
    x, y, z = surface.vertices_mm.T
    i, j, k = surface.faces[np.isfinite(values[surface.faces]).all(axis=1)].T
    return go.Mesh3d(
        x=x,
        y=y,
        z=z,
        i=i,
        j=j,
        k=k,
        intensity=values,
        colorscale=colorscale(tuple(colors)),
        cmin=low,
        cmax=high,
        lighting=_LIGHTING,
        lightposition={"x": -400, "y": -1200, "z": 900},
        colorbar={
            "title": {"text": unit, "side": "top"},
            "thickness": 12,
            "len": 0.6,
            "outlinewidth": 0,
        },
        hovertemplate="node %{pointNumber}<br>%{intensity:.4g} " + unit + "<extra></extra>",
        name=surface.name,
    )


def _lines(surface: Surface, values: np.ndarray, levels: ArrayLike) -> go.Scatter3d:
    found = isolines(surface, values, levels)
    # Raised by a thousandth of the size, so that the mesh does not hide its own lines.
    lift = 0.004 * (surface.vertices_mm - surface.vertices_mm.mean(axis=0)).std()
    middle = surface.vertices_mm.mean(axis=0)
    ends = found.points_mm
    outward = ends - middle
    length = np.linalg.norm(outward, axis=-1, keepdims=True)
    raised = ends + lift * outward / np.where(length > 0, length, 1.0)
    gaps = np.full((len(ends), 1, 3), np.nan)
    x, y, z = np.concatenate([raised, gaps], axis=1).reshape(-1, 3).T
    return go.Scatter3d(
        x=x,
        y=y,
        z=z,
        mode="lines",
        line={"color": INK, "width": 3},
        text=np.repeat([f"{level:g} ms" for level in found.values], 3),
        hoverinfo="text",
        showlegend=False,
        name="isochrones",
    )


def _dots(places: ArrayLike, name: str) -> go.Scatter3d:
    x, y, z = check_array(places, "electrodes_mm", shape=("n_leads", 3)).T
    marker = {"size": 3, "color": INK, "line": {"width": 0}}
    return go.Scatter3d(
        x=x, y=y, z=z, mode="markers", marker=marker, name=name, hoverinfo="skip", showlegend=False
    )


def _scene(traces: Any, title: str, view: str) -> go.Figure:
    check_choice(view, "view", _VIEWS)
    hidden = {"visible": False}
    x, y, z = _VIEWS[view]
    figure = go.Figure(traces)
    figure.update_layout(
        template=make_template(),
        title=title,
        margin={"l": 0, "r": 0, "t": 48, "b": 0},
        scene={
            "aspectmode": "data",
            "xaxis": hidden,
            "yaxis": hidden,
            "zaxis": hidden,
            "camera": {
                "eye": {"x": x, "y": y, "z": z},
                "up": {"x": 0, "y": 0, "z": 1},
                "projection": {"type": "orthographic"},
            },
        },
    )
    return figure
