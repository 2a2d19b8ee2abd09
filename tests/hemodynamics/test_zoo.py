"""The patients are what their descriptions say."""

import pytest
from patients import side_by_side

from cardiotwin import InputError
from cardiotwin.circulation import Circulation, steady_indices
from cardiotwin.hemodynamics import regurgitant_fraction, zoo


@pytest.fixture(scope="module")
def found():
    """Give the indices of every patient, and the regurgitant fractions, by name."""
    names = zoo.names()
    batch = side_by_side([zoo.get(name) for name in names])
    indices = steady_indices(batch).indices
    fractions = {
        valve: regurgitant_fraction(indices, batch, valve) for valve in ("mitral", "aortic")
    }
    return {
        name: {
            **{key: float(value[i]) for key, value in indices.as_dict().items()},
            **{f"{valve}_fraction": float(share[i]) for valve, share in fractions.items()},
        }
        for i, name in enumerate(names)
    }


def test_every_patient_is_described_and_alive(found):
    for name, own in found.items():
        description = zoo.PATIENTS[name].description
        assert description.endswith(".")
        assert len(description) < 100
        assert 40 < own["mean_arterial_mmhg"] < 140
        assert 2 < own["co_l_min"] < 9
        assert 3 < own["mean_atrial_mmhg"] < 30
        assert 50 < own["edv_ml"] < 300


def test_healthy_is_the_reference():
    assert repr(zoo.get("healthy")) == repr(Circulation())


def test_mitral_stenosis(found):
    own = found["mitral_stenosis"]
    assert own["mitral_area_cm2"] == pytest.approx(1.0, abs=0.1)
    assert own["mitral_mean_gradient_mmhg"] > 10
    assert own["mean_atrial_mmhg"] > 18
    assert own["mean_atrial_mmhg"] - own["lvedp_mmhg"] > 8
    assert own["co_l_min"] < 0.9 * found["healthy"]["co_l_min"]


def test_aortic_stenosis(found):
    own = found["aortic_stenosis"]
    assert own["aortic_area_cm2"] == pytest.approx(0.8, abs=0.05)
    assert own["aortic_mean_gradient_mmhg"] > 40
    gap = own["lv_peak_mmhg"] - own["systolic_mmhg"]
    # The peaks are not simultaneous: their distance lies below the largest gradient.
    assert 0.7 * own["aortic_peak_gradient_mmhg"] < gap <= own["aortic_peak_gradient_mmhg"]
    assert own["ef_percent"] > 50


def test_mitral_regurgitation(found):
    own, healthy = found["mitral_regurgitation"], found["healthy"]
    assert own["mitral_fraction"] == pytest.approx(0.5, abs=0.03)
    assert own["ef_percent"] > 60
    assert own["co_l_min"] < healthy["co_l_min"] - 0.3
    assert own["edv_ml"] > healthy["edv_ml"] + 20
    assert own["mean_atrial_mmhg"] > 14


def test_aortic_regurgitation(found):
    own, healthy = found["aortic_regurgitation"], found["healthy"]
    assert own["aortic_fraction"] == pytest.approx(0.5, abs=0.03)
    pulse = own["systolic_mmhg"] - own["diastolic_mmhg"]
    assert pulse > 1.5 * (healthy["systolic_mmhg"] - healthy["diastolic_mmhg"])
    assert own["edv_ml"] > 200


def test_failing_ventricles(found):
    dilated, acute = found["dilated_cardiomyopathy"], found["cardiogenic_shock"]
    assert 15 < dilated["ef_percent"] < 25
    assert dilated["edv_ml"] > 220
    assert acute["ef_percent"] < 20
    assert acute["co_l_min"] < 3
    assert acute["systolic_mmhg"] < 90
    assert acute["lvedp_mmhg"] > 15
    assert acute["edv_ml"] < 200


def test_preserved_ejection_fraction(found):
    own = found["hfpef"]
    assert own["ef_percent"] > 50
    assert own["lvedp_mmhg"] > 15
    assert own["mean_atrial_mmhg"] > 15
    assert own["edv_ml"] < 140


def test_hypertensive(found):
    own = found["hypertensive"]
    assert own["systolic_mmhg"] == pytest.approx(160, abs=5)
    assert own["diastolic_mmhg"] == pytest.approx(100, abs=5)
    assert own["co_l_min"] > 4.5


def test_shocks_differ(found):
    empty, septic = found["hypovolaemic"], found["septic"]
    assert empty["mean_arterial_mmhg"] < 70
    assert empty["co_l_min"] < 3.5
    assert empty["mean_atrial_mmhg"] < 6
    assert septic["mean_arterial_mmhg"] < 65
    assert septic["co_l_min"] > 6


def test_unknown_patient_is_named_with_the_nearest():
    with pytest.raises(InputError, match=r"name: found 'hefpef'.*Did you mean 'hfpef'"):
        zoo.get("hefpef")
