"""Uncertainty by repetition: the same method on perturbed data and from other seeds."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from .._checks import check_count, check_number
from .._progress import track
from ._problem import InverseProblem
from ._reconstruction import InverseMethod, Solution, Uncertainty


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Solve with any method several times and return the mean and the spread.

    Member 0 sees the data as they are; the others see them with fresh white noise of the leads'
    own size added, and methods that have a seed start from another one. The spread of û over the
    members, times √(1 + 1/n), is the standard deviation of the mean's error as far as it comes
    from noise and from where the method starts. What all members get wrong alike (the operator,
    the tissue model, what no lead can see) does not show; ``inflation`` makes room for it.

    Args:
        method: any inverse method.
        members: how many times it is run.
        noise_sd: σ of one lead; by default what member 0 leaves unexplained (root mean square).
        seed: of the perturbations; member k of a method with a seed gets ``method.seed + k``.
        inflation: factor on the standard deviation.

    Raises:
        InputError: fewer than two members, or numbers out of range.

    Source: parametric bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap (1993),
    section 6.5; over seeds: Lakshminarayanan, Pritzel and Blundell, NeurIPS 2017.

    >>> from cardiotwin import ecgi
    >>> case = ecgi.zoo.paper_like(heart_nodes=100, torso_nodes=60, n_times=8)
    >>> found = Ensemble(ecgi.Tikhonov(), members=3).solve(case.problem(0.01, seed=0))
    >>> found.uncertainty.standard_deviation.shape
    (100, 8)
    """

    method: InverseMethod
    members: int = 8
    noise_sd: float | None = None
    seed: int = 0
    inflation: float = 1.0

    def __post_init__(self):
        check_count(self.members, "members", at_least=2)
        check_count(self.seed, "seed", at_least=0)
        check_number(self.inflation, "inflation", above=0)
        if self.noise_sd is not None:
            check_number(self.noise_sd, "noise_sd", above=0)

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the mean over the members, with their spread as uncertainty."""
        rng = np.random.default_rng(self.seed)
        found = [seeded(self.method, 0).solve(problem)]
        left_over = problem.data - problem.matrix @ found[0].heart_potentials
        sd = float(np.sqrt(np.mean(left_over**2))) if self.noise_sd is None else self.noise_sd
        for member in track(range(1, self.members), "ensemble", name=lambda k: f"member {k}"):
            noise = sd * rng.standard_normal(problem.body_potentials.shape)
            perturbed = problem.with_data(problem.body_potentials + noise)
            found.append(seeded(self.method, member).solve(perturbed))
        potentials = np.stack([one.heart_potentials for one in found])
        spread = potentials.std(axis=0, ddof=1) * np.sqrt(1 + 1 / self.members)
        failed = sorted({one.status for one in found if one.status != "solved"})
        return Solution(
            heart_potentials=potentials.mean(axis=0),
            status="; ".join(failed) or "solved",
            uncertainty=Uncertainty(
                standard_deviation=self.inflation * spread,
                kind=f"spread of {self.members} solutions from perturbed data",
                assumptions=(
                    f"white noise of {sd:.3g} in the leads; operator and model exact, and no error "
                    "that all members share"
                    + (f"; spread × {self.inflation:g}" if self.inflation != 1 else "")
                ),
            ),
            diagnostics={"noise_sd": sd, **_means(found)},
        )


def seeded(method: Any, member: int) -> Any:
    """Return the method of another member: its seed, where it has one, is raised by that."""
    names = {one.name for one in fields(method)} if hasattr(method, "seed") else set()
    return replace(method, seed=method.seed + member) if "seed" in names else method


def _means(found: list[Solution]) -> dict[str, float]:
    names = found[0].diagnostics
    return {
        name: float(np.mean([one.diagnostics[name] for one in found]))
        for name in names
        if all(name in one.diagnostics for one in found)
    }
