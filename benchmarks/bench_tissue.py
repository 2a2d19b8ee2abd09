"""Speed of one beat: 1094 nodes, 661 instants 0.1 time units apart; target 0.5 s on two cores."""

import time

import jax
import numpy as np
import pytest

from cardiotwin.geometry import PaperLaplacian, zoo
from cardiotwin.tissue import (
    AlievPanfilov,
    Excitation,
    ExplicitHeun,
    ImplicitDiffusion,
    RungeKutta4,
    SpatioTemporal,
    activation_times,
    diffusion_matrix,
    simulate_beat,
)


@pytest.fixture(scope="module")
def heart():
    return zoo.human(heart_nodes=1094, torso_nodes=352).heart


@pytest.fixture(scope="module")
def pacing(heart):
    lowest = heart.vertices_mm[np.argmin(heart.vertices_mm[:, 2])]
    return [Excitation.near(heart, lowest, n_nodes=12)]


@pytest.mark.parametrize(
    "stepper",
    [RungeKutta4(), ExplicitHeun(), ExplicitHeun(0.05), ImplicitDiffusion()],
    ids=["RungeKutta4", "Heun", "Heun-0.05", "implicit-Strang"],
)
def test_simulate_beat(benchmark, heart, pacing, stepper):
    jax.clear_caches()
    start = time.perf_counter()
    simulate_beat(heart, stimuli=pacing, stepper=stepper)
    first = time.perf_counter() - start
    beat = benchmark(simulate_beat, heart, stimuli=pacing, stepper=stepper)
    benchmark.extra_info["first_call_with_compilation_s"] = round(first, 3)
    benchmark.extra_info["step_tu"] = beat.step_tu
    benchmark.extra_info["mean_square"] = round(beat.mean_square, 4)


def heun_with_sparse_matrix(heart, nodes):
    """Do the same in plain NumPy and SciPy: Heun steps of 0.05 with a CSR product."""
    matrix = diffusion_matrix(heart, 10.0, PaperLaplacian())
    model, step = AlievPanfilov(), 0.05
    u, v = np.zeros(heart.n_nodes), np.zeros(heart.n_nodes)
    u[nodes] = 1.0
    samples = [u]
    for _ in range(660):
        for _ in range(2):
            du, dv = model.reaction(u, v)
            du = du + matrix @ u
            ahead, after = u + step * du, v + step * dv
            du2, dv2 = model.reaction(ahead, after)
            du2 = du2 + matrix @ ahead
            u, v = u + 0.5 * step * (du + du2), v + 0.5 * step * (dv + dv2)
        samples.append(u)
    return np.array(samples).T


def test_reference_numpy_scipy_heun_0_05(benchmark, heart, pacing):
    potentials = benchmark(heun_with_sparse_matrix, heart, pacing[0].nodes)
    ours = simulate_beat(heart, stimuli=pacing, stepper=ExplicitHeun(0.05)).potentials
    np.testing.assert_allclose(potentials, ours, atol=1e-9)


def test_spatiotemporal_activation(benchmark, heart, pacing):
    beat = simulate_beat(heart, stimuli=pacing)
    method = SpatioTemporal(heart, longest_delay=5.0)
    benchmark.pedantic(
        activation_times, (beat.potentials, beat.times_tu), {"method": method}, rounds=2
    )
