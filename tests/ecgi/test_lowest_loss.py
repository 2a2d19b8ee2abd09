"""Choosing between beliefs by how well they explain the leads."""

from dataclasses import dataclass

import numpy as np
import pytest

from cardiotwin import InputError, ecgi, tissue
from cardiotwin.ecgi import LowestLoss, Solution


@dataclass(frozen=True)
class Scaled:
    """Tikhonov's answer times a factor, with the misfit it leaves."""

    factor: float
    spoiled: float | None = 1.0  # factor on the told misfit, None to tell nothing

    def solve(self, problem):
        found = self.factor * ecgi.Tikhonov(uncertainty=False).solve(problem).heart_potentials
        misfit = float(np.mean((problem.data - problem.matrix @ found) ** 2))
        return Solution(
            found, diagnostics={"data_loss": misfit * self.spoiled} if self.spoiled else {}
        )


@pytest.fixture(scope="module")
def case():
    return ecgi.zoo.paper_like(heart_nodes=100, torso_nodes=80, n_times=60)


@pytest.mark.parametrize("order", [(0.5, 1.0, 2.0), (2.0, 0.5, 1.0)])
def test_the_candidate_that_explains_the_leads_is_kept(case, order):
    problem = case.problem(0.01, seed=0)
    found = LowestLoss([Scaled(factor) for factor in order], losses=("data_loss",)).solve(problem)
    want = Scaled(1.0).solve(problem)
    np.testing.assert_array_equal(found.heart_potentials, want.heart_potentials)
    assert found.diagnostics["candidate"] == 1 + order.index(1.0)
    assert found.diagnostics["loss_2"] == Scaled(order[1]).solve(problem).diagnostics["data_loss"]


def test_losses_that_are_not_told_or_not_finite_are_refused(case):
    problem = case.problem(0.01, seed=0)
    with pytest.raises(InputError, match=r"candidates\[1\].*data_loss"):
        LowestLoss([Scaled(1.0), Scaled(1.0, spoiled=None)], losses=("data_loss",)).solve(problem)
    with pytest.raises(InputError, match="not finite"):
        LowestLoss([Scaled(1.0, spoiled=np.nan)] * 2, losses=("data_loss",)).solve(problem)
    with pytest.raises(InputError, match="at least two"):
        LowestLoss([Scaled(1.0)])


@pytest.mark.slow
def test_the_network_tells_which_ionic_model_made_the_data():
    cases = ecgi.zoo.mismatch_cases(heart_nodes=200, torso_nodes=150, n_times=200)
    models = (tissue.AlievPanfilov(), tissue.MitchellSchaeffer())
    method = LowestLoss([ecgi.presets.best(model=model, steps=150, quiet=True) for model in models])
    for name, right in (("matched", 1), ("other ionic model", 2)):
        found = method.solve(cases[name].problem(0.01, seed=0))
        assert found.diagnostics["candidate"] == right, found.diagnostics
