"""One self-contained page about one reconstruction: no network, no plug-in, no server."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .._files import atomic_path
from .._types import PathLike
from ..circulation import Beat
from ..ecgi import NINETY_PERCENT
from ._beat_saved import SavedBeat, collect_beat
from ._beat_sections import circulation_section
from ._beat_store import CIRCULATION, load_beat
from ._charts import unit_criterion
from ._packing import Pack
from ._saved import SavedReconstruction
from ._sections import build_body
from ._shell import make_page
from ._store import load_reconstruction
from ._views import View, choose_views

_SCRIPTS = ("surfaces.js", "charts.js", "page.js")


def write_report(
    result: SavedReconstruction | PathLike,
    path: PathLike | None = None,
    *,
    circulation: Beat | SavedBeat | None = None,
) -> Path:
    """Write report.html: one file that works offline in any current browser.

    It shows heart and torso in 3-D over time, truth and reconstruction side by side,
    electrograms of any node, activation maps with isochrones, the choice of λ, the metrics,
    and how it was all computed. Time series are quantized to 4096 levels for the page; the
    exact numbers are in the result folder.

    Args:
        result: a result folder, or what `load_reconstruction` gave.
        path: file to write; ``report.html`` in the folder when left out.
        circulation: a beat of the same patient, shown below; when left out, the one that
            `save_reconstruction` put into the folder, if it did.

    Returns:
        The path of the page.

    Raises:
        FileFormatError: not a result folder, or a damaged one.
        InputError: neither a folder nor a path is given.

    >>> import tempfile
    >>> from cardiotwin.ecgi import InverseProblem, Tikhonov, Fixed, reconstruct
    >>> from cardiotwin.report import save_reconstruction
    >>> problem = InverseProblem([[0.6, 0.4], [0.3, 0.7]], [[1.0], [0.0]])
    >>> answer = reconstruct(problem, Tikhonov(order=0, rule=Fixed(0.1)))
    >>> folder = save_reconstruction(Path(tempfile.mkdtemp()) / "out", answer, unit="mV")
    >>> write_report(folder).name
    'report.html'
    """
    if isinstance(result, SavedReconstruction):
        saved = result
        target = Path("report.html" if path is None else path)
    else:
        saved = load_reconstruction(result)
        target = Path(result) / "report.html" if path is None else Path(path)
        if circulation is None and (Path(result) / CIRCULATION / "result.json").exists():
            circulation = load_beat(Path(result) / CIRCULATION)
    page = render_page(saved, None if circulation is None else collect_beat(circulation))
    with atomic_path(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def render_page(saved: SavedReconstruction, circulation: SavedBeat | None = None) -> str:
    """Return the page as text."""
    saved = saved.on_one_reference()
    views = choose_views(saved)
    pack = _pack(saved, views)
    facts = {
        "arrays": pack.table,
        "unit": saved.unit,
        "views": [view.facts() for view in views],
        "band": NINETY_PERCENT,
        "charts": _chart_facts(saved),
        "firstNode": _telling_node(saved),
        "firstFrame": _telling_frame(saved),
    }
    data = (
        f'<script type="application/json" id="facts">{_safe_json(facts)}</script>\n'
        f'<script type="text/plain" id="arrays">{pack.text()}</script>\n'
    )
    beside = "" if circulation is None else circulation_section(circulation)
    return make_page(
        build_body(saved, views, beside),
        title=saved.title,
        version=saved.provenance.version,
        scripts=_SCRIPTS if circulation is None else (*_SCRIPTS, "circulation.js"),
        data=data,
    )


def _safe_json(value: Any) -> str:
    """Write JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _pack(saved: SavedReconstruction, views: list[View]) -> Pack:
    pack = Pack()
    pack.add("times", saved.times_ms)
    for side in ("heart", "torso"):
        surface = getattr(saved, side)
        if surface is not None:
            pack.add(f"{side}_vertices", surface.vertices_mm)
            pack.add(f"{side}_normals", surface.node_normals)
            pack.add(f"{side}_faces", surface.faces)
    series = {
        "reconstruction": saved.heart_potentials,
        "truth": saved.truth,
        "torso": saved.torso_potentials,
        "body_measured": saved.body_measured,
        "body_predicted": saved.body_predicted,
    }
    if saved.uncertainty is not None:
        series["spread"] = saved.uncertainty.standard_deviation
    for name, values in series.items():
        if values is not None:
            pack.add_series(name, np.asarray(values))
    if saved.electrodes_mm is not None:
        pack.add("electrodes", saved.electrodes_mm)
    for view in views:
        if view.still is not None:
            pack.add(f"still_{view.name}", view.still)
    return pack


def _chart_facts(saved: SavedReconstruction) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "residual": _floats(saved.body_residual_by_time),
        "bodyRms": _floats(np.sqrt(np.mean(saved.body_measured**2, axis=0))),
        "leads": list(saved.lead_names),
    }
    pairs = saved.activation_pairs
    if pairs is not None:
        facts["activation"] = {"found": _floats(pairs[0]), "truth": _floats(pairs[1])}
    elif saved.activation_ms is not None:
        facts["activation"] = {
            "found": _floats(saved.activation_ms[np.isfinite(saved.activation_ms)])
        }
    choice = saved.parameter
    if choice is not None and len(choice.candidates) > 1:
        facts["choice"] = {
            "rule": choice.rule,
            "name": saved.parameter_name,
            "value": float(np.median(choice.value)),
            "candidates": _floats(choice.candidates),
            "criterion": _floats(unit_criterion(choice.criterion)),
            "interval": _floats(np.array(choice.interval)),
            "others": {k: v for k, v in choice.others.items() if np.isfinite(v) and v > 0},
            "byTime": _floats(choice.value) if len(choice.value) == len(saved.times_ms) > 1 else [],
        }
    return facts


def _floats(values: np.ndarray) -> list[float | None]:
    """Round for the page: six digits, null where not finite."""
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in np.asarray(values).tolist()]


def _telling_frame(saved: SavedReconstruction) -> int:
    """Return the instant of the steepest change: the front is then under way."""
    if len(saved.times_ms) < 3:
        return 0
    shown = saved.heart_potentials if saved.truth is None else saved.truth
    spread = np.var(shown, axis=0)
    return int(np.argmax(spread))


def _telling_node(saved: SavedReconstruction) -> int:
    """Return a node whose electrogram is as wrong as the median: neither the best nor the worst."""
    error = saved.error
    size = np.var(saved.heart_potentials, axis=1) if error is None else np.mean(error**2, axis=1)
    return int(np.argsort(size)[len(size) // 2])
