"""The text of the page: every sentence, table and frame; what moves is drawn by its script."""

import json
from html import escape
from typing import Any

import numpy as np

from ._isolines import isochrone_levels
from ._labels import METRICS, show_number, wordy
from ._prose import describe_method
from ._saved import SavedReconstruction
from ._views import View

_METHOD_NAMES = {
    "Tikhonov": "Tikhonov regularization",
    "TruncatedSVD": "Truncated singular value decomposition",
    "ConjugateGradient": "Conjugate gradients",
    "SpatioTemporal": "Spatio-temporal regularization",
    "IsotropyPrewhitening": "Isotropy method",
    "TotalVariation": "Total variation",
    "FundamentalSolutions": "Method of fundamental solutions",
    "PhysicsInformedNetwork": "Physics-informed network",
}
_ORDERS = {0: "zero order", 1: "first order", 2: "second order"}


def build_body(saved: SavedReconstruction, views: list[View], circulation: str = "") -> str:
    """Return everything between <body> and the scripts; the circulation is ready HTML."""
    parts = [
        _header(saved),
        _warnings(saved),
        _stage(saved, views),
        _activation(saved, views),
        _body_surface(saved),
        _choice(saved),
        _uncertainty(saved, views),
        _metrics(saved),
        _methods(saved),
        circulation,
        _provenance(saved),
        "<footer>Made by cardiotwin, research software. <strong>Not for clinical use.</strong>"
        "</footer>",
    ]
    return "<main>\n" + "\n".join(part for part in parts if part) + "\n</main>"


def method_title(saved: SavedReconstruction) -> str:
    """Name the method for the head of the page."""
    settings = saved.provenance.settings
    name = _METHOD_NAMES.get(saved.method_name, wordy(saved.method_name).capitalize())
    order = _ORDERS.get(settings.get("order", -1))
    return f"{name}, {order}" if order else name


def _header(saved: SavedReconstruction) -> str:
    nodes, instants = saved.heart_potentials.shape
    tiles = [("Body-surface residual", f"{100 * saved.body_residual:.3g} %", "‖y − Ru‖ / ‖y‖")]
    if saved.parameter is not None:
        low, high = saved.parameter.interval
        value = show_number(float(f"{np.median(saved.parameter.value):.3g}"))
        firm = f"; {low:.2g} to {high:.2g} are as good" if low < high else ""
        tiles.append(
            (f"Regularization: {saved.parameter_name}", value, f"{saved.parameter.rule}{firm}")
        )
    for key, label, note in (
        ("relative_error", "Relative error", "the zero solution has 1"),
        ("correlation", "Correlation", "all nodes pooled"),
        ("temporal_correlation_median", "Electrogram correlation", "median over nodes"),
    ):
        if np.isfinite(saved.metrics.get(key, np.nan)):
            tiles.append((label, f"{saved.metrics[key]:.3g}", note))
    shown = _activation_difference(saved)
    if shown is not None:
        tiles.append(("Activation error", f"{shown:.3g} ms", "mean over nodes of the maps below"))
    cells = "".join(
        f"<div class=tile><span>{escape(label)}</span><b>{escape(value)}</b>"
        f"<small>{escape(note)}</small></div>"
        for label, value, note in tiles
    )
    return (
        "<header><div class=bar0><p class=brand>cardiotwin <span>ECG imaging report</span></p>"
        "<p class=pill>Not for clinical use</p>"
        '<button id=theme type=button aria-label="Switch between light and dark">◐</button></div>'
        f"<h1>{escape(saved.title)}</h1>"
        f"<p class=method>{escape(method_title(saved))} · {nodes} heart nodes · "
        f"{len(saved.lead_names)} leads · {instants} instants</p>"
        f"<p class=summary>{escape(_summary(saved))}</p><div class=tiles>{cells}</div></header>"
    )


def _summary(saved: SavedReconstruction) -> str:
    times = saved.times_ms
    text = (
        f"From {len(saved.lead_names)} body-surface leads, {method_title(saved)} gave the "
        f"{saved.quantity}s at {len(saved.heart_potentials)} points of the heart surface from "
        f"{times[0]:.4g} to {times[-1]:.4g} ms. Put back through the model of the torso they "
        f"explain the recording up to a residual of {100 * saved.body_residual:.3g} %."
    )
    error = saved.metrics.get("relative_error", np.nan)
    if np.isfinite(error):
        text += f" Against the known heart potentials the relative error is {error:.3g}"
        correlation = saved.metrics.get("correlation", np.nan)
        if np.isfinite(correlation):
            text += f" and the correlation {correlation:.3g}"
        text += "."
    elif saved.truth is None:
        text += (
            " No heart-surface measurement exists to judge it by: a small residual alone does not "
            "make the potentials right."
        )
    if saved.parameter is not None and not saved.parameter.at_edge:
        low, high = saved.parameter.interval
        if np.isfinite([low, high]).all() and low < high:
            text += f" The regularization parameter is settled only within {low:.2g} to {high:.2g}."
    return text


def _warnings(saved: SavedReconstruction) -> str:
    if not saved.warnings:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in saved.warnings)
    return (
        f'<aside class=warn aria-label="Read before use"><b>Read first</b><ul>{items}</ul></aside>'
    )


def _stage(saved: SavedReconstruction, views: list[View]) -> str:
    body = [view for view in views if view.group == "body"]
    moving = [view for view in views if view.group == "moving"]
    last = len(saved.times_ms) - 1
    control = (
        "<div class=time><button id=play type=button aria-label=Play aria-pressed=false>"
        "<span aria-hidden=true>▶</span></button><div class=track><div id=rms aria-hidden=true>"
        f'</div><input id=slider type=range min=0 max={last} value=0 step=1 aria-label="Time">'
        "</div><output id=clock for=slider></output></div>"
    )
    left = ""
    if body:
        known = "measured" if saved.torso_potentials_are_measured else "predicted"
        note = (
            f"skin: {known} body potentials · dots: leads"
            if saved.torso_potentials is not None
            else "dots: leads"
        )
        left = f"<div class=left>{_figure(body[0], note)}{_skin_bar(body[0])}</div>"
    hearts = "".join(_figure(view, "") for view in moving)
    bars = ""
    if moving:
        shared = moving[0]
        bars = f"<div class=bars>{_color_bar(shared, 'potential')}"
        bars += "".join(_color_bar(view, "difference") for view in moving if view.name == "error")
        bars += "</div>"
    chooser = (
        "<div class=row><h3>Electrogram at node <input id=node type=number min=0 "
        f'max={len(saved.heart_potentials) - 1} value=0 aria-label="Heart node"></h3>'
        "<p class=hint>Click a heart to choose a node.</p></div>"
        if moving
        else "<div class=row><h3>Electrogram at node <input id=node type=number min=0 "
        f'max={len(saved.heart_potentials) - 1} value=0 aria-label="Heart node"></h3></div>'
    )
    look = ""
    if views:
        buttons = "".join(
            f"<button type=button data-look={key}>{label}</button>"
            for key, label in (
                ("front", "−y"), ("back", "+y"), ("left", "+x"), ("right", "−x"), ("top", "+z")
            )
        )  # fmt: skip
        look = (
            f'<div class=look role=group aria-label="Look from"><span>Look from</span>{buttons}'
            "</div>"
        )
    right = (
        f"<div class=right><div class='hearts n{len(moving)}'>{hearts}</div>{bars}{chooser}"
        "<div class=chart id=electrogram></div></div>"
    )
    return (
        f"<section class=stage><div class=row><h2>Potentials over time</h2>{look}</div>{control}"
        f"<div class='split{'' if body else ' single'}'>{left}{right}</div></section>"
    )


def _figure(view: View, note: str) -> str:
    extra = f"<small>{escape(note)}</small>" if note else ""
    return (
        f"<figure class='view v-{view.name}'><figcaption>{escape(view.title)}{extra}</figcaption>"
        f"<canvas data-view={view.name} tabindex=0 role=img "
        f'aria-label="{escape(view.title)}, 3-D. Arrow keys turn it, plus and minus zoom.">'
        "</canvas></figure>"
    )


def _gradient(colors: tuple[str, ...]) -> str:
    return f"background:linear-gradient(90deg,{','.join(colors)})"


def _color_bar(view: View, label: str) -> str:
    ticks = np.linspace(view.low, view.high, 5)
    marks = [f"{tick:.3g}".replace("-", "−") for tick in ticks]
    return _bar(view.colors, marks, np.linspace(0, 100, 5), f"{label} ({view.unit or 'no unit'})")


def _skin_bar(view: View) -> str:
    if view.torso_colors is None:
        return ""
    colors, low, high = view.torso_colors
    marks = [f"{tick:.3g}".replace("-", "−") for tick in np.linspace(low, high, 5)]
    bar = _bar(colors, marks, np.linspace(0, 100, 5), f"body potential ({view.unit or 'no unit'})")
    return f"<div class=bars>{bar}</div>"


def _bar(colors: tuple[str, ...], marks: list[str], places: Any, label: str) -> str:
    spans = "".join(
        f'<i style="left:{place:.2f}%">{escape(mark)}</i>'
        for mark, place in zip(marks, places, strict=True)
    )
    return (
        f"<div class=scale><span>{escape(label)}</span><div class=ramp "
        f'style="{_gradient(colors)}"></div><div class=marks>{spans}</div></div>'
    )


def _activation(saved: SavedReconstruction, views: list[View]) -> str:
    maps = [view for view in views if view.group == "activation"]
    if not maps:
        return ""
    first = maps[0]
    levels = isochrone_levels(np.array([first.low, first.high]), about=10)
    places = 100 * (levels - first.low) / (first.high - first.low)
    # Every line cannot be named where there are many.
    every = 1 + len(levels) // 10
    marks = [f"{level:g}" for level in levels[::every]]
    bar = _bar(first.colors, marks, places[::every], "activation time (ms)")
    note = f"Isochrones every {first.step:g} ms; early is bright, late is dark."
    if len(maps) > 1:
        note += " Both maps share the scale of the truth."
    note += f" {saved.activation_method}"
    shown = _activation_difference(saved)
    if shown is not None:
        note += f" They differ by {shown:.3g} ms on average."
        scored = saved.metrics.get("activation_error_ms", np.nan)
        if abs(scored - shown) > 0.1 * shown:
            note += (
                f" The {scored:.3g} ms in the table below were found by another estimator of "
                "activation."
            )
    figures = "".join(_figure(view, "") for view in maps)
    return (
        f"<section><h2>Activation</h2><p class=hint>{escape(note)}</p><div class=activation>"
        f"<div class='hearts n{len(maps)}'>{figures}</div>"
        "<div class=chart id=activation></div></div>"
        f"<div class=bars>{bar}</div></section>"
    )


def _activation_difference(saved: SavedReconstruction) -> float | None:
    pairs = saved.activation_pairs
    return None if pairs is None else float(np.abs(pairs[0] - pairs[1]).mean())


def _body_surface(saved: SavedReconstruction) -> str:
    return (
        "<section><h2>Fit to the body surface</h2><div class=two>"
        "<div><h3>Residual over time</h3><div class=chart id=residual></div></div>"
        "<div><div class=row><h3>Lead <select id=lead aria-label=Lead></select></h3></div>"
        "<div class=chart id=leadchart></div></div></div></section>"
    )


def _choice(saved: SavedReconstruction) -> str:
    choice = saved.parameter
    if choice is None or len(choice.candidates) < 2:
        return ""
    low, high = choice.interval
    rows = [(f"{choice.rule} (used)", float(np.median(choice.value)))]
    rows += sorted(choice.others.items())
    table = "".join(
        f"<tr><td>{escape(str(name))}<td>{show_number(value)}</tr>" for name, value in rows
    )
    text = (
        f"{choice.rule} cannot tell {saved.parameter_name} between {low:.2g} and {high:.2g} "
        "(shaded) from its choice."
        if low < high
        else f"{choice.rule} gives no interval."
    )
    if choice.at_edge:
        text = f"{choice.rule} chose the edge of the range that it looked at: it found no optimum."
    later = (
        f"<h3>{saved.parameter_name} at every instant</h3><div class=chart id=lambdas></div>"
        if len(choice.value) > 1
        else ""
    )
    return (
        "<section><h2>Choice of the regularization parameter</h2>"
        f"<p class=hint>{escape(text)}</p><div class=two><div class=chart id=choice></div>"
        f"<table class=rules><thead><tr><th>Rule<th>{saved.parameter_name}</tr></thead>"
        f"<tbody>{table}</tbody></table></div>{later}</section>"
    )


def _uncertainty(saved: SavedReconstruction, views: list[View]) -> str:
    if saved.uncertainty is None:
        return ""
    maps = [view for view in views if view.group == "uncertainty"]
    figure = "".join(_figure(view, "") + _wrap_bar(view) for view in maps)
    return (
        "<section><h2>Uncertainty</h2><div class=two>"
        f"<div>{figure}</div><div><p>{escape(_sentence(saved.uncertainty.kind))}</p>"
        f"<h3>Right only under</h3><p>{escape(_sentence(saved.uncertainty.assumptions))}</p>"
        "</div></div></section>"
    )


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return text[:1].upper() + text[1:] + "."


def _wrap_bar(view: View) -> str:
    return f"<div class=bars>{_color_bar(view, 'standard deviation')}</div>"


def _metrics(saved: SavedReconstruction) -> str:
    rows = [("Body-surface residual ‖y − Ru‖ / ‖y‖", saved.body_residual)]
    rows += [(METRICS.get(name, name), value) for name, value in saved.metrics.items()]
    rows += [(f"{wordy(name)} (method)", value) for name, value in saved.diagnostics.items()]
    cells = "".join(
        f"<tr><td>{escape(label)}<td>{show_number(value)}</tr>" for label, value in rows
    )
    return (
        "<section><h2>Numbers</h2><table><thead><tr><th>Quantity<th>Value</tr></thead>"
        f"<tbody>{cells}</tbody></table></section>"
    )


def _methods(saved: SavedReconstruction) -> str:
    reference = saved.problem.get("reference")
    name = reference.get("name", "") if isinstance(reference, dict) else str(reference or "")
    paragraphs, sources = describe_method(
        saved.provenance.settings,
        quantity=saved.quantity,
        reference=name,
        parameter=saved.parameter_name,
        activation=saved.activation_method if saved.activation_ms is not None else "",
        spread=saved.uncertainty is not None,
    )
    prose = "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    cited = "".join(
        f'<li>{escape(source.text)} <a href="{escape(source.url)}" rel="noreferrer">'
        f"doi:{escape(source.doi)}</a></li>"
        for source in sources
    )
    return (
        f"<section class=prose><h2>How it was computed</h2>{prose}<h3>References</h3>"
        f"<ol>{cited}</ol></section>"
    )


def _provenance(saved: SavedReconstruction) -> str:
    made = saved.provenance
    left_out = ", ".join(str(name) for name in saved.problem.get("excluded", [])) or "none"
    rows = [
        ("cardiotwin", made.version),
        ("Computed", made.created),
        ("Python", made.python),
        ("Seed", "none needed" if made.seed is None else str(made.seed)),
        ("Fingerprint", made.fingerprint),
        ("Operator", str(saved.problem.get("operator", ""))),
        ("Leads left out", left_out),
        ("Wall-clock time", f"{saved.seconds:.3g} s"),
    ]
    cells = "".join(f"<tr><td>{label}<td>{escape(value)}</tr>" for label, value in rows)
    settings = escape(json.dumps(made.settings, indent=2, ensure_ascii=False))
    return (
        f"<section><h2>Provenance</h2><table class=facts><tbody>{cells}</tbody></table>"
        f"<details><summary>Settings of the method</summary><pre>{settings}</pre></details>"
        "</section>"
    )
