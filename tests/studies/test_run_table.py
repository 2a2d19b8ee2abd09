"""A table of runs survives interrupts, other versions and other programs."""

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin import FileFormatError
from cardiotwin.studies import Run, RunTable

TEXT = st.text("ab1, ;\"'\n\r\t=#-é漢\u2028\x00", max_size=8)
NUMBER = st.none() | st.floats(allow_nan=False)
RUNS = st.builds(
    Run,
    study=TEXT,
    cell=TEXT,
    seed=st.integers(0, 10**9),
    budget=TEXT,
    truth=TEXT,
    method=TEXT,
    sigma=NUMBER,
    relative_error=NUMBER,
    correlation=NUMBER,
    mse=NUMBER,
    data_loss=NUMBER,
    physics_loss=NUMBER,
    seconds=NUMBER,
    version=TEXT,
    created=TEXT,
    recipe=TEXT,
    status=TEXT,
    details=st.dictionaries(TEXT, st.floats(allow_nan=False), max_size=3),
)


@given(runs=st.lists(RUNS, max_size=6))
def test_what_is_written_is_read_back(runs, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "s.csv"
    table = RunTable(path)
    first = {}
    for run in runs:
        assert table.add(run) == (run.key not in first)
        first.setdefault(run.key, run)
    assert list(RunTable(path).runs) == list(first.values()) == list(table.runs)


@given(runs=st.lists(RUNS, min_size=2, max_size=4, unique_by=lambda run: run.key), data=st.data())
def test_a_torn_last_line_costs_only_its_own_run(runs, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "s.csv"
    table = RunTable(path)
    for run in runs[:-1]:
        table.add(run)
    before = path.read_bytes()
    table.add(runs[-1])
    last = path.read_bytes()[len(before) :]
    cut = data.draw(st.integers(0, len(last) - 1))
    # Cut inside a letter of several bytes too.
    path.write_bytes(before + last[:cut])
    again = RunTable(path)
    assert list(again.runs) == runs[:-1]
    assert again.add(runs[-1]) is True
    assert path.read_bytes() == before + last


def test_not_a_number_is_kept_as_such(tmp_path):
    path = tmp_path / "s.csv"
    RunTable(path).add(Run("s", "a", 0, relative_error=math.nan, status="failed:\nno step"))
    run = RunTable(path).runs[0]
    assert run.relative_error is not None and math.isnan(run.relative_error)
    assert not run.succeeded and run.status == "failed: no step"


def test_rows_and_columns_of_another_version_are_kept(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("study,cell,budget,seed,RE,version,future\ns,a,full,0,0.5,9.9,x\n")
    table = RunTable(path)
    assert table.runs[0].version == "9.9" and table.runs[0].others == {"future": "x"}
    assert table.runs[0].relative_error == 0.5 and table.runs[0].mse is None
    table.add(Run("s", "a", 1, mse=0.25, version="1"))
    again = RunTable(path).runs
    assert again[0] == table.runs[0]
    assert again[1].mse == 0.25 and again[1].others == {"future": ""}


def test_the_first_of_two_lines_for_one_run_counts(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("study,cell,budget,seed,RE\ns,a,full,0,0.5\ns,a,full,0,0.75\n")
    assert [run.relative_error for run in RunTable(path).runs] == [0.5]


def test_runs_of_a_cell_by_seed():
    table = RunTable()
    for seed in (2, 0, 1):
        table.add(Run("s", "a", seed))
    table.add(Run("s", "b", 0))
    table.add(Run("s", "a", 0, budget="quick"))
    assert [run.seed for run in table.of("s", "a", "full")] == [0, 1, 2]
    assert table.find("s", "b", "full", 0) is not None
    assert table.find("s", "b", "full", 1) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "columns of a run table"),
        ("study,cell,budget,seed,seed\n", "each once"),
        ("study,cell,budget,seed,RE\ns,a,full,0\n", "line 2: found 4 entries"),
        ("study,cell,budget,seed,RE\ns,a,full,0,much\n", "'much' in the column RE"),
        ("study,cell,budget,seed\ns,a,full,x\n", "column seed"),
        ("study,cell,budget,seed,details\ns,a,full,1,{\n", "column details"),
        ("study,cell,budget,seed,details\ns,a,full,1,[1]\n", "column details"),
    ],
)
def test_what_is_no_run_table_is_refused(tmp_path, content, message):
    path = tmp_path / "s.csv"
    path.write_text(content)
    with pytest.raises(FileFormatError, match=message):
        RunTable(path)
    assert path.read_text() == content


def _fill(path, seeds):
    table = RunTable(path)
    for seed in seeds:
        table.add(Run("s", "cell" * 20, seed, status="x" * 200))


def test_two_writers_fill_one_table(tmp_path):
    path = tmp_path / "s.csv"
    RunTable(path).add(Run("s", "first", 0))
    writers = [
        threading.Thread(target=_fill, args=(path, range(start, start + 40))) for start in (0, 30)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    found = RunTable(path).runs
    assert sorted(run.seed for run in found if run.cell != "first") == list(range(70))
    assert all(run.status == "x" * 200 for run in found[1:])
