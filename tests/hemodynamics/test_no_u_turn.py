import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.hemodynamics import Measurements, NoUTurn, Posterior, Unknowns, identify
from cardiotwin.hemodynamics._forward import Data, predict
from cardiotwin.hemodynamics._no_u_turn import _circuit_of, _half_misfit

CLINIC = Measurements(
    edv_ml=150, esv_ml=70, heart_rate_bpm=65, systolic_mmhg=125, diastolic_mmhg=75
)


def test_slopes_of_the_energy_are_those_of_finite_differences():
    unknowns = Unknowns.of()
    data = Data.of([CLINIC])
    z = np.random.default_rng(0).normal(size=(3, len(unknowns.names)))
    with jax.enable_x64(True):
        fixed = {name: float(value) for name, value in unknowns.fixed.values().items()}

        def energy(z):
            return _half_misfit(_circuit_of(z, fixed, unknowns.priors), data)

        # Of sixteen lanes, as the chains of the sampler are.
        chains = jnp.asarray(np.resize(z, (16, z.shape[1])))
        found = jax.jit(jax.vmap(jax.value_and_grad(energy)))(chains)
    values, slopes = (np.asarray(own) for own in found)

    def plain(z):
        seen = predict(unknowns, z, data.take(np.zeros(len(z), int)))
        return 0.5 * np.sum(seen.misfit**2, -1)

    np.testing.assert_allclose(values[:3], plain(z), rtol=1e-3)
    step = 1e-3
    for k in range(z.shape[1]):
        shift = step * np.eye(z.shape[1])[k]
        slope = (plain(z + shift) - plain(z - shift)) / (2 * step)
        scale = np.abs(slopes[:3]).max(-1)
        assert (np.abs(slopes[:3, k] - slope) < 0.02 * scale).all()


@pytest.mark.parametrize("wrong", [{"chains": 1}, {"acceptance": 1.0}, {"draws": 0}])
def test_bad_numbers(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        NoUTurn(**wrong)


@pytest.mark.slow  # compiles for a minute
def test_draws_agree_with_importance_sampling_and_repeat():
    method = NoUTurn(draws=100)
    chains, again = (identify(CLINIC, method=method, seed=1) for _ in range(2))
    np.testing.assert_array_equal(chains.coordinates, again.coordinates)
    assert chains.diagnostics["r_hat"] < 1.01
    assert chains.diagnostics["effective_draws"] > 400
    weighted = identify(CLINIC, method=Posterior(effective_draws=3000), seed=2)
    mean = chains.coordinates.mean(0)
    spread = chains.coordinates.std(0)
    other = weighted.weights @ weighted.coordinates
    other_spread = np.sqrt(weighted.weights @ (weighted.coordinates - other) ** 2)
    # Five standard errors of the difference between means of 2,500 and 3,500 draws.
    np.testing.assert_allclose((mean - other) / spread, 0.0, rtol=0, atol=0.13)
    np.testing.assert_allclose(spread, other_spread, rtol=0.15)
