"""Weak-constraint data assimilation: a simulated beat of a tissue model that may err."""

from dataclasses import dataclass, field
from typing import cast

import jax
import numpy as np

from .._checks import check_count, check_number
from .._errors import InputError
from ..geometry import Surface
from ._assimilation_unknowns import SurfaceModes, UnknownParameter
from ._descent import Fit, minimize
from ._erring_tissue import ErringTissue, hat_functions
from ._four_d_var import FourDVar, fitted_potentials, single, status_of
from ._linearized_spread import linearized_deviation
from ._problem import InverseProblem
from ._reconstruction import Solution, Uncertainty
from ._tissue_leads import TissueLeads


@dataclass(frozen=True)
class ModelError:
    """How wrong the tissue model may be: a Gaussian error current e (u − rest)².

    Args:
        sd: standard deviation of e per time unit, before the data. 0.5 changes the speed of a
            front by about a tenth.
        length_mm: over which e varies on the heart.
        time_tu: over which it varies in time, time units.
        n_modes: of the heart, in which e is expanded.

    Raises:
        InputError: a number that is not positive.

    >>> ModelError().length_mm
    20.0
    """

    sd: float = 0.5
    length_mm: float = 20.0
    time_tu: float = 2.0
    n_modes: int = 100

    def __post_init__(self):
        for name in ("sd", "length_mm", "time_tu"):
            check_number(getattr(self, name), name, above=0)
        check_count(self.n_modes, "n_modes")

    def allow(self, tissue: TissueLeads, modes: SurfaceModes) -> ErringTissue:
        """Let a tissue err like this (modes: at least n_modes of its heart)."""
        step_tu = float(tissue.step_tu) * tissue.steps_per_sample
        return ErringTissue.of(
            tissue,
            single(modes.basis(self.sd, self.length_mm, self.n_modes)),
            single(hat_functions(tissue.n_times - 1, step_tu, self.time_tu)),
        )


@dataclass(frozen=True)
class LinearizedDraws:
    """Spread of draws from the Laplace approximation, by linearized simulations.

    Args:
        n_directions: of the coefficients that are taken for told by the leads.
        n_draws: whose spread is the standard deviation.

    Raises:
        InputError: a number that is not positive.

    >>> LinearizedDraws().n_draws
    32
    """

    n_directions: int = 160
    n_draws: int = 32

    def __post_init__(self):
        check_count(self.n_directions, "n_directions")
        check_count(self.n_draws, "n_draws", at_least=2)


def _all_parameters() -> FourDVar:
    names = ("a", "k", "mu1", "mu2")
    return FourDVar(unknown=tuple(UnknownParameter(name) for name in names))


@dataclass(frozen=True, eq=False)
class WeakFourDVar:
    """Find the beat that explains the leads with the smallest errors of the tissue model.

    min over ξ, η of  w ‖y − g R u‖² / 2 + ‖ξ‖² / 2 + ‖η‖² / 2,
    ∂u/∂t = ∇·(D∇u) + f(u, v) + e (u − rest)²,  ∂v/∂t = g(u, v),  e = Σ η_kj φ_j(x) T_k(t)

    ξ are the unknowns of `FourDVar` (initial state, parameters of the membrane), η those of the
    model's error, which is what the residual ∂u/∂t − ∇·(D∇u) − f leaves, over (u − rest)². Posing
    the error as unknown and the potentials as its consequence has the minimum of potentials at all
    nodes with that residual as penalty (Trémolet's forcing formulation), but fronts stay fronts on
    the way there. A first version with the potentials as unknowns, Levenberg–Marquardt steps and
    60 conjugate gradients in each, came from RE 0.105 to 0.090 in 91 s of CPU time (paper-like
    case, σ = 0.01, one run).

    First the strong constraint is fitted for ``first_evaluations`` with all parameters that
    ``strong`` leaves unknown; then the errors are let in. Both descents are L-BFGS through the
    adjoint simulation (`minimize`), Gauss–Newton serves the error bars only. Errors of the operator
    are not known to this method: it blames the tissue for them.

    Args:
        strong: tissue, search of the start, gain, and the parameters that are unknown.
        error: prior of the model's error.
        first_evaluations: of the cost before the errors are let in, from every start.
        max_evaluations: with the errors.
        tolerance: relative change of the cost that ends the descent.
        uncertainty: `LinearizedDraws()`, or None. The bars are too wide where the model is right.
        seed: of the draws.

    Raises:
        InputError: a setting out of range; when used: as `FourDVar`.

    Source: own combination; Trémolet, Q J R Meteorol Soc 2006;132:2483, section 2.

    >>> from cardiotwin.ecgi import FourDVar
    >>> doubtful = WeakFourDVar(FourDVar(diffusion=8.0), error=ModelError(sd=1.0))
    >>> [unknown.name for unknown in WeakFourDVar().strong.unknown]
    ['a', 'k', 'mu1', 'mu2']
    """

    strong: FourDVar = field(default_factory=_all_parameters)
    error: ModelError = field(default_factory=ModelError)
    first_evaluations: int = 60
    max_evaluations: int = 150
    tolerance: float = 1e-4
    uncertainty: LinearizedDraws | None = None
    seed: int = 0

    def __post_init__(self):
        check_count(self.first_evaluations, "first_evaluations")
        check_count(self.max_evaluations, "max_evaluations")
        check_number(self.tolerance, "tolerance", above=0)
        if self.strong.pose is not None:
            raise InputError(
                "strong",
                found="an unknown pose beside the errors of the model",
                expected="one of the two",
                advice="Leave UnknownPose to FourDVar.",
            )

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the beat of the most probable errors."""
        with jax.enable_x64(False):
            return self._solve(problem)

    def _solve(self, problem: InverseProblem) -> Solution:
        tissue, first, start, n_starts = self.strong.first_fit(
            problem, self.first_evaluations, white=True
        )
        heart = cast(Surface, problem.heart)  # first_fit has refused problems without
        modes = SurfaceModes.of(heart, self.strong.laplacian, self.error.n_modes)
        tissue = self.error.allow(tissue, modes)
        fit = minimize(
            tissue,
            tissue.extended(first.xi),
            noise_floor=self.strong.noise_floor,
            max_evaluations=self.max_evaluations,
            tolerance=self.tolerance,
            white=True,
        )
        potentials = fitted_potentials(tissue, fit.xi)
        return Solution(
            heart_potentials=potentials,
            status=status_of(tissue, fit, potentials),
            uncertainty=self._spread(tissue, fit),
            diagnostics={
                **self.strong.diagnostics(tissue, fit, start, n_starts),
                "error_sd": float(np.std(np.asarray(tissue.errors(single(fit.xi))))),
            },
        )

    def _spread(self, tissue: ErringTissue, fit: Fit) -> Uncertainty | None:
        if self.uncertainty is None:
            return None
        deviation = linearized_deviation(
            tissue,
            fit.xi,
            fit.precision,
            n_directions=self.uncertainty.n_directions,
            n_draws=self.uncertainty.n_draws,
            seed=self.seed,
        )
        return Uncertainty(
            standard_deviation=float(tissue.gain_of(single(fit.xi))) * deviation,
            kind="Laplace approximation: draws from the linearized posterior",
            assumptions=(
                "white Gaussian noise as large as what is left unexplained; Gaussian errors of the "
                "tissue model; exact operator; the right one of several minima"
            ),
        )
