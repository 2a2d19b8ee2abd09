"""The circulation as frozen physics: single precision against the simulator in double."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_twins import made_clips

from cardiotwin import InputError
from cardiotwin.circulation import (
    CycleSolver,
    Lvad,
    sensitivities,
    steady_indices,
    steady_state,
)
from cardiotwin.echo import train_twins
from cardiotwin.echo._twin_simulation import CirculationPhysics
from cardiotwin.hemodynamics import Unknowns

UNKNOWNS = Unknowns.of()
N = 16
"""As many as the simulator computes together."""


@pytest.fixture(scope="module")
def patients():
    """Return coordinates without the period, the period, and the circulations."""
    z = np.clip(UNKNOWNS.draw(N, 3), -2.4, 2.4)
    return np.float32(z[:, 1:]), UNKNOWNS.circulation(z)


@pytest.fixture(scope="module")
def linearized():
    """Return volumes and their derivatives in all coordinates, compiled for a batch."""
    physics = CirculationPhysics(UNKNOWNS)

    def one(z, period):
        def both(own):
            edv, esv, curve = physics.volumes(own, period)
            return jnp.concatenate([jnp.stack([edv, esv]), curve])

        value, push = physics.linearized(both, z)
        # A tangent along every coordinate, and the gradient that a training would follow.
        return value, jax.vmap(push, 1, 1)(jnp.eye(len(z)))

    return jax.jit(jax.vmap(one))


def test_volumes_are_those_of_the_simulator(patients, linearized):
    z, circulation = patients
    found, _ = linearized(z, np.float32(circulation.period_s))
    beat = steady_state(circulation)
    np.testing.assert_allclose(found[:, 0], beat.indices.edv_ml, atol=0.03)
    np.testing.assert_allclose(found[:, 1], beat.indices.esv_ml, atol=0.03)
    even = np.arange(64) / 64
    for k in range(N):
        own = np.interp(even * beat.times_s[k, -1], beat.times_s[k], beat.volume_ml[k])
        # Both are linear between their own steps.
        assert np.abs(found[k, 2:] - own).max() < 1.0
        assert np.abs(found[k, 2:] - own).mean() < 0.05


def test_derivatives_are_those_of_the_circuit(patients, linearized):
    z, circulation = patients
    _, slopes = linearized(z, np.float32(circulation.period_s))
    names = CirculationPhysics(UNKNOWNS).names
    exact = sensitivities(circulation, names).derivatives
    h = 1e-4
    for k, name in enumerate(names):
        value = UNKNOWNS.priors[name].value
        own = np.asarray(z[:, k], float)
        chain = (np.asarray(value(own + h)) - np.asarray(value(own - h))) / (2 * h)
        for row, index in enumerate((exact.edv_ml, exact.esv_ml)):
            np.testing.assert_allclose(slopes[:, row, k], index[:, k] * chain, atol=0.15, rtol=0.01)


def test_the_reach_of_the_priors_has_volumes_everywhere(linearized):
    rng = np.random.default_rng(0)
    corners = np.float32(rng.choice([-40.0, 40.0], (N, len(UNKNOWNS.names) - 1)))
    for period in (0.35, 0.9, 1.9):
        found, slopes = linearized(corners, np.full(N, period, np.float32))
        assert np.isfinite(found).all() and np.isfinite(slopes).all()
        assert (found[:, 0] > found[:, 1]).all()


def test_the_simulator_stays_in_double_precision(patients, linearized):
    """Compiled anew after single precision, with a pump, whose speed counts the steps."""
    z, circulation = patients
    linearized(z, np.float32(circulation.period_s))
    found = steady_indices(circulation, Lvad(9000.0), solver=CycleSolver(steps=60))
    assert (found.period_residual < 1e-6).all()


def test_physics_of_another_kind_is_refused():
    clips = made_clips(20, seed=0)
    with pytest.raises(InputError, match=r"physics: found 'circulatoin'.*mean 'circulation'"):
        train_twins(clips, clips, physics="circulatoin", steps=1, quiet=True)


@pytest.mark.slow
def test_twins_are_trained_through_it():
    clips = made_clips(300, seed=0)
    model, training = train_twins(
        clips[:200], clips[200:], physics="circulation", members=1, steps=150, quiet=True
    )
    assert model.card["physics"] == "circulation" and len(model.names) == 9
    labels = training[0].history["labels"]
    assert labels[-10:].mean() < labels[:10].mean() - 1
