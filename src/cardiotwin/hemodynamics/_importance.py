"""Posterior draws by adaptive importance sampling from Laplace's approximation."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln, logsumexp

from ._forward import Data, predict
from ._maximum_a_posteriori import Mode
from ._pareto import smooth_weights
from ._priors import Unknowns

FREEDOM = 6
"""Degrees of freedom of the proposals: heavier tails than the posterior's."""

FROM_PRIOR = 0.05
"""Share of the first draws that come from the prior, whatever the data say."""


class Draws(NamedTuple):
    """Weighted draws of one patient.

    Attributes:
        z: (n_draws, n_unknowns) coordinates.
        weights: (n_draws,) sum to one.
        indices: (n_draws, n_indices).
        effective: effective number of draws, 1 / Σ w².
        k_hat: shape of the weights' tail; below 0.7 they can be trusted.
        simulations: beats simulated.
    """

    z: Float[np.ndarray, "n_draws n_unknowns"]
    weights: Float[np.ndarray, " n_draws"]
    indices: Float[np.ndarray, "n_draws n_indices"]
    effective: float
    k_hat: float
    simulations: int


class _Component(NamedTuple):
    """A Student t distribution that draws came from."""

    mean: Float[np.ndarray, " n_unknowns"]
    root: Float[np.ndarray, "n_unknowns n_unknowns"]
    count: int


class _Patient:
    """What is known of one patient's posterior so far."""

    def __init__(self, mean: np.ndarray, covariance: np.ndarray, generator: np.random.Generator):
        self.generator = generator
        d = len(mean)
        self.components: list[_Component] = []
        self.n_prior = 0
        self.next = (mean, 1.3 * covariance)
        self.z, self.log_target = np.zeros((0, d)), np.zeros(0)
        self.indices: np.ndarray | None = None
        self.weights, self.k_hat = np.zeros(0), np.inf

    def propose(self, n: int) -> Float[np.ndarray, "n n_unknowns"]:
        """Return the next draws."""
        mean, covariance = self.next
        root = np.linalg.cholesky(covariance)
        first = not self.components
        from_prior = round(FROM_PRIOR * n) if first else 0
        normal = self.generator.standard_normal((n, len(mean)))
        stretch = np.sqrt(FREEDOM / self.generator.chisquare(FREEDOM, n))
        z = mean + (normal * stretch[:, None]) @ root.T
        z[:from_prior] = normal[:from_prior]
        self.n_prior += from_prior
        self.components.append(_Component(mean, root, n - from_prior))
        return z

    def learn(self, z: np.ndarray, log_likelihood: np.ndarray, indices: np.ndarray) -> None:
        """Weigh all draws against the mixture of everything they came from."""
        d = z.shape[1]
        log_prior = -0.5 * np.sum(z**2, -1) - 0.5 * d * np.log(2 * np.pi)
        self.z = np.concatenate([self.z, z])
        self.log_target = np.concatenate([self.log_target, log_likelihood + log_prior])
        before = () if self.indices is None else (self.indices,)
        self.indices = np.concatenate([*before, indices])
        parts = [_log_student(self.z, own) + np.log(own.count) for own in self.components]
        everywhere = -0.5 * np.sum(self.z**2, -1) - 0.5 * d * np.log(2 * np.pi)
        parts.append(everywhere + np.log(max(self.n_prior, 1e-300)))
        log_proposal = logsumexp(np.stack(parts), axis=0) - np.log(len(self.z))
        self.weights, self.k_hat = smooth_weights(self.log_target - log_proposal)
        mean = self.weights @ self.z
        spread = self.z - mean
        covariance = (spread * self.weights[:, None]).T @ spread
        # Few effective draws know little of the covariance: then the first guess still counts.
        trust = self.effective / (self.effective + 5 * d)
        first = self.components[0].root @ self.components[0].root.T
        self.next = (mean, trust * 1.2 * covariance + (1 - trust) * first)

    @property
    def effective(self) -> float:
        """Effective number of draws."""
        return float(1 / np.sum(self.weights**2)) if len(self.weights) else 0.0

    def draws(self) -> Draws:
        """Return what was found, without the draws that do not count."""
        assert self.indices is not None
        keep = self.weights > 1e-7 / len(self.weights)
        weights = self.weights[keep] / self.weights[keep].sum()
        return Draws(
            self.z[keep], weights, self.indices[keep], self.effective, self.k_hat, len(self.z)
        )


def sample(
    unknowns: Unknowns,
    data: Data,
    mode: Mode,
    *,
    effective: float,
    per_round: int,
    max_rounds: int,
    seed: int,
) -> list[Draws]:
    """Return weighted draws of every patient's posterior.

    Rounds of draws from Student t distributions, the first about the mode, each later one fitted
    to all draws before; every draw is weighed against the mixture of all proposals.

    Args:
        unknowns: what is free.
        data: of the patients.
        mode: of the patients.
        effective: effective number of draws after which a patient is done.
        per_round: draws a round.
        max_rounds: the last allowed.
        seed: of the draws; each patient has its own stream.
    """
    patients = [
        _Patient(mean, covariance, np.random.default_rng([seed, k]))
        for k, (mean, covariance) in enumerate(zip(mode.z, mode.covariance, strict=True))
    ]
    active = np.arange(len(patients))
    for _ in range(max_rounds):
        proposed = np.concatenate([patients[k].propose(per_round) for k in active])
        found = predict(unknowns, proposed, data.take(np.repeat(active, per_round)))
        log_likelihood = np.where(found.good, -0.5 * np.sum(found.misfit**2, -1), -np.inf)
        for share, k in enumerate(active):
            part = slice(share * per_round, (share + 1) * per_round)
            patients[k].learn(proposed[part], log_likelihood[part], found.indices[part])
        active = np.array(
            [
                k
                for k in active
                if not (patients[k].effective >= effective and patients[k].k_hat < 0.7)
            ],
            dtype=int,
        )
        if not len(active):
            break
    return [patient.draws() for patient in patients]


def _log_student(z: Float[np.ndarray, "n n_unknowns"], own: _Component) -> Float[np.ndarray, " n"]:
    d = z.shape[1]
    scaled = np.linalg.solve(own.root, (z - own.mean).T)
    constant = gammaln((FREEDOM + d) / 2) - gammaln(FREEDOM / 2) - 0.5 * d * np.log(FREEDOM * np.pi)
    constant -= np.sum(np.log(np.diag(own.root)))
    return constant - 0.5 * (FREEDOM + d) * np.log1p(np.sum(scaled**2, 0) / FREEDOM)
