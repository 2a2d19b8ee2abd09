"""Densities and divergences against closed forms, the networks that give them, and the paper's."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from cardiotwin import InputError
from cardiotwin.echo import PaperNetwork
from cardiotwin.echo._twin_network import (
    Normal,
    TwinHead,
    divergence_from_prior,
    negative_log_density,
)


def _root(rng, n):
    return np.float32(np.tril(0.3 * rng.standard_normal((n, n)), -1) + np.diag(1 + rng.random(n)))


def test_the_density_is_that_of_a_normal_distribution(rng):
    mean, truth, noise = rng.standard_normal((3, 4)).astype(np.float32)
    root = rng.standard_normal((4, 6)).astype(np.float32)
    found = negative_log_density(jnp.asarray(truth), Normal(mean, root), jnp.asarray(noise))
    exact = multivariate_normal(mean, root @ root.T + np.diag(noise**2)).logpdf(truth)
    assert float(found) == pytest.approx(-exact - 2 * np.log(2 * np.pi), abs=1e-3)


def test_the_divergence_is_that_of_the_closed_form(rng):
    mean, root = rng.standard_normal(3).astype(np.float32), _root(rng, 3)
    covariance = root @ root.T
    exact = 0.5 * (np.trace(covariance) + mean @ mean - 3 - np.linalg.slogdet(covariance)[1])
    own = float(divergence_from_prior(Normal(jnp.asarray(mean), jnp.asarray(root))))
    assert own == pytest.approx(exact, rel=1e-4)


def test_it_is_zero_at_the_prior_and_grows_from_there():
    def at(z):
        return divergence_from_prior(Normal(z[:2], jnp.array([[1 + z[2], 0], [z[3], 1 + z[4]]])))

    value, slope, bend = jax.jit(lambda z: (at(z), jax.grad(at)(z), jax.hessian(at)(z)))(
        jnp.zeros(5)
    )
    np.testing.assert_allclose(value, 0, atol=1e-7)
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    assert np.linalg.eigvalsh(bend).min() > 0.9


def test_a_head_begins_near_the_prior_and_leaves_nothing_out_but_in_training():
    head = jax.jit(TwinHead(6, 3, width=16, key=jax.random.key(0)).__call__)
    numbers = jnp.array([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0])
    found = head(numbers)
    assert np.abs(found.mean).max() < 0.3
    np.testing.assert_allclose(found.root, np.eye(3), atol=0.3)
    np.testing.assert_array_equal(np.triu(found.root, 1), 0)
    assert not np.allclose(head(numbers, jax.random.key(1)).mean, found.mean)
    # Nothing is extrapolated beyond five standard deviations.
    far = [head(numbers.at[0].set(value)).mean for value in (5.0, 1e6)]
    np.testing.assert_array_equal(*far)


def _papers_network(rng):
    """Return one with weights from NumPy: JAX would compile a generator for each shape of them."""
    shapes = eqx.filter_eval_shape(PaperNetwork, 3, key=jax.random.key(0))
    return jax.tree.map(
        lambda leaf: (
            rng.normal(0.05, 0.1, leaf.shape).astype(np.float32)
            if isinstance(leaf, jax.ShapeDtypeStruct)
            else leaf
        ),
        shapes,
    )


def test_the_papers_network_answers_for_each_clip_by_itself(rng):
    network = jax.jit(_papers_network(rng).__call__)
    clips = rng.random((2, 16, 16, 32)).astype(np.float32)
    both = network(clips)
    assert both.shape == (2, 3)
    other = network(np.stack([clips[0], 1 - clips[1]]))
    np.testing.assert_allclose(other[0], both[0], atol=1e-5)
    assert not np.allclose(other[1], both[1], atol=1e-3)


def test_it_has_as_many_weights_as_the_authors():
    """364,359 for one channel of grey and seven outputs, 248 biases that normalization undoes."""
    network = eqx.filter_eval_shape(PaperNetwork, 7, key=jax.random.key(0))
    sizes = [
        int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(network) if hasattr(leaf, "shape")
    ]
    assert sum(sizes) == 364_359 - 248


def test_it_refuses_sides_that_cannot_be_halved(rng):
    with pytest.raises(InputError, match="multiples of 16"):
        _papers_network(rng)(jnp.zeros((1, 16, 24, 32)))
