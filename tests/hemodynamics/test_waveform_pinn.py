"""Networks that are trained on one patient's volumes and the equations of the circulation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from waveform_patients import measured, patients, reference

from cardiotwin import InputError
from cardiotwin.circulation import Circulation, CycleSolver, elastance, steady_state
from cardiotwin.circulation._circulation import Circuit
from cardiotwin.hemodynamics import Curve, Measurements, WaveformPinn, fit_waveforms
from cardiotwin.hemodynamics._waveform_network import PeriodicNetwork, as_kind
from cardiotwin.hemodynamics._waveform_physics import (
    Scales,
    Waves,
    ramp,
    residuals,
    scaled_residuals,
    slopes,
)
from cardiotwin.hemodynamics._waveforms import _arrays
from cardiotwin.learning import Adam

SHORT = WaveformPinn(steps=40, width=8, depth=1, points=16, optimizer=Adam(1e-2))
SCALES = Scales(150.0, 3.0)


def simulated(steps: int = 200, circulation: Circulation | None = None):
    """Return times, states, their slopes by central differences, and the circuit."""
    circulation = Circulation() if circulation is None else circulation
    # The default grid's program is there already.
    beat = steady_state(circulation, solver=CycleSolver(steps=steps))
    stressed = beat.volume_ml - circulation.v0_ml
    rows = (stressed, beat.atrial_mmhg, beat.arterial_mmhg, beat.aortic_mmhg, beat.aortic_ml_s)
    circuit = Circuit(**{name: float(value) for name, value in circulation.values().items()})
    rates = [np.gradient(row, beat.times_s) for row in rows]
    return beat.times_s, Waves(*rows), Waves(*rates), circuit


def scaled_rms(times, waves, rates, circuit, scaled=scaled_residuals) -> np.ndarray:
    with jax.enable_x64(True):
        both = jax.tree.map(jnp.asarray, (waves, rates))
        left = scaled(jnp.asarray(times), *both, circuit, SCALES)
        # Ends have no central difference.
        return np.sqrt(np.mean(np.square(np.stack(left)[:, 2:-2]), -1))


def test_equations_hold_on_the_simulated_beat():
    assert (scaled_rms(*simulated()) < 0.06).all()


@pytest.mark.slow
def test_what_is_left_of_the_equations_is_the_error_of_the_integration():
    coarse, fine = (scaled_rms(*simulated(steps)) for steps in (1000, 4000))
    assert (fine < 0.02).all()
    assert fine.max() < 0.5 * coarse.max()


@pytest.mark.parametrize(
    "change",
    [
        {"emax": 3.0},
        {"emin": 0.1},
        {"systemic_resistance": 1.5},
        {"mitral_resistance": 0.03},
        {"aortic_valve_resistance": 0.05},
        {"arterial_compliance": 2.0},
        {"atrial_compliance": 6.0},
        {"aortic_inertance": 0.002},
    ],
    ids=lambda change: next(iter(change)),
)
def test_wrong_parameters_leave_a_residual(change):
    times, waves, rates, circuit = simulated()
    right = scaled_rms(times, waves, rates, circuit)
    wrong = scaled_rms(times, waves, rates, circuit._replace(**change))
    assert wrong.max() > 2 * right.max()


def test_residuals_in_physical_units_vanish_with_the_scaled_ones():
    times, waves, _, circuit = simulated()
    with jax.enable_x64(True):
        at, states = jnp.asarray(times), jax.tree.map(jnp.asarray, waves)
        exact = slopes(at, states, circuit)
        for left in (
            residuals(at, states, exact, circuit),
            scaled_residuals(at, states, exact, circuit, SCALES),
        ):
            assert max(float(jnp.abs(row).max()) for row in left) < 1e-8


@pytest.mark.parametrize("stressed", [40.0, 70.0, 140.0], ids=["filling", "closed", "ejecting"])
def test_slopes_are_those_of_the_circuit(stressed):
    time, c = 0.3, Circuit(**{name: float(v) for name, v in Circulation().values().items()})
    states = Waves(stressed, 100.0, 80.0, 130.0, 50.0)
    pressure = elastance(time, c.period_s, c.emin, c.emax) * stressed
    mitral = max(100.0 - pressure, 0) / c.mitral_resistance
    valve = max(pressure - 130.0, 0) / c.aortic_valve_resistance
    expected = (
        mitral - valve,
        ((80.0 - 100.0) / c.systemic_resistance - mitral) / c.atrial_compliance,
        ((100.0 - 80.0) / c.systemic_resistance + 50.0) / c.arterial_compliance,
        (valve - 50.0) / c.aortic_compliance,
        (130.0 - 80.0 - c.characteristic_resistance * 50.0) / c.aortic_inertance,
    )
    with jax.enable_x64(True):
        said = slopes(jnp.asarray(time), jax.tree.map(jnp.asarray, states), c)
    np.testing.assert_allclose([float(row) for row in said], expected, rtol=1e-9)


def test_soft_valves_come_near_to_ideal_ones():
    pressure = jnp.linspace(-5, 5, 11)
    for softness in (0.5, 0.05):
        gap = jnp.abs(ramp(pressure, softness) - ramp(pressure, 0.0))
        assert float(gap.max()) == pytest.approx(softness * np.log(2), rel=1e-5)


def test_untrained_network_is_periodic_and_conserves_the_blood_exactly():
    _, clinic = reference()
    objective = WaveformPinn(points=16).objective(_arrays([clinic], None))
    network = PeriodicNetwork.make(4, 16, 2, 9, jax.random.key(3))
    network = eqx.tree_at(lambda tree: tree.coordinates, network, jnp.linspace(-1, 1, 9))
    with jax.enable_x64(True):
        objective, network = as_kind((objective, network), jnp.float64)
        circuit = objective.circuit(network)
        times = jnp.linspace(0, 1, 33) * circuit.period_s
        trace = eqx.filter_jit(objective.waves_and_rates)
        waves, rates = trace(network, circuit, times)
        for row in (*waves, *rates):
            assert float(abs(row[0] - row[-1])) < 1e-9 * float(jnp.abs(row).max())
        c = circuit
        blood = waves.stressed + c.atrial_compliance * waves.atrial
        blood += c.arterial_compliance * waves.arterial + c.aortic_compliance * waves.aortic
        np.testing.assert_allclose(blood, float(c.stressed_volume_ml), rtol=1e-12)
        bent = trace(network, circuit, times + 1e-6)[0]
        for row, moved, rate in zip(waves, bent, rates, strict=True):
            np.testing.assert_allclose((moved - row) / 1e-6, rate, rtol=1e-3, atol=1e-2)


def test_elastance_in_the_equations_peaks_at_tmax():
    period = 0.8
    times = np.linspace(0, period, 2001)
    peak = times[np.argmax(elastance(times, period, 0.06, 2.0))]
    assert peak == pytest.approx(0.2 + 0.15 * period, rel=0.005)


@pytest.mark.slow
def test_a_seed_repeats_itself_and_a_short_training_says_that_it_has_not_converged():
    _, clinic = reference()
    one, other = (fit_waveforms(clinic, method=SHORT, quiet=True) for _ in range(2))
    assert np.array_equal(one.volume_ml, other.volume_ml)
    assert one.circulation is not None and one.circulation.emax == other.circulation.emax
    assert one.provenance.fingerprint == other.provenance.fingerprint
    assert one.evaluations == 40 * (16 + 60)
    assert not one.converged and "did not converge" in one.status
    assert one.period_gap_ml < 1e-9
    np.testing.assert_array_equal(one.next_volume_ml, one.volume_ml)
    history = one.history["data"]
    assert history.shape == (40,) and history[-1] < 0.7 * history[0]


@pytest.mark.slow
def test_a_patient_alone_is_trained_as_in_a_batch():
    _, clinics = patients(2)
    batch = fit_waveforms(clinics, method=SHORT, quiet=True)
    alone = fit_waveforms(clinics[1], method=SHORT, quiet=True)
    np.testing.assert_allclose(alone.volume_ml, batch[1].volume_ml, rtol=1e-3)
    np.testing.assert_allclose(alone.aortic_mmhg, batch[1].aortic_mmhg, rtol=1e-3)
    assert alone.provenance.fingerprint == batch[1].provenance.fingerprint


@pytest.mark.slow
def test_training_finds_the_beat_the_equations_and_the_ejection_fraction():
    beat, clinics = patients(3)
    fits = fit_waveforms(clinics, method=WaveformPinn(steps=2000), quiet=True)
    for index, fit in enumerate(fits):
        truth = beat[index]
        true_ef = 100 * (1 - truth.volume_ml.min() / truth.volume_ml.max())
        volume = np.interp(fit.times_s, truth.times_s, truth.volume_ml)
        assert fit.converged, fit.status
        assert np.sqrt(np.mean((fit.volume_ml - volume) ** 2)) < 2.5
        assert abs(fit.ef_percent - true_ef) < 3
        assert fit.scaled_residual < 0.05
        assert fit.history["physics"][-1] < 0.01 * fit.history["physics"][0]
        assert fit.history["data"][-1] < 0.1 * fit.history["data"][0]
        own = steady_state(fit.circulation)
        again = np.interp(fit.times_s, own.times_s, own.volume_ml)
        # The simulator agrees with the network about what the found parameters do.
        assert np.sqrt(np.mean((fit.volume_ml - again) ** 2)) < 1.0


@pytest.mark.slow
def test_cuff_pressures_find_the_pressures():
    beat, clinics = patients(1, seed=5)
    truth = beat[0]
    numbers = {
        "systolic_mmhg": float(truth.indices.systolic_mmhg),
        "diastolic_mmhg": float(truth.indices.diastolic_mmhg),
    }
    cuffed = measured(truth, np.random.default_rng(5), **numbers, errors=dict.fromkeys(numbers, 2))
    method = WaveformPinn(steps=2000)
    plain, better = (fit_waveforms(own, method=method, quiet=True) for own in (clinics[0], cuffed))
    gaps = [
        abs(fit.aortic_mmhg.max() - numbers["systolic_mmhg"])
        + abs(fit.aortic_mmhg.min() - numbers["diastolic_mmhg"])
        for fit in (plain, better)
    ]
    assert gaps[1] < 12 and gaps[1] < gaps[0]


def test_border():
    _, clinic = reference()
    curve = clinic.volume_curve
    with pytest.raises(InputError, match="at least one"):
        fit_waveforms([])
    with pytest.raises(InputError, match="heart_rate_bpm"):
        fit_waveforms(Measurements(volume_curve=curve))
    with pytest.raises(InputError, match="volume_curve"):
        fit_waveforms(Measurements(heart_rate_bpm=60))
    with pytest.raises(InputError, match="within one beat"):
        fit_waveforms(Measurements(heart_rate_bpm=90, volume_curve=curve))
    with pytest.raises(InputError, match="at least 3"):
        fit_waveforms(
            Measurements(heart_rate_bpm=60, volume_curve=Curve([0.0, 0.2], [120.0, 60.0], 4.0))
        )
    with pytest.raises(InputError, match="same 120 mL"):
        fit_waveforms(
            Measurements(
                heart_rate_bpm=60, volume_curve=Curve([0.0, 0.2, 0.4], [120.0, 120.0, 120.0], 4.0)
            )
        )
    with pytest.raises(InputError, match="cannot use"):
        fit_waveforms(Measurements(heart_rate_bpm=60, volume_curve=curve, edv_ml=150))
    with pytest.raises(InputError, match="period_s"):
        WaveformPinn(unknowns=("emax", "period_s"))
    with pytest.raises(InputError, match="unknowns"):
        WaveformPinn(unknowns=("emaxx",))
    for wrong in ({"steps": 2}, {"physics_weight": 0}, {"points": 0}, {"softness": -1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            WaveformPinn(**wrong)
