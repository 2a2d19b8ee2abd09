"""Activation-time imaging: when each node is excited, from the double layer it then makes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy import linalg

from .._checks import check_array, check_count, check_number, freeze
from .._errors import InputError
from .._types import ArrayLike, Matrix, Potentials
from ..geometry import CotangentLaplacian, Surface
from ._activation_path import STRONGEST, WEAKEST, ActivationPath, descend
from ._focus_search import search_foci
from ._operator import Source
from ._problem import InverseProblem
from ._reconstruction import NINETY_PERCENT, ParameterChoice, Solution, Uncertainty
from ._regularizers import Regularizer
from ._rules import LCurve, Rule, advice
from ._upstroke import Fitted, UpstrokeFit, Upstrokes
from ._wall_routes import route_lengths


@dataclass(frozen=True, eq=False)
class ActivationTimeSolution:
    """Activation times with their uncertainty; see `ActivationTimeImaging.estimate`.

    Attributes:
        times_ms: (n_nodes,) instant at which the potential of a node is half-way up.
        standard_deviation_ms: (n_nodes,) of the Laplace approximation.
        gain: A, the height of the upstroke in the unit of the recording over that of the operator.
        width_ms: w of the logistic upstroke.
        parameter: λ and how firmly it was chosen.
        foci: (n_foci,) nodes from which the first estimate spread.
        initial_times_ms: (n_nodes,) the first estimate.
        velocity: of the first estimate, in mm/ms (m/s).
        noise_sd: what the fit leaves unexplained, an instant and lead.
        instants_ms: (n_times,) of the recording.
        status: "solved", or advice.
    """

    times_ms: Float[np.ndarray, " n_nodes"]
    standard_deviation_ms: Float[np.ndarray, " n_nodes"]
    gain: float
    width_ms: float
    parameter: ParameterChoice
    foci: tuple[int, ...]
    initial_times_ms: Float[np.ndarray, " n_nodes"]
    velocity: float
    noise_sd: float
    instants_ms: Float[np.ndarray, " n_times"]
    status: str = "solved"

    @property
    def interval_ms(self) -> Float[np.ndarray, "n_nodes 2"]:
        """(n_nodes, 2) ends of the 90 % interval."""
        half = NINETY_PERCENT * self.standard_deviation_ms
        return np.stack([self.times_ms - half, self.times_ms + half], axis=1)

    @property
    def upstrokes(self) -> Upstrokes:
        """The fitted upstrokes."""
        return Upstrokes(self.times_ms, self.gain, self.width_ms)

    def potentials(self, instants_ms: ArrayLike | None = None) -> Potentials:
        """Return (n_nodes, n_times) transmembrane potentials A S((t − τ)/w), 0 at rest."""
        if instants_ms is None:
            return self.upstrokes.at(self.instants_ms)
        instants = check_array(instants_ms, "instants_ms", shape=("n_times",))
        return self.upstrokes.at(instants)


@dataclass(frozen=True, eq=False)
class ActivationTimeImaging:
    """Find the activation times τ whose upstrokes, seen as a double layer, explain the QRS.

    Minimizes ‖y − R A S((t − τ)/w)‖² + λ²‖Γτ‖² over τ and the common gain A, with S the logistic
    function. A uniform layer is invisible, so that only differences between nodes act: no
    reference potential of the heart enters. The problem has many minima. Starts are foci from
    which fronts spread at one velocity, along the surface and straight through the wall, added as
    long as the correlation of the body potentials rises; each is scaled by several gains and
    followed from strong to weak regularization while the upstrokes sharpen. The lowest cost wins.

    Give the instants of the QRS only: the model knows no recovery. Width and unit of the gain are
    what a user knows: human ventricular upstrokes take a few ms; the gain is found.

    The standard deviations are those of the posterior's Gaussian approximation at the minimum
    (Laplace), with white noise of the size of the residual and a prior ‖Γτ‖² of the strength that
    is most likely for the times found (evidence; MacKay 1992). They know nothing of errors in the
    operator or of other minima, and are too small where those matter.

    Args:
        rule: how λ is chosen: `LCurve`, `Discrepancy`, `Fixed`, `GCV`, ….
        regularizer: Γ on τ; None is the surface Laplacian, ‖Γτ‖² = ∫(Δτ)² dA / mean node area.
        width_ms: w.
        fit_width: whether w is fitted too, from ``width_ms`` on.
        max_foci: of the first estimate.
        velocities: tried for the first focus, in mm/ms.
        gains: starts, as multiples of the gain at which the first estimate has the size of the
            data.
        n_candidates: number of λ, over four decades of λ².

    Raises:
        InputError: a setting out of range.

    Source: Huiskamp and van Oosterom, IEEE Trans Biomed Eng 1988;35:1047; Modre, Tilg, Fischer and
    Wach, Inverse Probl 2001;17:1341 (width and prior); van Dam, Oostendorp, Linnenbank and van
    Oosterom, Ann Biomed Eng 2009;37:1739 (foci). The continuation and the starts are ours.

    >>> from cardiotwin.ecgi import ObservationOperator, double_layer_matrix, zoo
    >>> from cardiotwin.geometry import zoo
    >>> case = zoo.human(heart_nodes=60, torso_nodes=80)
    >>> operator = double_layer_matrix(case.heart, case.torso, case.torso)
    >>> times = 30 + 0.3 * (case.heart.vertices_mm - case.heart.centroid_mm)[:, 0]
    >>> wave = Upstrokes(times, 100.0, 2.0).at(np.arange(0.0, 60.0, 2.0))
    >>> problem = InverseProblem(operator, operator.apply(wave), times_ms=np.arange(0.0, 60.0, 2.0))
    >>> found = ActivationTimeImaging(gains=(1.0,), velocities=(1.0,)).estimate(problem)
    >>> bool(np.corrcoef(found.times_ms, times)[0, 1] > 0.9)
    True
    """

    rule: Rule = field(default_factory=LCurve)
    regularizer: Regularizer | None = None
    width_ms: float = 2.0
    fit_width: bool = False
    max_foci: int = 6
    velocities: Sequence[float] = (0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5)
    gains: Sequence[float] = (0.7, 1.0, 1.4, 2.0)
    n_candidates: int = 15

    def __post_init__(self):
        check_number(self.width_ms, "width_ms", above=0)
        check_count(self.max_foci, "max_foci")
        check_count(self.n_candidates, "n_candidates", at_least=5)
        for name in ("velocities", "gains"):
            values = check_array(list(getattr(self, name)), name, shape=("n",))
            if not len(values) or values.min() <= 0:
                raise InputError(name, found=f"{values}", expected="positive numbers, at least one")

    def estimate(self, problem: InverseProblem) -> ActivationTimeSolution:
        """Return activation times, gain and uncertainty.

        Raises:
            InputError: epicardial potentials instead of transmembrane ones, no heart surface,
                instants out of order, or potentials that are zero.
            GeometryError: a heart surface that is not closed and outward.
        """
        heart = _check(problem)
        penalty = self._penalty(heart)
        fit = UpstrokeFit.of(problem)
        foci = search_foci(
            fit,
            route_lengths(heart),
            width_ms=2 * self.width_ms,
            velocities=np.array(self.velocities, dtype=float),
            max_foci=self.max_foci,
        )
        first = Upstrokes(foci.times_ms, 1.0, self.width_ms)
        size = np.linalg.norm(fit.operator @ first.at(fit.instants_ms))
        gain = float(np.linalg.norm(fit.data) / size)
        first = Upstrokes(foci.times_ms, gain, self.width_ms)
        scale = np.trace(fit.normal(first).square[:-2, :-2]) / np.trace(penalty)
        starts = [Upstrokes(first.times_ms, gain * factor, self.width_ms) for factor in self.gains]
        ends = [descend(fit, start, penalty, float(scale)) for start in starts]
        best = min(ends, key=lambda end: end.cost)
        candidates = np.sqrt(scale * np.geomspace(WEAKEST, STRONGEST, self.n_candidates))
        path = ActivationPath.around(
            fit, best.upstrokes, penalty, candidates, free_width=self.fit_width
        )
        choice = self.rule.choose(path)
        chosen = path.at(float(choice.value[0]), free_width=self.fit_width)
        spread, noise = self._spread(fit, chosen, penalty, float(choice.value[0]) ** 2)
        status = advice(choice, "λ")
        if not chosen.settled:
            status = f"the fit still improved when it stopped: its times may change; {status}"
        return ActivationTimeSolution(
            times_ms=freeze(chosen.upstrokes.times_ms),
            standard_deviation_ms=freeze(spread),
            gain=chosen.upstrokes.gain,
            width_ms=chosen.upstrokes.width_ms,
            parameter=choice,
            foci=foci.nodes,
            initial_times_ms=freeze(foci.times_ms),
            velocity=foci.velocity,
            noise_sd=noise,
            instants_ms=problem.times_ms,
            status=status,
        )

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the transmembrane potentials A S((t − τ)/w) of `estimate`.

        Their uncertainty is that of the times, to first order: |∂u/∂τ| times their deviation.
        """
        found = self.estimate(problem)
        by_time = found.upstrokes.slopes(found.instants_ms)[0]
        return Solution(
            heart_potentials=found.potentials(),
            status=found.status,
            parameter=found.parameter,
            uncertainty=Uncertainty(
                standard_deviation=np.abs(by_time) * found.standard_deviation_ms[:, None],
                kind="Laplace approximation of the posterior of the activation times",
                assumptions=(
                    "white Gaussian noise in the leads; upstrokes of the given shape; smooth "
                    "times; exact operator; the right one of several minima"
                ),
            ),
            diagnostics={
                "gain": found.gain,
                "width_ms": found.width_ms,
                "noise_sd": found.noise_sd,
                "n_foci": float(len(found.foci)),
                "velocity_mm_per_ms": found.velocity,
            },
        )

    def _penalty(self, heart: Surface) -> Matrix:
        if self.regularizer is not None:
            gamma = self.regularizer.matrix(heart, heart.n_nodes)
            return gamma.T @ gamma
        laplacian = CotangentLaplacian()
        area = laplacian.mass(heart)
        gamma = laplacian.matrix(heart).toarray()
        return gamma.T @ ((area / area.mean())[:, None] * gamma)

    def _spread(
        self, fit: UpstrokeFit, chosen: Fitted, penalty: Matrix, weight: float
    ) -> tuple[Float[np.ndarray, " n_nodes"], float]:
        n = len(penalty)
        square = fit.normal(chosen.upstrokes).square
        keep = np.r_[np.ones(n + 1, dtype=bool), self.fit_width]
        square = square[np.ix_(keep, keep)]
        prior = np.zeros_like(square)
        prior[:n, :n] = penalty
        influence = float(np.trace(np.linalg.lstsq(square + weight * prior, square, rcond=None)[0]))
        noise = chosen.residual / max(fit.n_data - influence, 1.0)
        # MacKay's fixed point for the strength of the prior: 1/α is the mean square of the
        # components of Γτ that the data determine. λ itself follows the rule, which guards
        # against errors of the model and is far too strong to be read as a probability.
        strength = n / max(chosen.roughness, 1e-300)
        covariance = _inverse(square / noise + strength * prior)
        for _ in range(50):
            known = n - strength * float(np.sum(covariance[:n, :n] * penalty))
            new = max(known, 1.0) / max(chosen.roughness, 1e-300)
            settled = abs(new - strength) < 1e-3 * strength
            strength = new
            covariance = _inverse(square / noise + strength * prior)
            if settled:
                break
        return np.sqrt(np.maximum(np.diag(covariance)[:n], 0.0)), float(np.sqrt(noise))


def _inverse(square: Matrix) -> Matrix:
    # What neither the data nor Γ determine gets a huge variance instead of an error.
    square = square + 1e-14 * np.trace(square) / len(square) * np.eye(len(square))
    return linalg.inv(square, check_finite=False)


def _check(problem: InverseProblem) -> Surface:
    if problem.operator.source is not Source.TRANSMEMBRANE:
        raise InputError(
            "problem",
            found=f"an operator of {problem.operator.source.value}s",
            expected="one of transmembrane potentials",
            advice="Make it with double_layer_matrix.",
        )
    if problem.heart is None:
        raise InputError(
            "problem",
            found="an operator without a heart surface",
            expected="a closed surface, for the routes of the fronts and their smoothness",
            advice="Give ObservationOperator(..., heart=surface).",
        )
    if problem.n_times < 3 or (np.diff(problem.times_ms) <= 0).any():
        raise InputError(
            "times_ms",
            found=f"{problem.n_times} instants, "
            + ("out of order" if problem.n_times > 2 else "too few"),
            expected="at least three ascending instants of one QRS",
        )
    if not problem.data.any():
        raise InputError(
            "body_potentials", found="zero everywhere", expected="potentials to explain"
        )
    return problem.heart
