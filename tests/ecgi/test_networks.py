"""Networks: Table I's sizes, Eq. 11's limits, the initializations' variances, the inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError, geometry
from cardiotwin.ecgi import (
    AdaptiveResNet,
    FeedForward,
    GivenFeatures,
    LaplacianModes,
    LeCun,
    Orthogonal,
    ScaledCoordinates,
    Xavier,
    count_weights,
)

KEY = jax.random.key(3)


@pytest.mark.parametrize(
    ("settings", "layers", "weights"),
    [
        (FeedForward(15, 4), 4, 587),
        (AdaptiveResNet(15, 1), 4, 588),
        (FeedForward(15, 7), 7, 1307),
        (AdaptiveResNet(15, 2), 7, 1309),
        (FeedForward(15, 10), 10, 2027),
        (AdaptiveResNet(15, 3), 10, 2030),
    ],
)
def test_layers_are_counted_as_in_table_one(settings, layers, weights):
    network = settings.initialize(KEY, n_inputs=4)
    matrices = [leaf for leaf in jax.tree.leaves(network) if leaf.ndim == 2]
    assert len(matrices) == layers
    assert count_weights(network) == weights


def test_a_residual_network_without_shortcut_is_a_feed_forward_network():
    residual = AdaptiveResNet(8, 2, initial_alpha=1e-6).initialize(KEY, 4)
    plain = FeedForward(8, 7).initialize(KEY, 4)
    x = jax.random.uniform(jax.random.key(1), (4, 50), minval=-1, maxval=1)
    np.testing.assert_allclose(residual(x), plain(x), atol=1e-5)


def test_with_the_shortcut_open_only_the_joints_act():
    residual = AdaptiveResNet(8, 2, initial_alpha=1 - 1e-6).initialize(KEY, 4)
    x = jax.random.uniform(jax.random.key(1), (4, 50), minval=-1, maxval=1)
    joints = jnp.tanh(residual.joints[1](jnp.tanh(residual.joints[0](x))))
    np.testing.assert_allclose(residual(x), residual.last(joints), atol=1e-4)


def test_alpha_is_trained():
    network = AdaptiveResNet(8, 2).initialize(KEY, 4)
    x = jax.random.uniform(jax.random.key(1), (4, 50), minval=-1, maxval=1)
    slope = jax.grad(lambda n: (n(x) ** 2).sum())(network)
    assert all(abs(float(block.alpha_logit)) > 0 for block in slope.blocks)


@pytest.mark.slow
def test_many_runs_by_vmap_equal_single_runs():
    settings = AdaptiveResNet(6, 1)
    keys = jax.random.split(KEY, 3)
    many = jax.vmap(lambda key: settings.initialize(key, 4))(keys)
    x = jax.random.uniform(jax.random.key(1), (4, 20))
    outputs = jax.vmap(lambda network: network(x))(many)
    assert many.alphas.shape == (3, 1)
    for k, key in enumerate(keys):
        np.testing.assert_allclose(outputs[k], settings.initialize(key, 4)(x), atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "deviation"),
    [
        (Xavier(), np.sqrt(2 / 500)),
        (Xavier(gain=2.0, uniform=True), 2 * np.sqrt(2 / 500)),
        (LeCun(), np.sqrt(1 / 200)),
        (LeCun(uniform=True), np.sqrt(1 / 200)),
        (Orthogonal(5 / 3), 5 / 3 * np.sqrt(1 / 300)),
    ],
)
def test_initializations_have_their_deviation(rule, deviation):
    weights = np.asarray(rule.draw(KEY, 300, 200, "float32"))
    assert weights.shape == (300, 200)
    assert abs(weights.std() / deviation - 1) < 0.02
    assert abs(weights.mean()) < 3 * deviation / np.sqrt(weights.size)


def test_coordinates_fill_the_unit_box_along_the_largest_extent():
    egg = geometry.zoo.sphere(162, radius_mm=20.0)
    egg = egg.with_vertices(egg.vertices_mm * [1.0, 1.0, 2.0] + [100.0, 0.0, -7.0])
    inputs = ScaledCoordinates().prepare(egg, np.linspace(3.0, 9.0, 13))
    np.testing.assert_allclose(inputs.space.max(axis=1), [0.5, 0.5, 1.0], rtol=1e-2)
    np.testing.assert_allclose(inputs.space.min(axis=1), [-0.5, -0.5, -1.0], rtol=1e-2)
    assert inputs.per_mm == pytest.approx(1 / 40, rel=1e-6)
    assert inputs.per_tu == pytest.approx(1 / 3)


def test_modes_on_a_sphere_are_its_harmonics():
    ball = geometry.zoo.sphere(642, radius_mm=10.0)
    values = np.asarray(LaplacianModes(8).prepare(ball, np.arange(5.0)).space, np.float64)
    basis = np.column_stack([ball.vertices_mm / 10.0])
    left = values[:3].T - basis @ np.linalg.lstsq(basis, values[:3].T, rcond=None)[0]
    assert np.abs(left).max() < 0.02
    np.testing.assert_allclose((values**2).mean(axis=1), 1 / 3, rtol=0.05)


def test_features_of_other_nodes_are_refused():
    with pytest.raises(InputError, match="values"):
        GivenFeatures(np.ones((6, 41))).prepare(geometry.zoo.sphere(42), np.arange(5.0))
    with pytest.raises(InputError, match="n_modes"):
        LaplacianModes(50).prepare(geometry.zoo.sphere(42), np.arange(5.0))


@pytest.mark.parametrize(
    "wrong", [{"width": 0}, {"blocks": 0}, {"initial_alpha": 1.0}, {"initial_alpha": 0.0}]
)
def test_impossible_networks_are_refused(wrong):
    with pytest.raises(InputError):
        AdaptiveResNet(**wrong)
