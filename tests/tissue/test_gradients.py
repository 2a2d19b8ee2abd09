"""What data assimilation needs: derivatives and batches of the pure functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin.geometry import PaperLaplacian
from cardiotwin.tissue import (
    AlievPanfilov,
    Excitation,
    ExplicitHeun,
    ImplicitDiffusion,
    MitchellSchaeffer,
    RungeKutta4,
    State,
    make_diffusion,
    make_drive,
    make_step,
    rollout,
    simulate_beat,
)


def _operator(mesh, stepper, diffusion=10.0):
    return make_diffusion(
        mesh, diffusion=diffusion, laplacian=PaperLaplacian(), stepper=stepper, step_tu=0.1
    )


def _loss(model, operator, u0, stepper, rest=0.0):
    start = State(u0, jnp.full_like(u0, rest))
    beat = rollout(
        model, operator, start, stepper=stepper, step_tu=0.1, n_times=11, steps_per_sample=1
    )
    return (beat.u**2).sum() + (beat.v * jnp.arange(u0.size)).mean()


def _assert_gradient(function, at, direction):
    compiled = jax.jit(jax.value_and_grad(function))
    slope = compiled(at)[1]
    ahead, behind = (compiled(at + sign * 1e-5 * direction)[0] for sign in (1, -1))
    numeric = (ahead - behind) / 2e-5
    assert float(jnp.vdot(slope, direction)) == pytest.approx(float(numeric), rel=1e-6)
    assert abs(numeric) > 1e-3


@pytest.mark.parametrize("stepper", [RungeKutta4(), ImplicitDiffusion()])
def test_gradient_with_respect_to_the_initial_state(small_ball, rng, stepper):
    with jax.enable_x64(True):
        operator = _operator(small_ball, stepper)
        u0, way = (jnp.asarray(rng.uniform(0, 1, 42)) for _ in range(2))
        _assert_gradient(lambda u: _loss(AlievPanfilov(), operator, u, stepper), u0, way)


def test_gradient_of_the_second_model(small_ball, rng):
    stepper = ExplicitHeun()
    with jax.enable_x64(True):
        operator = _operator(small_ball, stepper)
        u0, way = (jnp.asarray(rng.uniform(0, 1, 42)) for _ in range(2))
        _assert_gradient(
            lambda u: _loss(MitchellSchaeffer(), operator, u, stepper, rest=1.0), u0, way
        )


def test_gradient_with_respect_to_parameters_and_diffusion(small_ball, rng):
    stepper = ExplicitHeun()
    with jax.enable_x64(True):
        plain = _operator(small_ball, stepper, diffusion=1.0)
        u0, a, spread, way = (jnp.asarray(rng.uniform(0.1, 1, 42)) for _ in range(4))
        a, spread = 0.2 * a, 10 * spread
        ten = plain.scaled(10.0)
        _assert_gradient(lambda a: _loss(AlievPanfilov(a=a), ten, u0, stepper), a, way)
        _assert_gradient(
            lambda k: _loss(AlievPanfilov(k=k), ten, u0, stepper), jnp.asarray(8.0), 1.0
        )
        _assert_gradient(
            lambda d: _loss(AlievPanfilov(), plain.scaled(d), u0, stepper), jnp.asarray(9.0), 1.0
        )
        _assert_gradient(
            lambda d: _loss(AlievPanfilov(), plain.edge_averaged(d), u0, stepper), spread, way
        )


def test_batches_over_initial_states_and_parameters_equal_single_runs(small_ball, rng):
    stepper = RungeKutta4()
    with jax.enable_x64(True):
        operator = _operator(small_ball, stepper)
        states, k = rng.uniform(0, 1, (3, 42)), np.array([6.0, 7.0, 8.0])

        def run(u0, k):
            return rollout(
                AlievPanfilov(k=k), operator, State(u0, jnp.zeros(42)),
                stepper=stepper, step_tu=0.1, n_times=6,
            ).u  # fmt: skip

        batch = jax.vmap(run)(jnp.asarray(states), jnp.asarray(k))
        for one, u0, value in zip(batch, states, k, strict=True):
            beat = simulate_beat(
                small_ball, model=AlievPanfilov(k=value), initial=(u0, np.zeros(42)), n_times=6
            )
            np.testing.assert_allclose(one.T, beat.potentials, atol=1e-13)


def test_single_steps_and_the_rollout_agree_with_simulate_beat(small_ball):
    stepper = ExplicitHeun(0.05)
    stimuli = [Excitation([0, 1]), Excitation([30], 0.2)]
    beat = simulate_beat(small_ball, stimuli=stimuli, stepper=stepper, n_times=5)
    with jax.enable_x64(True):
        operator = _operator(small_ball, stepper)
        drive, (values, hits) = make_drive(stimuli, n_nodes=42, n_steps=8, step_tu=0.05)
        u0 = np.where(hits[0] * np.isfinite(values[0]) > 0, 1.0, 0.0)
        start = State(u0, np.zeros(42))
        again = rollout(
            AlievPanfilov(), operator, start,
            stepper=stepper, step_tu=0.05, n_times=5, steps_per_sample=2, drive=drive,
        )  # fmt: skip
        step = make_step(stepper, operator, 0.05)
        by_hand = step(AlievPanfilov(), step(AlievPanfilov(), start, 0.0), 0.0)
    np.testing.assert_allclose(again.u.T, beat.potentials, atol=1e-14)
    np.testing.assert_allclose(by_hand.u, beat.potentials[:, 1], atol=1e-14)
