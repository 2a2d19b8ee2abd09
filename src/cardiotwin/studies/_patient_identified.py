"""What identification answers of single patients: the most probable circulation, the posterior."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..circulation import steady_state
from ..hemodynamics import (
    Identification,
    MaximumAPosteriori,
    Measurements,
    Posterior,
    Unknowns,
    identify,
)
from ._patient_answers import PHASES, WAVES, Answer, coordinates_of, joined, sampled, without_period
from ._patient_costs import Clock, Costs, identification_mb

N_LOOPS = 64
"""Beats of the posterior whose mean is the posterior's beat."""


def by_mode(
    name: str,
    patients: Sequence[Measurements],
    method: MaximumAPosteriori,
    seed: int,
    *,
    measured: bool = True,
) -> Answer:
    """Return the most probable patients, as the simulator shows them.

    Args:
        name: of the answer.
        patients: what was measured.
        method: of `identify`.
        seed: of the draws.
        measured: measure memory and the time of one patient alone too, which costs more runs.
    """

    def iterations(own: Identification) -> tuple[float, float]:
        count = own.diagnostics["iterations"]
        return count, count + 1

    found, costs = _identified(patients, method, seed, measured, iterations)
    circulation = joined([own.most_probable for own in found])
    beat = steady_state(circulation)
    period = np.asarray(circulation.period_s)
    return Answer(
        name,
        sampled(beat, PHASES * period[:, None]),
        coordinates_of(circulation),
        np.array([own.trusted for own in found]),
        costs,
        circulation,
    )


def by_posterior(
    name: str,
    patients: Sequence[Measurements],
    method: Posterior,
    seed: int,
    *,
    measured: bool = True,
) -> Answer:
    """Return the posteriors: median EF with its 90 % interval, mean beat, mean parameters.

    Args:
        name: of the answer.
        patients: what was measured.
        method: of `identify`.
        seed: of the draws.
        measured: measure memory and the time of one patient alone too, which costs more runs.
    """

    def rounds(own: Identification) -> tuple[float, float]:
        draws = own.diagnostics["simulations"]
        return draws / method.draws_per_round, draws + own.diagnostics["mode_iterations"] + 1

    found, costs = _identified(patients, method, seed, measured, rounds)
    waves = np.full((len(found), len(WAVES), len(PHASES)), np.nan)
    for row, own in enumerate(found):
        beat = own.loops(N_LOOPS, seed)
        period = np.asarray(beat.circulation.period_s)
        waves[row] = sampled(beat, PHASES * period[:, None])[beat.succeeded].mean(0)
    return Answer(
        name,
        waves,
        without_period(np.array([own.weights @ own.coordinates for own in found])),
        np.array([own.trusted for own in found]),
        costs,
        ef=np.array([own.quantile("ef_percent", 0.5) for own in found]),
        ef_interval=np.array([own.interval("ef_percent") for own in found]),
    )


def _identified(
    patients: Sequence[Measurements],
    method: Any,
    seed: int,
    measured: bool,
    counts: Callable[[Identification], tuple[float, float]],
) -> tuple[list[Identification], Costs]:
    """Return identifications and costs; ``counts`` gives steps and evaluations of each."""

    def run() -> list[Identification]:
        return identify(list(patients), method=method, seed=seed)

    # The programs have one size for every number of patients: one compiles them for all.
    first, alone = (_seconds(lambda: identify(patients[0], method=method, seed=seed))
                    for _ in range(2))  # fmt: skip
    clock = Clock()
    found = run()
    cores = clock.cores
    steps, evaluations = np.mean([counts(own) for own in found], 0)
    costs = Costs(
        seconds=found[0].seconds,
        alone=alone if measured else None,
        compiling=max(first - alone, 0.0),
        steps=float(steps),
        memory_mb=identification_mb(patients, run) if measured else None,
        evaluations=float(evaluations),
        numbers=len(Unknowns.of().names),
        cores=cores,
    )
    return found, costs


def _seconds(run: Callable[[], Any]) -> float:
    clock = Clock()
    run()
    return clock.seconds
