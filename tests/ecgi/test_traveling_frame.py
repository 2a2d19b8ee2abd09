from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import ecgi
from cardiotwin._errors import InputError
from cardiotwin.ecgi import presets
from cardiotwin.ecgi._traveling_frame import fit_arrival_times, wave_at
from cardiotwin.tissue import MS_PER_TU, AlievPanfilov, plane_wave

TIMES = np.arange(0, 60, 0.5)


@dataclass(frozen=True)
class Nothing:
    """A method that sees nothing."""

    def solve(self, problem):
        return ecgi.Solution(np.zeros((problem.n_nodes, problem.n_times)))


@pytest.fixture(scope="module")
def wave():
    return plane_wave(AlievPanfilov(), diffusion=10.0, duration_tu=60.0)


def test_arrival_times_are_exact_for_waves_and_unbiased_under_noise(wave, rng):
    arrival = rng.uniform(1, 40, size=50)
    u = wave_at(arrival, TIMES, wave)[0].astype(float)
    assert np.abs(fit_arrival_times(u, TIMES, wave) - arrival).max() < 0.05
    noisy = fit_arrival_times(u + 0.1 * rng.standard_normal(u.shape), TIMES, wave)
    assert abs(np.mean(noisy - arrival)) < 0.05


def test_arrival_times_move_with_the_potentials(wave):
    u = wave_at(np.array([10.0, 20.0]), TIMES, wave)[0].astype(float)
    shifted = np.roll(u, 4, axis=1)
    later = fit_arrival_times(shifted, TIMES, wave) - fit_arrival_times(u, TIMES, wave)
    assert np.allclose(later, 2.0, atol=0.02)


def _framed(case):
    method = presets.best()
    problem = case.problem(0.0, seed=0)
    objective = method.objective(problem)
    arrival = np.linspace(0, 5, problem.n_nodes)
    network = method.frame.wrap(
        method.initial_network(objective), arrival, objective.derivatives.inputs
    )
    return problem, objective, network, arrival


@pytest.fixture(scope="module")
def case():
    return ecgi.zoo.paper_like(heart_nodes=60, torso_nodes=40, n_times=40)


def test_a_network_of_the_elapsed_time_alone_is_a_traveling_wave(case):
    problem, objective, framed, arrival = _framed(case)
    # Cut the ties to space and time: only the row (t − τ)/s is left.
    first = framed.network.first.weight
    keep = jnp.zeros(first.shape[1]).at[-2].set(1.0)
    network = jax.tree.map(lambda leaf: leaf * keep if leaf is first else leaf, framed)
    u = np.asarray(objective.derivatives.maps(network, jnp.arange(problem.n_times)))[0]
    times = (problem.times_ms - problem.times_ms[0]) / MS_PER_TU
    elapsed = times - arrival[:, None]
    order = np.argsort(elapsed.ravel())
    # All nodes trace one curve of the elapsed time, however u runs along it.
    curve = u.ravel()[order]
    assert np.abs(np.diff(curve)).max() < 0.02 * np.ptp(curve) + 1e-6


def test_training_starts_as_the_wave_and_lowers_both_losses(case):
    quick = presets.best(quiet=True, steps=30, initial_steps=60)
    found = quick.solve(case.problem(0.01, seed=0))
    numbers = found.diagnostics
    assert numbers["data_loss"] < 0.5 * numbers["initial_data_loss"]
    assert {"alpha_1", "alpha_2", "alpha_3"} <= numbers.keys()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_potentials(case):
    quick = presets.best(quiet=True, steps=5, initial_steps=5)
    problem = case.problem(0.01, seed=0)
    first, again, other = (
        replace(quick, seed=seed).solve(problem).heart_potentials for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again) and not np.allclose(first, other)


@pytest.mark.slow
def test_many_seeds_at_once_equal_one_after_the_other(case):
    quick = presets.best(quiet=True, steps=5, initial_steps=5)
    problem = case.problem(0.01, seed=0)
    together = quick.solve_seeds(problem, [3, 4])
    alone = replace(quick, seed=4).solve(problem)
    assert np.allclose(together[1].heart_potentials, alone.heart_potentials, atol=2e-3)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"initial_guess": ecgi.Tikhonov()}, "initial_guess"),
        ({"derivatives": ecgi.AutomaticDerivatives()}, "derivatives"),
    ],
)
def test_what_does_not_go_with_a_frame_is_named(settings, name):
    with pytest.raises(InputError, match=name):
        presets.best(**settings)


def test_the_start_whose_wave_explains_the_leads_is_taken(wave):
    case = ecgi.zoo.paper_like(heart_nodes=60, torso_nodes=40, n_times=300)
    problem = case.problem(0.01, seed=0)
    times = (problem.times_ms - problem.times_ms[0]) / MS_PER_TU
    good, bad = ecgi.TravelingWave(uncertainty=False), Nothing()
    alone = ecgi.TravelingFrame(starts=(good,)).first_wave(problem, times, wave)
    for starts in ((good, bad), (bad, good)):
        arrival, fields = ecgi.TravelingFrame(starts=starts).first_wave(problem, times, wave)
        assert np.array_equal(arrival, alone[0]) and np.array_equal(fields, alone[1])


def test_bad_settings_are_named():
    with pytest.raises(InputError, match="starts"):
        ecgi.TravelingFrame(starts=())
    with pytest.raises(InputError, match="scale_tu"):
        ecgi.TravelingFrame(scale_tu=0.0)
