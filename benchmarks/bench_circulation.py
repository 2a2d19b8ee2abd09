"""Speed of the steady state, of its derivatives, and of the reference's way in the same run."""

import os
import time

import jax
import numpy as np
import pytest
from scipy.integrate import odeint

from cardiotwin.circulation import (
    FAST,
    Circulation,
    gradient,
    sensitivities,
    steady_indices,
    steady_state,
)
from cardiotwin.studies._random_circulations import paper_box

N_BATCH = 4096
N_CYCLES, N_POINTS = 70, 60_000
"""How the code of Med-Real2Sim runs one parameter set."""


@pytest.fixture(scope="module")
def box():
    return paper_box(np.random.default_rng(0), N_BATCH)


def timed(function, *arguments, **options):
    start = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - start


def note(benchmark, **numbers):
    """Keep numbers beside the times, and how busy the machine was."""
    benchmark.extra_info["load_average"] = round(os.getloadavg()[0], 2)
    for name, value in numbers.items():
        benchmark.extra_info[name] = float(f"{value:.4g}")


def test_batch_of_4096_over_the_box(benchmark, box):
    jax.clear_caches()
    first = timed(steady_indices, box[:256])
    found = benchmark.pedantic(steady_indices, (box,), rounds=5, warmup_rounds=1)
    assert (found.status == "periodic").all()
    seconds = benchmark.stats.stats.min
    note(benchmark, first_call_with_compilation_s=first, states_a_second=N_BATCH / seconds)


def test_one_alone(benchmark):
    first = timed(steady_indices, Circulation())
    benchmark(steady_indices, Circulation())
    note(benchmark, first_call_with_compilation_s=first)


def test_one_alone_with_waveforms(benchmark):
    first = timed(steady_state, Circulation())
    benchmark(steady_state, Circulation())
    note(benchmark, first_call_with_compilation_s=first)


def test_pretext_grid(benchmark):
    axes = [
        np.linspace(low, high, n)
        for low, high, n in [
            (0.4, 1.7, 4), (0, 280, 3), (0.5, 3.5, 5), (0.02, 0.1, 4), (0.005, 0.1, 4),
            (0.0001, 0.25, 4),
        ]
    ]  # fmt: skip
    period, start, emax, emin, rm, ra = np.stack(np.meshgrid(*axes)).reshape(6, -1)
    grid = Circulation.from_start_volume(
        start,
        period_s=period,
        emax=emax,
        emin=emin,
        mitral_resistance=rm,
        aortic_valve_resistance=ra,
        v0_ml=4.0,
    )
    found = benchmark.pedantic(steady_indices, (grid,), rounds=3, warmup_rounds=1)
    assert (found.status == "periodic").all()
    note(benchmark, states_a_second=grid.shape[0] / benchmark.stats.stats.min)


def test_all_derivatives_of_256(benchmark, box):
    """Fifteen parameters × thirty-six indices, beside the indices alone on one group."""
    own, names = box[:256], list(Circulation().values())
    first = timed(sensitivities, own, names, solver=FAST)
    steady_indices(own)
    forward = min(timed(steady_indices, own) for _ in range(5))
    benchmark.pedantic(sensitivities, (own, names), {"solver": FAST}, rounds=5)
    ratio = benchmark.stats.stats.min / forward
    note(benchmark, first_call_with_compilation_s=first, forward_s=forward, ratio=ratio)


def objective(indices):
    """Return one number per patient: what a fit would make small."""
    return (indices.edv_ml - 150.0) ** 2 + (indices.systolic_mmhg - 120.0) ** 2


@pytest.mark.parametrize("n_patients", [1, 16, 256])
def test_gradient_in_all_parameters(benchmark, box, n_patients):
    """Wanted: at most four times what the indices alone cost."""
    own = box[:n_patients]
    jax.clear_caches()
    first = timed(gradient, objective, own, solver=FAST)
    steady_indices(own)
    forward = min(timed(steady_indices, own) for _ in range(5))
    found = benchmark.pedantic(gradient, (objective, own), {"solver": FAST}, rounds=5)
    assert np.isfinite(found.derivatives["emax"]).all()
    ratio = benchmark.stats.stats.min / forward
    note(benchmark, first_call_with_compilation_s=first, forward_s=forward, ratio=ratio)


def reference_way(own):
    """Do what the reference does: 70 cycles of 60,000 points, then pressures point by point.

    Returns volumes at end diastole and end systole, and the seconds that the integration took.
    """
    p = {name: float(value) for name, value in own.values().items()}
    tmax = 0.2 + 0.15 * p["period_s"]

    def stiffness(t):
        tn = (t % p["period_s"]) / tmax
        rise, fall = (tn / 0.7) ** 1.9, (tn / 1.17) ** 21.9
        return (p["emax"] - p["emin"]) * 1.55 * rise / (1 + rise) / (1 + fall) + p["emin"]

    def rates(y, t):
        pressure = stiffness(t) * y[0]
        mitral = max(y[1] - pressure, 0.0) / p["mitral_resistance"]
        valve = max(pressure - y[3], 0.0) / p["aortic_valve_resistance"]
        systemic = (y[2] - y[1]) / p["systemic_resistance"]
        return [
            mitral - valve,
            (systemic - mitral) / p["atrial_compliance"],
            (y[4] - systemic) / p["arterial_compliance"],
            (valve - y[4]) / p["aortic_compliance"],
            (y[3] - y[2] - p["characteristic_resistance"] * y[4]) / p["aortic_inertance"],
        ]

    start = [140.0, 140.0 * p["emin"], 75.0, 75.0, 0.0]
    times = np.linspace(0, p["period_s"] * N_CYCLES, N_POINTS * N_CYCLES)
    began = time.perf_counter()
    stressed = odeint(rates, start, times)[:, 0]
    seconds = time.perf_counter() - began
    pressure = [stiffness(t) * v for t, v in zip(times, stressed, strict=True)]
    volume = stressed[(N_CYCLES - 1) * N_POINTS :] + p["v0_ml"]
    assert max(pressure[-N_POINTS:]) > 0
    return volume[0], volume[200 * int(60 / p["period_s"]) + 9000], seconds


def test_reference_odeint_70_cycles(benchmark, box):
    one = Circulation.from_start_volume(140.0)
    edv, esv, odeint_s = benchmark.pedantic(reference_way, (one,), rounds=1)
    indices = steady_indices(one).indices
    np.testing.assert_allclose(
        [edv, esv], [indices.paper_edv_ml, indices.paper_esv_ml], rtol=0, atol=0.02
    )
    steady_indices(box)
    alone = min(timed(steady_indices, one) for _ in range(5))
    together = min(timed(steady_indices, box) for _ in range(3)) / N_BATCH
    seconds = benchmark.stats.stats.min
    note(
        benchmark,
        odeint_without_pressures_s=odeint_s,
        times_slower_than_one_alone=seconds / alone,
        times_slower_than_one_of_a_batch=seconds / together,
    )
