"""Posterior draws by Hamiltonian Monte Carlo over the differentiable steady state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_count, check_number
from .._precision import double_precision
from ..circulation import PARAMETERS
from ..circulation._circulation import Circuit
from ..circulation._sensitivity import differentiable_beat
from ._forward import STEPS, TOLERANCE, Data, misfit_of, predict
from ._maximum_a_posteriori import find_mode
from ._methods import Found
from ._priors import Prior, Unknowns


@dataclass(frozen=True)
class NoUTurn:
    """The reference: NUTS with gradients through the periodic beat, one patient after the other.

    The coordinates are those of Laplace's approximation about the mode, in which most posteriors
    are nearly standard normal, so that a short warm-up is enough. Chains run side by side.

    Attributes:
        chains: number of chains.
        warm_up: steps of each chain that only tune.
        draws: of each chain.
        acceptance: aimed at while tuning.
        max_depth: of the trees: 2^depth gradients at most for a draw.

    Raises:
        InputError: a number out of range.

    Hoffman and Gelman 2014; the sampler is that of NumPyro.
    """

    chains: int = 16
    warm_up: int = 100
    draws: int = 75
    acceptance: float = 0.8
    max_depth: int = 7

    def __post_init__(self):
        check_count(self.chains, "chains", at_least=2)
        check_count(self.warm_up, "warm_up")
        check_count(self.draws, "draws", at_least=10)
        check_number(self.acceptance, "acceptance", above=0, below=1)
        check_count(self.max_depth, "max_depth")

    @double_precision
    def find(self, unknowns: Unknowns, data: Data, seed: int) -> Sequence[Found]:
        """Return the draws of all chains."""
        mode = find_mode(unknowns, data)
        sampler = self._sampler(unknowns)
        found = []
        for k in range(len(mode.z)):
            root = np.linalg.cholesky(mode.covariance[k])
            own = data.take(slice(k, k + 1))
            start, run = jax.random.split(jax.random.fold_in(jax.random.key(seed), k))
            first = {"whitened": jax.random.normal(start, (self.chains, len(root)))}
            sampler.run(
                run,
                mode.z[k],
                root,
                own,
                init_params=first,
                extra_fields=("diverging", "num_steps"),
            )
            extra = sampler.get_extra_fields()
            chains = np.asarray(sampler.get_samples(group_by_chain=True)["whitened"])
            counts = int(np.sum(extra["diverging"])), int(np.sum(extra["num_steps"]))
            z = mode.z[k] + chains @ root.T
            found.append(self._found(unknowns, own, z, mode.z[k], *counts))
        return found

    def _sampler(self, unknowns: Unknowns) -> Any:
        """Return a sampler that is compiled once for all patients."""
        import numpyro
        from numpyro import distributions
        from numpyro.infer import MCMC, NUTS

        fixed, priors = unknowns.fixed.values(), unknowns.priors
        shape = (len(priors),)

        def model(center: Any, root: Any, data: Data) -> None:
            normal = distributions.Normal(0.0, 1.0).expand(shape).to_event(1)
            whitened = numpyro.sample("whitened", normal)
            z = center + root @ whitened
            circuit = _circuit_of(z, fixed, priors)
            trace, residual = differentiable_beat(circuit, None, STEPS, TOLERANCE)
            misfit, _ = misfit_of(trace, circuit, data)
            energy = 0.5 * jnp.sum(misfit**2) + 0.5 * jnp.sum(z**2)
            # The whitened coordinates have no prior of their own: NumPyro's is taken out again.
            target = 0.5 * jnp.sum(whitened**2) - energy
            numpyro.factor("posterior", jnp.where(residual[0] < 30 * TOLERANCE, target, -1e10))

        kernel = NUTS(
            model,
            target_accept_prob=self.acceptance,
            max_tree_depth=self.max_depth,
            adapt_mass_matrix=False,
            step_size=0.5,
        )
        return MCMC(
            kernel,
            num_warmup=self.warm_up,
            num_samples=self.draws,
            num_chains=self.chains,
            chain_method="vectorized",
            progress_bar=False,
            jit_model_args=True,
        )

    def _found(
        self,
        unknowns: Unknowns,
        data: Data,
        chains: np.ndarray,
        mode: np.ndarray,
        diverging: int,
        gradients: int,
    ) -> Found:
        from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

        r_hat = float(np.max(split_gelman_rubin(chains)))
        effective = float(np.min(effective_sample_size(chains)))
        z = chains.reshape(-1, chains.shape[-1])
        seen = predict(unknowns, z, data.take(np.zeros(len(z), int)))
        trusted = r_hat < 1.01 and effective >= 400 and diverging == 0
        numbers = f"R̂ = {r_hat:.3f}, {effective:.0f} effective draws, {diverging} divergences"
        return Found(
            z,
            np.where(seen.good, 1.0, 0.0) / np.sum(seen.good),
            seen.indices,
            mode,
            numbers if trusted else f"not to be trusted: {numbers}; ask for more draws",
            trusted,
            {
                "r_hat": r_hat,
                "effective_draws": effective,
                "divergences": float(diverging),
                "gradients": float(gradients),
            },
        )


def _circuit_of(z: Any, fixed: Mapping[str, Any], priors: Mapping[str, Prior]) -> Circuit:
    """Return one patient as a batch of one, with derivatives in the coordinates."""
    own = {name: jnp.asarray(value)[None] for name, value in fixed.items()}
    for k, (name, prior) in enumerate(priors.items()):
        own[name] = jnp.clip(prior.value(z[k]), *PARAMETERS[name].limits)[None]
    return Circuit(**own)
