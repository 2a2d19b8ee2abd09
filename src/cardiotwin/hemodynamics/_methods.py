"""How parameters are identified: the methods of `identify`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from .._checks import check_count, check_number
from ._forward import Data, predict
from ._importance import Draws, sample
from ._maximum_a_posteriori import Mode, find_mode
from ._priors import Unknowns


class Found(NamedTuple):
    """What a method says of one patient.

    Attributes:
        z: (n_draws, n_unknowns) coordinates of draws.
        weights: (n_draws,) sum to one.
        indices: (n_draws, n_indices).
        mode: (n_unknowns,) of the most probable patient.
        status: how far to trust the draws.
        trusted: whether the method's own checks hold.
        diagnostics: numbers behind the status.
    """

    z: Float[np.ndarray, "n_draws n_unknowns"]
    weights: Float[np.ndarray, " n_draws"]
    indices: Float[np.ndarray, "n_draws n_indices"]
    mode: Float[np.ndarray, " n_unknowns"]
    status: str
    trusted: bool
    diagnostics: dict[str, float]


@runtime_checkable
class IdentificationMethod(Protocol):
    """What an identification method must know."""

    def find(self, unknowns: Unknowns, data: Data, seed: int) -> Sequence[Found]:
        """Return draws for every patient of the data."""
        ...


@dataclass(frozen=True)
class MaximumAPosteriori:
    """The most probable patient, and Laplace's approximation about it.

    Fast, and exact only where the circulation is linear over the posterior: the intervals are
    those of a normal distribution of the coordinates, pushed through the simulator but not
    corrected. `Posterior` corrects them.

    Attributes:
        draws: from Laplace's approximation.
        max_iterations: of Levenberg–Marquardt.

    Raises:
        InputError: a number out of range.
    """

    draws: int = 256
    max_iterations: int = 40

    def __post_init__(self):
        check_count(self.draws, "draws")
        check_count(self.max_iterations, "max_iterations")

    def find(self, unknowns: Unknowns, data: Data, seed: int) -> Sequence[Found]:
        """Return the mode and draws from the normal distribution about it."""
        mode = find_mode(unknowns, data, max_iterations=self.max_iterations)
        n, d = mode.z.shape
        roots = np.linalg.cholesky(mode.covariance)
        normal = np.random.default_rng(seed).standard_normal((n, self.draws, d))
        z = mode.z[:, None] + np.einsum("pkl,pnl->pnk", roots, normal)
        rows = np.repeat(np.arange(n), self.draws)
        seen = predict(unknowns, z.reshape(-1, d), data.take(rows))
        indices = seen.indices.reshape(n, self.draws, -1)
        good = seen.good.reshape(n, self.draws)
        return [
            Found(
                z[k, good[k]],
                np.full(np.sum(good[k]), 1 / np.sum(good[k])),
                indices[k, good[k]],
                mode.z[k],
                _mode_status(mode, k) + "; intervals are Laplace's, not corrected",
                bool(mode.settled[k]),
                {"iterations": float(mode.iterations[k])},
            )
            for k in range(n)
        ]


@dataclass(frozen=True)
class Posterior:
    """Draws from the posterior by adaptive importance sampling.

    Draws from heavy-tailed distributions about the mode, then fitted to all earlier draws, are
    each simulated and weighted by posterior over proposal: exact as their number grows, whatever
    the proposals were. Weights are Pareto-smoothed, and k̂ says whether they can be trusted.

    Attributes:
        effective_draws: wanted.
        draws_per_round: proposals a round.
        max_rounds: the last allowed.

    Raises:
        InputError: a number out of range.

    Cornuet et al. 2012, "Adaptive multiple importance sampling"; Vehtari et al. 2024.
    """

    effective_draws: float = 1000.0
    draws_per_round: int = 1500
    max_rounds: int = 12

    def __post_init__(self):
        check_number(self.effective_draws, "effective_draws", at_least=10)
        check_count(self.draws_per_round, "draws_per_round", at_least=50)
        check_count(self.max_rounds, "max_rounds")

    def find(self, unknowns: Unknowns, data: Data, seed: int) -> Sequence[Found]:
        """Return weighted draws."""
        mode = find_mode(unknowns, data)
        every = sample(
            unknowns,
            data,
            mode,
            effective=self.effective_draws,
            per_round=self.draws_per_round,
            max_rounds=self.max_rounds,
            seed=seed,
        )
        return [self._found(mode, k, own) for k, own in enumerate(every)]

    def _found(self, mode: Mode, k: int, own: Draws) -> Found:
        trusted = own.k_hat < 0.7 and own.effective >= min(100.0, self.effective_draws)
        numbers = f"{own.effective:.0f} effective draws of {own.simulations}, k̂ = {own.k_hat:.2f}"
        status = (
            numbers if trusted else f"not to be trusted: {numbers}; ask for more rounds or NUTS"
        )
        diagnostics = {
            "effective_draws": own.effective,
            "k_hat": own.k_hat,
            "simulations": float(own.simulations),
            "mode_iterations": float(mode.iterations[k]),
        }
        return Found(own.z, own.weights, own.indices, mode.z[k], status, trusted, diagnostics)


def _mode_status(mode: Mode, k: int) -> str:
    if mode.settled[k]:
        return f"most probable patient after {mode.iterations[k]} steps"
    return f"not settled after {mode.iterations[k]} steps"
