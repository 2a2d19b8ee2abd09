"""How near assimilation finds the place where a simulated beat was paced."""

import time
from typing import Any

import numpy as np
from jaxtyping import Float

from .. import ecgi
from .._progress import track
from .._types import PathLike
from ..geometry import Surface
from ..tissue import Excitation, ExplicitHeun, Simulation, simulate_beat
from ._resume import FinishedParts
from ._table import StudyTable

NOISE = 0.1
N_SITES = 20
N_PACED = 12


def pacing_site(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Pace the paper-like heart at random places, and look for them from noisy leads.

    Args:
        data: not used, the case is simulated.
        quick: a small patient, a short record and four sites.
        seed: of sites and noise.
        parts: sites that an interrupted run has finished.
    """
    del data
    parts = FinishedParts() if parts is None else parts
    if quick:
        case, n_sites, n_paced = (
            ecgi.zoo.paper_like(heart_nodes=300, torso_nodes=150, n_times=120),
            4,
            3,
        )
    else:
        case, n_sites, n_paced = ecgi.zoo.paper_like(), N_SITES, N_PACED
    heart = case.human.heart
    rng = np.random.default_rng(seed)
    nodes = rng.choice(heart.n_nodes, size=n_sites, replace=False)
    rows: list[list[Any]] = []
    for node in track(nodes.tolist(), "pacing sites"):
        rows += parts.rows(f"node {node}", lambda n=node: [_site(case, n, n_paced, seed)])
    by_centroid = [row[2] for row in rows]
    notes = [
        "An inverse crime: the operator and the tissue model that make the data invert them "
        f"(time steps differ). White noise, σ = {NOISE}; the gain is estimated. Nothing tells the "
        "method that there is one site.",
        f"Median over {len(rows)} sites: {np.median(by_centroid):.2f} mm (90th percentile "
        f"{np.percentile(by_centroid, 90):.2f} mm) from the centroid of the initial potential, "
        f"{np.median([row[3] for row in rows]):.2f} mm from the first activated node.",
        "Distances are straight, to the centroid of the paced nodes.",
    ]
    columns = ["node", "paced nodes", "centroid (mm)", "first activation (mm)", "RE", "noise SD"]
    columns += ["seconds", "CPU seconds"]
    return StudyTable("Distance to the pacing site", columns, rows, notes)


def _site(case: ecgi.zoo.SimulatedCase, node: int, n_paced: int, seed: int) -> list[Any]:
    heart = case.human.heart
    pacing = Excitation.near(heart, heart.vertices_mm[node], n_nodes=n_paced)
    paced = ecgi.zoo.SimulatedCase(case.human, _beat(case, pacing), case.operator)
    wall, cpu = time.perf_counter(), time.process_time()
    problem = paced.problem(NOISE, 1000 * seed + node)
    found = ecgi.reconstruct(problem, ecgi.FourDVar())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    center = heart.vertices_mm[pacing.nodes].mean(axis=0)
    early = found.heart_potentials[:, :50] / found.diagnostics["gain"]
    return [
        node,
        n_paced,
        float(np.linalg.norm(_centroid(heart, early) - center)),
        float(np.linalg.norm(heart.vertices_mm[_first_node(early)] - center)),
        ecgi.evaluate(found.heart_potentials, paced.truth).relative_error,
        found.diagnostics["noise_sd"],
        wall,
        cpu,
    ]


def _beat(case: ecgi.zoo.SimulatedCase, pacing: Excitation) -> Simulation:
    first = case.simulation
    return simulate_beat(
        case.human.heart,
        model=first.model,
        diffusion=first.diffusion,
        stimuli=(pacing,),
        n_times=len(first.times_tu),
        sample_step_tu=0.1,
        stepper=ExplicitHeun(step_tu=0.025),
    )


def _first_sample(early: Float[np.ndarray, "n_nodes n_early"]) -> int:
    """Return the first sample at which some node is excited."""
    return int(np.argmax(early.max(axis=0) > 0.5))


def _first_node(early: Float[np.ndarray, "n_nodes n_early"]) -> int:
    return int(early[:, _first_sample(early)].argmax())


def _centroid(
    heart: Surface, early: Float[np.ndarray, "n_nodes n_early"]
) -> Float[np.ndarray, " 3"]:
    """Return the centroid of the excited area when it begins."""
    excited = np.maximum(early[:, _first_sample(early)] - 0.5, 0.0) * heart.node_areas_mm2
    return excited @ heart.vertices_mm / excited.sum()
