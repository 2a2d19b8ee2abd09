import numpy as np
import pytest
from tests.circulation.test_sensitivity import PATIENTS, TIGHT

from cardiotwin.circulation import (
    PARAMETERS,
    Circulation,
    Indices,
    Lvad,
    gradient,
    sensitivities,
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


def test_reverse_mode_is_the_chain_rule_over_forward_mode():
    found = gradient(misfit, PATIENTS, solver=TIGHT)
    forward = sensitivities(PATIENTS, list(PARAMETERS), solver=TIGHT)
    own, slopes = forward.indices, forward.derivatives
    np.testing.assert_allclose(found.value, misfit(own), rtol=1e-9)
    wanted = (
        2 * (own.edv_ml - 150)[:, None] * slopes.edv_ml
        + 2 * (own.systolic_mmhg - 120)[:, None] * slopes.systolic_mmhg
        + 2 * (own.diastolic_mmhg - 80)[:, None] * slopes.diastolic_mmhg
        + 1e-2 * slopes.stroke_work_mmhg_ml
        + slopes.co_l_min
    )
    for k, name in enumerate(PARAMETERS):
        np.testing.assert_allclose(found.derivatives[name], wanted[:, k], rtol=1e-6, atol=1e-6)


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
