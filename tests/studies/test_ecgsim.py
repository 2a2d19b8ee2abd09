"""Activation times of ECGSIM's normal male: targets with the supplied and with our own matrix."""

import numpy as np
import pytest

from cardiotwin import ecgi, studies
from cardiotwin.studies._ecgsim import _Case


@pytest.mark.parametrize(
    "name", ["supplied", pytest.param("ours, homogeneous", marks=pytest.mark.slow)]
)
def test_activation_times_are_found_with_noise(shared_data, name):
    case = _Case(shared_data("ecgi_ecgsim_normal_male").parent)
    problem = case.problem(case.operators(guessed=False)[name], noise_uv=20, seed=0)
    every = problem.with_data(problem.body_potentials[:, ::2])
    every = ecgi.InverseProblem(
        problem.operator,
        every.body_potentials,
        reference=problem.reference,
        times_ms=case.times_ms[::2],
    )
    method = ecgi.ActivationTimeImaging(gains=(1.4,), velocities=(1.5, 2.0), n_candidates=9)
    found = method.estimate(every)
    correlation, error, _ = case.score(found.times_ms)
    assert correlation >= 0.80
    assert error <= 7.0
    assert case.score(found.initial_times_ms)[1] > error
    assert found.noise_sd * 1000 < 30
    assert np.isfinite(found.standard_deviation_ms).all()


@pytest.mark.slow
def test_study_meets_its_targets(shared_data):
    folder = shared_data("ecgi_ecgsim_normal_male").parent
    table = studies.STUDIES["ecgsim"].run(folder, quick=True)
    rows = {(row[0], row[2]): row for row in table.rows}
    for matrix in ("supplied", "ours, homogeneous"):
        _, _, _, correlation, error, *_ = rows[matrix, "activation-time imaging"]
        assert correlation >= 0.80 and error <= 7.0
        for other in ("Tikhonov 0, our estimator", "Tikhonov 2, our estimator"):
            assert rows[matrix, other][4] > error
    assert rows[None, "constant time (oracle)"][4] == pytest.approx(10.5, abs=0.1)
