import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import evaluate, evaluate_zero, magnitude_ratio, rdm_star
from cardiotwin.geometry import zoo


@pytest.fixture
def pair(rng):
    truth = rng.normal(size=(30, 40))
    return truth + 0.5 * rng.normal(size=truth.shape), truth


def test_perfect_reconstruction_has_no_error_and_full_correlation(pair):
    metrics = evaluate(pair[1], pair[1])
    assert metrics.relative_error == 0 and metrics.mse == 0
    assert metrics.correlation == pytest.approx(1, abs=1e-14)
    np.testing.assert_allclose(metrics.spatial_correlation, 1, atol=1e-12)
    np.testing.assert_allclose(metrics.temporal_correlation, 1, atol=1e-12)


def test_relative_error_and_mse_agree_with_their_definitions(pair):
    found, truth = pair
    metrics = evaluate(found, truth)
    assert metrics.mse == pytest.approx(((found - truth) ** 2).sum() / truth.size, rel=1e-13)
    # The check value of the source paper: MSE / RE² is the mean square of the truth.
    assert metrics.mse / metrics.relative_error**2 == pytest.approx((truth**2).mean(), rel=1e-12)


def test_equation_20_by_hand():
    truth = np.array([[0.0, 2.0, 4.0], [1.0, 1.0, 4.0]])
    found = np.array([[5.0, 5.0, 8.0], [0.0, 3.0, 3.0]])
    a, b = found - [[6.0], [2.0]], truth - [[2.0], [2.0]]
    expected = (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
    assert evaluate(found, truth).correlation == pytest.approx(expected, rel=1e-14)


def test_correlation_ignores_gain_and_the_offset_of_every_node(pair, rng):
    found, truth = pair
    plain = evaluate(found, truth)
    changed = evaluate(3.0 * found + rng.normal(size=(30, 1)), truth)
    assert changed.correlation == pytest.approx(plain.correlation, rel=1e-12)
    np.testing.assert_allclose(changed.temporal_correlation, plain.temporal_correlation, rtol=1e-9)
    assert changed.relative_error > plain.relative_error


def test_spatial_correlation_ignores_the_offset_of_every_instant(pair, rng):
    found, truth = pair
    changed = evaluate(2.0 * found + rng.normal(size=40), truth)
    np.testing.assert_allclose(
        changed.spatial_correlation, evaluate(found, truth).spatial_correlation, rtol=1e-9
    )


def test_removing_the_mean_makes_the_reference_irrelevant(pair, rng):
    found, truth = pair
    plain = evaluate(found, truth, remove_mean=True).as_dict()
    moved = evaluate(
        found + rng.normal(size=40), truth + rng.normal(size=40), remove_mean=True
    ).as_dict()
    assert moved == pytest.approx(plain, rel=1e-9)


def test_the_zero_solution_costs_one(pair):
    metrics = evaluate_zero(pair[1], remove_mean=True)
    assert metrics.relative_error == 1.0
    assert np.isnan(metrics.correlation) and np.isnan(metrics.spatial_correlation).all()
    assert np.isnan(metrics.as_dict()["temporal_correlation_median"])


def test_quartiles_are_taken_over_what_is_defined():
    truth = np.array([[0.0, 1.0, 2.0], [5.0, 5.0, 5.0], [2.0, 1.0, 0.0]])
    metrics = evaluate(np.array([[0.0, 1.0, 2.0]] * 3), truth)
    assert np.isnan(metrics.temporal_correlation[1])
    assert metrics.temporal_correlation_quartiles == pytest.approx((-0.5, 0.0, 0.5))


def test_activation_error_and_earliest_site_on_a_sphere():
    ball = zoo.sphere(642, radius_mm=30.0)
    north, east = ball.vertices_mm[:, 2].argmax(), ball.vertices_mm[:, 0].argmax()
    true, found = (
        np.linalg.norm(ball.vertices_mm - ball.vertices_mm[node], axis=1) for node in (north, east)
    )
    potentials = np.ones((642, 2))
    same = evaluate(potentials, potentials, surface=ball, activation_ms=(true + 3.0, true))
    assert same.activation_error_ms == pytest.approx(3.0)
    assert same.activation_correlation == pytest.approx(1.0)
    assert same.earliest_distance_mm == 0.0
    other = evaluate(potentials, potentials, surface=ball, activation_ms=(found, true))
    assert other.earliest_distance_mm == pytest.approx(30 * np.sqrt(2), rel=1e-2)
    assert other.earliest_geodesic_mm == pytest.approx(15 * np.pi, rel=0.03)


def test_of_several_first_nodes_the_nearest_counts():
    ball = zoo.sphere(162, radius_mm=30.0)
    true = np.ones(162)
    true[[3, 90]] = 0.0
    found = np.ones(162)
    found[90] = 0.0
    metrics = evaluate(
        np.ones((162, 2)), np.ones((162, 2)), surface=ball, activation_ms=(found, true)
    )
    assert metrics.earliest_distance_mm == 0.0


def test_activation_times_are_found_where_only_instants_are_given():
    times = np.linspace(0.0, 60.0, 121)
    arrival = np.linspace(15.0, 45.0, 20)[:, None]
    truth, late = (np.tanh((times - arrival - delay) / 3) for delay in (0.0, 4.0))
    metrics = evaluate(late, truth, times_ms=times)
    assert metrics.activation_error_ms == pytest.approx(4.0, abs=0.05)
    assert metrics.activation_correlation == pytest.approx(1.0, abs=1e-4)


def test_rdm_sees_the_shape_and_mag_the_size(rng):
    matrix = rng.normal(size=(5, 4))
    assert rdm_star(3 * matrix, matrix) == pytest.approx(0, abs=1e-12)
    assert rdm_star(-matrix, matrix) == pytest.approx(2)
    assert magnitude_ratio(3 * matrix, matrix) == pytest.approx(3)
    gains = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(magnitude_ratio(matrix * gains, matrix, axis=0), gains)
    np.testing.assert_allclose(rdm_star(matrix * gains, matrix, axis=0), 0, atol=1e-12)
    other = rng.normal(size=(5, 4))
    cosine = (other * matrix).sum() / np.linalg.norm(other) / np.linalg.norm(matrix)
    assert rdm_star(other, matrix) == pytest.approx(np.sqrt(2 - 2 * cosine))


@pytest.mark.parametrize(
    ("estimate", "truth", "message"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), "estimate: found shape .2, 3.*transposed"),
        (np.ones((2, 2)), np.zeros((2, 2)), "truth: found zero everywhere"),
        (np.full((2, 2), np.nan), np.ones((2, 2)), "estimate: found 4 values that are NaN"),
    ],
)
def test_bad_input_is_named(estimate, truth, message):
    with pytest.raises(InputError, match=message):
        evaluate(estimate, truth)


def test_surface_of_another_size_is_refused():
    with pytest.raises(InputError, match="surface: found 42 nodes"):
        evaluate(
            np.ones((3, 2)),
            np.ones((3, 2)),
            surface=zoo.sphere(42),
            activation_ms=(np.ones(3), np.ones(3)),
        )
