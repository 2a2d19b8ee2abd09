"""The tables of the circuit, at the size that fits a test run."""

import pytest

from cardiotwin import InputError
from cardiotwin.circulation import CHOI_1997, Lvad
from cardiotwin.studies import STUDIES
from cardiotwin.studies._pump_speed import PATIENTS, SUCTION_FROM_RPM, first_suction_speed


def cells(table, column):
    """Return one column by the first two of the row."""
    values = table.column(column)
    return {(row[0], row[1]): value for row, value in zip(table.rows, values, strict=True)}


def test_simaan_2009():
    table = STUDIES["simaan"].run(None, quick=True)
    for (simulation, quantity), value in cells(table, "difference (%)").items():
        if simulation == "normal heart":
            assert abs(value) < 1, quantity
        if quantity.startswith("suction"):
            assert abs(value) < 3.5, quantity
    ours = cells(table, "ours")
    for load in ("afterload by systemic_resistance", "preload by mitral_resistance"):
        assert ours[load, "Ees (mmHg/mL), iterative"] == pytest.approx(1.992, abs=1e-3)
        assert ours[load, "V0 (mL), iterative"] == pytest.approx(10, abs=1e-6)


def test_stenosis_makes_the_average_loop_smaller():
    table = STUDIES["mitral-stenosis"].run(None, quick=True)

    def mean(index, column):
        row = next(row for row in table.rows if row[0] == index)
        return float(row[table.columns.index(column)].split()[0])

    for index in ("edv_ml", "esv_ml", "co_l_min", "lv_peak_mmhg", "stroke_work_mmhg_ml"):
        assert mean(index, "with stenosis") < mean(index, "without stenosis"), index
    for index in ("mean_atrial_mmhg", "mitral_mean_gradient_mmhg"):
        assert mean(index, "with stenosis") > mean(index, "without stenosis"), index
    assert "loops" in table.figures


def test_a_pump_raises_ef_and_output_but_not_the_stroke_volume():
    table = STUDIES["pump-cohort"].run(None, quick=True)
    before, after = (cells(table, f"{name}, mean ± SD") for name in ("before", "pump"))

    def rise(group, quantity):
        return float(after[group, quantity].split()[0]) - float(before[group, quantity].split()[0])

    groups = [group for group, quantity in before if quantity == "EF (%)"]
    for group in groups:
        assert rise(group, "EF (%)") > 5 and rise(group, "cardiac output (L/min)") > 1
        assert rise(group, "stroke volume (mL)") < 0
        assert rise(group, "'CO' as computed there (L/min)") < 0
    patients = cells(table, "patients")
    everybody, *parts = (patients[group, "EF (%)"] for group in groups)
    assert groups[1:3] == ["EF < 50 %", "EF 50 to 70 %"] and sum(parts) >= everybody - 1
    assert {"ef", "co", "loops"} == set(table.figures)
    names = {own.name for own in table.figures["loops"].data}
    assert {"EF < 50 %, pump", "EF 50 to 70 %, pump"} <= names


def test_reference_values(shared_data):
    folder = shared_data("hemo_reference_values").parent
    inside = cells(STUDIES["reference-values"].run(folder), "within the spread")
    for quantity in ("mitral_valve_area", "mean_mitral_gradient", "CO", "LVEF"):
        assert inside["human pure mitral stenosis (n=20)", quantity] == "yes"
    for quantity in ("ESP", "EDV", "ESV", "SV", "LVEDP"):
        assert inside["human no diastolic HF (n=12)", quantity] == "yes"
    # What the model lacks stands in the table too: a normal heart contracts faster.
    assert inside["human no diastolic HF (n=12)", "dPdt_max"] == "no"


def test_reference_values_need_their_data():
    with pytest.raises(InputError, match="hemo_reference_values"):
        STUDIES["reference-values"].run(None)


@pytest.mark.slow
def test_pump_notebook_of_the_paper():
    table = STUDIES["pump-speed"].run(None)
    for row in (dict(zip(table.columns, row, strict=True)) for row in table.rows):
        if row["pump"] == "no pump":
            assert row["EF ours (%)"] == pytest.approx(row["EF printed (%)"], abs=0.02)
        if row["pump"] in ("γ = 1.7, controlled", "γ = 1.9, controlled"):
            assert row["EF ours (%)"] == pytest.approx(row["EF printed (%)"], abs=0.2)
            printed = row["mean arterial printed (mmHg)"]
            assert row["mean arterial ours (mmHg)"] == pytest.approx(printed, abs=0.5)
    for name, patient in PATIENTS.items():
        speed = first_suction_speed(patient.circulation, Lvad(SUCTION_FROM_RPM, CHOI_1997))
        # Within a tenth of a beat of the ramp.
        assert speed == pytest.approx(patient.suction_rpm, abs=32), name


@pytest.mark.slow
def test_golden_table_by_both_routes():
    table = STUDIES["golden"].run(None, quick=True)
    for row in table.rows[:2]:
        for name in ("largest |ours − printed|", "largest |diffrax − printed|"):
            assert row[table.columns.index(name)] <= 0.02


@pytest.mark.slow
def test_random_circulations_have_a_steady_state():
    table = STUDIES["robustness"].run(None, quick=True)
    assert min(table.column("%")) >= 99.9
    assert max(table.column("precise, volumes (mL)")) < 1e-3
    assert max(table.column("precise, pressures (mmHg)")) < 1e-2
