"""The verb ``simulate``."""

from pathlib import Path
from typing import Annotated

import typer

from ._output import Json, Printer, Seed, npz_path


def simulate(
    out: Annotated[Path, typer.Option(help="File (.npz) to write the simulated patient to.")],
    heart_nodes: Annotated[int, typer.Option(help="Heart nodes of the zoo's patient.")] = 1094,
    torso_nodes: Annotated[int, typer.Option(help="Torso nodes of the zoo's patient.")] = 352,
    samples: Annotated[int, typer.Option(help="Samples, one every 0.1 time units.")] = 661,
    noise: Annotated[float, typer.Option(help="Standard deviation of white noise.")] = 0.01,
    laplacian: Annotated[str, typer.Option(help="eq15 (as the paper) or cotangent.")] = "eq15",
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Simulate a paced beat of the zoo's patient and what its torso shows."""
    import numpy as np

    from .. import ecgi, geometry
    from .._checks import check_choice, check_number
    from .._files import atomic_path

    target = npz_path(out)
    check_number(noise, "noise", at_least=0)
    kinds = {"eq15": geometry.PaperLaplacian(), "cotangent": geometry.CotangentLaplacian()}
    case = ecgi.zoo.paper_like(
        heart_nodes=heart_nodes,
        torso_nodes=torso_nodes,
        n_times=samples,
        laplacian=kinds[check_choice(laplacian, "laplacian", kinds)],
    )
    problem = case.problem(noise, seed)
    with atomic_path(target) as temporary:
        np.savez_compressed(
            temporary,
            heart_vertices_mm=case.human.heart.vertices_mm,
            heart_faces=case.human.heart.faces,
            torso_vertices_mm=case.human.torso.vertices_mm,
            torso_faces=case.human.torso.faces,
            torso_lead_node=np.arange(case.human.torso.n_nodes),
            heart_potentials_normalized=case.truth,
            torso_potentials_normalized=problem.body_potentials,
            forward_matrix=case.operator.matrix,
            fs_hz=1000 / np.diff(problem.times_ms[:2])[0],
        )
    printer = Printer(as_json)
    printer.say(f"{case.human.heart}\n{case.human.torso}\ntruth by the {laplacian} Laplacian")
    printer.say(
        f"wrote {target}; next: cardiotwin reconstruct --geometry {target} "
        f"--recording {target} --reference as-recorded --out result"
    )
    printer.finish({"written": str(target), "laplacian": laplacian, "noise": noise, "seed": seed})
