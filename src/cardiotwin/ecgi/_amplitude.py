"""Tissue models know u from 0 to 1, recordings are in mV: methods with an unknown gain."""

from dataclasses import dataclass, field, replace

import numpy as np

from .._checks import check_count, check_number
from ._plane_wave_fit import PlaneWaveFit, least_squares_gain, require_data
from ._problem import InverseProblem
from ._reconstruction import InverseMethod, Solution


@dataclass(frozen=True, eq=False)
class UnknownAmplitude:
    """Find u and the gain g of y = g R u in turns: u by a method, then g by the leads.

    A tissue model's u runs from 0 to 1, a recording is in mV. Each round solves s y = (s g R) u,
    with s such that the data have the root mean square 1 (then a misfit weighs against the physics
    what it does in the paper, whatever the operator), and takes

        g ← ⟨P y, P R u⟩ / ‖P R u‖²,

    the least-squares gain of what was found. An unknown reference (a constant over the leads at
    every instant) is removed by the problem's `CommonAverage`, which is the same as fitting it.

    This makes sense where the method knows how large u is. A method whose answer only scales with
    the data, such as `Tikhonov`, has no gain to find: its g would grow from round to round.
    `FourDVar` estimates its own gain and needs no help.

    Args:
        method: solves for u of amplitude 1.
        first: method for the first gain: the median over the nodes of max − min of its answer.
        gain: first gain, where it is known better.
        rounds: how often the method is run at most.
        tolerance: relative change of g that ends the rounds.

    Raises:
        InputError: a setting out of range; when used: data that are zero everywhere.

    Source: own; alternating least squares for a model that is linear in one unknown (variable
    projection: Golub and Pereyra, SIAM J Numer Anal 1973;10:413).

    >>> from cardiotwin.ecgi import ObservationOperator, Source
    >>> class Steps:  # knows that u is 0 or 1
    ...     def solve(self, problem):
    ...         u = np.linalg.solve(problem.matrix, problem.data)
    ...         return Solution(np.where(u > 0.5, 1.0, 0.0))
    >>> truth = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    >>> problem = InverseProblem(np.eye(2), 40.0 * truth)
    >>> found = UnknownAmplitude(Steps(), gain=60.0).solve(problem)
    >>> round(found.diagnostics["gain"], 6)
    40.0
    """

    method: InverseMethod
    first: InverseMethod = field(default_factory=PlaneWaveFit)
    gain: float | None = None
    rounds: int = 3
    tolerance: float = 0.02

    def __post_init__(self):
        check_count(self.rounds, "rounds")
        check_number(self.tolerance, "tolerance", above=0)
        if self.gain is not None:
            check_number(self.gain, "gain", above=0)

    def solve(self, problem: InverseProblem) -> Solution:
        """Return g u, in the unit of the data; g is among the diagnostics."""
        require_data(problem)
        gain, done, change = self._first_gain(problem), 0, 1.0
        # No positive gain: the answer has nothing to do with the data.
        while done < self.rounds and gain > 0 and abs(change) > self.tolerance:
            found = self.method.solve(_scaled(problem, gain))
            before, gain = gain, least_squares_gain(problem, found.heart_potentials)
            change = gain / before - 1
            done += 1
        status = found.status
        if gain <= 0:
            status = "what was found does not explain the leads with any positive gain"
        elif abs(change) > self.tolerance:
            status = f"{status}; the gain changed by {change:+.0%} in the last round: raise rounds"
        spread = found.uncertainty
        if spread is not None:
            spread = replace(spread, standard_deviation=abs(gain) * spread.standard_deviation)
        numbers = {"gain": gain, "gain_change": change, "rounds": float(done)}
        return replace(
            found,
            heart_potentials=gain * found.heart_potentials,
            status=status,
            uncertainty=spread,
            diagnostics={**found.diagnostics, **numbers},
        )

    def _first_gain(self, problem: InverseProblem) -> float:
        if self.gain is not None:
            return self.gain
        return float(np.median(np.ptp(self.first.solve(problem).heart_potentials, axis=1)))


def _scaled(problem: InverseProblem, gain: float) -> InverseProblem:
    """Return the problem of which u is the answer, with data of root mean square 1."""
    scale = 1 / float(np.sqrt(np.mean(problem.data**2)))
    return InverseProblem(
        replace(problem.operator, matrix=scale * gain * problem.operator.matrix),
        scale * problem.body_potentials,
        leads=problem.rows,
        reference=problem.reference,
        exclude=np.setdiff1d(np.arange(problem.n_leads), problem.kept).tolist(),
        times_ms=problem.times_ms,
    )
