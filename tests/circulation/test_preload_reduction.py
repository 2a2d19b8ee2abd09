from dataclasses import replace

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
from cardiotwin.circulation._beat import WAVEFORMS
from cardiotwin.circulation._preload_reduction import POINTS

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


def test_beats_one_by_one_have_the_line_of_the_batch(loads):
    for points in POINTS:
        one, batch = (end_systolic_line(own, points=points) for own in (list_of(loads), loads))
        for name in ("ees_mmhg_ml", "v0_ml", "volume_ml", "rms_mmhg"):
            np.testing.assert_array_equal(getattr(one, name), getattr(batch, name))


def test_beats_of_different_length_share_a_line(loads):
    """As two recordings do: every second sample of one loop is left out."""
    every = list_of(loads)
    waves = {name: getattr(every[1], name)[::2] for name in WAVEFORMS}
    found = end_systolic_line([every[0], replace(every[1], **waves), every[2]])
    assert found.v0_ml == pytest.approx(10.0, abs=0.5)


def test_loops_that_coincide_have_no_line_and_leave_others_theirs():
    same_and_different = Circulation(stressed_volume_ml=[[290.0, 290.0], [290.0, 340.0]])
    found = end_systolic_line(steady_state(same_and_different))
    assert np.isnan(found.ees_mmhg_ml).tolist() == [True, False]
    assert found.v0_ml[1] == pytest.approx(10.0, abs=1e-6)


def list_of(beats):
    return [beats[number] for number in range(len(beats.status))]


def test_one_loop_is_no_family():
    with pytest.raises(InputError, match="two loops"):
        end_systolic_line(steady_state(Circulation()))
    with pytest.raises(InputError, match="two loops"):
        end_systolic_line([steady_state(Circulation())])
    with pytest.raises(InputError, match="points"):
        preload_reduction(Circulation(), points="end")
