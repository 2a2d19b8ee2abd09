"""A simulated beat with its truth, and the one that stands in for the source paper's."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from .._checks import check_count, check_number
from .._types import ArrayLike
from ..geometry import CotangentLaplacian, PaperLaplacian
from ..geometry import zoo as geometry_zoo
from ..geometry.zoo import HumanCase
from ..tissue import MS_PER_TU, Excitation, ExplicitHeun, Simulation, simulate_beat
from ._operator import ObservationOperator
from ._problem import InverseProblem
from ._transfer import transfer_matrix


@dataclass(frozen=True, eq=False)
class SimulatedCase:
    """A simulated beat, what the torso would show of it, and problems with noise.

    Data and inversion share operator and (for physics-informed methods) tissue model: an
    inverse crime, which every table made from this case has to say.

    Attributes:
        human: the two surfaces.
        simulation: the beat; its potentials are the truth.
        operator: epicardial operator heart → torso nodes.
    """

    human: HumanCase
    simulation: Simulation
    operator: ObservationOperator

    @property
    def truth(self) -> Float[np.ndarray, "n_nodes n_times"]:
        """(n_nodes, n_times) dimensionless potentials on the heart."""
        return self.simulation.potentials

    @cached_property
    def body_potentials(self) -> Float[np.ndarray, "n_torso n_times"]:
        """(n_torso, n_times) noise-free potentials on the torso nodes."""
        return self.operator.apply(self.truth)

    def problem(
        self, noise_sd: float, seed: int, *, operator: ObservationOperator | None = None
    ) -> InverseProblem:
        """Return the inverse problem with white Gaussian noise.

        Args:
            noise_sd: standard deviation σ of the noise on every torso potential.
            seed: seed of the noise.
            operator: what the data are inverted with; by default the operator that made them.
        """
        sd = check_number(noise_sd, "noise_sd", at_least=0)
        noise = sd * unit_noise(self.body_potentials.shape, seed)
        return InverseProblem(
            self.operator if operator is None else operator,
            self.body_potentials + noise,
            times_ms=self.simulation.times_tu * MS_PER_TU,
        )

    def displaced_operator(self, shift_mm: ArrayLike) -> ObservationOperator:
        """Return the operator of someone who takes the heart for ``shift_mm`` elsewhere."""
        return transfer_matrix(self.human.heart.moved(shift_mm), self.human.torso)


def unit_noise(shape: tuple[int, ...], seed: int) -> Float[np.ndarray, "n_torso n_times"]:
    """Return the white noise of σ = 1 that belongs to a seed."""
    return np.random.default_rng(seed).normal(size=shape)


def paper_like(
    *,
    heart_nodes: int = 1094,
    torso_nodes: int = 352,
    n_times: int = 661,
    laplacian: PaperLaplacian | CotangentLaplacian | None = None,
) -> SimulatedCase:
    """Build the case that stands in for the source paper's: same sizes, model and regime.

    1094 heart nodes, 352 torso nodes, Aliev–Panfilov with D = 10, 661 samples every 0.1 time
    units, paced at the 12 nodes nearest to a point beside the apex.

    Args:
        heart_nodes: number of heart nodes.
        torso_nodes: number of torso nodes.
        n_times: number of samples.
        laplacian: operator of the truth; Eq. 15 by default, as in the paper.

    >>> case = paper_like(heart_nodes=100, torso_nodes=100, n_times=5)
    >>> case.problem(0.01, seed=1)
    InverseProblem(100 leads x 5 instants, 100 heart nodes, as recorded)
    """
    check_count(n_times, "n_times", at_least=2)
    human = geometry_zoo.human(heart_nodes=heart_nodes, torso_nodes=torso_nodes)
    n_paced = max(3, round(12 * heart_nodes / 1094))
    beat = simulate_beat(
        human.heart,
        diffusion=10.0,
        stimuli=(Excitation.near(human.heart, pacing_point(human), n_nodes=n_paced),),
        laplacian=PaperLaplacian() if laplacian is None else laplacian,
        n_times=n_times,
        sample_step_tu=0.1,
        # Halving this step again moves the truth by RE 0.0004 (at the sample step itself: 0.008).
        stepper=ExplicitHeun(step_tu=0.025),
    )
    return SimulatedCase(human, beat, transfer_matrix(human.heart, human.torso))


def pacing_point(human: HumanCase) -> Float[np.ndarray, " 3"]:
    """Return the place beside the apex where the beat of `paper_like` starts."""
    # Beside the apex, not on it: a quarter of the way from the apex to the base along the left
    # wall, so that the wave is not symmetric about the long axis.
    apex, base = (human.heart.vertices_mm[k] for k in (human.apex_node, human.base_node))
    left = np.array([1.0, 0.0, 0.0])
    return apex + 0.15 * (base - apex) + 25.0 * left
