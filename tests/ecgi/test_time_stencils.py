"""Eqs. 17 and 18: exact to degree four, of fourth order, antisymmetric under time reversal."""

import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import time_derivative, time_derivative_matrix


@pytest.mark.parametrize("degree", range(5))
def test_exact_for_polynomials_to_degree_four_at_all_instants(degree):
    times = np.linspace(-1.0, 1.3, 12)
    slope = degree * times ** max(degree - 1, 0)
    found = time_derivative(times**degree, times[1] - times[0])
    np.testing.assert_allclose(found, slope, atol=1e-12)


def test_not_exact_for_degree_five():
    times = np.linspace(-1.0, 1.0, 9)
    found = time_derivative(times**5, times[1] - times[0])
    assert np.abs(found - 5 * times**4).min() > 1e-3


@pytest.mark.parametrize("part", [slice(0, 2), slice(2, -2), slice(-2, None)])
def test_of_fourth_order_inside_and_at_both_ends(part):
    def error(n_times):
        times = np.linspace(0.0, 2.0, n_times)
        found = time_derivative(np.sin(3 * times), times[1] - times[0])
        return np.abs(found - 3 * np.cos(3 * times))[part].max()

    order = np.log2(error(81) / error(161))
    assert 3.8 < order < 4.3


def test_antisymmetric_under_time_reversal(rng):
    values = rng.normal(size=(3, 20))
    forward = time_derivative(values, 0.1)
    backward = time_derivative(values[:, ::-1], 0.1)[:, ::-1]
    np.testing.assert_allclose(backward, -forward, atol=1e-12)


def test_matrix_does_the_same_with_five_entries_a_row(rng):
    values = rng.normal(size=(4, 17))
    matrix = time_derivative_matrix(17, 0.1)
    np.testing.assert_allclose(values @ matrix.T, time_derivative(values, 0.1), atol=1e-12)
    assert (np.diff(matrix.indptr) == 5).all()


def test_jax_arrays_keep_their_type(rng):
    values = jnp.asarray(rng.normal(size=(2, 9)), "float32")
    found = time_derivative(values, 0.1)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, time_derivative(np.asarray(values), 0.1), rtol=1e-4)


def test_too_few_instants_say_so():
    with pytest.raises(InputError, match="at least 5"):
        time_derivative(np.zeros((3, 4)), 0.1)
    with pytest.raises(InputError, match="at least 5"):
        time_derivative_matrix(4, 0.1)
