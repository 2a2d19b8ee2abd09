"""Neural ODEs that are trained on one patient's beat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from waveform_patients import patients, reference

from cardiotwin import InputError
from cardiotwin.hemodynamics import Curve, Measurements, WaveformNeuralOde, fit_waveforms
from cardiotwin.hemodynamics._waveform_neural_ode import VectorField
from cardiotwin.hemodynamics._waveforms import STATES, _arrays
from cardiotwin.learning import Adam

SHORT = WaveformNeuralOde(steps=30, width=8, depth=1, optimizer=Adam(1e-2))


def all_states(beat, clinics) -> np.ndarray:
    """Return the five states at the times of the volume curves, the volumes as measured."""
    found = []
    for index, own in enumerate(clinics):
        times = own.volume_curve.times_s
        rows = [np.interp(times, beat[index].times_s, getattr(beat[index], s)) for s in STATES]
        found.append([own.volume_curve.values, *rows[1:]])
    return np.array(found)


def test_field_repeats_itself_with_the_beat_and_knows_the_time():
    field = VectorField.make(3, 8, 1, jax.random.key(0))
    state = jnp.linspace(-1, 1, 5)
    now, beat_later, later = (field(jnp.float32(phase), state, None) for phase in (0.2, 1.2, 0.5))
    np.testing.assert_allclose(now, beat_later, atol=1e-4)
    assert float(jnp.abs(now - later).max()) > 1e-2


def test_normalization_gives_the_measured_volumes_back():
    beat, clinics = patients(2)
    data = _arrays(clinics, all_states(beat, clinics))
    objective = WaveformNeuralOde(observed="states").objective(data)
    back = objective.targets * objective.unit[..., None] + objective.middle[..., None]
    np.testing.assert_allclose(back, data.states, rtol=1e-4, atol=1e-3)
    # A difference of one error counts one.
    np.testing.assert_allclose(objective.weights[:, 0] / objective.unit[:, :1], 1 / 3, rtol=1e-5)
    plain = WaveformNeuralOde().objective(_arrays(clinics, None))
    assert not np.any(plain.weights[:, 1:])


@pytest.mark.slow
def test_a_patient_alone_is_trained_as_in_a_batch_and_a_seed_repeats_itself():
    _, clinics = patients(2)
    batch, again = (fit_waveforms(clinics, method=SHORT, quiet=True) for _ in range(2))
    for one, other in zip(batch, again, strict=True):
        assert np.array_equal(one.volume_ml, other.volume_ml)
    alone = fit_waveforms(clinics[1], method=SHORT, quiet=True)
    np.testing.assert_allclose(alone.volume_ml, batch[1].volume_ml, rtol=1e-3)
    assert batch[0].circulation is None and batch[0].aortic_mmhg is None
    assert batch[0].equations == {} and batch[0].scaled_residual is None


@pytest.mark.slow
def test_training_finds_the_beat_and_the_next():
    beat, clinics = patients(3)
    for index, fit in enumerate(fit_waveforms(clinics, quiet=True, method=WaveformNeuralOde())):
        truth = np.interp(fit.times_s, beat[index].times_s, beat[index].volume_ml)
        assert fit.converged, fit.status
        assert np.sqrt(np.mean((fit.volume_ml - truth) ** 2)) < 3
        assert np.sqrt(np.mean((fit.next_volume_ml - truth) ** 2)) < 6
        assert abs(fit.next_volume_ml[0] - fit.volume_ml[-1]) < 1e-6
        assert fit.history["data"][-1] < 0.05 * fit.history["data"][0]
        # At least six evaluations for each of some steps, at every step of the training.
        assert fit.evaluations > 500 * 6 * 5


@pytest.mark.slow
def test_all_states_are_learned_where_they_are_given():
    beat, clinics = patients(2)
    method = WaveformNeuralOde(observed="states", steps=500, width=32, harmonics=4)
    fits = fit_waveforms(clinics, method=method, states=all_states(beat, clinics), quiet=True)
    for index, fit in enumerate(fits):
        for name, worst in (("atrial_mmhg", 1.0), ("arterial_mmhg", 3.0), ("aortic_mmhg", 3.0)):
            truth = np.interp(fit.times_s, beat[index].times_s, getattr(beat[index], name))
            assert np.sqrt(np.mean((getattr(fit, name) - truth) ** 2)) < worst


def test_border():
    _, clinic = reference()
    with pytest.raises(InputError, match="all five states"):
        fit_waveforms(clinic, method=WaveformNeuralOde(observed="states"))
    with pytest.raises(InputError, match="and only then"):
        fit_waveforms(clinic, method=WaveformNeuralOde(), states=np.ones((5, 60)))
    with pytest.raises(InputError, match="shape"):
        fit_waveforms(clinic, method=SHORT, states=np.ones((4, 60)))
    with pytest.raises(InputError, match="observed"):
        WaveformNeuralOde(observed="volumes")
    curve = clinic.volume_curve
    late = Measurements(
        heart_rate_bpm=60,
        volume_curve=Curve(curve.times_s[1:], curve.values[1:], 3.0),
    )
    with pytest.raises(InputError, match="the start of the beat"):
        fit_waveforms(late, method=WaveformNeuralOde(learn_start=False))
    for wrong in ({"steps": 0}, {"tolerance": 1.0}, {"periodicity_weight": -1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            WaveformNeuralOde(**wrong)
