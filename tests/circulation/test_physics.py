import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiotwin.circulation import (
    PRECISE,
    Circulation,
    CycleSolver,
    Lvad,
    contraction_time,
    double_hill,
    elastance,
    steady_indices,
    steady_state,
)

TIGHT = CycleSolver(tolerance=1e-11)
N = 16


def physiological(rng, n):
    def between(low, high):
        return np.exp(rng.uniform(np.log(low), np.log(high), n))

    return Circulation(
        period_s=between(0.35, 1.7),
        stressed_volume_ml=between(80, 800),
        emax=between(0.4, 5),
        emin=between(0.02, 0.2),
        v0_ml=rng.uniform(-20, 60, n),
        mitral_resistance=between(0.003, 0.2),
        aortic_valve_resistance=between(1e-4, 0.4),
        systemic_resistance=between(0.4, 3),
        atrial_compliance=between(1.5, 12),
        arterial_compliance=between(0.4, 3),
        mitral_leak=rng.uniform(0, 2, n) * (rng.random(n) < 0.5),
        aortic_leak=rng.uniform(0, 1, n) * (rng.random(n) < 0.5),
    )


@pytest.fixture(scope="module")
def beats():
    circulation = physiological(np.random.default_rng(1), N)
    return steady_state(circulation, solver=TIGHT)


def test_elastance_starts_at_emin_and_peaks_just_below_emax():
    assert float(elastance(0.0, 0.8, 0.06, 2.0)) == 0.06
    times = np.linspace(0, 1, 200_001)
    values = np.asarray(double_hill(times / contraction_time(1.0)))
    assert values.max() == pytest.approx(0.9961, abs=5e-5)
    assert times[values.argmax()] / contraction_time(1.0) == pytest.approx(0.9972, abs=2e-4)


def test_the_beat_repeats_itself(beats):
    assert beats.succeeded.all()
    assert beats.period_residual.max() < 1e-11
    waves = (beats.volume_ml, beats.aortic_mmhg, beats.arterial_mmhg, beats.aortic_ml_s)
    for wave in waves:
        np.testing.assert_allclose(wave[:, 0], wave[:, -1], rtol=1e-8, atol=1e-6)


def test_stressed_volume_is_conserved(beats):
    want = beats.circulation.stressed_volume_ml[:, None]
    np.testing.assert_allclose(beats.stressed_volume_ml / want, 1.0, rtol=1e-9)


def test_everything_grows_in_proportion_to_the_stressed_volume(beats):
    bigger = beats.circulation.replace(
        stressed_volume_ml=1.7 * beats.circulation.stressed_volume_ml, v0_ml=np.zeros(N)
    )
    scaled = steady_state(bigger, solver=TIGHT)
    volume = beats.volume_ml - beats.circulation.v0_ml[:, None]
    np.testing.assert_allclose(scaled.volume_ml, 1.7 * volume, rtol=1e-9)
    np.testing.assert_allclose(scaled.aortic_mmhg, 1.7 * beats.aortic_mmhg, rtol=1e-9)
    one, other = beats.indices, scaled.indices
    np.testing.assert_allclose(other.co_l_min, 1.7 * one.co_l_min, rtol=1e-9)
    np.testing.assert_allclose(
        other.stroke_work_mmhg_ml, 1.7**2 * one.stroke_work_mmhg_ml, rtol=1e-9
    )


def test_pressure_flow_and_time_have_free_units():
    # Measured in other units of pressure the same heart is the same; so it is in slow motion,
    # but for Tmax = 0.2 s + 0.15 Tc, which does not scale.
    base = steady_state(Circulation(), solver=TIGHT)
    resistances = ("mitral_resistance", "aortic_valve_resistance", "systemic_resistance")
    stiff = (*resistances, "characteristic_resistance", "emax", "emin", "aortic_inertance")
    soft = ("atrial_compliance", "arterial_compliance", "aortic_compliance")
    values = base.circulation.values()
    other = Circulation().replace(
        **{name: 2 * values[name] for name in stiff}, **{name: values[name] / 2 for name in soft}
    )
    beat = steady_state(other, solver=TIGHT)
    np.testing.assert_allclose(beat.volume_ml, base.volume_ml, rtol=1e-9)
    np.testing.assert_allclose(beat.lv_mmhg, 2 * base.lv_mmhg, rtol=1e-9)


def test_stroke_volume_is_what_the_systemic_vessels_carry(beats):
    own, period = beats.indices, beats.circulation.period_s
    tight = (beats.circulation.mitral_leak == 0) & (beats.circulation.aortic_leak == 0)
    carried = own.co_l_min * period / 0.06
    np.testing.assert_allclose(carried[tight], own.sv_ml[tight], rtol=1e-7)
    np.testing.assert_allclose(own.valve_flow_ml_s * period, carried, rtol=1e-7)
    assert (carried[~tight] < own.sv_ml[~tight]).all()


def test_stroke_work_is_the_area_of_the_loop(beats):
    fine = steady_state(beats.circulation[:2], solver=PRECISE)
    volume, pressure = fine.volume_ml, fine.lv_mmhg
    middle = 0.5 * (pressure[:, 1:] + pressure[:, :-1])
    area = -np.sum(middle * np.diff(volume, axis=1), axis=1)
    np.testing.assert_allclose(fine.indices.stroke_work_mmhg_ml, area, rtol=1e-4)


def test_energy_that_the_heart_gives_is_lost_in_the_resistances():
    beat = steady_state(Circulation(), solver=PRECISE)
    own, period = Circulation(), float(Circulation().period_s)
    h = np.diff(beat.times_s)

    def mean(values):
        return float(np.sum(0.5 * (values[1:] + values[:-1]) * h)) / period

    systemic = (beat.arterial_mmhg - beat.atrial_mmhg) ** 2 / own.systemic_resistance
    lost = mean(systemic) + own.characteristic_resistance * mean(beat.aortic_ml_s**2)
    lost += own.mitral_resistance * mean(beat.mitral_ml_s**2)
    lost += own.aortic_valve_resistance * mean(beat.aortic_valve_ml_s**2)
    assert beat.indices.stroke_work_mmhg_ml / period == pytest.approx(float(lost), rel=1e-4)


def test_tight_valves_let_nothing_back(beats):
    tight = beats.circulation.mitral_leak == 0
    assert beats.mitral_ml_s[tight].min() >= 0
    assert (beats.indices.mitral_regurgitant_ml[tight] == 0).all()
    assert (beats.indices.mitral_regurgitant_ml[~tight] > 0).all()


def test_the_method_is_of_second_order():
    circulation = physiological(np.random.default_rng(3), N)
    exact = steady_indices(circulation, solver=PRECISE).indices
    errors = []
    for steps in (100, 400):
        found = steady_indices(circulation, solver=CycleSolver(steps, tolerance=1e-10)).indices
        errors.append(np.abs(found.paper_edv_ml - exact.paper_edv_ml).mean())
    order = np.log2(errors[0] / errors[1]) / 2
    assert order > 1.6


@pytest.mark.slow  # compiles for long; the golden table and the trials know the same
def test_a_pump_that_runs_takes_over_what_the_valve_carried():
    speeds = np.array([6000.0, 8000.0, 9000.0, 10000.0, 12000.0, 14000.0])
    patient = Circulation(emax=1.0, period_s=0.8)
    found = steady_indices(patient, Lvad(speeds), solver=TIGHT).indices
    assert (np.diff(found.pump_flow_ml_s) > 0).all()
    assert (np.diff(found.mean_arterial_mmhg) > 0).all()
    assert (np.diff(found.edv_ml) < 0).all()
    flow = found.valve_flow_ml_s + found.pump_flow_ml_s
    np.testing.assert_allclose(found.co_l_min / 0.06, flow, rtol=1e-6)
    assert (found.valve_flow_ml_s[-2:] == 0).all()


@settings(max_examples=8)
@given(st.floats(0.1, 10), st.integers(0, 1000))
def test_any_physiological_patient_has_a_beat_of_sensible_shape(scale, seed):
    circulation = physiological(np.random.default_rng(seed), N)
    total = np.clip(scale * circulation.stressed_volume_ml, 20, 2000)
    own = steady_state(circulation.replace(stressed_volume_ml=total))
    index = own.indices
    assert (index.edv_ml > index.esv_ml).all()
    assert (index.lv_peak_mmhg >= index.systolic_mmhg - 1e-6).all()
    assert (index.systolic_mmhg > index.mean_aortic_mmhg).all()
    assert (index.mean_aortic_mmhg > index.diastolic_mmhg).all()
    assert (0 < index.efficiency).all() and (index.efficiency < 1).all()
    assert (index.co_l_min > 0).all()
