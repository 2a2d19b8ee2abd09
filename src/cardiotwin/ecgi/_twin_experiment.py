"""Error bars from an experiment: invert a simulated beat that resembles the answer, and look."""

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_count, check_number
from .._errors import InputError
from .._progress import track
from .._types import Potentials
from ..geometry import PaperLaplacian, Surface, geodesic_distance
from ..tissue import (
    MS_PER_TU,
    AlievPanfilov,
    Excitation,
    IonicModel,
    Simulation,
    SurfaceLaplacian,
    plane_wave,
    simulate_beat,
)
from ._ensemble import seeded
from ._problem import InverseProblem
from ._reconstruction import NINETY_PERCENT, InverseMethod, Solution, Uncertainty
from ._spatiotemporal import sampling_interval
from ._traveling_frame import fit_arrival_times

STEEP = 0.1
"""Slope in potential per time unit from which on a change counts as part of a wave."""

PATCH_MM = 20.0
"""Radius of the patch within which errors are alike, about what a torso map resolves."""

GRACE_TU = 2.0
"""How much too early a node may be without being a focus: maps are blurred where waves start."""


@dataclass(frozen=True, eq=False)
class TwinExperiment:
    """Solve, simulate a beat like the answer, invert that too, and take its errors for one's own.

    The tissue model makes a beat with the answer's own foci, the operator turns it into leads with
    noise of the size that was left unexplained, and the same method inverts them. Here the truth is
    known. Its errors are summarized by three numbers, errors of timing where potentials rise (a₊)
    and where they fall (a₋), and one of size (b), such that 90 % of the twin's errors lie within
    1.645 standard deviations on steep rises, on steep falls and elsewhere:

        sd² = (a± ∂û/∂t)² + b².

    Unlike a spread over perturbed data this counts what the method gets wrong however often it is
    repeated: prior, missing convergence, what the leads cannot see. What the twin shares with the
    inversion but not with the patient (operator, tissue model) does not show.

    Args:
        method: any inverse method whose potentials are those of the tissue model (0 to 1).
        twins: simulated beats; each takes as long as the method itself.
        model: ionic model of the twin.
        diffusion: D of the twin in mm² per time unit.
        laplacian: surface operator of the twin.
        seed: of the twin's noise; a method with a seed gets ``method.seed + k`` for twin k.

    Raises:
        InputError: no twins; when used: no heart surface, unevenly spaced instants.

    Source: own; a parametric bootstrap (Efron and Tibshirani 1993, section 6.5) that starts from a
    beat of the model, calibrated like split conformal prediction (Vovk et al. 2005).

    >>> from cardiotwin import ecgi
    >>> case = ecgi.zoo.paper_like(heart_nodes=100, torso_nodes=60, n_times=120)
    >>> method = TwinExperiment(ecgi.TravelingWave(uncertainty=False))
    >>> found = method.solve(case.problem(0.01, seed=0))
    >>> found.uncertainty.standard_deviation.shape
    (100, 120)
    """

    method: InverseMethod
    twins: int = 1
    model: IonicModel = field(default_factory=AlievPanfilov)
    diffusion: float = 10.0
    laplacian: SurfaceLaplacian = field(default_factory=PaperLaplacian)
    seed: int = 0

    def __post_init__(self):
        check_count(self.twins, "twins")
        check_number(self.diffusion, "diffusion", above=0)
        check_count(self.seed, "seed", at_least=0)

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the method's solution with error bars from its twins."""
        heart = problem.heart
        if heart is None:
            raise InputError(
                "problem",
                found="an operator without a heart surface",
                expected="a surface, on which a twin can be simulated",
                advice="Give ObservationOperator(..., heart=surface).",
            )
        step = sampling_interval(problem.times_ms) / MS_PER_TU
        found = self.method.solve(problem)
        left_over = problem.data - problem.matrix @ found.heart_potentials
        noise_sd = float(np.sqrt(np.mean(left_over**2)))
        beat = self._twin(heart, found.heart_potentials, step)
        rng = np.random.default_rng(self.seed)
        slopes, errors = [], []
        for twin in track(range(1, self.twins + 1), "twin experiment", name=lambda k: f"twin {k}"):
            leads = np.zeros_like(problem.body_potentials)
            leads[problem.kept] = problem.lead_matrix @ beat.potentials
            leads += noise_sd * rng.standard_normal(leads.shape)
            answer = seeded(self.method, twin).solve(problem.with_data(leads)).heart_potentials
            slopes.append(np.gradient(answer, step, axis=1))
            errors.append(np.abs(answer - beat.potentials))
        # Errors are alike within what the torso cannot tell apart: each patch counts as one draw.
        patches = self.twins * max(heart.area_mm2 / (np.pi * PATCH_MM**2), 1.0)
        scale = calibrate(np.stack(slopes), np.stack(errors), patches)
        uncertainty = Uncertainty(
            standard_deviation=scale.at(np.gradient(found.heart_potentials, step, axis=1)),
            kind="errors of a simulated twin of the beat",
            assumptions=(
                f"operator and tissue model exact; noise of {noise_sd:.3g} in the leads; the "
                "errors are as large as in the twin, everywhere where the potential is as steep"
            ),
        )
        numbers = {
            "twin_activation_error_ms": scale.rise * MS_PER_TU,
            "twin_recovery_error_ms": scale.fall * MS_PER_TU,
            "twin_size_error": scale.size,
            "twin_relative_error": float(np.linalg.norm(errors) / np.linalg.norm(beat.potentials))
            / np.sqrt(self.twins),
        }
        return replace(found, uncertainty=uncertainty, diagnostics=found.diagnostics | numbers)

    def _twin(self, heart: Surface, potentials: Potentials, step: float) -> Simulation:
        n_times = potentials.shape[1]
        times = np.arange(n_times) * step
        wave = plane_wave(self.model, diffusion=self.diffusion, duration_tu=float(times[-1]))
        arrival = fit_arrival_times(potentials, times, wave)
        # Twice the speed of a plane wave: a later focus must beat every wave that could come.
        fastest = 2 * wave_speed(self.model, self.diffusion)
        stimuli = [
            Excitation(nodes, start_tu=max(float(arrival[focus]), 0.0))
            for focus, nodes in find_foci(heart, arrival, fastest)
        ]
        return simulate_beat(
            heart,
            model=self.model,
            diffusion=self.diffusion,
            stimuli=stimuli,
            laplacian=self.laplacian,
            n_times=n_times,
            sample_step_tu=step,
        )


def wave_speed(model: IonicModel, diffusion: float) -> float:
    """Return the speed of a front in mm per time unit, from its thickness where need be."""
    exact = getattr(model, "plane_wave_speed", None)
    return model.front_thickness(diffusion) / 1.4 if exact is None else float(exact(diffusion))


def find_foci(
    heart: Surface, arrival_tu: Float[np.ndarray, " n_nodes"], fastest: float
) -> list[tuple[int, Int[np.ndarray, " n_patch"]]]:
    """Return the nodes from which the waves of an arrival map start, each with its patch.

    A node is a focus if no wave from an earlier focus can have reached it by then.
    Its patch are the twelve nodes nearest to it, as many as it takes to start a wave.

    Args:
        heart: surface.
        arrival_tu: (n_nodes,) when the wave arrives, time units.
        fastest: largest speed of a wave, mm per time unit.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(162, radius_mm=30.0)
    >>> north, south = ball.vertices_mm[:, 2].argmax(), ball.vertices_mm[:, 2].argmin()
    >>> from_north = geodesic_distance(ball, [north]) / 5
    >>> from_south = 4 + geodesic_distance(ball, [south]) / 5
    >>> foci = find_foci(ball, np.minimum(from_north, from_south), fastest=10.0)
    >>> [node for node, _ in foci] == [north, south]
    True
    """
    explained = np.full(heart.n_nodes, np.inf)
    foci = []
    while True:
        unexplained = np.flatnonzero(arrival_tu < explained)
        if len(unexplained) == 0:
            return foci
        focus = int(unexplained[arrival_tu[unexplained].argmin()])
        distance = geodesic_distance(heart, [focus])
        size = max(3, round(12 * heart.n_nodes / 1094))
        foci.append((focus, np.argsort(distance, kind="stable")[:size]))
        explained = np.minimum(explained, arrival_tu[focus] + distance / fastest - GRACE_TU)


class ErrorScale(NamedTuple):
    """Standard deviation of an error that is one of timing where potentials change, else of size.

    Attributes:
        rise: error of timing on rises, time units.
        fall: error of timing on falls, time units.
        size: error where nothing changes.
    """

    rise: float
    fall: float
    size: float

    def at(self, slopes: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return √((a± s)² + b²) for slopes s per time unit."""
        return np.hypot(np.where(slopes > 0, self.rise, self.fall) * slopes, self.size)


def calibrate(
    slopes: Float[np.ndarray, "*shape"],
    errors: Float[np.ndarray, "*shape"],
    independent: float = math.inf,
) -> ErrorScale:
    """Return the scale with which 90 % of errors are within 1.645 SD on rises, falls and elsewhere.

    Each of the three numbers is a quantile once the others are known; they are found in turns.
    Of n independent errors the quantile 0.9 (1 + 1/n) is taken, so that the next one lies within
    with probability 0.9 (split conformal prediction).

    Args:
        slopes: ∂u/∂t per time unit.
        errors: |û − u| at the same places.
        independent: how many of the errors are independent of each other.

    >>> rng = np.random.default_rng(0)
    >>> slopes = rng.choice([-0.5, 0.0, 1.0], size=30000)
    >>> errors = np.abs(rng.normal(size=30000)) * ErrorScale(0.3, 0.8, 0.01).at(slopes)
    >>> [round(float(part), 2) for part in calibrate(slopes, errors)]
    [0.3, 0.8, 0.01]
    """
    squares = (errors / NINETY_PERCENT) ** 2
    groups = (slopes > STEEP, slopes < -STEEP, np.abs(slopes) <= STEEP)
    level = min(0.9 * (1 + 1 / independent), 1.0)
    scale = ErrorScale(0.0, 0.0, 0.0)
    for _ in range(8):
        rise, fall = (
            _quantile((squares[steep] - scale.size**2) / slopes[steep] ** 2, level)
            for steep in groups[:2]
        )
        moved = ErrorScale(rise, fall, 0.0).at(slopes[groups[2]]) ** 2
        scale = ErrorScale(rise, fall, _quantile(squares[groups[2]] - moved, level))
    return scale


def _quantile(squares: Float[np.ndarray, " n"], level: float) -> float:
    return float(np.sqrt(max(np.quantile(squares, level), 0.0))) if squares.size else 0.0
