"""In-silico trials: nobody is lost, pairs are pairs, the pump does what pumps do."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from trials import FAILURE, Intolerable, assert_same_rows, failing_hearts

from cardiotwin import InputError
from cardiotwin.circulation import FAST, SIMAAN_2009, Circulation, Lvad
from cardiotwin.hemodynamics import (
    NO_SUCTION,
    Arm,
    Between,
    Cohort,
    FixedSpeed,
    ImplantLvad,
    Largest,
    OptimizedSpeed,
    Randomized,
    Smallest,
    Strata,
    SuctionFraction,
    Trial,
    run_trial,
)
from cardiotwin.hemodynamics._steady_batch import make_solve

SPEEDS = (8000.0, 10000.0, 12000.0)
SOLVE = make_solve(FAST)


@pytest.fixture(scope="module")
def cohort():
    return failing_hearts(120)


@pytest.fixture(scope="module")
def result(cohort):
    pumps = [Arm(f"{own:g} rpm", speed=FixedSpeed(own)) for own in SPEEDS]
    best = OptimizedSpeed(
        Largest("co_l_min"), (NO_SUCTION, Between("mean_arterial_mmhg", 65.0, 95.0)), SPEEDS, 1
    )
    frail = Arm("frail", Intolerable(95.0), speed=FixedSpeed(10000.0))
    arms = (Arm("no pump"), *pumps, Arm("best", speed=best), frail)
    return run_trial(
        Trial(cohort, arms, subgroups=(Strata("ef_percent", (15.0, 25.0)),)), quiet=True
    )


def test_everybody_screened_is_enrolled_or_excluded_with_a_reason(cohort):
    assert cohort.screened == len(cohort) + sum(cohort.excluded.values())
    assert len(cohort.excluded) == 3 and all(text.endswith(" not met") for text in cohort.excluded)
    for own in cohort.criteria:
        assert own.met(cohort.baseline).all()
    assert len(set(cohort.patient)) == len(cohort)


def test_a_larger_cohort_begins_with_the_smaller_one(cohort):
    smaller = failing_hearts(50)
    np.testing.assert_array_equal(smaller.patient, cohort.patient[:50])
    np.testing.assert_array_equal(smaller.circulation.emax, cohort.circulation.emax[:50])
    assert smaller.screened < cohort.screened
    assert (failing_hearts(50, seed=1).circulation.emax != smaller.circulation.emax).all()


def test_candidates_beyond_the_model_are_excluded_and_counted():
    # Emin five times as high is above what is left of Emax in some.
    cohort = Cohort.from_priors(20, condition=(*FAILURE, replace(FAILURE[1], emin_factor=5.0)))
    assert cohort.excluded["outside the limits of the model"] > 0
    assert cohort.screened == 20 + sum(cohort.excluded.values())


def test_accounting_adds_up_and_keeps_errors(result):
    account = result.accounting
    assert account.enrolled == account.patients == 120
    for arm in account.arms:
        assert arm.allocated == 120 == arm.analysed + arm.infeasible + arm.failed
        assert sum(arm.errors.values()) == arm.infeasible + arm.failed
    by_name = {arm.arm: arm for arm in account.arms}
    assert by_name["best"].infeasible > 0 and by_name["best"].failed == 0
    assert any("mean arterial pressure 65 to 95 mmHg" in own for own in by_name["best"].errors)
    fast = result.trial.cohort.circulation.heart_rate_bpm > 95.0
    assert by_name["frail"].failed == fast.sum() > 0
    assert list(by_name["frail"].errors) == [
        "InputError: rate: found a heart too fast; expected a slower one."
    ]
    # Those who are left have what they would have had without the others.
    np.testing.assert_allclose(
        result.values("co_l_min")[5, ~fast], result.values("co_l_min")[2, ~fast], rtol=1e-4
    )
    assert np.isnan(result.values("co_l_min")[5, fast]).all()
    assert result.table.counts()["failed"] == sum(
        arm.infeasible + arm.failed for arm in account.arms
    )


def test_the_first_arm_is_the_patient_as_enrolled(result):
    before = result.trial.cohort.baseline
    for name in ("co_l_min", "ef_percent", "lvedp_mmhg"):
        np.testing.assert_allclose(result.values(name)[0], before[name], rtol=1e-4)


def test_faster_pumps_raise_output_and_pressure_and_empty_the_atrium(result):
    fine = result.values("lv_min_mmhg")[3] > 1.0
    assert fine.sum() > 100
    for name, sign in (("co_l_min", 1), ("mean_arterial_mmhg", 1), ("lvedp_mmhg", -1)):
        # From no pump to a slow one output may fall: blood runs back through it in diastole.
        steps = sign * np.diff(result.values(name)[1:4][:, fine], axis=0)
        assert (steps > 0).all(), name
    # The atrium may get a little of what a very large ventricle gives up.
    assert (np.diff(result.values("mean_atrial_mmhg")[1:4], axis=0) < 0).mean() > 0.95
    pump = result.values("pump_flow_ml_s")[1:4] + result.values("valve_flow_ml_s")[1:4]
    np.testing.assert_allclose(0.06 * pump, result.values("co_l_min")[1:4], rtol=1e-4)


def test_effects_are_paired_and_missing_counts_as_unchanged(result):
    values = result.values("co_l_min")
    own = result.outcome("10000 rpm", "co_l_min")
    paired = values[2] - values[0]
    half = 1.9801 * paired.std(ddof=1) / np.sqrt(120)
    assert own.effect.mean == pytest.approx(paired.mean())
    assert own.effect.high - own.effect.mean == pytest.approx(half, rel=1e-4)
    assert own.to_treat == own.effect
    # Between patients there is far more spread than within.
    assert own.effect.high - own.effect.low < 0.7 * (own.after.high - own.after.low)
    frail, known = result.outcome("frail", "co_l_min"), np.isfinite(values[5])
    assert frail.effect.n == known.sum() and frail.to_treat.n == 120
    assert frail.to_treat.mean == pytest.approx(
        (values[5] - values[0])[known].sum() / 120, rel=1e-4
    )


def test_intervals_have_the_confidence_that_is_asked_for(result, tmp_path):
    narrow = replace(result, trial=replace(result.trial, confidence=0.8))
    for name in ("after", "effect"):
        one, other = (
            getattr(own.outcome("10000 rpm", "co_l_min"), name) for own in (result, narrow)
        )
        assert one.mean == other.mean
        # Student's t with 119 degrees of freedom.
        ratio = (other.high - other.low) / (one.high - one.low)
        assert ratio == pytest.approx(stats.t.ppf(0.9, 119) / stats.t.ppf(0.975, 119), rel=1e-9)
        assert other.p05 == one.p05
    subgroup, wider = narrow.subgroups[1], result.subgroups[1]
    assert subgroup.effect.high - subgroup.effect.low < wider.effect.high - wider.effect.low
    *_, facts, page = narrow.write(tmp_path)
    assert json.loads(facts.read_text())["confidence"] == 0.8
    assert "mean (80 %)" in page.read_text() and "(95 %)" not in page.read_text()


def test_subgroups_share_out_everybody(result):
    for arm in ("no pump", "best"):
        rows = [own for own in result.subgroups if own.arm == arm]
        assert sum(own.before.n for own in rows) == 120
        assert sum(own.after.n for own in rows) == result.outcome(arm, "co_l_min").after.n


def test_the_best_speed_is_no_worse_than_any_of_the_grid_that_is_allowed(result):
    best, found = result.values("co_l_min")[4], result.values("co_l_min")[1:4]
    pressure, lowest = (result.values(name) for name in ("mean_arterial_mmhg", "lv_min_mmhg"))
    allowed = (pressure[1:4] >= 65) & (pressure[1:4] <= 95) & (lowest[1:4] >= 1)
    assert (np.where(allowed, found, 0).max(0) <= np.nan_to_num(best) + 1e-9).all()
    has = np.isfinite(best)
    np.testing.assert_array_equal(has, allowed.any(0))
    assert (pressure[4, has] <= 95).all() and (pressure[4, has] >= 65).all()
    assert np.median(pressure[4, has]) > 90
    assert np.isnan(result.values("speed_rpm")[4, ~has]).all()


def test_suction_begins_where_the_smallest_flow_stops_rising():
    resistances = Circulation(systemic_resistance=[0.5, 1.0, 1.5, 2.0, 2.5])
    suction, error = SuctionFraction().suction_speed(resistances, SIMAAN_2009, SOLVE)
    assert (error == "").all()
    # Simaan et al. 2009, from ramps.
    published = np.array([17400.0, 15500.0, 14800.0, 14400.0, 14100.0])
    np.testing.assert_allclose(suction, published, rtol=0.035)
    shifts = np.array([-300.0, 0.0, 300.0])
    speeds = (suction[:, None] + shifts).ravel()
    flow = SOLVE(resistances[np.repeat(range(5), 3)], Lvad(speeds)).indices["pump_flow_min_ml_s"]
    below, at, above = flow.reshape(5, 3)[1:].T
    assert (below < at).all() and (above < at).all()
    support = SuctionFraction(1.4).support(resistances, SIMAAN_2009, SOLVE)
    np.testing.assert_allclose(support.speed_rpm * 1.4, suction, rtol=1e-9)
    nobody = SuctionFraction(highest_rpm=9000.0).support(resistances, SIMAAN_2009, SOLVE)
    assert np.isnan(nobody.speed_rpm).all()
    assert (nobody.steady.error == "Infeasible: no suction up to 9000 rpm").all()
    assert np.isnan(nobody.steady.indices["co_l_min"]).all()


def test_a_resumed_trial_has_the_rows_of_an_uninterrupted_one(cohort, result, tmp_path):
    part = replace(result.trial, arms=result.trial.arms[:4])
    whole = run_trial(part, out=tmp_path, quiet=True)
    batches = sorted(tmp_path.glob("batch-*.npz"))
    batches[0].unlink()
    assert_same_rows(run_trial(part, out=tmp_path, quiet=True), whole)
    np.testing.assert_allclose(whole.values("co_l_min"), result.values("co_l_min")[:4], rtol=1e-4)
    with pytest.raises(InputError, match="other cases"):
        run_trial(replace(part, cohort=failing_hearts(50)), out=tmp_path, quiet=True)


def test_a_lot_gives_everybody_one_arm_and_the_same_answer(cohort, result):
    arms = result.trial.arms[:3]
    lot = Trial(cohort, arms, Randomized(7))
    drawn = run_trial(lot, quiet=True)
    assert (drawn.allocation.sum(0) == 1).all()
    assert drawn.allocation.sum(1).tolist() == [40, 40, 40]
    assert_same_rows(run_trial(lot, quiet=True), drawn)
    assert (Randomized(8).allocation(cohort, 3) != drawn.allocation).any()
    own, paired = (one.outcome("10000 rpm", "co_l_min").effect for one in (drawn, result))
    assert own.n == 80 and own.low < paired.mean < own.high
    assert own.high - own.low > 3 * (paired.high - paired.low)


def test_draws_of_one_patient_count_as_one(cohort):
    circulation = cohort.circulation[:6]
    draws = Cohort.from_circulation(circulation, list("aabbcc"), [1.0, 3.0, 1.0, 1.0, 2.0, 2.0])
    arms = (Arm("no pump"), Arm("pump", speed=FixedSpeed(10000.0)))
    found = run_trial(Trial(draws, arms), quiet=True)
    assert found.accounting.enrolled == 6 and found.accounting.patients == 3
    output = found.values("co_l_min")[1]
    means = np.array([0.25 * output[0] + 0.75 * output[1], output[2:4].mean(), output[4:].mean()])
    after = found.outcome("pump", "co_l_min").after
    assert after.n == 3 and after.mean == pytest.approx(means @ [4, 2, 4] / 10)
    together = Randomized().allocation(draws, 2)
    np.testing.assert_array_equal(together[:, ::2], together[:, 1::2])


def test_files_say_what_the_result_says(result, tmp_path):
    rows, patients, facts, page = result.write(tmp_path)
    with rows.open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 6 * 120 and {line["status"] for line in lines} == {"ok", "failed"}
    assert len(patients.read_text().splitlines()) == 121
    found = json.loads(facts.read_text())
    assert found["accounting"]["arms"][5]["failed"] == result.accounting.arms[5].failed
    assert found["outcomes"][1]["effect"]["mean"] == result.outcomes[1].effect.mean
    text = page.read_text()
    assert "ejection fraction says little" in text and "not for clinical use" in text
    assert "a heart too fast" in text and "NaN" not in facts.read_text()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda c: Trial(c, ()), "arms: found none"),
        (lambda c: Trial(c, (Arm("a"), Arm("a"))), "'a' twice"),
        (lambda c: Trial(c, (Arm("a"),), primary="ef"), "Did you mean 'ea_mmhg_ml'|ef"),
        (lambda c: Trial(c, (Arm("a"),), confidence=95.0), "confidence.*divided by 100"),
        (lambda c: Arm("", speed=None), "the name of an arm"),
        (lambda c: Arm("a", ImplantLvad(9000.0), speed=FixedSpeed(9000.0)), "one of them"),
        (lambda c: FixedSpeed(9.0), "Thousands of rpm"),
        (lambda c: SuctionFraction(0.9), "gamma"),
        (lambda c: OptimizedSpeed(Smallest("mean_atrial_mmhg"), speeds=(9e3,)), "at least two"),
        (lambda c: Largest("co"), "index"),
        (lambda c: Between("ef_percent"), "at_least below at_most"),
        (lambda c: Between("ef_percent", 40.0, 30.0), "at_least below at_most"),
        (lambda c: Strata("ef_percent", (30.0, 20.0)), "increasing"),
        (lambda c: Cohort.from_priors(0), "n: found 0"),
        (lambda c: Cohort.from_circulation(Circulation()), "a batch"),
        (lambda c: Cohort.from_circulation(c.circulation, ["a"]), "1 labels"),
        (lambda c: Cohort.from_circulation(c.circulation, None, -np.ones(120)), "numbers > 0"),
        (
            lambda c: Cohort.from_priors(
                9, condition=FAILURE, eligibility=[Between("ef_percent", at_least=95.0)]
            ),
            "Widen the criteria",
        ),
        (lambda c: Trial(c, tuple(Arm(str(k)) for k in range(121)),
                         Randomized()), "one an arm"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(cohort, make, message):
    with pytest.raises(InputError, match=message):
        make(cohort)
