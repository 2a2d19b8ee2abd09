import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.circulation import (
    PARAMETERS,
    Circulation,
    CycleSolver,
    Lvad,
    sensitivities,
    steady_indices,
)

TIGHT = CycleSolver(tolerance=1e-10)
WATCHED = (
    "edv_ml",
    "esv_ml",
    "paper_esv_ml",
    "lv_peak_mmhg",
    "systolic_mmhg",
    "diastolic_mmhg",
    "mean_atrial_mmhg",
    "lvedp_mmhg",
    "co_l_min",
    "stroke_work_mmhg_ml",
    "dpdt_max_mmhg_s",
    "mitral_mean_gradient_mmhg",
)
# Healthy, mitral stenosis with heart failure, aortic stenosis, a leaking valve.
PATIENTS = Circulation(
    emax=[2.0, 1.0, 0.6, 2.5],
    mitral_resistance=[0.005, 0.1, 0.02, 0.03],
    aortic_valve_resistance=[0.001, 0.02, 0.25, 0.1],
    period_s=[1.0, 0.8, 0.7, 1.2],
    mitral_leak=[0.1, 0.5, 0.01, 0.2],
    aortic_leak=0.2,
)


def difference(patients, name, step, lvad=None):
    own = patients.values()[name]
    up = steady_indices(patients.replace(**{name: own + step}), lvad, solver=TIGHT).indices
    down = steady_indices(patients.replace(**{name: own - step}), lvad, solver=TIGHT).indices
    return {n: (getattr(up, n) - getattr(down, n)) / (2 * step) for n in WATCHED}


@pytest.fixture(scope="module")
def derivatives():
    return sensitivities(PATIENTS, list(PARAMETERS), solver=TIGHT).derivatives


@pytest.mark.parametrize("name", list(PARAMETERS))
def test_derivatives_are_those_of_finite_differences(derivatives, name):
    # Valves open and close within the beat, at other instants for other values.
    step = 1e-4 * PARAMETERS[name].reference or 1e-4
    for index, slope in difference(PATIENTS, name, step).items():
        found = getattr(derivatives, index)[:, list(PARAMETERS).index(name)]
        np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-6 * np.abs(slope).max() + 1e-7)


@pytest.mark.slow  # the program with a pump takes a minute to compile on a busy machine
def test_derivatives_in_the_speed_of_a_pump():
    patients, speeds = Circulation(emax=1.0), np.array([8000.0, 10000.0, 13000.0, 15000.0])
    found = sensitivities(patients, ["speed_rpm", "emin"], Lvad(speeds), solver=TIGHT)
    up, down = (
        steady_indices(patients, Lvad(speeds + shift), solver=TIGHT).indices for shift in (1, -1)
    )
    for index in (*WATCHED[:10], "pump_flow_ml_s"):
        slope = (getattr(up, index) - getattr(down, index)) / 2
        np.testing.assert_allclose(
            getattr(found.derivatives, index)[:, 0], slope, rtol=1e-4, atol=1e-6, err_msg=index
        )


def test_proportion_to_the_stressed_volume_has_the_right_slope():
    found = sensitivities(Circulation(v0_ml=0.0), ["stressed_volume_ml"], solver=TIGHT)
    total = float(Circulation().stressed_volume_ml)
    for index in ("edv_ml", "co_l_min", "systolic_mmhg"):
        slope = getattr(found.derivatives, index)[0]
        assert slope == pytest.approx(float(getattr(found.indices, index)) / total, rel=1e-9)


def test_unknown_parameters_are_named():
    with pytest.raises(InputError, match=r"emaxx.*emax"):
        sensitivities(Circulation(), ["emaxx"])
    with pytest.raises(InputError, match="speed_rpm"):
        sensitivities(Circulation(), ["speed_rpm"])
