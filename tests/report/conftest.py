"""A small patient with a travelling wave, solved once for all tests of the report."""

import shutil

import numpy as np
import pytest

from cardiotwin import ecgi, geometry, report

from .browser import Browser


@pytest.fixture(scope="session")
def beat():
    """A wave over a coarse heart in a coarse torso, and its Tikhonov solution."""
    case = geometry.zoo.human(heart_nodes=150, torso_nodes=100)
    operator = ecgi.transfer_matrix(case.heart, case.torso)
    times = np.linspace(0.0, 300.0, 61)
    arrival = np.linalg.norm(
        case.heart.vertices_mm - case.heart.vertices_mm[case.apex_node], axis=1
    )
    truth = 0.5 * (1 + np.tanh((times - 40.0 - 1.2 * arrival[:, None]) / 8.0))
    noise = np.random.default_rng(1).normal(scale=0.01, size=(case.torso.n_nodes, len(times)))
    problem = ecgi.InverseProblem(operator, operator.apply(truth) + noise, times_ms=times)
    result = ecgi.reconstruct(problem, ecgi.Tikhonov(order=2))
    metrics = ecgi.evaluate(result.heart_potentials, truth)
    return {"case": case, "truth": truth, "result": result, "metrics": metrics}


@pytest.fixture(scope="session")
def folder(beat, tmp_path_factory):
    target = tmp_path_factory.mktemp("results") / "beat"
    return report.save_reconstruction(
        target,
        beat["result"],
        truth=beat["truth"],
        metrics=beat["metrics"],
        unit="normalized",
        title="A wave",
        notes=["An inverse crime: one operator makes and inverts the data."],
        stride=20,
    )


@pytest.fixture(scope="session")
def browser():
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None or shutil.which("bash") is None:
        pytest.skip("no chromium (or no bash to start it) on this machine: pages are not opened")
    opened = Browser(program)
    yield opened
    opened.close()
