import jax
import numpy as np
import pytest

from cardiotwin._errors import InputError
from cardiotwin.tissue import AlievPanfilov, IonicModel, MitchellSchaeffer

MODELS = [AlievPanfilov(), MitchellSchaeffer(), MitchellSchaeffer.published()]


@pytest.mark.parametrize("model", MODELS)
def test_rest_is_a_stable_equilibrium(model):
    u, v = model.rest
    assert np.allclose(model.reaction(u, v), 0, atol=0)
    du, _ = model.reaction(u + 1e-3, v)
    assert du < 0
    assert isinstance(model, IonicModel)


@pytest.mark.parametrize("model", MODELS)
def test_fastest_rate_bounds_the_slope_of_the_reaction(model):
    u, v = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 21))
    slope = (model.reaction(u + 1e-6, v)[0] - model.reaction(u - 1e-6, v)[0]) / 2e-6
    assert np.abs(slope).max() <= model.fastest_rate() * (1 + 1e-6)


def test_aliev_panfilov_follows_equations_1_and_2_without_the_stray_factor():
    u, v = 0.4, 0.7
    du, dv = AlievPanfilov().reaction(u, v)
    assert du == pytest.approx(8 * 0.4 * 0.3 * 0.6 - 0.4 * 0.7, rel=1e-14)
    assert dv == pytest.approx(
        (0.002 + 0.3 * 0.7 / 0.7) * (-0.7 - 8 * 0.4 * (0.4 - 1.1)), rel=1e-14
    )


def test_action_potential_of_mitchell_schaeffer_lasts_as_its_formula_says():
    # τ_close ln(τ_out / 4τ_in) holds when the membrane is much faster than the gate.
    model = MitchellSchaeffer(tau_in=0.01, tau_out=0.2, tau_open=60.0, tau_close=60.0)
    u, h, step = 1.0, 1.0, 0.004
    duration = 0.0
    while u >= 0.13:
        duration += step
        du = h * u * u * (1 - u) / model.tau_in - u / model.tau_out
        u, h = u + step * du, h - step * h / model.tau_close
    assert duration == pytest.approx(60 * np.log(0.2 / 0.04), rel=0.04)
    for u, h in ((0.9, 0.8), (0.05, 0.3)):  # the loop above wrote the equations out
        du, dh = model.reaction(u, h)
        assert du == pytest.approx(h * u * u * (1 - u) / 0.01 - u / 0.2)
        assert dh == pytest.approx(-h / 60 if u >= 0.13 else (1 - h) / 60)


def test_parameters_may_differ_from_node_to_node():
    a = np.array([0.1, 0.2])
    du, _ = AlievPanfilov(a=a).reaction(np.array([0.5, 0.5]), np.zeros(2))
    each = [AlievPanfilov(a=x).reaction(0.5, 0.0)[0] for x in a]
    np.testing.assert_allclose(du, each, rtol=1e-15)


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: AlievPanfilov(mu2=0.0), "mu2"),
        (lambda: AlievPanfilov(a=-0.1), "a"),
        (lambda: AlievPanfilov(k=np.array([8.0, np.nan])), "k"),
        (lambda: MitchellSchaeffer(tau_in=0), "tau_in"),
        (lambda: MitchellSchaeffer(tau_open=np.array([1.0, -1.0])), "tau_open"),
    ],
)
def test_impossible_parameters_are_named(make, where):
    with pytest.raises(InputError, match=f"^{where}.*found .*; expected"):
        make()


def test_a_model_is_a_pytree_of_its_parameters():
    leaves, tree = jax.tree.flatten(AlievPanfilov(a=0.15))
    assert leaves[0] == 0.15
    assert isinstance(jax.tree.unflatten(tree, leaves), AlievPanfilov)
