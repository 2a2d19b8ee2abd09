"""Cases where the inversion is told something else than what made the data."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_count, check_number
from .._errors import InputError
from .._types import Potentials
from ..geometry import CotangentLaplacian, PaperLaplacian, Surface
from ..geometry import zoo as geometry_zoo
from ..geometry.zoo import HumanCase
from ..tissue import (
    MS_PER_TU,
    AlievPanfilov,
    Excitation,
    ExplicitHeun,
    IonicModel,
    MitchellSchaeffer,
    nearest_nodes,
    simulate_beat,
)
from ._conductor import Inclusion
from ._lead_noise import CorrelatedNoise, Noise, WhiteNoise
from ._operator import ObservationOperator
from ._problem import InverseProblem
from ._simulated_case import SimulatedCase, pacing_point
from ._transfer import transfer_matrix

DIFFUSION = 10.0
SHIFT_DIRECTION = (0.6, -0.6, 0.53)
"""To the left, to the front and up: normalized before use."""
SCAR_RADIUS_MM = 22.0
LUNG_CONDUCTIVITY_RATIO = 0.2


@dataclass(frozen=True, eq=False)
class _Bodies:
    """What the rows share, made when first asked for."""

    heart_nodes: int
    torso_nodes: int
    n_times: int

    @cached_property
    def human(self) -> HumanCase:
        return geometry_zoo.human(heart_nodes=self.heart_nodes, torso_nodes=self.torso_nodes)

    @cached_property
    def operator(self) -> ObservationOperator:
        return transfer_matrix(self.human.heart, self.human.torso)

    @cached_property
    def matched(self) -> SimulatedCase:
        return self.beat(_Tissue())

    def beat(self, tissue: "_Tissue", operator: ObservationOperator | None = None) -> SimulatedCase:
        heart = self.human.heart
        n_paced = max(3, round(12 * heart.n_nodes / 1094))
        beat = simulate_beat(
            heart,
            model=tissue.model,
            diffusion=tissue.diffusion(self.human),
            stimuli=[
                Excitation.near(heart, place(self.human), n_nodes=n_paced) for place in tissue.sites
            ],
            laplacian=tissue.laplacian,
            n_times=self.n_times,
            sample_step_tu=0.1,
            stepper=ExplicitHeun(step_tu=0.025),
        )
        return SimulatedCase(self.human, beat, self.operator if operator is None else operator)


def _uniform(human: HumanCase) -> float:
    del human
    return DIFFUSION


def _scarred(human: HumanCase) -> Float[np.ndarray, " n_nodes"]:
    heart = human.heart
    field_ = np.full(heart.n_nodes, DIFFUSION)
    middle = heart.vertices_mm[human.regions["anterior"]].mean(axis=0)
    center = heart.vertices_mm[nearest_nodes(heart, middle, n_nodes=1)[0]]
    field_[nearest_nodes(heart, center, radius_mm=SCAR_RADIUS_MM)] = DIFFUSION / 10
    return field_


def _second_site(human: HumanCase) -> Float[np.ndarray, " 3"]:
    # The first site mirrored: beside the base, on the other wall.
    apex, base = (human.heart.vertices_mm[k] for k in (human.apex_node, human.base_node))
    return base + 0.15 * (apex - base) - np.array([25.0, 0.0, 0.0])


@dataclass(frozen=True)
class _Tissue:
    """What the truth is made of."""

    model: IonicModel = field(default_factory=AlievPanfilov)
    laplacian: PaperLaplacian | CotangentLaplacian = field(default_factory=PaperLaplacian)
    diffusion: Callable[[HumanCase], Float[np.ndarray, " n_nodes"] | float] = _uniform
    sites: tuple[Callable[[HumanCase], Float[np.ndarray, " 3"]], ...] = (pacing_point,)


@dataclass(frozen=True, eq=False)
class MismatchCase:
    """A simulated beat and what somebody who inverts its data believes.

    Everything is computed when first asked for, and kept. Besides the operator and D, the
    inversion is always told Eq. 15 and the Aliev–Panfilov model with its published parameters.

    Attributes:
        name: short name, the row of a table.
        description: what differs from the matched case.
        diffusion: D in mm² per time unit that the inversion assumes.
        n_leads: number of leads, spread over the torso; None for all nodes.
        noise: what noise the leads have, with variance 1.
        lungs: whether the torso that makes the data has lungs.
        shift_mm: how far the heart is taken to be from where it is, along (0.6, −0.6, 0.53).
        turn_degrees: how far it is taken to be turned about its centroid, around the front–back
            axis.

    >>> case = mismatch_cases(heart_nodes=100, torso_nodes=100, n_times=5)["32 leads"]
    >>> case.problem(0.01, seed=1)
    InverseProblem(32 leads x 5 instants, 100 heart nodes, as recorded)
    """

    name: str
    description: str
    bodies: _Bodies = field(repr=False)
    tissue: _Tissue | None = None
    diffusion: float = DIFFUSION
    n_leads: int | None = None
    noise: Noise = field(default_factory=WhiteNoise)
    lungs: bool = False
    shift_mm: float = 0.0
    turn_degrees: float = 0.0

    @cached_property
    def case(self) -> SimulatedCase:
        """The beat and the operator that makes its data."""
        operator = self.bodies.operator
        if self.lungs:
            settings = {"heart_nodes": self.bodies.heart_nodes, "lungs": True}
            human = geometry_zoo.human(torso_nodes=self.bodies.torso_nodes, **settings)
            lungs = [Inclusion(lung, LUNG_CONDUCTIVITY_RATIO) for lung in human.lungs]
            operator = transfer_matrix(human.heart, human.torso, lungs)
        if self.tissue is not None:
            return self.bodies.beat(self.tissue, operator)
        return replace(self.bodies.matched, operator=operator)

    @property
    def truth(self) -> Potentials:
        """(n_nodes, n_times) dimensionless potentials on the heart."""
        return self.case.truth

    @cached_property
    def operator(self) -> ObservationOperator:
        """What the inversion takes for the way from heart to torso."""
        if not self.shift_mm and not self.turn_degrees:
            return self.bodies.operator
        direction = np.array(SHIFT_DIRECTION)
        c, s = np.cos(np.radians(self.turn_degrees)), np.sin(np.radians(self.turn_degrees))
        about_front_back = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
        human = self.bodies.human
        believed = human.heart.moved(
            self.shift_mm * direction / np.linalg.norm(direction), about_front_back
        )
        return transfer_matrix(believed, human.torso)

    @cached_property
    def leads(self) -> Int[np.ndarray, " n_leads"] | None:
        """Torso nodes that are measured, None for all: each is the farthest from those before."""
        if self.n_leads is None:
            return None
        human = self.bodies.human
        return farthest_points(human.torso, self.n_leads, start_mm=human.heart.centroid_mm)

    def problem(self, noise_sd: float, seed: int) -> InverseProblem:
        """Return the inverse problem as the inversion sees it.

        Args:
            noise_sd: σ of the noise on every lead, white or not.
            seed: seed of the noise; rows with white noise share it sample for sample.
        """
        sd = check_number(noise_sd, "noise_sd", at_least=0)
        clean = self.case.body_potentials
        times = self.case.simulation.times_tu * MS_PER_TU
        data = clean + sd * self.noise.draw(self.bodies.human.torso, times, seed)
        leads = self.leads
        return InverseProblem(
            self.operator,
            data if leads is None else data[leads],
            leads=leads,
            times_ms=times,
        )


def farthest_points(
    surface: Surface, count: int, *, start_mm: Float[np.ndarray, " 3"]
) -> Int[np.ndarray, " count"]:
    """Choose nodes one by one, each as far as can be from those chosen before.

    Args:
        surface: where they are chosen.
        count: how many.
        start_mm: the first is the node nearest to this point.
    """
    count = check_count(count, "count")
    if count > surface.n_nodes:
        raise InputError("count", found=str(count), expected=f"at most {surface.n_nodes} nodes")
    points = surface.vertices_mm
    chosen = [int(nearest_nodes(surface, start_mm, n_nodes=1)[0])]
    nearest = np.linalg.norm(points - points[chosen[0]], axis=1)
    for _ in range(count - 1):
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


def mismatch_cases(
    *, heart_nodes: int = 1094, torso_nodes: int = 352, n_times: int = 661
) -> dict[str, MismatchCase]:
    """List the case of `paper_like` and what may be wrong about it, one thing at a time.

    Blood cavities are no row: for epicardial potentials nothing inside the heart matters. In the
    rows of another D the data are those of the matched case, so methods without a tissue model
    cannot tell the difference.

    Args:
        heart_nodes: number of heart nodes.
        torso_nodes: number of torso nodes.
        n_times: number of samples, every 0.1 time units.

    Returns:
        Cases by name, "matched" first; nothing is computed yet.

    >>> list(mismatch_cases())[:4]
    ['matched', 'displaced 5 mm', 'displaced 10 mm', 'rotated 10°']
    """
    check_count(n_times, "n_times", at_least=2)
    bodies = _Bodies(heart_nodes, torso_nodes, n_times)
    correlated = CorrelatedNoise()
    rows = [
        MismatchCase("matched", "the inversion is told the truth: an inverse crime", bodies),
        MismatchCase(
            "displaced 5 mm", "the heart is taken to be 5 mm elsewhere", bodies, shift_mm=5.0
        ),
        MismatchCase(
            "displaced 10 mm", "the heart is taken to be 10 mm elsewhere", bodies, shift_mm=10.0
        ),
        MismatchCase(
            "rotated 10°",
            "the heart is taken to be turned by 10° about its centroid, in the frontal plane",
            bodies,
            turn_degrees=10.0,
        ),
        MismatchCase("D −50 %", "data with D = 10, inverted with 5", bodies, diffusion=5.0),
        MismatchCase("D +50 %", "data with D = 10, inverted with 15", bodies, diffusion=15.0),
        MismatchCase(
            "other ionic model",
            "data made with the Mitchell–Schaeffer model",
            bodies,
            _Tissue(model=MitchellSchaeffer()),
        ),
        MismatchCase(
            "lungs",
            f"the torso has lungs of {LUNG_CONDUCTIVITY_RATIO} of its conductivity, the inversion "
            "does not know",
            bodies,
            lungs=True,
        ),
        MismatchCase("60 leads", "60 leads, spread over the torso", bodies, n_leads=60),
        MismatchCase("32 leads", "32 leads, spread over the torso", bodies, n_leads=32),
        MismatchCase(
            "correlated noise",
            f"noise of the same σ, correlated as exp(−d/{correlated.length_mm:g} mm) "
            f"exp(−t/{correlated.time_ms:g} ms)",
            bodies,
            noise=correlated,
        ),
        MismatchCase(
            "two sites",
            "a second site at the base is paced at the same instant",
            bodies,
            _Tissue(sites=(pacing_point, _second_site)),
        ),
        MismatchCase(
            "scar",
            f"a patch of radius {SCAR_RADIUS_MM:g} mm on the front wall has D/10, the inversion "
            "takes D as the same everywhere",
            bodies,
            _Tissue(diffusion=_scarred),
        ),
        MismatchCase(
            "cotangent truth",
            "data made with the cotangent Laplacian, inverted with Eq. 15",
            bodies,
            _Tissue(laplacian=CotangentLaplacian()),
        ),
    ]
    return {row.name: row for row in rows}
