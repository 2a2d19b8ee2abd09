"""A Gaussian prior of traveling fronts, and how likely the leads' data are under it."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy import linalg

from ..geometry import CotangentLaplacian, PaperLaplacian, Surface
from ._problem import InverseProblem
from ._temporal import to_frequencies

N_SPACE, N_TIME = 48, 48
"""Bins of spatial modes and of temporal frequencies in which the likelihood is evaluated."""

VISIBLE, MOST_DIRECTIONS = 1e-5, 96
"""Directions in which smooth maps reach the leads less than this share of the best, and those
after the first 96, are left to the prior: no torso lets through as many above measurable noise."""


@dataclass(frozen=True)
class WaveSpectrum:
    """Variance of the mode of wavenumber κ (rad/mm) and frequency ω (rad/ms).

    c = A e^−q / (ρ² + h) with e = ω² + v²κ² + b² and ρ = (ω² − v²κ²)/e. A front that moves at the
    speed v, u = f(t − τ(x)) with |∇τ| = 1/v, obeys ∂²u/∂t² = v²Δu up to the curvature of the
    front: its power lies on the ridge ω = vκ, and falls with e like a power.

    Attributes:
        amplitude: A, over the variance of the noise.
        speed: v in mm/ms.
        corner: b in rad/ms, under which the spectrum is flat.
        decay: q.
        width: h, relative width of the ridge squared; large means no ridge.
    """

    amplitude: float
    speed: float
    corner: float
    decay: float
    width: float

    def variance(
        self, wavenumbers: Float[np.ndarray, " n_modes"], frequencies: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, "n_modes n_times"]:
        """Return (n_modes, n_times) c, over the variance of the noise."""
        fast = frequencies**2
        slow = (self.speed * wavenumbers[:, None]) ** 2
        total = fast + slow + self.corner**2
        ridge = ((fast - slow) / total) ** 2
        # Relative to the corner, so that A is the variance of the slowest, widest mode.
        return self.amplitude * (total / self.corner**2) ** -self.decay / (ridge + self.width)

    def logarithms(self) -> Float[np.ndarray, " 5"]:
        """Return the parameters as a vector for an optimizer."""
        values = (self.amplitude, self.speed, self.corner, self.decay, self.width)
        return np.log(values)

    @classmethod
    def of(cls, logarithms: Float[np.ndarray, " 5"]) -> "WaveSpectrum":
        """Undo `logarithms`."""
        return cls(*(float(value) for value in np.exp(np.clip(logarithms, -60, 60))))


@dataclass(frozen=True, eq=False)
class WaveModes:
    """A problem in the modes of its heart surface, visible data directions and frequencies.

    Attributes:
        modes: (n_nodes, n_modes) eigenfunctions of the Laplacian.
        wavenumbers: (n_modes,) κ, ascending.
        seen: (n_seen, n_modes) what the visible directions of the data see of each mode.
        data: (n_seen, n_times) the data in these directions, one column a frequency.
        frequencies: (n_times,) ω in rad/ms.
        noise: (n_times,) standard deviation of the noise that the data of each frequency were
            divided by; ones where it is not known.
        beyond: energy of the data outside these directions: noise only.
        n_beyond: number of data outside.
    """

    modes: Float[np.ndarray, "n_nodes n_modes"]
    wavenumbers: Float[np.ndarray, " n_modes"]
    seen: Float[np.ndarray, "n_seen n_modes"]
    data: Float[np.ndarray, "n_seen n_times"]
    frequencies: Float[np.ndarray, " n_times"]
    noise: Float[np.ndarray, " n_times"]
    beyond: float
    n_beyond: int

    @classmethod
    def of(
        cls,
        problem: InverseProblem,
        heart: Surface,
        laplacian: PaperLaplacian | CotangentLaplacian,
        interval_ms: float,
        noise: Float[np.ndarray, " n_times"],
    ) -> "WaveModes":
        """Decompose a problem, each frequency in units of its noise."""
        mass = laplacian.mass(heart)
        root = np.sqrt(mass / mass.mean())
        # −Δ is self-adjoint in its own mass; roots of the mass make the matrix symmetric.
        stiffness = -root[:, None] * laplacian.matrix(heart).toarray() / root
        squares, modes = linalg.eigh((stiffness + stiffness.T) / 2)
        modes = modes / root[:, None]
        wavenumbers = np.sqrt(np.maximum(squares, 0.0))
        seen = problem.matrix @ modes
        widest = wavenumbers[min(8, len(wavenumbers) - 1)]
        smooth = seen / (wavenumbers**2 + widest**2)
        left, values, _ = linalg.svd(smooth, full_matrices=False)
        left = left[:, values > VISIBLE * values[0]][:, :MOST_DIRECTIONS]
        whole = to_frequencies(problem.data) / noise
        data = left.T @ whole
        rank = round(float(np.trace(problem.projection)))
        return cls(
            modes=modes,
            wavenumbers=wavenumbers,
            seen=left.T @ seen,
            data=data,
            frequencies=2 / interval_ms * np.sin(_half_angles(problem.n_times)),
            noise=noise,
            beyond=max(float((whole**2).sum() - (data**2).sum()), 0.0),
            n_beyond=(rank - left.shape[1]) * problem.n_times,
        )

    def variance(self, spectrum: WaveSpectrum) -> Float[np.ndarray, "n_modes n_times"]:
        """Return the prior variance of every mode in units of the noise of its frequency."""
        return spectrum.variance(self.wavenumbers, self.frequencies) / self.noise**2


def _half_angles(n_times: int) -> Float[np.ndarray, " n_times"]:
    return np.pi * np.arange(n_times) / (2 * n_times)


@dataclass(frozen=True, eq=False)
class WaveLikelihood:
    """Marginal likelihood of a spectrum, with modes and frequencies gathered in bins.

    Σ_j c(κ_j, ω) w_j w_jᵀ is a sum over bins of κ of one matrix each, and all frequencies of a bin
    share their covariance: one evaluation is a small matrix product and N_TIME factorizations.
    """

    wavenumbers: Float[np.ndarray, " n_space"]
    frequencies: Float[np.ndarray, " n_time"]
    operators: Float[np.ndarray, "n_space n_squared"]
    scatter: Float[np.ndarray, "n_time n_seen n_seen"]
    counts: Float[np.ndarray, " n_time"]
    noise: Float[np.ndarray, " n_time"]
    beyond: float
    n_beyond: int

    @classmethod
    def of(cls, modes: WaveModes) -> "WaveLikelihood":
        """Gather the bins: single ones first, then wider and wider."""
        space = bins(len(modes.wavenumbers), N_SPACE)
        time = bins(len(modes.frequencies), N_TIME)
        operators = [modes.seen[:, part] @ modes.seen[:, part].T for part in space]
        return cls(
            wavenumbers=np.array([np.sqrt((modes.wavenumbers[p] ** 2).mean()) for p in space]),
            frequencies=np.array([np.sqrt((modes.frequencies[p] ** 2).mean()) for p in time]),
            operators=np.stack([matrix.ravel() for matrix in operators]),
            scatter=np.stack([modes.data[:, part] @ modes.data[:, part].T for part in time]),
            counts=np.array([float(part.stop - part.start) for part in time]),
            noise=np.array([np.sqrt((modes.noise[part] ** 2).mean()) for part in time]),
            beyond=modes.beyond,
            n_beyond=modes.n_beyond,
        )

    @property
    def n_data(self) -> float:
        """Number of data, those outside the visible directions included."""
        return float(self.counts.sum()) * self.scatter.shape[1] + self.n_beyond

    def __call__(self, spectrum: WaveSpectrum, noise_known: bool) -> tuple[float, float]:
        """Return −2 log likelihood up to a constant, and the best factor on the variance of noise.

        Where the noise is known the factor is 1.
        """
        size = self.scatter.shape[1]
        variance = spectrum.variance(self.wavenumbers, self.frequencies) / self.noise**2
        covariance = (variance.T @ self.operators).reshape(-1, size, size) + np.eye(size)
        try:
            factors = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            return math.inf, 1.0
        diagonal = np.diagonal(factors, axis1=1, axis2=2)
        volume = 2 * float(self.counts @ np.log(diagonal).sum(axis=1))
        energy = self.beyond + float(
            np.trace(np.linalg.solve(covariance, self.scatter), axis1=1, axis2=2).sum()
        )
        if noise_known:
            return energy + volume, 1.0
        return self.n_data * math.log(energy / self.n_data) + volume, energy / self.n_data


def bins(n: int, n_bins: int) -> list[slice]:
    """Return slices of 0 … n: single entries first, then wider and wider."""
    edges = np.unique(np.round(np.geomspace(1, n, n_bins + 1)).astype(int))
    edges = np.concatenate([[0], edges])
    return [slice(a, b) for a, b in pairwise(edges)]
