"""The table of all ways from a clip to EF: who counts, and what costs are."""

from dataclasses import replace
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError, studies
from cardiotwin.echo import Phantom, PhantomClip
from cardiotwin.echo._phantom_patients import PHASES, patient_group
from cardiotwin.hemodynamics import QUANTITIES, Unknowns
from cardiotwin.studies import _echo_methods as methods
from cardiotwin.studies import _echo_patients as patients
from cardiotwin.studies import _echo_table2 as study
from cardiotwin.studies._echo_step_costs import LAWS, Compiled, StepCosts, compiled_costs
from cardiotwin.studies._patient_answers import NO_ANSWER, Answer, ef_errors
from cardiotwin.studies._patient_answers import PHASES as TOLD
from cardiotwin.studies._patient_costs import Costs

SEED = 0
COSTS = Costs(1.0, 2.0, 3.0, 50.0, 4.0, 5.0, 6, 0.5)


@lru_cache
def made() -> tuple[PhantomClip, ...]:
    return tuple(Phantom(size=64, n_frames=16).clips(3, SEED))


def told(one: Answer) -> dict:
    """Return the table's row of an answer."""
    line = methods.Line("told", LAWS["P-SSL"], one, evaluation_s=0.5)
    return dict(zip(study.COLUMNS, study._row(line, patients.truth_of_clips(made())), strict=True))


def test_the_truth_is_the_circulation_behind_the_clips():
    truth = patients.truth_of_clips(made())
    volumes = truth.waves[:, 0]
    ef = 100 * (1 - volumes.min(-1) / volumes.max(-1))
    np.testing.assert_allclose(ef, [one.ef_percent for one in made()], atol=0.1)
    own = patient_group(Unknowns.of(), SEED, 0)[: len(made())]
    at = np.arange(PHASES) / PHASES
    for patient, wave in zip(own, volumes, strict=True):
        np.testing.assert_allclose(np.interp(at, TOLD, wave), patient.volume_ml, atol=0.5)
    priors = {name: prior for name, prior in Unknowns.of().priors.items() if name != "period_s"}
    for column, (name, prior) in enumerate(priors.items()):
        again = prior.value(truth.coordinates[:, column])
        np.testing.assert_allclose(again, [getattr(one.circulation, name) for one in made()])


def test_a_clip_without_a_ventricle_counts_with_no_answer():
    first, second, third = made()
    still = replace(second, clip=second.clip.replace(frames=np.zeros_like(second.clip.frames)))
    found = patients.see_clips([first, still, third])
    assert found.seen.tolist() == [True, False, True]
    assert len(found.truth.volumes) == len(found.encoded) == len(found.segmentations) == 2
    assert np.isnan(found.encode_s[1]) and found.clip_s > 0
    ef = np.array([own.ef_percent for own in found.segmentations])
    line = methods.disks_line(found)
    assert line.answer is not None
    errors = ef_errors(line.answer, found.truth)
    true = np.asarray(found.truth.beat.indices.ef_percent)
    np.testing.assert_allclose(errors, [abs(ef[0] - true[0]), NO_ANSWER, abs(ef[1] - true[2])])
    row = dict(zip(study.COLUMNS, study._row(line, found.truth), strict=True))
    assert (row["clips"], row["no answer"], row["not converged"]) == (3, 1, 1)
    assert row["EF MAE (points)"] == pytest.approx(errors.mean())
    assert row["largest"] == NO_ANSWER
    assert row["90 % of EF holds"] in ("0/3", "1/3", "2/3")
    # What identify is told: the curve in the clip's own rate, an error that is not less than usual.
    for own, clinic in zip(found.segmentations, found.truth.volumes, strict=True):
        curve = clinic.volume_curve
        assert curve is not None and clinic.heart_rate_bpm is not None
        assert clinic.heart_rate_bpm == own.heart_rate_per_min
        assert curve.times_s[-1] < 60 / clinic.heart_rate_bpm
        usual, spread = QUANTITIES["heart_rate_bpm"].error, np.std(60 / own.cycle.period_s)
        assert clinic.error("heart_rate_bpm") == pytest.approx(max(usual, spread))


def test_nobody_seen_at_all_is_an_error():
    blank = replace(made()[0], clip=made()[0].clip.replace(frames=np.zeros((16, 64, 64), np.uint8)))
    with pytest.raises(InputError, match="beating ventricle"):
        patients.see_clips([blank])


def test_draws_that_do_not_beat_are_no_answer(rng):
    true = np.array([one.ef_percent for one in made()])
    draws = true[:, None] + 2 * rng.standard_normal((3, 4000))
    draws[0], draws[1, :2000] = np.nan, np.nan
    answer = methods.answer_of_draws("draws", draws, COSTS)
    row = told(answer)
    assert (row["no answer"], row["90 % of EF holds"]) == (1, "2/3")
    assert row["EF MAE (points)"] == pytest.approx(NO_ANSWER / 3, abs=0.1)
    assert answer.ef_interval is not None
    # 90 % of a normal distribution lie within 1.645 standard deviations.
    np.testing.assert_allclose(np.ptp(answer.ef_interval[1:], -1), 2 * 1.645 * 2, rtol=0.06)


def test_answers_of_some_are_rows_of_all():
    truth = patients.truth_of_clips(made())
    some = np.array([True, False, True])
    one = Answer("some", truth.waves[some], truth.coordinates[some], np.array([True, False]), COSTS)
    every = patients.for_everybody(one, some)
    assert every.converged.tolist() == [True, False, False]
    np.testing.assert_array_equal(every.waves[some], truth.waves[some])
    assert np.isnan(every.waves[1]).all() and np.isnan(every.ef_percent[1])
    assert ef_errors(every, truth) == pytest.approx([0, NO_ANSWER, 0], abs=0.01)


def test_an_epoch_shows_every_clip_once_and_memory_is_that_of_the_arrays():
    costs = StepCosts(Compiled(2.0, 7.0), 8, Compiled(0.1, 1.0), 9)
    assert costs.epoch_s(3000) == pytest.approx(3000 / 8 * 2.0)
    found = compiled_costs(lambda x: 2.0 * x, jnp.zeros(250_000, jnp.float32), times=3)
    # A million bytes go in and a million come out.
    assert found.megabytes == pytest.approx(2.0, rel=0.01) and found.seconds > 0


def test_every_cost_has_its_column_and_no_accuracy_is_made_up():
    costs = dict(
        epoch_s=1.0, patient_s=2.0, step_ms=3.0, evaluation_s=4.0, ef_s=5.0, before_s=6.0,
        all_mb=7.0, one_mb=8.0,
    )  # fmt: skip
    line = methods.Line("3-D", LAWS["video"], None, **costs)
    row = study._row(line, patients.truth_of_clips(made()))
    assert len(row) == len(study.COLUMNS)
    shown = dict(zip(study.COLUMNS, row, strict=True))
    assert shown["EF MAE (points)"] is shown["clips"] is None
    assert shown["one inverse evaluation (s)"] == 4.0 and shown["until EF (s)"] == 5.0
    assert shown["memory: one new patient (MB)"] == 8.0
    assert shown["time in N and L"] == "L N F once, then F"


@pytest.mark.slow
def test_small_table_has_all_methods_of_the_paper():
    table = studies.STUDIES["echo-table2"].run(None, quick=True)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert len(rows) == 8
    told = {name for name, row in rows.items() if row["EF MAE (points)"] is not None}
    assert told == set(rows) - {"supervised, EF", "3-D convolutions of the paper (costs only)"}
    assert all(rows[name]["clips"] == 3 for name in told)
    # Milliseconds and not seconds, on any machine that is not swamped.
    assert rows["P-SSL"]["one inverse evaluation (s)"] < 0.1
    assert rows["P-SSL"]["one inverse evaluation (s)"] < rows["PINN"]["one inverse evaluation (s)"]
    for name in ("P-SSL", "supervised, EF", "PINN", "Neural ODE", "identify, posterior"):
        assert rows[name]["memory: one new patient (MB)"] > 0.01
    assert rows["P-SSL"]["training epoch (s)"] > rows["supervised, EF"]["training epoch (s)"]
    assert "errors" in table.figures
