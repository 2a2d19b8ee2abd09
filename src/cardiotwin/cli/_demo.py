"""The verb ``demo``."""

from pathlib import Path
from typing import Annotated

import typer

from ._output import Json, Printer, Seed


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("demo-out"),
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Make a patient, simulate a beat, reconstruct it from the torso, and write a report."""
    import time

    from .. import ecgi, report

    printer = Printer(as_json)
    start = time.perf_counter()

    def say(text: str) -> None:
        printer.say(f"{time.perf_counter() - start:5.1f} s  {text}")

    say("making a patient and simulating a paced beat")
    case = ecgi.zoo.paper_like()
    say(f"{case.human.heart.n_nodes} heart nodes, {case.human.torso.n_nodes} torso nodes")
    problem = case.problem(0.05, seed)
    rows, results = [], {}
    for method in (ecgi.Tikhonov(order=2), ecgi.SpatioTemporal()):
        say(f"reconstructing with {type(method).__name__}")
        result = ecgi.reconstruct(problem, method)
        score = ecgi.evaluate(
            result.heart_potentials,
            case.truth,
            surface=case.human.heart,
            times_ms=result.times_ms,
        )
        rows.append(
            [type(method).__name__, score.relative_error, score.correlation, result.seconds]
        )
        results[type(method).__name__] = (result, score)
    printer.table(
        "Simulated patient, noise σ = 0.05 (same operator makes and inverts the data)",
        ["method", "RE", "CC", "seconds"],
        [["zero solution", 1.0, None, None], *rows],
    )
    best, score = results["SpatioTemporal"]
    report.save_reconstruction(
        out,
        best,
        truth=case.truth,
        metrics=score,
        torso=case.human.torso,
        unit="normalized",
        notes=("Simulated data. An inverse crime: the operator that made the data inverts them.",),
        overwrite=True,
    )
    say(f"open {out / 'report.html'}")
    printer.finish({"report": str(out / "report.html"), "rows": rows})
