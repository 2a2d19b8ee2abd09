"""Posterior draws by Hamiltonian Monte Carlo over the differentiable steady state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import Float

from .._checks import check_count, check_number
from .._precision import double_precision
from .._progress import track
from ..circulation import PARAMETERS
from ..circulation._circulation import Circuit
from ..circulation._gradient import beat_gradient
from ..circulation._integrate import Trace
from ..circulation._sensitivity import find_start
from ._forward import STEPS, TOLERANCE, Data, misfit_of, predict
from ._maximum_a_posteriori import find_mode
from ._methods import Found
from ._priors import Prior, Unknowns

CHUNK = 25
"""Draws of each chain between two lines of progress."""

IMPOSSIBLE = 1e10
"""Half of the squared misfit where there is no periodic beat."""


@dataclass(frozen=True)
class NoUTurn:
    """The reference: NUTS with gradients through the periodic beat, one patient after the other.

    The coordinates are those of Laplace's approximation about the mode, in which most posteriors
    are nearly standard normal, so that a short warm-up is enough. Chains run side by side, and
    after the warm-up with the step of the median chain.

    Attributes:
        chains: number of chains.
        warm_up: draws of each chain that only tune.
        draws: of each chain.
        acceptance: aimed at while tuning.
        max_depth: of the trees: 2^depth gradients at most for a draw.

    Raises:
        InputError: a number out of range.

    Hoffman and Gelman 2014; the sampler is that of NumPyro.
    """

    chains: int = 16
    warm_up: int = 50
    draws: int = 75
    acceptance: float = 0.9
    max_depth: int = 7

    def __post_init__(self):
        check_count(self.chains, "chains", at_least=2)
        check_count(self.warm_up, "warm_up")
        check_count(self.draws, "draws", at_least=10)
        check_number(self.acceptance, "acceptance", above=0, below=1)
        check_count(self.max_depth, "max_depth")

    def find(self, unknowns: Unknowns, data: Data, seed: int) -> Sequence[Found]:
        """Return the draws of all chains."""
        mode = find_mode(unknowns, data)
        found = []
        for k in range(len(mode.z)):
            root = np.linalg.cholesky(mode.covariance[k])
            own, label = data.take(slice(k, k + 1)), f"NUTS, patient {k + 1} of {len(mode.z)}"
            run = self._run(unknowns, Target(mode.z[k], root, own), (seed, k), label)
            z = mode.z[k] + run.whitened @ root.T
            found.append(self._found(unknowns, own, z, mode.z[k], run))
        return found

    @double_precision
    def _run(
        self, unknowns: Unknowns, target: "Target", seeds: tuple[int, int], label: str
    ) -> "Draws":
        fixed = {name: float(value) for name, value in unknowns.fixed.values().items()}
        sampler = _sampler(tuple(unknowns.priors.items()), tuple(fixed.items()), self)
        first, keys = jax.random.split(jax.random.fold_in(jax.random.key(seeds[0]), seeds[1]))
        start = jax.random.normal(first, (self.chains, len(target.root)))
        states = sampler.begin(jax.random.split(keys, self.chains), start, target)
        n_warm, n_kept = -(-self.warm_up // CHUNK), -(-self.draws // CHUNK)
        rows = []
        for chunk in track(range(1, n_warm + n_kept + 1), label, lambda k: f"times {CHUNK} draws"):
            states, row = sampler.advance(states, target)
            if chunk == n_warm:
                states = _same_step(states)
            if chunk > n_warm:
                rows.append(jax.tree.map(np.asarray, row))
        rows = jax.tree.map(lambda *parts: np.concatenate(parts)[: self.draws], *rows)
        return Draws(np.swapaxes(rows.whitened, 0, 1), rows.diverging, rows.gradients)

    def _found(
        self, unknowns: Unknowns, data: Data, chains: np.ndarray, mode: np.ndarray, run: "Draws"
    ) -> Found:
        from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

        r_hat = float(np.max(split_gelman_rubin(chains)))
        effective = float(np.min(effective_sample_size(chains)))
        diverging = int(np.sum(run.diverging))
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
                "gradients": float(np.sum(run.gradients)),
            },
        )


class Target(NamedTuple):
    """What is drawn from: coordinates are center + root @ whitened ones.

    Attributes:
        center: (n_unknowns,).
        root: (n_unknowns, n_unknowns).
        data: of one patient.
    """

    center: Any
    root: Any
    data: Data


class Draws(NamedTuple):
    """Draws: (n_draws, n_chains) each, coordinates with chains first once they are complete."""

    whitened: Float[Any, "n m n_unknowns"]
    diverging: Any
    gradients: Any


class _Sampler(NamedTuple):
    """Compiled code that begins chains, and that takes them `CHUNK` draws further."""

    begin: Any
    advance: Any


@lru_cache(maxsize=8)
def _sampler(
    priors: tuple[tuple[str, Prior], ...], fixed: tuple[tuple[str, float], ...], method: NoUTurn
) -> _Sampler:
    """Return a sampler that is compiled once for all patients."""
    from numpyro.infer.hmc import hmc

    def energy_of(target: Target) -> Any:
        def energy(whitened: Any) -> Any:
            z = target.center + target.root @ whitened
            circuit = _circuit_of(z, dict(fixed), dict(priors))
            return _half_misfit(circuit, target.data) + 0.5 * jnp.sum(z**2)

        return energy

    begin, sample = hmc(potential_fn_gen=energy_of, algo="NUTS")

    def start(key: Any, whitened: Any, target: Target) -> Any:
        return begin(
            whitened,
            method.warm_up,
            step_size=0.5,
            adapt_mass_matrix=False,
            target_accept_prob=method.acceptance,
            max_tree_depth=method.max_depth,
            model_args=(target,),
            rng_key=key,
        )

    def step(states: Any, target: Target) -> tuple[Any, Draws]:
        states = jax.vmap(lambda own: sample(own, (target,), {}))(states)
        return states, Draws(states.z, states.diverging, states.num_steps)

    def advance(states: Any, target: Target) -> tuple[Any, Draws]:
        return jax.lax.scan(lambda own, _: step(own, target), states, length=CHUNK)

    return _Sampler(jax.jit(jax.vmap(start, (0, 0, None))), jax.jit(advance))


@jax.custom_vjp
def _half_misfit(circuit: Circuit, data: Data) -> Any:
    """Return ½ |misfit|² of one patient, with its gradient in the parameters."""
    return _with_slopes(circuit, data)[0]


@custom_vmap
def _with_slopes(circuit: Circuit, data: Data) -> tuple[Any, Circuit]:
    alone = jax.tree.map(lambda own: own[None], circuit)
    return jax.tree.map(lambda own: own[0], _with_slopes_of_chains(alone, data))


@_with_slopes.def_vmap
def _chains_as_lanes(n: int, batched: Any, circuit: Circuit, data: Data) -> Any:
    """Return the same of chains: they are lanes, the innermost axis, not the outermost."""

    def lanes(own: Any, is_batched: bool) -> Any:
        return own if is_batched else jnp.broadcast_to(own, (n, *own.shape))

    found = _with_slopes_of_chains(jax.tree.map(lanes, circuit, batched[0]), data)
    return found, jax.tree.map(lambda _: True, found)


def _with_slopes_of_chains(circuit: Circuit, data: Data) -> tuple[Any, Circuit]:
    n = len(circuit.period_s)
    own_data = Data(*(jnp.broadcast_to(leaf, (n, *leaf.shape[1:])) for leaf in data))

    def half(trace: Trace, own: Circuit) -> Any:
        return 0.5 * jnp.sum(misfit_of(trace, own, own_data)[0] ** 2, -1)

    start = find_start(circuit, None, STEPS, TOLERANCE)
    value, (slopes, _), residual = beat_gradient(half, start, circuit, None, STEPS)
    return jnp.where(residual < 30 * TOLERANCE, value, IMPOSSIBLE), slopes


def _slopes_times(slopes: Circuit, by: Any) -> tuple[Circuit, None]:
    return jax.tree.map(lambda own: by * own, slopes), None


_half_misfit.defvjp(_with_slopes, _slopes_times)


def _same_step(states: Any) -> Any:
    """Return chains that all take the steps of the median chain: none has to wait for another."""
    tuned = states.adapt_state
    step = jnp.full_like(tuned.step_size, jnp.median(tuned.step_size))
    return states._replace(adapt_state=tuned._replace(step_size=step))


def _circuit_of(z: Any, fixed: Mapping[str, float], priors: Mapping[str, Prior]) -> Circuit:
    """Return one patient with derivatives in the coordinates."""
    own = {name: jnp.asarray(value, float) for name, value in fixed.items()}
    for k, (name, prior) in enumerate(priors.items()):
        own[name] = jnp.clip(prior.value(z[k]), *PARAMETERS[name].limits)
    return Circuit(**own)
