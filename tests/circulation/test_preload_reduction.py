import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.circulation import (
    Circulation,
    Lvad,
    end_systolic_line,
    preload_reduction,
    steady_state,
)

PATIENTS = Circulation(emax=[2.0, 1.0], v0_ml=[10.0, -5.0])


@pytest.mark.parametrize("points", ["iterative", "peak-elastance"])
def test_the_line_of_the_model_comes_back_exactly(points):
    found = preload_reduction(PATIENTS, fractions=np.linspace(1, 0.5, 8), points=points)
    np.testing.assert_allclose(found.v0_ml, PATIENTS.v0_ml, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.ees_mmhg_ml, found.family.indices.ees_mmhg_ml[:, 0], rtol=1e-4)
    assert found.rms_mmhg.max() < 1e-6


@pytest.fixture(scope="module")
def loads():
    resistances = {
        "systemic_resistance": [0.5, 1, 1.5, 2],
        "mitral_resistance": [5e-3, 0.02, 0.05, 0.1],
    }
    return steady_state(Circulation(**resistances))


def test_other_loads_lie_on_the_same_line(loads):
    """What changes pressures or volumes without the ventricle moves along the line."""
    for points in ("iterative", "peak-elastance"):
        assert end_systolic_line(loads, points=points).v0_ml == pytest.approx(10.0, abs=1e-6)


def test_the_end_of_ejection_is_no_end_systole_when_the_afterload_changes(loads):
    found = end_systolic_line(loads, points="end-ejection")
    assert 1 < abs(found.v0_ml - 10) < 10


def test_a_pump_leaves_the_line_alone():
    found = preload_reduction(Circulation(emax=1.0), Lvad(9000.0), fractions=[1.0, 0.9, 0.8])
    assert found.v0_ml == pytest.approx(10.0, abs=0.2)


def test_one_loop_is_no_family():
    with pytest.raises(InputError, match="two loops"):
        end_systolic_line(steady_state(Circulation()))
    with pytest.raises(InputError, match="points"):
        preload_reduction(Circulation(), points="end")
