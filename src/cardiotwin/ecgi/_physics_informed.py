"""Physics-informed networks: one composition of which EP-DL and EAND-ARN are points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_count, check_number
from .._errors import InputError
from .._types import ArrayLike, PathLike
from ..learning import (
    SOAP,
    CosineDecay,
    EarlyStop,
    KeepBest,
    Optimizer,
    TrainingResult,
    Weighting,
    train,
)
from ..tissue import MS_PER_TU, AlievPanfilov, IonicModel, plane_wave
from ._collocation import Collocation, RandomPoints
from ._derivatives import AutomaticDerivatives, DerivativeScheme, NumericalDerivatives
from ._network_inputs import NetworkInputs, ScaledCoordinates
from ._networks import AdaptiveResNet, Network, NetworkSettings
from ._physics_loss import (
    LARGEST_IMBALANCE,
    PHYSICS,
    PhysicsObjective,
    full_grid_losses,
    imbalance,
    physics_objective,
    predict,
)
from ._pretraining import GuessObjective
from ._problem import InverseProblem
from ._reconstruction import InverseMethod, Solution
from ._traveling_frame import TravelingFrame, TravelingNetwork


def _default_optimizer() -> Optimizer:
    # RE on the paper-like case after 1000 steps at rates of 4e-3, 1e-2, 2e-2, 4e-2, 8e-2: about
    # 0.15, 0.066, 0.047 (these three after 1200 to 1600), 0.041, 0.071 (800).
    return SOAP(learning_rate=CosineDecay(4e-2, warmup_steps=20))


@dataclass(frozen=True, eq=False)
class PhysicsInformedNetwork:
    """Represent (u, v) by a network and train it on the data and on the tissue's equations.

    min_θ L_D + λ L_EP (Eq. 4), see `PhysicsObjective`; u is the tissue model's own variable. The
    network knows nothing of where the excitation starts.

    Args:
        network: architecture and initialization.
        derivatives: how derivatives of the network are taken.
        physics_weight: λ, the weight of L_EP.
        collocation: what one step looks at.
        optimizer: the paper names none; `SOAP` went furthest in ours.
        steps: training steps.
        seed: of the initial weights and of the batches.
        model: ionic model.
        diffusion: D in mm² per time unit, one number or (n_nodes,).
        inputs: what the network is told about a point.
        weighting: strategy that balances the parts of the loss in place of λ.
        frame: `TravelingFrame` to tell the network the time since the wave arrived, too.
        initial_guess: method whose potentials, or (n_nodes, n_times) array that, the network is
            fitted to before the training (a frame brings its own).
        initial_steps: steps of that fit.
        redraws: how often a bad initialization (see `imbalance`) may be drawn again before the
            training; of starts that are all bad the least bad is taken. 0 trains from the first
            draw. Starts that are fitted to a guess or have a frame are taken as they are.
        budget_s: wall-clock seconds for the training, compiling included.
        stop: when to end early.
        keep_best: return the weights of the lowest loss instead of the last ones.
        double: whether to compute in 64 bits.
        log: JSONL file of the losses.
        checkpoint: folder from which an interrupted training goes on.
        callbacks: called after every block of steps; see `learning.train`.
        quiet: show no progress.

    Raises:
        InputError: settings out of range; when used: no heart surface, uneven or too few instants.

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747; EP-DL: Xie and Yao, IEEE Trans Autom Sci
    Eng 2023;20:151.

    >>> from cardiotwin import ecgi
    >>> case = ecgi.zoo.paper_like(heart_nodes=60, torso_nodes=40, n_times=12)
    >>> method = PhysicsInformedNetwork(
    ...     network=AdaptiveResNet(5, 1), collocation=RandomPoints(50, 4), steps=3, quiet=True
    ... )
    >>> ecgi.reconstruct(case.problem(0.01, seed=0), method).heart_potentials.shape
    (60, 12)
    """

    network: NetworkSettings = field(default_factory=AdaptiveResNet)
    derivatives: DerivativeScheme = field(default_factory=NumericalDerivatives)
    physics_weight: float = 0.1
    collocation: Collocation = field(default_factory=RandomPoints)
    optimizer: Optimizer = field(default_factory=_default_optimizer)
    steps: int = 1500
    seed: int = 0
    model: IonicModel = field(default_factory=AlievPanfilov)
    diffusion: ArrayLike = 10.0
    inputs: NetworkInputs = field(default_factory=ScaledCoordinates)
    weighting: Weighting | None = None
    frame: TravelingFrame | None = None
    initial_guess: InverseMethod | ArrayLike | None = None
    initial_steps: int = 300
    redraws: int = 100
    budget_s: float | None = None
    stop: EarlyStop | None = None
    keep_best: KeepBest | None = None
    double: bool = False
    log: PathLike | None = None
    checkpoint: PathLike | None = None
    callbacks: Sequence[Callable[[int, dict[str, Any], Any], Any]] = ()
    quiet: bool = False

    def __post_init__(self):
        check_number(self.physics_weight, "physics_weight", at_least=0)
        check_count(self.steps, "steps")
        check_count(self.initial_steps, "initial_steps")
        check_count(self.redraws, "redraws", at_least=0)
        check_count(self.seed, "seed", at_least=0)
        if self.budget_s is not None:
            check_number(self.budget_s, "budget_s", above=0)
        if self.frame is not None and self.initial_guess is not None:
            raise InputError(
                "initial_guess",
                found="a guess beside a traveling frame",
                expected="one of the two",
                advice="Give the method as TravelingFrame(starts=(...,)).",
            )
        if self.frame is not None and isinstance(self.derivatives, AutomaticDerivatives):
            raise InputError(
                "derivatives",
                found="automatic derivatives in space with a traveling frame",
                expected="numerical ones, because arrival times are known at nodes only",
                advice="Use NumericalDerivatives or MixedDerivatives.",
            )

    def solve(self, problem: InverseProblem) -> Solution:
        """Return u of the trained network at all nodes and instants."""
        with jax.enable_x64(self.double):
            return self._solve(problem, [self.seed])[0]

    def solve_seeds(self, problem: InverseProblem, seeds: Sequence[int]) -> list[Solution]:
        """Return one solution a seed, all trained at once (the budget is for all together).

        A seed gives here what it gives alone up to rounding. With `SOAP` the paths part all the
        same: rounding picks its first bases where a factor has no full rank.

        Args:
            problem: what each of them solves.
            seeds: of initial weights and batches, one a run.
        """
        with jax.enable_x64(self.double):
            return self._solve(problem, [check_count(seed, "seeds", at_least=0) for seed in seeds])

    def objective(self, problem: InverseProblem) -> PhysicsObjective:
        """Return the loss that is minimized."""
        return physics_objective(
            problem,
            derivatives=self.derivatives,
            collocation=self.collocation,
            inputs=self.inputs,
            model=self.model,
            diffusion=self.diffusion,
            dtype=self._dtype,
        )

    def initial_network(
        self, objective: PhysicsObjective, seed: int | None = None, attempt: int = 0
    ) -> Network:
        """Return the network as drawn for a seed, before any training and without its frame.

        Args:
            objective: made by `objective`.
            seed: in place of the method's own.
            attempt: 0 for the first draw, k for the k-th after it.
        """
        key = jax.random.key(self.seed if seed is None else seed)
        if attempt:
            key = jax.random.fold_in(key, attempt)
        n_inputs = objective.derivatives.inputs.n_inputs + (self.frame is not None)
        return self.network.initialize(key, n_inputs, self._dtype)

    @property
    def _dtype(self) -> str:
        return "float64" if self.double else "float32"

    def _solve(self, problem: InverseProblem, seeds: list[int]) -> list[Solution]:
        if not seeds:
            raise InputError("seeds", found="none", expected="at least one seed")
        objective = self.objective(problem)
        starts = [self._start(objective, seed) for seed in seeds]
        drawn = [network for network, _ in starts]
        networks: list[Network] | list[TravelingNetwork] = drawn
        guess = self._guess(problem)
        if self.frame is not None:
            arrival, guess = self._wave(self.frame, problem)
            inputs = objective.derivatives.inputs
            networks = [self.frame.wrap(one, arrival, inputs) for one in drawn]
        several = len(seeds) > 1
        network = networks[0]
        if several:
            network = jax.tree.map(lambda *leaves: jnp.stack(leaves), *networks)
        runs: dict[str, Any] = {"seed": seeds, "n_runs": len(seeds)} if several else {}
        runs = {"seed": seeds[0], "quiet": self.quiet, **runs}
        if guess is not None:
            network = train(
                GuessObjective(objective, jnp.asarray(guess, self._dtype)),
                network,
                self.optimizer,
                steps=self.initial_steps,
                label="fitting the initial guess",
                **runs,
            ).parameters
        names = PHYSICS[:2] if objective.rim is None else PHYSICS
        result = train(
            objective,
            network,
            self.optimizer,
            steps=self.steps,
            weights=self.weighting or dict.fromkeys(names, self.physics_weight),
            callbacks=self.callbacks,
            log=self.log,
            checkpoint=self.checkpoint,
            budget_s=self.budget_s,
            stop=self.stop,
            keep_best=self.keep_best,
            label="physics-informed network",
            **runs,
        )
        trained = [result.parameters]
        if several:
            trained = [
                jax.tree.map(lambda leaf, k=k: leaf[k], result.parameters)
                for k in range(len(seeds))
            ]
        return [
            _solution(objective, before, after, result, redrawn)
            for before, after, (_, redrawn) in zip(networks, trained, starts, strict=True)
        ]

    def _start(self, objective: PhysicsObjective, seed: int) -> tuple[Network, int]:
        """Draw until the two parts of the loss are in balance; return how often it was again."""
        network = self.initial_network(objective, seed)
        if self.frame is not None or self.initial_guess is not None or not self.redraws:
            return network, 0
        best, lowest = (network, 0), imbalance(objective, network)
        for attempt in range(1, self.redraws + 1):
            if lowest <= LARGEST_IMBALANCE:
                break
            network = self.initial_network(objective, seed, attempt)
            found = imbalance(objective, network)
            if found < lowest:
                best, lowest = (network, attempt), found
        return best

    def _guess(self, problem: InverseProblem) -> Float[np.ndarray, "1 n_nodes n_times"] | None:
        guess = self.initial_guess
        if guess is None:
            return None
        if isinstance(guess, InverseMethod):
            return np.asarray(guess.solve(problem).heart_potentials)[None]
        return check_array(guess, "initial_guess", shape=(problem.n_nodes, problem.n_times))[None]

    def _wave(
        self, frame: TravelingFrame, problem: InverseProblem
    ) -> tuple[Float[np.ndarray, " n_nodes"], Float[np.ndarray, "2 n_nodes n_times"]]:
        """Arrival times from the frame's classical solutions, and plane waves that arrive then."""
        times_tu = (problem.times_ms - problem.times_ms[0]) / MS_PER_TU
        wave = plane_wave(
            self.model,
            diffusion=float(np.mean(np.asarray(self.diffusion))),
            duration_tu=float(times_tu[-1]),
        )
        return frame.first_wave(problem, times_tu, wave)


def _solution(
    objective: PhysicsObjective,
    before: Network | TravelingNetwork,
    after: Network | TravelingNetwork,
    result: TrainingResult,
    redrawn: int,
) -> Solution:
    first_data, first_physics = full_grid_losses(objective, before)
    data, physics = full_grid_losses(objective, after)
    numbers = {
        "data_loss": data,
        "physics_loss": physics,
        "initial_data_loss": first_data,
        "initial_physics_loss": first_physics,
        "redrawn": float(redrawn),
        "steps": float(result.step),
        "seconds_training": result.seconds,
        "seconds_compiling": result.seconds_compiling,
    }
    alphas = {f"alpha_{k + 1}": float(alpha) for k, alpha in enumerate(after.alphas)}
    return Solution(
        heart_potentials=predict(objective, after)[0],
        status=result.stopped if "not finite" in result.stopped else "solved",
        diagnostics=numbers | alphas,
    )
