"""Conditions and interventions move a patient the way physiology says, and reach their goals."""

import numpy as np
import pytest
from patients import side_by_side

from cardiotwin import InputError
from cardiotwin.circulation import CHOI_1997, FAST, Circulation, Lvad, steady_indices
from cardiotwin.hemodynamics import (
    AorticRegurgitation,
    AorticStenosis,
    DiastolicFailure,
    HeartRate,
    Hypertension,
    Hypovolaemia,
    ImplantLvad,
    Inotrope,
    MitralRegurgitation,
    MitralStenosis,
    PumpSpeed,
    SystolicFailure,
    Vasodilator,
    Vasopressor,
    VolumeLoading,
    regurgitant_fraction,
    transform,
    what_if,
)

GRADED = {
    "mitral stenosis": MitralStenosis(resistance=[0.005, 0.05, 0.1]),
    "aortic stenosis": AorticStenosis(resistance=[0.001, 0.1, 0.3]),
    "mitral regurgitation": MitralRegurgitation(leak=[0.0, 1.0, 3.0]),
    "aortic regurgitation": AorticRegurgitation(leak=[0.0, 1.0, 3.0]),
    "hypertension": Hypertension([1.0, 1.3, 1.6], stiffness_factor=[1.0, 1.3, 1.6]),
    "systolic failure": SystolicFailure([1.0, 0.6, 0.3], dilation_ml=[0.0, 20.0, 40.0]),
    "diastolic failure": DiastolicFailure([1.0, 2.0, 3.0]),
    "inotrope": Inotrope([1.0, 1.3, 1.6]),
    "vasodilator": Vasodilator([1.0, 0.7, 0.5]),
    "venodilator": Vasodilator(1.0, volume_factor=[1.0, 0.8, 0.6]),
    "vasopressor": Vasopressor([1.0, 1.4, 1.8]),
    "volume": VolumeLoading([0.0, 50.0, 100.0]),
    "loss": Hypovolaemia(loss_ml=[0.0, 50.0, 100.0]),
    "rate": HeartRate([60.0, 90.0, 120.0]),
}
"""Mild to severe, the first of each the healthy patient."""

# Index, and the least that it changes by between neighbours, relative to the healthy patient;
# the sign is the direction.
DIRECTIONS = [
    ("mitral stenosis", "mitral_mean_gradient_mmhg", 1.0),
    ("mitral stenosis", "mean_atrial_mmhg", 0.2),
    ("mitral stenosis", "co_l_min", -0.05),
    ("aortic stenosis", "aortic_mean_gradient_mmhg", 1.0),
    ("aortic stenosis", "lv_peak_mmhg", 0.1),
    ("aortic stenosis", "co_l_min", -0.02),
    ("aortic stenosis", "ef_percent", -0.05),
    ("mitral regurgitation", "co_l_min", -0.1),
    ("mitral regurgitation", "mean_atrial_mmhg", 0.1),
    ("mitral regurgitation", "edv_ml", 0.05),
    ("mitral regurgitation", "ef_percent", 0.1),
    ("aortic regurgitation", "diastolic_mmhg", -0.1),
    ("aortic regurgitation", "edv_ml", 0.1),
    ("aortic regurgitation", "co_l_min", -0.1),
    ("hypertension", "mean_arterial_mmhg", 0.1),
    ("hypertension", "ea_mmhg_ml", 0.1),
    ("systolic failure", "ef_percent", -0.1),
    ("systolic failure", "edv_ml", 0.05),
    ("systolic failure", "mean_arterial_mmhg", -0.05),
    ("diastolic failure", "lvedp_mmhg", 0.1),
    ("diastolic failure", "co_l_min", -0.05),
    ("inotrope", "ef_percent", 0.05),
    ("inotrope", "dpdt_max_mmhg_s", 0.05),
    ("vasodilator", "mean_arterial_mmhg", -0.05),
    ("vasodilator", "co_l_min", 0.05),
    ("venodilator", "lvedp_mmhg", -0.1),
    ("vasopressor", "mean_arterial_mmhg", 0.05),
    ("volume", "co_l_min", 0.1),
    ("loss", "lvedp_mmhg", -0.1),
    ("rate", "sv_ml", -0.05),
]


@pytest.fixture(scope="module")
def graded():
    """Give the indices of every severity of every transformation, all computed at once."""
    treated = {name: own.apply(Circulation(), None)[0] for name, own in GRADED.items()}
    patients = [own[i] for own in treated.values() for i in range(3)]
    values = steady_indices(side_by_side(patients)).indices.as_dict()
    return {
        name: {index: own[3 * row : 3 * row + 3] for index, own in values.items()}
        for row, name in enumerate(treated)
    }


@pytest.mark.parametrize(("name", "index", "least"), DIRECTIONS, ids=lambda own: str(own))
def test_grows_with_severity(graded, name, index, least):
    values = graded[name][index]
    steps = np.diff(values) / abs(values[0])
    assert (steps * np.sign(least) > abs(least)).all(), values


def test_losing_blood_scales_the_circulation_exactly(graded):
    share = 1 - np.array([0.0, 50.0, 100.0]) / Circulation().stressed_volume_ml
    own = graded["loss"]
    for index in ("sv_ml", "lvedp_mmhg", "systolic_mmhg", "mean_atrial_mmhg", "co_l_min"):
        np.testing.assert_allclose(own[index], share * own[index][0], rtol=1e-9)
    v0 = float(Circulation().v0_ml)
    np.testing.assert_allclose(own["edv_ml"] - v0, share * (own["edv_ml"][0] - v0), rtol=1e-9)
    np.testing.assert_allclose(
        own["stroke_work_mmhg_ml"], share**2 * own["stroke_work_mmhg_ml"][0], rtol=1e-9
    )


def test_fraction_of_the_blood_equals_its_millilitres():
    by_share = Hypovolaemia(fraction=0.25).apply(Circulation(), None)[0]
    loss = 0.25 * Circulation().stressed_volume_ml
    by_volume = Hypovolaemia(loss_ml=loss).apply(Circulation(), None)[0]
    assert by_share.stressed_volume_ml == pytest.approx(float(by_volume.stressed_volume_ml))


def test_heart_rate_sets_the_period_exactly():
    rates = np.array([40.0, 75.0, 180.0])
    treated, lvad = HeartRate(rates).apply(Circulation(), None)
    assert lvad is None
    np.testing.assert_array_equal(treated.period_s, 60 / rates)


@pytest.mark.parametrize("valve", ["mitral", "aortic"])
def test_regurgitant_fraction_is_reached(valve):
    kind = {"mitral": MitralRegurgitation, "aortic": AorticRegurgitation}[valve]
    goal = np.array([0.0, 0.01, 0.1, 0.3, 0.5, 0.65])
    patients = Circulation(emax=np.linspace(1.0, 2.5, 6), period_s=np.linspace(0.6, 1.1, 6))
    treated, _ = kind(fraction=goal).apply(patients, None)
    reached = regurgitant_fraction(steady_indices(treated).indices, treated, valve)
    np.testing.assert_allclose(reached, goal, atol=1e-6, rtol=1e-4)
    leak = getattr(treated, f"{valve}_leak")
    assert leak[0] == 0
    assert (leak[1:] > 0).all()


@pytest.mark.parametrize("valve", ["mitral", "aortic"])
def test_valve_area_is_reached(valve):
    kind = {"mitral": MitralStenosis, "aortic": AorticStenosis}[valve]
    goal = np.array([0.6, 0.8, 1.0, 1.5, 2.0, 3.0])
    treated, _ = kind(area_cm2=goal).apply(Circulation(), None)
    reached = getattr(steady_indices(treated).indices, f"{valve}_area_cm2")
    np.testing.assert_allclose(reached, goal, rtol=1e-4)


def test_own_area_changes_nothing():
    patients = Circulation(emax=[1.0, 2.0])
    own = steady_indices(patients).indices.mitral_area_cm2
    treated, _ = MitralStenosis(area_cm2=own).apply(patients, None)
    np.testing.assert_array_equal(treated.mitral_resistance, [0.005, 0.005])


def test_goals_broadcast_with_the_batch():
    patients = Circulation(emax=[[1.0], [2.0]])
    treated, _ = AorticStenosis(area_cm2=[0.8, 1.2, 1.6]).apply(patients, None)
    assert treated.shape == (2, 3)
    alone, _ = AorticStenosis(area_cm2=1.2).apply(Circulation(), None)
    assert alone.shape == ()
    assert treated.aortic_valve_resistance[1, 1] == pytest.approx(
        float(alone.aortic_valve_resistance), rel=1e-9
    )


def test_batch_equals_one_by_one():
    patients = Circulation(emax=[1.0, 2.0])
    steps = (
        HeartRate([70.0, 90.0]),
        SystolicFailure([0.5, 0.8], dilation_ml=10.0),
        Hypertension([1.2, 1.6]),
        VolumeLoading(40.0),
    )
    together, _ = transform(patients, *steps)
    for i in range(2):
        alone, _ = transform(
            patients[i],
            HeartRate([70.0, 90.0][i]),
            SystolicFailure([0.5, 0.8][i], dilation_ml=10.0),
            Hypertension([1.2, 1.6][i]),
            VolumeLoading(40.0),
        )
        assert repr(together[i]) == repr(alone)


def test_transformations_compose_in_order():
    first, second = Hypovolaemia(fraction=0.5), VolumeLoading(100.0)
    total = float(Circulation().stressed_volume_ml)
    once, _ = transform(Circulation(), first, second)
    turned, _ = transform(Circulation(), second, first)
    assert float(once.stressed_volume_ml) == pytest.approx(total / 2 + 100)
    assert float(turned.stressed_volume_ml) == pytest.approx(total / 2 + 50)
    nothing, lvad = transform(Circulation())
    assert (repr(nothing), lvad) == (repr(Circulation()), None)


def test_pump_is_implanted_once_and_turned():
    implanted = ImplantLvad(9000.0, CHOI_1997)
    patient, lvad = transform(Circulation(), implanted, PumpSpeed(10000.0), Inotrope(0.5))
    assert lvad is not None
    assert float(lvad.speed_rpm) == 10000
    assert lvad.coefficients is CHOI_1997
    assert float(patient.emax) == 1
    with pytest.raises(InputError, match="lvad: found a patient with a pump"):
        implanted.apply(patient, lvad)
    with pytest.raises(InputError, match="lvad: found a patient without a pump"):
        PumpSpeed(9000.0).apply(patient, None)


def test_what_if_shows_both_beats_and_the_changes():
    factors = np.array([1.5, 2.0])
    answer = what_if(Circulation(emax=[1.0, 1.0]), Inotrope(factors), solver=FAST)
    assert answer.before.succeeded.all()
    assert answer.after.succeeded.all()
    np.testing.assert_array_equal(answer.after.circulation.emax, factors)
    output = answer.change("co_l_min")
    assert output.after[1] > output.after[0] + 0.2 > output.before[0] + 0.5
    np.testing.assert_allclose(output.percent, 100 * (output.after - output.before) / output.before)
    assert np.isnan(answer.change("pump_flow_ml_s").percent).all()
    rows = answer.table().splitlines()
    assert {row.count("|") for row in rows} == {7}
    assert rows[-1] == "| mean pump flow | mL/s | 0 | 0 | +0 | – |"
    assert len(answer.table(["co_l_min", "efficiency"]).splitlines()) == 4
    with pytest.raises(InputError, match="Did you mean 'co_l_min'"):
        answer.table(["co_lmin"])


@pytest.mark.slow
def test_faster_pump_relieves_a_weak_ventricle():
    speeds = np.array([8000.0, 10000.0])
    weak = Circulation(emax=1.0, period_s=0.8)
    answer = what_if(weak, PumpSpeed(speeds), lvad=Lvad(6000.0), solver=FAST)
    assert answer.before.lvad is not None
    assert answer.after.lvad is not None
    np.testing.assert_array_equal(answer.after.lvad.speed_rpm, speeds)
    for index, least in (("pump_flow_ml_s", 20.0), ("co_l_min", 0.3), ("edv_ml", -5.0)):
        change = answer.change(index)
        steps = np.array([change.after[0] - change.before[0], change.after[1] - change.after[0]])
        assert (steps * np.sign(least) > abs(least)).all(), (index, steps)


def test_unknown_valve_is_refused():
    found = steady_indices(Circulation(emax=[1.0, 2.0]))
    with pytest.raises(InputError, match="valve: found 'tricuspid'"):
        regurgitant_fraction(found.indices, Circulation(), "tricuspid")


BAD = [
    (lambda: MitralStenosis(), "area_cm2, resistance: found neither"),
    (lambda: AorticStenosis(area_cm2=1.0, resistance=0.1), "area_cm2, resistance: found both"),
    (lambda: MitralStenosis(area_cm2=[1.0, -1.0]), r"area_cm2: found -1 at index \(1,\)"),
    (lambda: MitralStenosis(area_cm2=150.0), "area_cm2: found 150.*mm²"),
    (lambda: AorticStenosis(resistance=0.0), "resistance: found 0"),
    (lambda: MitralRegurgitation(fraction=40.0), "fraction: found 40.*Percent"),
    (lambda: AorticRegurgitation(leak=-1.0), "leak: found -1"),
    (lambda: Hypertension("high"), "resistance_factor: found 'high'"),
    (lambda: Hypertension(stiffness_factor=0.5), "stiffness_factor: found 0.5"),
    (lambda: SystolicFailure(1.5), "emax_factor: found 1.5.*Inotrope"),
    (lambda: SystolicFailure(0.5, dilation_ml=np.nan), "dilation_ml: found nan"),
    (lambda: DiastolicFailure(0.5), "emin_factor: found 0.5"),
    (lambda: Inotrope(0.0), "factor: found 0"),
    (lambda: Vasodilator(1.4), "resistance_factor: found 1.4.*Vasopressor"),
    (lambda: Vasopressor(0.7), "resistance_factor: found 0.7.*Vasodilator"),
    (lambda: Hypovolaemia(fraction=1.0), "fraction: found 1"),
    (lambda: VolumeLoading(-10.0), "volume_ml: found -10.*Hypovolaemia"),
    (lambda: HeartRate(0.8), "rate_bpm: found 0.8.*beats a minute"),
    (lambda: ImplantLvad(9.0), "speed_rpm: found 9"),
    (lambda: PumpSpeed(-1.0), "speed_rpm: found -1"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_severity_names_the_argument(make, message):
    with pytest.raises(InputError, match=message):
        make()


IMPOSSIBLE = [
    (Hypovolaemia(loss_ml=500.0), r"loss_ml: found 500; expected less than .*282\.7 mL"),
    (VolumeLoading(5000.0), "volume_ml: found a severity that gives stressed_volume_ml = 5282.71"),
    (Inotrope(20.0), "factor: found a severity that gives emax = 40"),
    (SystolicFailure(0.04), "emax_factor: found a severity that gives emax = 0.08"),
    (AorticStenosis(area_cm2=20.0), r"area_cm2: found 20; expected 0\.\d+ to 12\.5\d"),
    (MitralRegurgitation(fraction=0.9), r"fraction: found 0\.9; expected 0 to 0\.7\d+"),
    (AorticRegurgitation(fraction=[0.1, 0.95]), r"fraction: found 0\.95 at index \(1,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("own", "message"), IMPOSSIBLE, ids=[m for _, m in IMPOSSIBLE])
def test_impossible_severity_says_what_is_possible(own, message):
    with pytest.raises(InputError, match=message):
        own.apply(Circulation(), None)


def test_stiffness_above_contractility_is_refused():
    weak = Circulation(emax=0.15)
    with pytest.raises(InputError, match=r"emin_factor: found emin = 0\.18 with emax = 0\.15"):
        DiastolicFailure(3.0).apply(weak, None)


def test_severities_that_do_not_broadcast_are_refused():
    with pytest.raises(InputError, match=r"factor: found shapes period_s \(2,\), emax \(3,\)"):
        Inotrope([1.0, 1.1, 1.2]).apply(Circulation(period_s=[1.0, 0.8]), None)
    with pytest.raises(InputError, match=r"fraction: found shape \(3,\)"):
        MitralRegurgitation(fraction=[0.1, 0.2, 0.3]).apply(Circulation(emax=[1.0, 2.0]), None)
