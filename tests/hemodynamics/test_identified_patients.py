"""Trials from identified patients: draws follow the weights, patients count the same."""

import csv
from collections import Counter

import numpy as np
import pytest
from identified import identified, weak_heart
from scipy import stats

from cardiotwin import InputError
from cardiotwin.hemodynamics import (
    Arm,
    Between,
    ByPatient,
    Cohort,
    FixedSpeed,
    Randomized,
    Trial,
    run_trial,
)
from cardiotwin.hemodynamics._identified_patients import posterior_patients
from cardiotwin.hemodynamics._trial_statistics import estimate
from cardiotwin.report import write_trial_report

WEIGHTS = np.array([0.5, 0.25, 0.15, 0.07, 0.03])
FIVE = identified(np.column_stack([np.arange(-2.0, 3.0), np.zeros(5)]), WEIGHTS)


@pytest.fixture(scope="module")
def result():
    patients = [weak_heart(-2.0), weak_heart(-1.5), weak_heart(-1.0)]
    cohort = Cohort.from_identifications(patients, 61, seed=3, patient=["ann", "bob", "eve"])
    arms = (Arm("no pump"), Arm("pump", speed=FixedSpeed(10000.0)))
    return run_trial(Trial(cohort, arms, subgroups=(ByPatient(),)), quiet=True)


def drawn(n, seed):
    """Return which of the five draws were taken, as often as they were."""
    emax = FIVE.circulation.emax
    return np.searchsorted(emax, posterior_patients(FIVE, None, n, seed, False).circulation.emax)


def test_draws_follow_the_weights():
    for n in (7, 40, 1000):
        counts = np.bincount(drawn(n, seed=n), minlength=5)
        assert counts.sum() == n and (np.abs(counts - n * WEIGHTS) < 1.0).all()
    # One draw a seed: the lot itself, without the help of a grid.
    counts = np.bincount([drawn(1, seed)[0] for seed in range(2000)], minlength=5)
    assert stats.chisquare(counts, 2000 * WEIGHTS).pvalue > 0.01


def test_the_same_seed_gives_the_same_patients_and_another_others():
    one, other, another = (
        posterior_patients([weak_heart(-2.0), weak_heart(-1.0)], None, 30, seed, False)
        for seed in (1, 1, 2)
    )
    for name, values in one.circulation.values().items():
        np.testing.assert_array_equal(values, other.circulation.values()[name])
    assert (one.circulation.emax != another.circulation.emax).any()
    # Patients with one posterior are not drawn by one lot.
    twins = posterior_patients([weak_heart(-1.0)] * 2, None, 20, 0, False).circulation.emax
    assert (np.sort(twins[:10]) != np.sort(twins[10:])).any()


def test_patients_have_equal_shares(result):
    cohort = result.trial.cohort
    assert Counter(cohort.patient.tolist()) == {"ann": 21, "bob": 20, "eve": 20}
    for name in ("ann", "bob", "eve"):
        assert cohort.weight[cohort.patient == name].sum() == pytest.approx(61 / 3)
    assert cohort.source == "drawn from the posteriors of 3 identified patients, seed 3"


def test_rows_and_accounts_say_whose_they_are(result, tmp_path):
    account = result.accounting
    assert account.enrolled == 61 and account.patients == 3
    assert [own.patient for own in account.by_patient] == ["ann", "bob", "eve"]
    for own in account.by_patient:
        assert own.screened == own.enrolled + sum(own.excluded.values())
        for arm in ("no pump", "pump"):
            assert own.analysed[arm] + own.missing[arm] == own.enrolled
    paths = result.write(tmp_path)
    with paths[0].open(newline="") as stream:
        rows = Counter((row["patient"], row["arm"]) for row in csv.DictReader(stream))
    assert rows[("ann", "pump")] == 21 and rows[("eve", "no pump")] == 20
    assert "| bob | 20 | 0 | 20 | 20 of 20 | 20 of 20 |" in paths[3].read_text()
    page = write_trial_report(result, tmp_path / "report.html").read_text()
    assert "Draws of each patient" in page


def test_of_one_patient_the_interval_holds_the_draws(result):
    values, patient = result.values("co_l_min"), result.trial.cohort.patient
    rows = {(own.subgroup, own.arm): own for own in result.subgroups}
    assert len(rows) == 6
    for name in ("ann", "bob", "eve"):
        own, gain = rows[name, "pump"], (values[1] - values[0])[patient == name]
        assert own.after.n == 1 and own.after.mean == pytest.approx(
            values[1][patient == name].mean()
        )
        assert own.effect.mean == pytest.approx(gain.mean())
        inside = (gain >= own.effect.low) & (gain <= own.effect.high)
        assert own.effect.low < own.effect.mean < own.effect.high and inside.mean() >= 0.9
    # Between patients, there are three.
    assert result.outcome("pump", "co_l_min").after.n == 3


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0, 3.0])
def test_intervals_of_few_uncertain_patients_are_not_too_narrow(noise, rng):
    # Patients are standard normal, measured with noise, identified with the right prior.
    runs, n, k = 1500, 6, 20
    truth = rng.standard_normal((runs, n, 1))
    measured = truth + noise * rng.standard_normal(truth.shape)
    spread = noise / np.sqrt(1 + noise**2)
    draws = measured / (1 + noise**2) + spread * rng.standard_normal((runs, n, k))
    whose = np.repeat(np.arange(n), k)
    found = [estimate(own.ravel(), np.ones(n * k), whose, 0.95) for own in draws]
    low, high = (np.array([getattr(own, name) for own in found]) for name in ("low", "high"))
    assert np.mean((low < 0) & (high > 0)) > 0.93
    mine = truth.mean(axis=(1, 2))
    assert np.mean((low < mine) & (high > mine)) > 0.93


def test_draws_outside_the_criteria_are_counted_by_patient():
    strong, weak = weak_heart(1.0), weak_heart(-2.0)
    cohort = Cohort.from_identifications(
        [strong, weak], 20, eligibility=[Between("ef_percent", at_most=35.0)]
    )
    reason = "ejection fraction ≤ 35 % not met"
    assert cohort.draws["patient 1"] == (10, {reason: 10})
    screened, excluded = cohort.draws["patient 2"]
    assert screened == 10 and set(cohort.patient.tolist()) == {"patient 2"}
    trial = Trial(cohort, (Arm("no pump"),), subgroups=(ByPatient(),))
    account = run_trial(trial, quiet=True).accounting
    assert [own.enrolled for own in account.by_patient] == [0, 10 - excluded.get(reason, 0)]
    assert cohort.screened == len(cohort) + sum(cohort.excluded.values()) == 20


def test_a_lot_needs_a_patient_for_every_arm(result):
    arms = tuple(Arm(f"arm {k}") for k in range(4))
    with pytest.raises(InputError, match="3 patients; expected ≥ 4"):
        Trial(result.trial.cohort, arms, Randomized())
    lot = Randomized(1).allocation(result.trial.cohort, 3)
    for name in ("ann", "bob", "eve"):
        assert (lot[:, result.trial.cohort.patient == name].any(1)).sum() == 1


DOUBTED = weak_heart(-1.0, trusted=False, status="not to be trusted: k̂ = 0.92")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cohort.from_identifications([], 5), "identified: found no patient"),
        (lambda: Cohort.from_identifications([FIVE] * 3, 2), "n: found 2; expected ≥ 3"),
        (lambda: Cohort.from_identifications(FIVE, 0), "n: found 0"),
        (lambda: Cohort.from_identifications(FIVE, 5, -1), "seed"),
        (lambda: Cohort.from_identifications([FIVE] * 2, 5, patient=["a", "a"]), "that differ"),
        (
            lambda: Cohort.from_identifications([FIVE, DOUBTED, DOUBTED], 5),
            "patient 2: found “not to be trusted: k̂ = 0.92”, and 1 more; .* allow it",
        ),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_what_is_not_to_be_trusted_is_named_where_it_is_allowed():
    found = posterior_patients([FIVE, DOUBTED], ["ann", "bob"], 6, 0, True)
    assert found.source.endswith("identifications that are not to be trusted: bob")
