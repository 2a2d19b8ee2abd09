"""The frozen physics of twins: the surrogate's volumes, and harmonics of a beat from anywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_twins import made_surrogate

from cardiotwin import InputError
from cardiotwin.echo._encoded_clips import label_harmonics
from cardiotwin.echo._twin_physics import SurrogatePhysics, aligned_harmonics
from cardiotwin.hemodynamics import PAPER_BOX, Surrogate, Unknowns

HARMONICS = jax.jit(aligned_harmonics)


@pytest.fixture(scope="module")
def physics():
    return SurrogatePhysics(made_surrogate(), Unknowns.of())


@pytest.fixture(scope="module")
def volumes(physics):
    return jax.jit(jax.vmap(physics.volumes))


def _patients(n, seed=0):
    """Return coordinates without the period, the period, and the circulations."""
    unknowns = Unknowns.of()
    z = np.clip(unknowns.draw(n, seed), -2.4, 2.4)
    patients = unknowns.circulation(z)
    assert unknowns.names[0] == "period_s"
    return np.float32(z[:, 1:]), np.float32(patients.period_s), patients


def test_volumes_are_those_of_the_surrogate(volumes):
    z, period, patients = _patients(20)
    edv, esv, curve = volumes(z, period)
    found, loop = made_surrogate().predict(patients), made_surrogate().loop(patients)
    np.testing.assert_allclose(edv, found.edv_ml, rtol=2e-5)
    np.testing.assert_allclose(esv, found.esv_ml, rtol=1e-4, atol=1e-3)
    even = np.arange(64) / 64
    for k in range(len(z)):
        own = np.interp(even * loop.times_s[k, -1], loop.times_s[k], loop.volume_ml[k])
        np.testing.assert_allclose(curve[k], own, atol=0.01)


def test_they_scale_with_the_blood_and_move_with_vd(physics, volumes):
    names, priors = physics.names, Unknowns.of().priors
    z, period, patients = _patients(10)
    more, moved = z.copy(), z.copy()
    total, v0 = names.index("stressed_volume_ml"), names.index("v0_ml")
    more[:, total] = 0.5 * z[:, total] + 0.5
    moved[:, v0] = 0.5 * z[:, v0] + 0.5
    factor = priors["stressed_volume_ml"].value(more[:, total]) / patients.stressed_volume_ml
    shift = priors["v0_ml"].value(moved[:, v0]) - patients.v0_ml
    before, scaled, shifted = (volumes(own, period) for own in (z, more, moved))
    offset = np.asarray(patients.v0_ml)
    for a, b, c in zip(before, scaled, shifted, strict=True):
        lead = (slice(None), *(None,) * (a.ndim - 1))
        np.testing.assert_allclose(
            b - offset[lead], (a - offset[lead]) * factor[lead], rtol=1e-4, atol=0.01
        )
        np.testing.assert_allclose(c, a + shift[lead], rtol=1e-5, atol=1e-3)


def test_no_parameter_leaves_the_box(physics):
    ends = Unknowns.of().circulation(np.outer([-3.0, 3.0], np.ones(10)))
    for sign, end in ((-1, 0), (1, 1)):
        circuit = physics.circuit(sign * jnp.full(9, 40.0), 0.85)
        for name in physics.names:
            np.testing.assert_allclose(getattr(circuit, name), getattr(ends, name)[end], rtol=1e-4)


def test_a_surrogate_of_other_circulations_is_refused():
    made = made_surrogate()
    other = Surrogate(made.weights, PAPER_BOX, {}, made.provenance)
    with pytest.raises(InputError, match="where the surrogate was trained"):
        SurrogatePhysics(other, Unknowns.of())
    with pytest.raises(InputError, match="period_s among them"):
        SurrogatePhysics(made, Unknowns.of(("emax",)))


beats = st.lists(st.floats(-8, 8), min_size=8, max_size=8)


def _curve(phase, weights):
    """Return volumes with harmonics up to the fifth."""
    own = 100 + 30 * np.cos(2 * np.pi * phase)
    for k in range(4):
        own = own + weights[2 * k] * np.cos(2 * np.pi * (k + 2) * phase)
        own = own + weights[2 * k + 1] * np.sin(2 * np.pi * (k + 2) * phase)
    return own


@settings(max_examples=30)
@given(weights=beats, start=st.floats(0, 1))
def test_harmonics_do_not_depend_on_where_the_beat_begins(weights, start):
    even = np.arange(64) / 64
    found = HARMONICS(np.float32(_curve(even + start, weights)))
    np.testing.assert_allclose(found, [100, 30, *weights], atol=2e-3)


def test_irregular_samples_of_a_beat_have_the_same_harmonics(rng):
    weights = [4, -5, 2, 1, -1, 0.5, 0.3, -0.2]
    times = np.sort(rng.uniform(0, 2.4, 90))
    found = label_harmonics(times, _curve(times / 0.8 + 0.37, weights), 0.8)
    np.testing.assert_allclose(found, [100, 30, *weights], atol=0.3)


def test_their_derivative_agrees_with_finite_differences(rng):
    curve, way = 100 + 20 * rng.standard_normal(64), rng.standard_normal(64)

    @jax.jit
    def along(own, way):
        return jax.jvp(aligned_harmonics, (own,), (way,))

    with jax.enable_x64(True):
        _, slope = along(curve, way)
        low, high = (along(curve + h * way, way)[0] for h in (-1e-4, 1e-4))
        np.testing.assert_allclose(slope, (high - low) / 2e-4, rtol=1e-5, atol=1e-5)
        # A curve without any beat has a derivative too.
        assert np.isfinite(along(np.full(64, 80.0), way)[1]).all()
