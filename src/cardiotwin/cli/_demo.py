"""The verb ``demo``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._output import Json, Printer, Seed


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("demo-out"),
    quick: Annotated[bool, typer.Option(help="A small patient, in a few seconds.")] = False,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Make a patient, simulate a beat, reconstruct it from the torso, and write a report."""
    import time

    from .. import ecgi, report

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
        overwrite=True,
    )
    say(f"open {out / 'report.html'}")
    printer.finish({"report": str(out / "report.html"), "rows": rows})
