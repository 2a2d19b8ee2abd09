"""Reconstruction with a prior of fronts that travel at an unknown speed."""

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy import linalg, optimize

from .._checks import check_count, check_number
from .._errors import InputError
from .._types import Potentials
from ..geometry import CotangentLaplacian, PaperLaplacian
from ._path import tikhonov_path
from ._penalty import penalty_factors
from ._problem import InverseProblem
from ._reconstruction import Solution, Uncertainty
from ._rules import CheckedGCV
from ._spatiotemporal import sampling_interval
from ._standard_form import StandardForm
from ._temporal import to_frequencies, to_instants
from ._wave_prior import N_TIME, WaveLikelihood, WaveModes, WaveSpectrum, bins


@dataclass(frozen=True, eq=False)
class TravelingWave:
    """Return the posterior mean of a Gaussian process whose power lies near the ridge ω = vκ.

    Fronts are what the heart's surface shows, and they tie space to time: what is narrow is fast.
    The prior of `WaveSpectrum` says so with five numbers, the speed v among them, and nothing
    about where fronts start or go. They are found by maximum marginal likelihood (empirical Bayes),
    so that there is no parameter to choose. Each temporal frequency is then one linear system in
    the space of the leads, with a posterior standard deviation at every node and instant.

    If the errors do not look white over the leads (see `CheckedGCV`), the likelihood would take
    them for signal. Their size, at every frequency, is then that of what second-order Tikhonov at
    the corner of the L-curve leaves unexplained.

    Args:
        noise_sd: σ of one lead, where it is known.
        laplacian: whose eigenfunctions are the spatial modes.
        uncertainty: whether the posterior standard deviation is returned.
        max_evaluations: of the likelihood.

    Raises:
        InputError: a setting out of range; when used: no heart surface, or instants that are not
            evenly spaced.

    Source: own; the prior is a stochastic damped wave equation in the spirit of Lindgren, Rue and
    Lindström, J R Stat Soc B 2011;73:423; empirical Bayes: Rasmussen and Williams, Gaussian
    Processes for Machine Learning (2006), section 5.4.

    >>> from cardiotwin.ecgi import ObservationOperator, Source, reconstruct
    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(42, radius_mm=30.0)
    >>> wave = np.tanh((np.arange(40) - 10 - ball.vertices_mm[:, 2:] / 3) / 4)
    >>> operator = ObservationOperator(np.eye(42)[::2], Source.EPICARDIAL, ball)
    >>> noise = 0.01 * np.random.default_rng(0).normal(size=(21, 40))
    >>> problem = InverseProblem(operator, operator.apply(wave) + noise)
    >>> found = reconstruct(problem, TravelingWave()).heart_potentials
    >>> bool(np.linalg.norm(found - wave) < 0.2 * np.linalg.norm(wave))
    True
    """

    noise_sd: float | None = None
    laplacian: PaperLaplacian | CotangentLaplacian = field(default_factory=PaperLaplacian)
    uncertainty: bool = True
    max_evaluations: int = 1500

    def __post_init__(self):
        if self.noise_sd is not None:
            check_number(self.noise_sd, "noise_sd", above=0)
        check_count(self.max_evaluations, "max_evaluations", at_least=20)

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the posterior mean under the most likely spectrum."""
        if problem.heart is None:
            raise InputError(
                "problem",
                found="an operator without a heart surface",
                expected="a surface, for the modes of its Laplacian",
                advice="Give ObservationOperator(..., heart=surface).",
            )
        interval = sampling_interval(problem.times_ms)
        noise = self._noise(problem)
        modes = WaveModes.of(
            problem,
            problem.heart,
            self.laplacian,
            interval,
            np.ones(problem.n_times) if noise is None else noise,
        )
        if not modes.data.any():
            raise InputError(
                "body_potentials", found="zero everywhere", expected="potentials to explain"
            )
        likelihood = WaveLikelihood.of(modes)
        spectrum, settled = self._fit(likelihood, noise is not None)
        _, factor = likelihood(spectrum, noise is not None)
        mean, deviation = posterior(modes, spectrum, factor, self.uncertainty)
        uncertainty = None
        if deviation is not None:
            uncertainty = Uncertainty(
                standard_deviation=deviation,
                kind="posterior of a Gaussian process",
                assumptions=(
                    "white Gaussian noise in the leads; Gaussian potentials with the fitted "
                    "spectrum, the same everywhere on the heart and at all times; exact operator"
                ),
            )
        status = "solved"
        if not settled:
            status = (
                f"the likelihood still rose after {self.max_evaluations} evaluations: raise "
                "max_evaluations"
            )
        return Solution(
            heart_potentials=mean,
            status=status,
            uncertainty=uncertainty,
            diagnostics={
                "speed_mm_per_ms": spectrum.speed,
                "noise_sd": math.sqrt(factor * float((modes.noise**2).mean())),
                "ridge_width": math.sqrt(spectrum.width),
                "spectral_decay": spectrum.decay,
                "corner_rad_per_ms": spectrum.corner,
            },
        )

    def _noise(self, problem: InverseProblem) -> Float[np.ndarray, " n_times"] | None:
        if self.noise_sd is not None:
            return np.full(problem.n_times, float(self.noise_sd))
        form = StandardForm.of(problem.matrix, penalty_factors(problem, 2, None, self.laplacian))
        path = tikhonov_path(form, problem)
        rule = CheckedGCV()
        lam = rule.choose(path).value[:1]
        if lam[0] == rule.cross_validation.choose(path).value[0]:
            return None
        filters = form.tikhonov_filters(lam)
        left_over = problem.data - problem.matrix @ form.solution(problem.data, filters)
        freedom = max(path.n_data - float(filters.sum()) - form.null_left.shape[1], 1.0)
        power = (to_frequencies(left_over) ** 2).sum(axis=0) / freedom
        parts = bins(problem.n_times, N_TIME)
        smooth = np.concatenate([np.full(p.stop - p.start, power[p].mean()) for p in parts])
        return np.sqrt(np.maximum(smooth, 1e-6 * smooth.max()))

    def _fit(self, likelihood: WaveLikelihood, noise_known: bool) -> tuple[WaveSpectrum, bool]:
        def cost(logarithms: Float[np.ndarray, " 5"]) -> float:
            # A weak pull keeps what the data cannot tell within reason.
            start_free = logarithms[3:] - np.log([2.0, 0.1])
            return likelihood(WaveSpectrum.of(logarithms), noise_known)[0] + 0.5 * float(
                start_free @ start_free
            )

        positive = likelihood.wavenumbers[likelihood.wavenumbers > 1e-9]
        wavenumber = positive[min(8, len(positive) - 1)]
        slowest, fastest = likelihood.frequencies[1], likelihood.frequencies[-1]
        # What the leads get from modes of unit variance, at best (they may not see the constant).
        size = likelihood.scatter.shape[1]
        each = likelihood.operators.reshape(-1, size, size)
        reach = float(np.trace(each, axis1=1, axis2=2).max())
        energy = float(np.trace(likelihood.scatter[0]))
        per_datum = likelihood.beyond / max(likelihood.n_beyond, 1)
        floor = 1.0 if noise_known else max(per_datum, 1e-6 * energy)
        amplitude = max(energy * likelihood.noise[0] ** 2 / max(reach, 1e-300) / floor, 1e-300)
        trials = []
        for frequency in np.geomspace(slowest * 2, fastest / 4, 7):
            for gain in (0.01, 1.0, 100.0):
                spectrum = WaveSpectrum(
                    amplitude * gain, frequency / wavenumber, frequency / 4, 2.0, 0.1
                )
                trials.append((cost(spectrum.logarithms()), spectrum))
        start = min(trials, key=lambda trial: trial[0])[1].logarithms()
        steps = np.vstack([np.zeros(5), np.diag([1.0, 0.5, 0.7, 0.3, 0.7])])
        found = optimize.minimize(
            cost,
            start,
            method="Nelder-Mead",
            options={
                "initial_simplex": start + steps,
                "maxfev": self.max_evaluations,
                "xatol": 0.02,
                "fatol": 0.5,
            },
        )
        return WaveSpectrum.of(found.x), bool(found.success)


def posterior(
    modes: WaveModes, spectrum: WaveSpectrum, factor: float, with_deviation: bool
) -> tuple[Potentials, Potentials | None]:
    """Return mean and standard deviation, exactly, frequency by frequency."""
    variance = modes.variance(spectrum)
    n_times = len(modes.frequencies)
    parts = np.zeros((len(modes.wavenumbers), n_times))
    spread = np.zeros((len(modes.modes), n_times)) if with_deviation else None
    for k in range(n_times):
        seen = modes.seen * variance[:, k]
        covariance = seen @ modes.seen.T
        covariance[np.diag_indices_from(covariance)] += 1
        lower = linalg.cho_factor(covariance, lower=True, check_finite=False)
        parts[:, k] = seen.T @ linalg.cho_solve(lower, modes.data[:, k], check_finite=False)
        if spread is not None:
            told = linalg.solve_triangular(
                lower[0], seen @ modes.modes.T, lower=True, check_finite=False
            )
            spread[:, k] = modes.modes**2 @ variance[:, k] - (told**2).sum(axis=0)
    mean = to_instants(modes.modes @ parts * modes.noise)
    if spread is None:
        return mean, None
    # Frequencies are independent: at instant t each counts with its cosine squared.
    cosines = to_instants(np.eye(n_times)) ** 2
    return mean, np.sqrt(factor * (np.maximum(spread, 0.0) * modes.noise**2) @ cosines)
