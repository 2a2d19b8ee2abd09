import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import (
    CommonAverage,
    InverseProblem,
    ObservationOperator,
    Oracle,
    Source,
    SpatioTemporal,
    Tikhonov,
    TravelingWave,
    WaveSpectrum,
    evaluate,
    reconstruct,
)
from cardiotwin.ecgi._traveling_wave import posterior
from cardiotwin.ecgi._wave_prior import WaveLikelihood, WaveModes
from cardiotwin.geometry import CotangentLaplacian, PaperLaplacian, zoo

BALL = zoo.sphere(162, radius_mm=40.0)
N_TIMES, STEP_MS, SPEED = 60, 4.0, 0.6
VIEWS = 60 * zoo.sphere(162, radius_mm=1.0).vertices_mm
MATRIX = 1 / np.linalg.norm(VIEWS[:, None] - BALL.vertices_mm, axis=2) ** 3
MATRIX /= MATRIX.sum(axis=1, keepdims=True)
OPERATOR = ObservationOperator(MATRIX, Source.EPICARDIAL, BALL)
TIMES_MS = STEP_MS * np.arange(N_TIMES)


@pytest.fixture(scope="module")
def wave():
    angle = np.arccos(np.clip(BALL.vertices_mm @ BALL.vertices_mm[0] / 1600, -1, 1))
    arrival = 40 * angle / SPEED
    return 0.5 * (1 + np.tanh((TIMES_MS - 15 - arrival[:, None]) / 8.0))


def noisy(wave, sd, **settings):
    noise = np.random.default_rng(2).normal(scale=sd, size=(162, N_TIMES))
    return InverseProblem(OPERATOR, MATRIX @ wave + noise, times_ms=TIMES_MS, **settings)


@pytest.mark.parametrize("sd", [0.01, 0.05])
def test_it_beats_tikhonov_and_finds_noise_and_speed(wave, sd):
    problem = noisy(wave, sd)
    found = reconstruct(problem, TravelingWave())
    error = evaluate(found.heart_potentials, wave).relative_error
    tikhonov = reconstruct(problem, Tikhonov(order=2, rule=Oracle(wave)))
    assert error < 0.85 * evaluate(tikhonov.heart_potentials, wave).relative_error
    smooth = reconstruct(problem, SpatioTemporal())
    assert error < evaluate(smooth.heart_potentials, wave).relative_error
    assert found.status == "solved"
    assert found.diagnostics["noise_sd"] == pytest.approx(sd, rel=0.05)
    assert found.diagnostics["speed_mm_per_ms"] == pytest.approx(SPEED, rel=0.3)


@pytest.fixture(scope="module")
def found(wave):
    return reconstruct(noisy(wave, 0.02), TravelingWave())


def test_its_error_bars_are_about_right(wave, found):
    ratio = np.abs(found.heart_potentials - wave) / found.uncertainty.standard_deviation
    assert 0.8 < np.mean(ratio < 2) <= 1


def direct(problem, modes, spectrum, sd):
    """Condition the whole Gaussian process at once, in the dense covariance of space and time."""
    n_times = problem.n_times
    cosines = np.sqrt(2 / n_times) * np.cos(
        np.pi * np.outer(np.arange(n_times), np.arange(n_times) + 0.5) / n_times
    )
    cosines[0] /= np.sqrt(2)
    variance = sd**2 * spectrum.variance(modes.wavenumbers, modes.frequencies)
    basis = np.kron(modes.modes, cosines.T)
    prior = (basis * variance.ravel()) @ basis.T
    seen = np.kron(problem.matrix, np.eye(n_times))
    data = seen @ prior @ seen.T + sd**2 * np.kron(problem.projection, np.eye(n_times))
    gain = prior @ seen.T @ np.linalg.pinv(data, rcond=1e-11)
    mean = gain @ problem.data.ravel()
    spread = np.sqrt(np.diag(prior - gain @ seen @ prior))
    return mean.reshape(-1, n_times), spread.reshape(-1, n_times)


@pytest.mark.parametrize("reference", [None, CommonAverage()])
@pytest.mark.parametrize("laplacian", [PaperLaplacian(), CotangentLaplacian()])
def test_posterior_is_that_of_the_whole_process(rng, reference, laplacian):
    small = zoo.sphere(12, radius_mm=20.0)
    operator = ObservationOperator(rng.random((7, 12)), Source.EPICARDIAL, small)
    problem = InverseProblem(operator, rng.normal(size=(7, 9)), reference=reference)
    spectrum = WaveSpectrum(5.0, 8.0, 0.4, 1.5, 0.2)
    modes = WaveModes.of(problem, small, laplacian, 1.0, np.full(9, 0.3))
    # The spectrum is over σ²; the modes are told that σ is 0.3.
    scaled = WaveSpectrum(5.0 * 0.3**2, 8.0, 0.4, 1.5, 0.2)
    mean, deviation = posterior(modes, scaled, 1.0, True)
    expected_mean, expected_deviation = direct(problem, modes, spectrum, 0.3)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-7)
    np.testing.assert_allclose(deviation, expected_deviation, rtol=1e-5, atol=1e-7)


def test_likelihood_is_that_of_the_whole_process(rng):
    # So few modes and instants that every bin holds one.
    small = zoo.sphere(12, radius_mm=20.0)
    problem = InverseProblem(
        ObservationOperator(rng.random((5, 12)), Source.EPICARDIAL, small), rng.normal(size=(5, 6))
    )
    modes = WaveModes.of(problem, small, PaperLaplacian(), 1.0, np.ones(6))
    likelihood = WaveLikelihood.of(modes)

    def exact(spectrum):
        variance = spectrum.variance(modes.wavenumbers, modes.frequencies)
        total = 0.0
        for k in range(6):
            covariance = (modes.seen * variance[:, k]) @ modes.seen.T + np.eye(5)
            total += np.linalg.slogdet(covariance)[1]
            total += modes.data[:, k] @ np.linalg.solve(covariance, modes.data[:, k])
        return total

    one, other = WaveSpectrum(3.0, 5.0, 0.3, 1.2, 0.1), WaveSpectrum(9.0, 2.0, 0.5, 2.0, 1.0)
    for spectrum in (one, other):
        assert likelihood(spectrum, True)[0] == pytest.approx(exact(spectrum), rel=1e-10)
    scaled, factor = likelihood(one, False)
    assert factor == pytest.approx(
        (exact(one) - sum(_volumes(modes, one))) / likelihood.n_data, rel=1e-9
    )
    assert scaled == pytest.approx(
        likelihood.n_data * np.log(factor) + sum(_volumes(modes, one)), rel=1e-9
    )


def _volumes(modes, spectrum):
    variance = spectrum.variance(modes.wavenumbers, modes.frequencies)
    for k in range(len(modes.frequencies)):
        covariance = (modes.seen * variance[:, k]) @ modes.seen.T
        yield np.linalg.slogdet(covariance + np.eye(len(covariance)))[1]


def test_power_lies_on_the_ridge():
    spectrum = WaveSpectrum(1.0, 0.5, 0.001, 2.0, 0.01)
    frequencies = np.linspace(0.001, 0.3, 600)
    power = spectrum.variance(np.array([0.2]), frequencies)[0]
    assert frequencies[power.argmax()] == pytest.approx(0.5 * 0.2, rel=0.05)


def test_solution_scales_with_the_unit(wave, found):
    problem = noisy(wave, 0.02)
    millivolts = problem.with_data(1e3 * problem.body_potentials)
    scaled = reconstruct(millivolts, TravelingWave(uncertainty=False))
    np.testing.assert_allclose(scaled.heart_potentials / 1e3, found.heart_potentials, atol=5e-3)


def test_a_common_average_costs_only_the_mean(wave):
    found = reconstruct(noisy(wave, 0.01, reference=CommonAverage()), TravelingWave())
    assert evaluate(found.heart_potentials, wave, remove_mean=True).relative_error < 0.3


def test_a_bare_matrix_and_silence_are_refused():
    with pytest.raises(InputError, match="without a heart surface"):
        reconstruct(InverseProblem(np.eye(3), np.ones((3, 4))), TravelingWave())
    silent = InverseProblem(OPERATOR, np.zeros((162, 5)))
    with pytest.raises(InputError, match="zero everywhere"):
        reconstruct(silent, TravelingWave())
