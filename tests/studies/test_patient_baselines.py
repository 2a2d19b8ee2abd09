"""The table of methods for single patients: what counts how."""

from functools import lru_cache

import numpy as np
import pytest

from cardiotwin import studies
from cardiotwin.studies import _patient_baselines as study
from cardiotwin.studies._patient_answers import Answer, Truth, consistency, draw_patients
from cardiotwin.studies._patient_figures import best_and_worst, boxes


@lru_cache
def truth() -> Truth:
    return draw_patients(4, 11)


def answer(name: str = "told", **changes) -> Answer:
    """Return an answer that is the truth, with changes."""
    own = truth()
    right = Answer(
        name, own.waves, own.coordinates, np.full(4, True), 1.0, 2.0, 3.0, 4.0, 5,
        own.beat.circulation,
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
    assert told["EF: mean error (points)"] == pytest.approx(study.NO_ANSWER / 4, abs=0.02)
    assert told["largest"] == study.NO_ANSWER


def test_measurements_are_the_volumes_with_their_noise():
    own = truth()
    for index, clinic in enumerate(own.volumes):
        curve = clinic.volume_curve
        assert curve is not None and len(curve.times_s) == 60
        exact = np.interp(curve.times_s, own.beat.times_s[index], own.beat.volume_ml[index])
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
    assert "worst: patient 2" in titles[1] and "20.00 mL" in titles[1]
    shown = boxes([answer(), wrong], truth())
    assert len(shown.data) == 7 + 2
    assert np.isnan(consistency(wrong)).all()


@pytest.mark.slow
def test_small_table_has_a_row_a_method():
    table = studies.STUDIES["patient-baselines"].run(None, quick=True)
    errors = dict(zip(table.column("method"), table.column("EF: mean error (points)"), strict=True))
    assert errors["identify (most probable)"] < min(errors["PINN"], errors["Neural ODE"])
    assert all(np.isfinite(value) and value < 20 for value in errors.values())
    assert {"errors", "pinn", "neural-ode", "identify-most-probable"} <= set(table.figures)
