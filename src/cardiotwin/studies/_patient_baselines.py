"""Med-Real2Sim, Table 2: networks that are trained on one patient, beside the simulator itself."""

import os
import re
import resource
import sys
from typing import Any

import numpy as np

from .._types import PathLike
from ..circulation import contraction_time
from ..hemodynamics import ADULT, MaximumAPosteriori, WaveformNeuralOde, WaveformPinn
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
    by_identification,
    by_network,
    consistency,
    draw_patients,
)
from ._patient_figures import best_and_worst, boxes
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
    *("V (mL)", "P_LA (mmHg)", "P_A (mmHg)", "P_Ao (mmHg)", "Q (mL/s)"),
    "parameters (prior SD)",
    *("training (s a patient, in the batch)", "one patient alone (s)", "compiling (s)"),
    *("evaluations", "numbers sought"),
]

NO_ANSWER = 100.0
"""Points of EF that count where a training ended without a finite volume."""


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
    mode = MaximumAPosteriori(draws=8)
    answers = [
        by_identification("identify (most probable)", plain, mode, seed),
        by_network("PINN", plain, pinn, seed),
        by_network("PINN trained by Adam", plain, adam, seed, alone=False),
        by_network("Neural ODE", plain, WaveformNeuralOde(steps=tuned), seed),
        by_network("Neural ODE, as many steps as the PINN", plain,
                   WaveformNeuralOde(steps=steps), seed, alone=False),
        by_network("Neural ODE given all five true states", plain,
                   WaveformNeuralOde(steps=2 * tuned, observed="states", width=32, harmonics=4),
                   seed, states=truth.states, alone=False),
        by_identification("identify, cuff too", cuffed, mode, seed),
        by_network("PINN, cuff too", cuffed, pinn, seed, alone=False),
    ]  # fmt: skip
    # The same methods where their circuit is wrong: other aortas, leaking mitral valves.
    other = draw_patients(len(plain), seed + 2 * OTHERS, other=True)
    erring = [
        by_identification("identify, another circuit", other.volumes, mode, seed),
        by_network("PINN, another circuit", other.volumes, pinn, seed, alone=False),
        by_network("Neural ODE, another circuit", other.volumes,
                   WaveformNeuralOde(steps=tuned), seed, alone=False),
    ]  # fmt: skip
    figures = {"errors": boxes(answers, truth), "errors-another-circuit": boxes(erring, other)}
    for answer, own in [(answer, truth) for answer in answers[:6]] + [(erring[1], other)]:
        name = re.sub("[^a-z]+", "-", answer.name.lower()).strip("-")
        figures[name] = best_and_worst(answer, own)
    return StudyTable(
        f"Networks of single patients beside identification, {len(plain)} random adults",
        COLUMNS,
        [_row(answer, truth) for answer in answers] + [_row(answer, other) for answer in erring],
        _notes(answers, truth, steps, tuned),
        figures,
    )


def ef_errors(answer: Answer, truth: Truth) -> np.ndarray:
    """Return the absolute errors of EF, of every patient."""
    errors = np.abs(answer.ef_percent - np.asarray(truth.beat.indices.ef_percent))
    return np.where(np.isfinite(errors), errors, NO_ANSWER)


def _row(answer: Answer, truth: Truth) -> list[Any]:
    errors = ef_errors(answer, truth)
    low, middle, high = np.quantile(errors, [0.25, 0.5, 0.75])
    rms = np.sqrt(np.mean((answer.waves - truth.waves) ** 2, -1)).mean(0)
    waves = [float(value) if np.isfinite(value) else None for value in rms]
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
        *waves,
        parameters,
        answer.seconds,
        answer.alone,
        answer.compiling,
        round(answer.evaluations),
        answer.weights,
    ]


def _notes(answers: list[Answer], truth: Truth, steps: int, tuned: int) -> list[str]:
    names = [name for name in ADULT if name != "period_s"]
    told = []
    for answer in answers:
        if answer.coordinates is not None:
            own = np.abs(answer.coordinates - truth.coordinates).mean(0)
            each = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, own, strict=True))
            told.append(f"{answer.name}, mean error of each parameter in prior SD: {each}")
    gap = consistency(answers[1])
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
        "W and the m + n (K) activations a patient. identify costs N times the evaluations of "
        "the beat in the table. An amortized network (P-SSL, surrogate) pays once and then W a "
        "patient",
        f"evaluations: forward ones of the network at one instant, mean a patient; for identify, "
        f"of the beat with its derivatives. Peak memory "
        f"of the whole process {peak:.1f} GB",
    ]


def _paper_ef(waves: np.ndarray, truth: Truth) -> np.ndarray:
    """Return EF of V(0) and V(Tmax)."""
    period = np.asarray(truth.beat.circulation.period_s)
    peak = contraction_time(period) / period
    edv = waves[:, 0, 0]
    esv = [np.interp(at, PHASES, volume) for at, volume in zip(peak, waves[:, 0], strict=True)]
    return 100 * (edv - np.array(esv)) / edv
