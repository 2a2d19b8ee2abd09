"""Plane waves with an unknown gain and an unknown reference, fitted to a linear solution."""

from dataclasses import dataclass, field

import numpy as np

from .._checks import check_count, check_number
from .._errors import InputError
from .._types import Potentials
from ..tissue import MS_PER_TU, AlievPanfilov, IonicModel, plane_wave
from ._problem import InverseProblem
from ._reconstruction import InverseMethod, Solution
from ._spatiotemporal import sampling_interval
from ._tikhonov import Tikhonov
from ._traveling_frame import fit_arrival_times


@dataclass(frozen=True, eq=False)
class PlaneWaveFit:
    """Replace the potentials of a linear method by plane waves of one amplitude and reference.

    min over τ, g, c of  Σ (φ_i(t) − g (U(t − τ_i) − c(t)))²,

    with φ the potentials found and U what a node sees of the tissue model's plane wave. Leads
    without a known reference say nothing about the mean of φ over the heart, so the constant c(t)
    of every instant is unknown. τ, c and g are found in turns; at first, c is the share of the
    data's energy that has passed, a rise from 0 to 1 during the QRS. At the end g is the one that
    explains the leads best. Give the instants of one QRS, from rest on.

    Args:
        start: method that finds φ.
        model: ionic model of U.
        diffusion: D in mm² per time unit; the shape of U over time does not depend on it.
        rounds: of fitting.

    Raises:
        InputError: a setting out of range; when used: unevenly spaced instants, silent data.

    Source: own.

    >>> from cardiotwin.ecgi import CommonAverage, ObservationOperator, Source
    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(162, radius_mm=30.0)
    >>> wave = plane_wave(AlievPanfilov(), diffusion=10.0, duration_tu=12.0)
    >>> times = np.arange(0, 12, 0.2)
    >>> u = wave.at(times - 6 + ball.vertices_mm[:, 2:] / 10)[0]
    >>> operator = ObservationOperator(np.eye(162)[::2], Source.EPICARDIAL, ball)
    >>> problem = InverseProblem(
    ...     operator, 30 * operator.apply(u), reference=CommonAverage(), times_ms=times * MS_PER_TU
    ... )
    >>> round(PlaneWaveFit().solve(problem).diagnostics["gain"])
    30
    """

    start: InverseMethod = field(default_factory=lambda: Tikhonov(order=2, uncertainty=False))
    model: IonicModel = field(default_factory=AlievPanfilov)
    diffusion: float = 10.0
    rounds: int = 30

    def __post_init__(self):
        check_number(self.diffusion, "diffusion", above=0)
        check_count(self.rounds, "rounds")

    def solve(self, problem: InverseProblem) -> Solution:
        """Return g U(t − τ)."""
        require_data(problem)
        sampling_interval(problem.times_ms)
        times = (problem.times_ms - problem.times_ms[0]) / MS_PER_TU
        wave = plane_wave(self.model, diffusion=self.diffusion, duration_tu=float(times[-1]))
        found = self.start.solve(problem).heart_potentials
        found = found - found.mean(axis=0)
        passed = np.cumsum((problem.data**2).sum(axis=0))
        constant, gain = passed / passed[-1], float(np.median(np.ptp(found, axis=1)))
        potentials = np.zeros_like(found)
        for _ in range(self.rounds):
            arrival = fit_arrival_times(found / max(gain, 1e-300) + constant, times, wave)
            potentials = wave.at(times - arrival[:, None])[0]
            constant = potentials.mean(axis=0)
            shape = potentials - constant
            gain = float((found * shape).sum()) / max(float((shape**2).sum()), 1e-300)
        gain = least_squares_gain(problem, potentials)
        return Solution(gain * potentials, diagnostics={"gain": gain})


def least_squares_gain(problem: InverseProblem, potentials: Potentials) -> float:
    seen = problem.matrix @ potentials
    power = float((seen**2).sum())
    return float((problem.data * seen).sum()) / power if power > 0 else 0.0


def require_data(problem: InverseProblem) -> None:
    if not problem.data.any():
        raise InputError(
            "body_potentials", found="zero everywhere", expected="potentials to explain"
        )
