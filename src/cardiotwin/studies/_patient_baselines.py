"""Med-Real2Sim, Table 2: networks that are trained on one patient, beside the simulator itself."""

import os
import re
import resource
import sys
from typing import Any

import numpy as np

from .._types import PathLike
from ..circulation import contraction_time
from ..hemodynamics import ADULT, MaximumAPosteriori, Posterior, WaveformNeuralOde, WaveformPinn
from ..learning import Adam, CosineDecay
from ._patient_answers import (
    CUFF_MMHG,
    ERROR_ML,
    LEAK,
    N_VOLUMES,
    OTHER_SPREAD,
    PHASES,
    Answer,
    Truth,
    by_network,
    consistency,
    draw_patients,
    ef_errors,
    wave_errors,
)
from ._patient_figures import best_and_worst, boxes, success_and_failure
from ._patient_identified import N_LOOPS, by_mode, by_posterior
from ._table import StudyTable

STEPS = 4000
"""Budget: steps of every training."""

TUNED = 500
"""Steps after which Neural ODEs begin to follow the noise: chosen on other patients."""

OTHERS = 2_000_003
"""Added to the seed: none of these patients was there when settings were chosen."""

COLUMNS = [
    "method",
    "converged",
    *("EF: mean error (points)", "median", "quartiles", "largest"),
    *("90 % interval of EF holds the truth", "its width (points)"),
    *("V (mL)", "P_LA (mmHg)", "P_A (mmHg)", "P_Ao (mmHg)", "Q (mL/s)"),
    "parameters (prior SD)",
    *("s a patient, in the batch", "one inverse evaluation: a new patient, alone (s)"),
    *("compiling (s)", "steps", "one step (ms a patient)", "cores had"),
    "memory of the batch (MB)",
    *("evaluations", "numbers sought"),
]


def patient_baselines(
    data: PathLike | None = None, *, quick: bool = False, seed: int = 0, patients: int = 20
) -> StudyTable:
    """Compare per-patient networks with identification on the same noisy volume curves.

    Args:
        data: not used, patients are drawn.
        quick: three patients and a tenth of the steps.
        seed: of patients, noise and trainings.
        patients: how many.
    """
    del data
    truth = draw_patients(3 if quick else patients, seed + OTHERS)
    steps, tuned = (STEPS // 10, TUNED // 5) if quick else (STEPS, TUNED)
    pinn = WaveformPinn(steps=steps)
    adam = WaveformPinn(steps=steps, optimizer=Adam(CosineDecay(5e-3)))
    plain, cuffed = truth.volumes, truth.cuffed
    mode, draws = MaximumAPosteriori(draws=8), Posterior()
    answers = [
        by_mode("identify (most probable)", plain, mode, seed),
        by_posterior("identification by posterior", plain, draws, seed),
        by_network("PINN", plain, pinn, seed),
        by_network("PINN trained by Adam", plain, adam, seed, alone=False),
        by_network("Neural ODE", plain, WaveformNeuralOde(steps=tuned), seed),
        by_network("Neural ODE, as many steps as the PINN", plain,
                   WaveformNeuralOde(steps=steps), seed, alone=False),
        by_network("Neural ODE given all five true states", plain,
                   WaveformNeuralOde(steps=2 * tuned, observed="states", width=32, harmonics=4),
                   seed, states=truth.states, alone=False),
        by_mode("identify, cuff too", cuffed, mode, seed, measured=False),
        by_posterior("posterior, cuff too", cuffed, draws, seed, measured=False),
        by_network("PINN, cuff too", cuffed, pinn, seed, alone=False),
    ]  # fmt: skip
    # The same methods where their circuit is wrong: other aortas, leaking mitral valves.
    other = draw_patients(len(plain), seed + 2 * OTHERS, other=True)
    erring = [
        by_mode("identify, another circuit", other.volumes, mode, seed, measured=False),
        by_posterior("posterior, another circuit", other.volumes, draws, seed, measured=False),
        by_network("PINN, another circuit", other.volumes, pinn, seed, alone=False),
        by_network("Neural ODE, another circuit", other.volumes,
                   WaveformNeuralOde(steps=tuned), seed, alone=False),
    ]  # fmt: skip
    figures = {
        "errors": boxes(answers, truth),
        "errors-another-circuit": boxes(erring, other),
        "pinn-success-and-failure": success_and_failure(
            [(answer, truth) for answer in answers if answer.name.startswith("PINN")]
            + [(answer, other) for answer in erring if answer.name.startswith("PINN")]
        ),
    }
    for answer, own in [(answer, truth) for answer in answers[:7]] + [(erring[2], other)]:
        name = re.sub("[^a-z]+", "-", answer.name.lower()).strip("-")
        figures[name] = best_and_worst(answer, own)
    return StudyTable(
        f"Networks of single patients beside identification, {len(plain)} random adults",
        COLUMNS,
        [_row(answer, truth) for answer in answers] + [_row(answer, other) for answer in erring],
        _notes(answers, truth, steps, tuned),
        figures,
    )


def _row(answer: Answer, truth: Truth) -> list[Any]:
    costs = answer.costs
    errors = ef_errors(answer, truth)
    low, middle, high = np.quantile(errors, [0.25, 0.5, 0.75])
    # None where the method says nothing; not a number where it failed in a patient.
    waves = [None if np.isnan(each).all() else float(each.mean())
             for each in wave_errors(answer, truth).T]  # fmt: skip
    covered, width = None, None
    if answer.ef_interval is not None:
        inside = _holds(answer, truth)
        covered = f"{int(inside.sum())}/{len(inside)}"
        width = float(np.ptp(answer.ef_interval, -1).mean())
    parameters = None
    if answer.coordinates is not None:
        parameters = float(np.mean(np.abs(answer.coordinates - truth.coordinates)))
    return [
        answer.name,
        f"{int(answer.converged.sum())}/{len(errors)}",
        float(errors.mean()),
        float(middle),
        f"{low:.2f} to {high:.2f}",
        float(errors.max()),
        covered,
        width,
        *waves,
        parameters,
        costs.seconds,
        costs.alone,
        costs.compiling,
        round(costs.steps),
        costs.step_ms,
        costs.cores,
        costs.memory_mb,
        round(costs.evaluations),
        costs.numbers,
    ]


def _holds(answer: Answer, truth: Truth) -> np.ndarray:
    """Return whose 90 % interval holds the true EF."""
    assert answer.ef_interval is not None
    ef = np.asarray(truth.beat.indices.ef_percent)
    low, high = answer.ef_interval.T
    return (low <= ef) & (ef <= high)


def _notes(answers: list[Answer], truth: Truth, steps: int, tuned: int) -> list[str]:
    n, names = len(truth.volumes), [name for name in ADULT if name != "period_s"]
    told = []
    for answer in answers:
        if answer.coordinates is not None:
            own = np.abs(answer.coordinates - truth.coordinates).mean(0)
            each = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, own, strict=True))
            told.append(f"{answer.name}, mean error of each parameter in prior SD: {each}")
    gap = consistency(next(answer for answer in answers if answer.name == "PINN"))
    paper = [
        f"{answer.name} "
        f"{np.abs(_paper_ef(answer.waves, truth) - _paper_ef(truth.waves, truth)).mean():.2f}"
        for answer in answers
    ]
    ef = np.asarray(truth.beat.indices.ef_percent)
    always = np.abs(ef - ef.mean())
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    return [
        f"adults drawn from the priors; {N_VOLUMES} volumes over one beat with {ERROR_ML:g} mL of "
        f"noise, heart rate exact; with cuff: true systolic and diastolic pressure, told to "
        f"{CUFF_MMHG:g} mmHg; everybody counts in every mean, converged or not",
        "an inverse crime: the volumes come from the circuit that PINN and identify assume; "
        "the Neural ODE assumes none. Priors are those that the patients come from",
        f"another circuit: other patients, whose Rc, Ca and Ls lie {100 * OTHER_SPREAD:.0f} % "
        f"(SD of the logarithm) from the values that all methods assume, and whose mitral valve "
        f"leaks up to {LEAK:g} mL/(s mmHg), which none of them knows",
        f"budget: {steps} steps of SOAP a patient for the PINN; Neural ODEs {tuned}, after which "
        f"they follow the noise, {steps} (a row of its own), and {2 * tuned} with all states; all "
        f"patients of a method side by side on {os.cpu_count()} cores that other processes share, "
        f"load {os.getloadavg()[0]:.1f}",
        "waves: root mean square error over the beat, mean of patients. Volumes alone do not fix "
        "the level of pressure: what is right in it without a cuff is the prior's",
        f"always saying the cohort's mean EF: {always.mean():.2f} points",
        "EF read at t = 0 and Tmax as the paper's code does, mean error: " + ", ".join(paper),
        f"PINN: volumes of the simulator at the parameters it found differ from its own by "
        f"{np.nanmean(gap):.2f} mL (largest {np.nanmax(gap):.2f})",
        *told,
        "a new patient costs a whole training with either network, and nothing learned helps the "
        "next: N patients, L steps, m equation instants, n volumes, W weights cost N L (m + n) W "
        "for PINNs and N L K W for Neural ODEs, K evaluations of a solve, in operations; memory "
        "N (W + (m + n) A) and N (W + K A), A activations of an evaluation. identify costs N times "
        "the evaluations of the beat in the table. An amortized network (P-SSL, surrogate) pays "
        "once and then W a patient",
        f"identification by posterior: EF is the posterior's median, the waves are the mean of "
        f"{N_LOOPS} beats, parameters the posterior's mean. Intervals that are right hold the "
        f"truth in {0.9 * n:.0f} ± {(0.09 * n) ** 0.5:.1f} (SD) of {n} patients; `cardiotwin "
        "reproduce calibration` has 500",
        "evaluations: forward ones of the network at one instant, mean a patient; for the mode "
        "of identify, of the beat with its derivatives, a step each; for the posterior beats "
        f"without derivatives, in rounds of {Posterior().draws_per_round}",
        "memory: what XLA assigns the compiled program (arguments, results, everything in "
        "between) for all patients side by side; for identify its largest program, of a group of "
        "patients, once on every core, and the peak of NumPy's arrays (tracemalloc). Compilers "
        f"and libraries need far more: peak of the whole process {peak:.1f} GB",
        "compiling: identify compiles its programs once, so that later rows have none",
        "times are of the clock; cores had is the processor time of this process over it, "
        "compiling included: where it is below one, other programs had the rest, and an idle core "
        "would have needed about that share of the time",
    ]


def _paper_ef(waves: np.ndarray, truth: Truth) -> np.ndarray:
    """Return EF of V(0) and V(Tmax)."""
    period = np.asarray(truth.beat.circulation.period_s)
    peak = contraction_time(period) / period
    edv = waves[:, 0, 0]
    esv = [np.interp(at, PHASES, volume) for at, volume in zip(peak, waves[:, 0], strict=True)]
    return 100 * (edv - np.array(esv)) / edv
