import numpy as np
import pytest
from tests.circulation.test_sensitivity import PATIENTS, TIGHT

from cardiotwin.circulation import (
    PARAMETERS,
    Circulation,
    Indices,
    Lvad,
    gradient,
    steady_indices,
)


def misfit(indices: Indices):
    """Look at a volume, at pressures with kinks in time, and at an integral."""
    return (
        (indices.edv_ml - 150) ** 2
        + (indices.systolic_mmhg - 120) ** 2
        + (indices.diastolic_mmhg - 80) ** 2
        + 1e-2 * indices.stroke_work_mmhg_ml
        + indices.co_l_min
    )


def test_gradient_is_that_of_finite_differences_in_every_parameter():
    found = gradient(misfit, PATIENTS, solver=TIGHT)
    own = steady_indices(PATIENTS, solver=TIGHT).indices
    np.testing.assert_allclose(found.value, misfit(own), rtol=1e-9)
    for name, parameter in PARAMETERS.items():
        step = 1e-4 * parameter.reference or 1e-4
        value = PATIENTS.values()[name]
        up, down = (
            misfit(steady_indices(PATIENTS.replace(**{name: moved}), solver=TIGHT).indices)
            for moved in (value + step, value - step)
        )
        slope = (up - down) / (2 * step)
        scale = np.abs(slope).max()
        np.testing.assert_allclose(
            found.derivatives[name], slope, rtol=1e-4, atol=1e-5 * scale + 1e-6, err_msg=name
        )


@pytest.mark.slow  # the program with a pump takes long to compile
def test_with_a_pump_in_suction_and_out_of_it():
    patients, speeds = Circulation(emax=1.0), np.array([8000.0, 10000.0, 15000.0])
    found = gradient(misfit, patients, Lvad(speeds), solver=TIGHT)
    up, down = (
        misfit(steady_indices(patients, Lvad(speeds + shift), solver=TIGHT).indices)
        for shift in (1, -1)
    )
    np.testing.assert_allclose(
        found.derivatives["speed_rpm"], (up - down) / 2, rtol=1e-4, atol=1e-6
    )
