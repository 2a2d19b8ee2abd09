"""Linear inverse methods: one decomposition for all λ and instants, against solving each instant.

Run with `pytest benchmarks/bench_inverse.py`; the reference is timed in the same run.
"""

import numpy as np
import pytest

from cardiotwin.ecgi import (
    CRESO,
    GCV,
    GMRES,
    CheckedGCV,
    ConjugateGradient,
    Fixed,
    LCurve,
    LeaveOneLeadOut,
    Oracle,
    QuasiOptimality,
    RobustGCV,
    Roughness,
    StandardForm,
    Tikhonov,
    UCurve,
    reconstruct,
    tikhonov_path,
)
from cardiotwin.ecgi.zoo import paper_like

RULES = (CRESO, LCurve, UCurve, GCV, RobustGCV, QuasiOptimality, CheckedGCV, LeaveOneLeadOut)


@pytest.fixture(scope="module")
def case():
    return paper_like()


@pytest.fixture(scope="module")
def problem(case):
    return case.problem(0.01, seed=0)


@pytest.fixture(scope="module")
def form(problem):
    return StandardForm.of(problem.matrix, Roughness().matrix(problem.heart, problem.n_nodes))


def test_decomposition(benchmark, problem):
    gamma = Roughness().matrix(problem.heart, problem.n_nodes)
    benchmark.pedantic(StandardForm.of, (problem.matrix, gamma), rounds=3)


def test_sweep_and_all_rules(benchmark, case, problem, form):
    def sweep():
        path = tikhonov_path(form, problem)
        choices = [rule().choose(path) for rule in RULES]
        choices.append(Oracle(case.truth).choose(path))
        filters = form.tikhonov_filters(choices[0].value)
        return choices, form.solution(problem.data, filters)

    choices, _ = benchmark.pedantic(sweep, rounds=3)
    assert len(choices) == 9


def test_one_lambda_an_instant(benchmark, problem, form):
    def sweep():
        path = tikhonov_path(form, problem)
        return [rule(per_instant=True).choose(path) for rule in RULES[:-1]]

    benchmark.pedantic(sweep, rounds=3)


def test_whole_reconstruction(benchmark, problem):
    benchmark.pedantic(reconstruct, (problem, Tikhonov(order=2)), rounds=3)


@pytest.mark.parametrize("method", [ConjugateGradient(order=2), GMRES(order=2)])
def test_iterative(benchmark, problem, method):
    benchmark.pedantic(reconstruct, (problem, method), rounds=2)


def test_reference_one_lambda_solved_instant_by_instant(benchmark, problem):
    gamma = Roughness().matrix(problem.heart, problem.n_nodes)
    lam, n_solved = 0.3, 10

    def solve():
        normal = problem.matrix.T @ problem.matrix + lam**2 * gamma.T @ gamma
        right = problem.matrix.T @ problem.data[:, :n_solved]
        return np.stack([np.linalg.solve(normal, b) for b in right.T], axis=1)

    # Ten of 661 instants and one of 150 λ: the whole would take 66 × 150 times as long.
    found = benchmark.pedantic(solve, rounds=2)
    same = reconstruct(problem, Tikhonov(order=2, rule=Fixed(lam))).heart_potentials[:, :n_solved]
    assert np.linalg.norm(found - same) < 1e-6 * np.linalg.norm(same)
