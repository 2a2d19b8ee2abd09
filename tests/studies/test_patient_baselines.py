"""The table of methods for single patients: what counts how."""

from functools import lru_cache

import numpy as np
import pytest

from cardiotwin import studies
from cardiotwin.studies import _patient_baselines as study
from cardiotwin.studies._patient_answers import (
    NO_ANSWER,
    PHASES,
    Answer,
    Truth,
    consistency,
    draw_patients,
    without_period,
)
from cardiotwin.studies._patient_costs import Costs
from cardiotwin.studies._patient_figures import best_and_worst, boxes, success_and_failure


@lru_cache
def truth() -> Truth:
    return draw_patients(4, 11)


def answer(name: str = "told", **changes) -> Answer:
    """Return an answer that is the truth, with changes."""
    own = truth()
    right = Answer(
        name, own.waves, own.coordinates, np.full(4, True),
        Costs(1.0, 2.0, 3.0, 50.0, 4.0, 5.0, 6, 0.5), own.beat.circulation,
    )  # fmt: skip
    return right._replace(**changes)


def row(one: Answer) -> dict:
    return dict(zip(study.COLUMNS, study._row(one, truth()), strict=True))


def test_the_truth_has_no_errors():
    told = row(answer())
    assert told["EF: mean error (points)"] < 0.02
    assert told["V (mL)"] == told["P_LA (mmHg)"] == told["parameters (prior SD)"] == 0
    assert told["converged"] == "4/4"
    assert consistency(answer()).max() < 1e-3


def test_everybody_counts_and_no_answer_counts_most():
    waves = truth().waves.copy()
    waves[0] = np.nan
    told = row(answer(waves=waves, converged=np.array([False, True, True, True])))
    assert told["converged"] == "3/4"
    assert told["EF: mean error (points)"] == pytest.approx(NO_ANSWER / 4, abs=0.02)
    assert told["largest"] == NO_ANSWER


def test_intervals_count_whom_they_hold_and_a_step_its_share_of_the_time():
    ef = np.asarray(truth().beat.indices.ef_percent)
    bounds = np.stack([ef - [1, 1, 1, -1], ef + 2], -1)
    told = row(answer(ef=ef + 1, ef_interval=bounds))
    assert told["90 % interval of EF holds the truth"] == "3/4"
    assert told["its width (points)"] == pytest.approx((3 * 3 + 1) / 4)
    assert told["EF: mean error (points)"] == pytest.approx(1)
    assert told["one step (ms a patient)"] == pytest.approx(1000 / 50)
    assert row(answer())["90 % interval of EF holds the truth"] is None


def test_noise_does_not_follow_the_parameters():
    own = truth()
    noise = np.ravel([clinic.volume_curve.values for clinic in own.volumes])
    noise = noise - np.ravel(sampled_volumes(own))
    n = len(own.coordinates)
    # Without a stream of its own the noise begins with the very numbers of the patients.
    parameters = np.random.default_rng(11).standard_normal((n, 10))
    np.testing.assert_array_equal(without_period(parameters), own.coordinates)
    assert abs(np.corrcoef(noise[: parameters.size], parameters.ravel())[0, 1]) < 0.5


def sampled_volumes(own: Truth) -> np.ndarray:
    times = [clinic.volume_curve.times_s for clinic in own.volumes]
    rows = zip(times, own.beat.times_s, own.beat.volume_ml, strict=True)
    return np.array([np.interp(*each) for each in rows])


def test_measurements_are_the_volumes_with_their_noise():
    own = truth()
    for index, (clinic, exact) in enumerate(zip(own.volumes, sampled_volumes(own), strict=True)):
        curve = clinic.volume_curve
        assert curve is not None and len(curve.times_s) == 60
        noise = curve.values - exact
        assert 2 < noise.std() < 4
        np.testing.assert_array_equal(own.states[index, 0], curve.values)
        assert set(own.cuffed[index].names) - set(clinic.names) == {
            "systolic_mmhg",
            "diastolic_mmhg",
        }


def test_figures_show_both_patients_and_leave_out_what_nobody_said():
    waves = truth().waves.copy()
    waves[2, 0] += 20
    waves[:, 1:] = np.nan
    wrong = answer("volumes only", waves=waves, coordinates=None, circulation=None)
    figure = best_and_worst(wrong, truth())
    titles = [note.text for note in figure.layout.annotations]
    assert "worst: volumes only, patient 2" in titles[1] and "20.00 mL" in titles[1]
    shown = boxes([answer(), wrong], truth())
    assert len(shown.data) == 7 + 2
    assert np.isnan(consistency(wrong)).all()


def test_success_and_failure_are_one_that_converged_and_the_worst_that_did_not():
    waves = truth().waves.copy()
    waves[:, 0] += np.array([1, 2, 3, 30])[:, None]
    good = answer("good", waves=waves, converged=np.array([True, True, True, True]))
    bad = answer("bad", waves=waves, converged=np.array([False, True, False, True]))
    figure = success_and_failure([(good, truth()), (bad, truth())])
    titles = [note.text for note in figure.layout.annotations]
    assert "success: good, patient 1" in titles[0]
    # Patient 3 is farther off, but says that it converged.
    assert "failure: bad, patient 2" in titles[1] and "did not converge" in titles[1]
    # Measured volumes, and five states of truth and answer over time, twice.
    assert len(figure.data) == 2 * (1 + 5 * 2) and len(figure.data[1].x) == len(PHASES)
    alone = success_and_failure([(good, truth())])
    assert "all converged: good, patient 3" in alone.layout.annotations[1].text


@pytest.mark.slow
def test_small_table_has_a_row_a_method():
    table = studies.STUDIES["patient-baselines"].run(None, quick=True)
    errors = dict(zip(table.column("method"), table.column("EF: mean error (points)"), strict=True))
    assert errors["identify (most probable)"] < min(errors["PINN"], errors["Neural ODE"])
    assert all(np.isfinite(value) and value < 20 for value in errors.values())
    assert {"errors", "pinn", "neural-ode", "identify-most-probable"} <= set(table.figures)
    assert "pinn-success-and-failure" in table.figures
    memory = dict(
        zip(table.column("method"), table.column("memory of the batch (MB)"), strict=True)
    )
    assert all(memory[name] > 0.1 for name in ("PINN", "Neural ODE", "identification by posterior"))
