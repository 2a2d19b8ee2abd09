"""The table of cases: whole, in order, the same by whatever way it was made."""

import csv
import tempfile
from contextlib import suppress

import numpy as np
import pytest
from compute_tasks import (
    Power,
    assert_same,
    in_double_precision,
    make_cases,
    noisy_root,
    one_by_one,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiotwin import InputError
from cardiotwin.compute import run_cases


@given(
    n_cases=st.integers(1, 40),
    batch=st.integers(1, 50),
    failing=st.sets(st.integers(0, 39), max_size=5),
    same_length=st.booleans(),
)
def test_batches_and_failures_do_not_change_the_table(n_cases, batch, failing, same_length):
    cases = make_cases(n_cases, sorted(row for row in failing if row < n_cases))
    table = run_cases(noisy_root, cases, batch=batch, same_length=same_length, quiet=True)
    assert_same(table, one_by_one(cases))
    assert set(np.flatnonzero(table.failed)) == {row for row in failing if row < n_cases}
    assert len(table) == n_cases and sum(table.counts().values()) == n_cases


@settings(max_examples=15)
@given(
    batches=st.lists(st.integers(3, 12), min_size=2, max_size=4),
    stops=st.lists(st.integers(0, 29), min_size=3, max_size=3),
)
def test_interruptions_do_not_change_the_table(batches, stops):
    """Every part is stopped by Ctrl-C at another case, the next one has another batch."""
    cases, stop = make_cases(30, [3, 17]), {"at": -1}

    def call(columns):
        if stop["at"] in columns["seed"]:
            raise KeyboardInterrupt
        return noisy_root(columns)

    task = Interruptible(call)
    with tempfile.TemporaryDirectory() as folder:
        for batch, stop["at"] in zip(batches, stops, strict=False):
            with suppress(KeyboardInterrupt):
                run_cases(task, cases, batch=batch, out=folder, quiet=True)
        stop["at"] = -1
        table = run_cases(task, cases, out=folder, quiet=True)
    assert_same(table, one_by_one(cases))


class Interruptible:
    """A task whose description does not show how it will be interrupted."""

    __slots__ = ("call",)

    def __init__(self, call):
        self.call = call

    def __call__(self, columns):
        return self.call(columns)


def test_failing_cases_keep_their_error_and_no_results():
    table = run_cases(noisy_root, make_cases(20, [4, 11]), batch=8, quiet=True)
    assert table.error[4] == "ValueError: no root of -1"
    assert table.error[11] == "ValueError: no root of -2"
    assert np.isnan(table["root"][[4, 11]]).all() and np.isnan(table["powers"][4]).all()
    assert table["kind"][4] == "" and table["count"].dtype == np.float64
    assert table.counts() == {"ok": 18, "failed": 2}
    failed = table.select(table.failed)
    assert len(failed) == 2 and failed["name"].tolist() == ["case 4", "case 11"]


def test_a_case_alone_in_failing_costs_few_calls():
    calls = []

    def task(columns):
        calls.append(len(columns["x"]))
        return noisy_root(columns)

    run_cases(task, make_cases(256, [100]), quiet=True)
    assert len(calls) == 1 + 2 * 8


def test_a_task_may_name_the_failing_cases_itself():
    calls = []

    def task(columns):
        calls.append(len(columns["x"]))
        bad = columns["x"] < 0
        return {"y": columns["x"], "error": np.where(bad, "Solver: no steady state", "")}

    table = run_cases(task, make_cases(10, [3]), quiet=True)
    assert calls == [10] and "error" not in table.results
    assert table.error[3] == "Solver: no steady state" and np.isnan(table["y"][3])


def test_all_cases_may_fail():
    table = run_cases(noisy_root, make_cases(5, range(5)), quiet=True)
    assert table.counts() == {"ok": 0, "failed": 5} and not table.results


def test_numbers_that_are_not_finite_are_results():
    table = run_cases(lambda c: {"y": c["x"] * [np.nan, np.inf, 1.0]}, {"x": [1, 1, 1]}, quiet=True)
    assert table.counts()["failed"] == 0
    np.testing.assert_array_equal(table["y"], [np.nan, np.inf, 1.0])


@pytest.mark.parametrize(
    "result",
    [
        {"y": np.zeros(3)},
        {"y": np.array([None] * 4)},
        {"y": np.zeros(4, complex)},
        {"y": [[1.0], [1.0, 2.0], [1.0], [1.0]]},
    ],
    ids=["too short", "objects", "complex", "ragged"],
)
def test_results_that_fit_no_row_are_failures(result):
    def task(columns):
        # Right for the first half, wrong for the whole batch and for the other half.
        return {"y": columns["x"]} if max(columns["x"]) < 4 else result

    table = run_cases(task, {"x": np.arange(8)}, quiet=True)
    assert table.counts() == {"ok": 4, "failed": 4}
    assert table["y"][:4].tolist() == [0, 1, 2, 3]
    assert all("result y" in error or "ValueError" in error for error in table.error[4:])


def test_results_unlike_those_of_the_first_case_are_failures():
    def task(columns):
        return {"y": columns["x"]} if columns["x"][0] < 4 else {"y": np.zeros((4, 2)), "z": [1] * 4}

    table = run_cases(task, {"x": np.arange(8)}, batch=4, quiet=True)
    assert table.failed.tolist() == [False] * 4 + [True] * 4
    assert "z (numbers)" in table.error[4] and "as in case 0" in table.error[4]
    assert list(table.results) == ["y"]


@pytest.mark.parametrize(
    "result",
    [[1, 2], {"x": [1, 2]}, {"status": [1, 2]}, {"y": 3.0}, {"error": [1, 2]}, {1: [1, 2]}],
    ids=["no columns", "name of a case", "reserved", "one number", "error", "no text"],
)
def test_a_task_that_cannot_be_right_stops_the_run(result):
    with pytest.raises(InputError, match="task"):
        run_cases(lambda columns: result, {"x": [1.0, 2.0]}, quiet=True)


@pytest.mark.parametrize(
    "cases",
    [
        {},
        {"x": []},
        {"x": [1, 2], "y": [1]},
        {"x": [[1, 2]]},
        {"x": 1},
        {"x": [None]},
        {"x": [1j]},
        {"x": [[1], [1, 2]]},
        {"status": [1]},
    ],
)
def test_cases_that_are_no_table_are_refused(cases):
    with pytest.raises(InputError, match="cases"):
        run_cases(Power(2), cases)


def test_a_task_may_change_its_inputs():
    def task(columns):
        columns["x"] += 1
        if (columns["x"] == 3).any():
            raise ValueError
        return {"y": columns["x"]}

    table = run_cases(task, {"x": np.arange(6.0)}, quiet=True)
    np.testing.assert_array_equal(table["y"], [1, 2, np.nan, 4, 5, 6])
    assert table.error[2] == "ValueError" and table["x"].tolist() == [0, 1, 2, 3, 4, 5]


def test_same_length_calls_with_one_shape_only():
    lengths = set()

    def task(columns):
        lengths.add(len(columns["x"]))
        return noisy_root(columns)

    run_cases(task, make_cases(21, [2]), batch=8, same_length=True, quiet=True)
    assert lengths == {8}


def test_precision_of_jax_is_the_tasks_own_in_every_thread():
    import jax

    table = run_cases(in_double_precision, {"x": np.arange(40.0)}, batch=4, quiet=True)
    assert set(table["type"]) == {"float64"} and not jax.config.jax_enable_x64
    np.testing.assert_allclose(table["tenth"], np.arange(40.0) / 10, rtol=1e-15)


def test_tables_cannot_be_changed():
    table = run_cases(noisy_root, make_cases(4), quiet=True)
    with pytest.raises(ValueError, match="read-only"):
        table["root"][0] = 1.0
    with pytest.raises(InputError, match="Did you mean 'root'"):
        table["rot"]


def test_csv_reads_back_to_the_same_numbers(tmp_path):
    table = run_cases(noisy_root, make_cases(12, [5]), quiet=True)
    table.write_csv(tmp_path / "trial.csv")
    with (tmp_path / "trial.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12 and rows[5]["root"] == rows[5]["powers_2"] == ""
    assert rows[5]["status"] == "failed" and rows[5]["error"] == "ValueError: no root of -1"
    assert [row["name"] for row in rows] == table["name"].tolist()
    whole = np.array([float(row["root"]) for row in rows if row["root"]])
    np.testing.assert_array_equal(whole, table["root"][~table.failed])


def test_progress_is_told_in_lines_without_a_terminal(capfd):
    run_cases(noisy_root, make_cases(10, [3]), batch=4, label="trial")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("trial: 10/10, 1 failed, ")


def test_nothing_is_left_behind():
    import threading

    from threadpoolctl import threadpool_info

    before = threading.active_count(), threadpool_info()
    with pytest.raises(InputError):
        run_cases(lambda columns: None, make_cases(50), batch=2, quiet=True)
    run_cases(noisy_root, make_cases(50), batch=2, quiet=True)
    assert (threading.active_count(), threadpool_info()) == before
