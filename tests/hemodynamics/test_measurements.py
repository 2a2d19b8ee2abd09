import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin import InputError, UnitError
from cardiotwin.hemodynamics import QUANTITIES, Curve, Measurements, Prior, Unknowns


@pytest.mark.parametrize(
    "wrong, where",
    [
        ({"edv_ml": 70, "esv_ml": 70}, "esv_ml"),
        ({"systolic_mmhg": 80, "diastolic_mmhg": 80}, "diastolic_mmhg"),
        ({"systolic_mmhg": 120, "mean_pressure_mmhg": 125}, "mean_pressure_mmhg"),
        ({"diastolic_mmhg": 80, "mean_pressure_mmhg": 70}, "mean_pressure_mmhg"),
        ({"edv_ml": 150, "esv_ml": 60, "ef_percent": 35}, "ef_percent"),
        ({"edv_ml": 90, "stroke_volume_ml": 95}, "stroke_volume_ml"),
        ({"edv_ml": -150}, "edv_ml"),
        ({"heart_rate_bpm": float("nan")}, "heart_rate_bpm"),
        ({}, "measurements"),
        ({"edv_ml": 150, "errors": {"edv_ml": 0}}, "errors"),
        ({"edv_ml": 150, "errors": {"edv": 5}}, "errors"),
    ],
)
def test_impossible_sets_are_refused_by_name(wrong, where):
    with pytest.raises(InputError, match=where.replace("[", r"\[")):
        Measurements(**wrong)


@pytest.mark.parametrize(
    "name, value, advice",
    [
        ("ef_percent", 0.55, "fraction"),
        ("edv_ml", 0.15, "mL"),
        ("systolic_mmhg", 16.0, "kPa"),
        ("heart_rate_bpm", 1.1, "beats per minute"),
        ("cardiac_output_l_min", 85.0, "mL/s"),
    ],
)
def test_numbers_of_another_unit_are_told_so(name, value, advice):
    with pytest.raises(UnitError, match=f"{name}.*{advice}"):
        Measurements(**{name: value})


def test_ejection_fraction_counts_only_without_the_volumes():
    assert "ef_percent" not in Measurements(edv_ml=150, esv_ml=70, ef_percent=53).used
    assert "ef_percent" in Measurements(edv_ml=150, ef_percent=53).used


@given(st.sampled_from(list(QUANTITIES)), st.floats(0.1, 50))
def test_an_error_of_ones_own_is_taken(name, error):
    quantity = QUANTITIES[name]
    value = (quantity.low + quantity.high) / 2
    assert Measurements(**{name: value}, errors={name: error}).error(name) == error
    assert Measurements(**{name: value}).error(name) > 0


@pytest.mark.parametrize(
    "times, values, error, where",
    [
        ([0, 0.2, 0.1], [1, 2, 3], 1, "times_s"),
        ([-0.1, 0.2], [1, 2], 1, "times_s"),
        ([0, 200, 400], [1, 2, 3], 1, "seconds"),
        ([0, 0.2], [1, 2, 3], 1, "values"),
        ([0, 0.2], [1, np.nan], 1, "values"),
        ([0, 0.2], [1, 2], 0, "error"),
    ],
)
def test_curves_that_cannot_be_are_refused(times, values, error, where):
    with pytest.raises(InputError, match=where):
        Curve(times, values, error)


@pytest.mark.parametrize(
    "shared", [[[1, np.nan]], [[1, 2, 3]], [1, 2], [[[1, 2]]], [], [["a", "b"]]]
)
def test_shared_errors_that_cannot_be_are_refused(shared):
    with pytest.raises(InputError, match=r"curve\.shared"):
        Curve([0, 0.2], [1, 2], 1, shared=shared)


def test_shared_errors_are_written_only_where_there_are_some():
    """What was written before there were any reads back as it was."""
    values = np.array([120.0, 60.0, 90.0])
    plain = Curve([0.0, 0.3, 0.6], values, 2.0)
    assert plain.shared.shape == (0, 3)
    old = Measurements(pressure_curve=plain).as_dict()["pressure_curve"]
    assert set(old) == {"times_s", "values", "error"}
    assert Curve(**old).shared.shape == (0, 3)
    own = Curve([0.0, 0.3, 0.6], values, 2.0, [0.1 * values, [0, 5, 2]])
    written = Measurements(volume_curve=own).as_dict()["volume_curve"]
    again = Curve(**json.loads(json.dumps(written)))
    for name in ("times_s", "values", "error", "shared"):
        np.testing.assert_array_equal(getattr(again, name), getattr(own, name))


@given(st.floats(-4, 4))
def test_coordinates_and_values_belong_together(z):
    for prior in (Prior(2.0, 0.4), Prior(10.0, 8.0, logarithmic=False)):
        assert prior.coordinate(prior.value(z)) == pytest.approx(z, abs=1e-9)
    unknowns = Unknowns.of()
    there = np.full(len(unknowns.names), z / 2)
    np.testing.assert_allclose(unknowns.coordinates(unknowns.circulation(there)), there, atol=1e-9)


def test_half_of_the_patients_are_below_the_median():
    unknowns = Unknowns.of(["emax", "v0_ml"])
    values = unknowns.circulation(unknowns.draw(4000, seed=1)).values()
    assert np.mean(values["emax"] < 1.8) == pytest.approx(0.5, abs=0.03)
    assert np.std(values["v0_ml"]) == pytest.approx(15, rel=0.05)


def test_unknowns_that_do_not_exist_are_named():
    with pytest.raises(InputError, match=r"emax1.*emax"):
        Unknowns.of(["emax1"])
    with pytest.raises(InputError, match="free"):
        Unknowns.of([])
