"""The verb ``demo``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._demo_clip import clip_part
from ._output import Json, Printer, Seed

if TYPE_CHECKING:
    from ..circulation import Beat
    from ..hemodynamics import Measurements


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("demo-out"),
    quick: Annotated[bool, typer.Option(help="A small patient, in a few seconds.")] = False,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Make patients: potentials from the torso, loops from clinical numbers, loops from a clip.

    The clip is left out with --quick.
    """
    import time

    from .. import circulation, ecgi, hemodynamics, report

    printer = Printer(as_json)
    report.check_free(out, overwrite=True)
    start = time.perf_counter()

    def say(text: str) -> None:
        printer.say(f"{time.perf_counter() - start:5.1f} s  {text}")

    say("making a patient and simulating a paced beat")
    size: dict[str, Any] = {"heart_nodes": 150, "torso_nodes": 120, "n_times": 60} if quick else {}
    case = ecgi.zoo.paper_like(**size)
    say(f"{case.human.heart.n_nodes} heart nodes, {case.human.torso.n_nodes} torso nodes")
    problem = case.problem(0.05, seed)
    rows: list[list[Any]] = [["zero solution", 1.0, None, None, None]]
    results = {}
    for method in (ecgi.Tikhonov(order=2), ecgi.SpatioTemporal()):
        say(f"reconstructing with {type(method).__name__}")
        result = ecgi.reconstruct(problem, method)
        activation = ecgi.estimate_activation(
            case.human.heart, result.heart_potentials, case.truth, result.times_ms
        )
        score = ecgi.evaluate(
            result.heart_potentials,
            case.truth,
            surface=case.human.heart,
            activation_ms=activation.pair,
        )
        name = type(method).__name__
        error_ms = score.activation_error_ms
        rows.append([name, score.relative_error, score.correlation, error_ms, result.seconds])
        results[name] = (result, score, activation)
    printer.table(
        "Simulated patient, noise σ = 0.05 (same operator makes and inverts the data)",
        ["method", "RE", "CC", "activation error (ms)", "seconds"],
        rows,
    )
    say("identifying a failing heart from volumes, heart rate and cuff pressure")
    truth = circulation.steady_state(hemodynamics.zoo.get(PATIENT))
    found = hemodynamics.identify(_clinic(truth, seed), seed=seed)
    known = hemodynamics.identifiability(found)
    say(found.status)
    loops = found.loops(200, seed)
    printer.table(
        f"Simulated patient, {PATIENT.replace('_', ' ')}: 90 % intervals",
        ["", "true", "5 %", "median", "95 %"],
        [
            [name, found_true, *map(float, found.quantile(name, [0.05, 0.5, 0.95]))]
            for name, found_true in _true(truth).items()
        ],
    )
    say(known.summary())
    best, score, activation = results["SpatioTemporal"]
    report.save_reconstruction(
        out,
        best,
        truth=case.truth,
        metrics=score,
        activation=activation,
        torso=case.human.torso,
        unit="normalized",
        notes=("Simulated data. An inverse crime: the operator that made the data inverts them.",),
        circulation=report.collect_beat(
            circulation.steady_state(found.most_probable),
            draws=loops,
            compared={"truth": truth},
            title="A failing heart, identified from clinical numbers",
            name="most probable",
            notes=[
                "Simulated patient, measured with noise: EDV, ESV, heart rate and cuff pressure.",
                found.status,
                known.summary(),
            ],
        ),
        overwrite=True,
    )
    pages = [out / "report.html"]
    if not quick:
        pages.append(clip_part(printer, say, out / "clip", seed))
    for page in pages:
        say(f"open {page}")
    intervals = {name: found.interval(name) for name in _true(truth)}
    printer.finish(
        {
            "report": str(pages[0]),
            "pages": [str(page) for page in pages],
            "rows": rows,
            "identified": intervals,
        }
    )


PATIENT = "dilated_cardiomyopathy"
"""Zoo patient whose circulation is identified."""


def _clinic(truth: "Beat", seed: int) -> "Measurements":
    """Return what a clinic would measure of a beat: rounded, with the published errors."""
    import numpy as np

    from ..hemodynamics import QUANTITIES, Measurements

    own = truth.indices
    exact = {
        "heart_rate_bpm": float(truth.circulation.heart_rate_bpm),
        "edv_ml": float(own.edv_ml),
        "esv_ml": float(own.esv_ml),
        "systolic_mmhg": float(own.systolic_mmhg),
        "diastolic_mmhg": float(own.diastolic_mmhg),
    }
    noise = np.random.default_rng(seed).standard_normal(len(exact))
    errors = [QUANTITIES[name].error + QUANTITIES[name].relative * v for name, v in exact.items()]
    measured = np.round(list(exact.values()) + noise * errors)
    return Measurements(**dict(zip(exact, measured.tolist(), strict=True)))


def _true(truth: "Beat") -> dict[str, float]:
    """Return what the intervals should hold."""
    own = truth.indices
    names = ("edv_ml", "esv_ml", "ef_percent", "co_l_min", "lv_peak_mmhg", "lvedp_mmhg")
    found = {name: float(getattr(own, name)) for name in names}
    parameters = truth.circulation.values()
    return found | {name: float(parameters[name]) for name in ("emax", "systemic_resistance")}
