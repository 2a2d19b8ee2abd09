"""Folders of finished batches: continued, never mixed, never half written."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from compute_tasks import Power, SlowRoot, assert_same, make_cases, noisy_root, one_by_one
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin import FileFormatError, InputError
from cardiotwin.compute import run_cases
from cardiotwin.compute._fingerprint import describe_task

CALLS: list[int] = []


def counted(columns):
    CALLS.extend(columns["seed"].tolist())
    return noisy_root(columns)


def run(cases, out, **settings):
    CALLS.clear()
    return run_cases(counted, cases, out=out, quiet=True, **settings)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_what_an_interrupted_program_has_finished_is_not_run_again(number, tmp_path):
    cases, out = make_cases(60, [7]), tmp_path / "out"
    code = (
        # A shell starts background jobs, this one too then, with Ctrl-C ignored.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from compute_tasks import SlowRoot, make_cases;"
        "from cardiotwin.compute import run_cases;"
        f"run_cases(SlowRoot(), make_cases(60, [7]), batch=2, out={str(out)!r}, quiet=True)"
    )
    here = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=here, stderr=subprocess.PIPE, text=True
    ) as program:
        deadline = time.monotonic() + 30
        while len(list(out.glob("batch-*.npz"))) < 3:
            assert time.monotonic() < deadline and program.poll() is None
            time.sleep(0.02)
        os.kill(program.pid, number)
        _, told = program.communicate(timeout=30)
    assert program.returncode != 0
    if number == signal.SIGINT:
        assert "KeyboardInterrupt" in told
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("batch-*.npz")}
    assert 3 <= len(kept) < 30
    table = run_cases(SlowRoot(), cases, out=out, quiet=True)
    assert_same(table, one_by_one(cases))
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("batch-*.npz")}
    assert kept.items() <= after.items() and len(after) == len(kept) + 1


def test_a_finished_folder_runs_nothing(tmp_path):
    first = run(make_cases(20, [3]), tmp_path)
    assert sorted(set(CALLS)) == list(range(20))
    assert_same(run(make_cases(20, [3]), tmp_path), first)
    assert not CALLS


def test_failed_cases_are_run_again_only_on_request(tmp_path):
    cases = make_cases(20, [3, 9])
    broken = {3, 9}

    class Repaired:
        __slots__ = ()

        def __call__(self, columns):
            CALLS.extend(columns["seed"].tolist())
            if broken & set(columns["seed"].tolist()):
                raise ValueError("not yet")
            return {"y": columns["seed"]}

    first = run_cases(Repaired(), cases, out=tmp_path, quiet=True)
    assert first.counts()["failed"] == 2 and first["y"].dtype == np.float64
    CALLS.clear()
    broken.discard(3)
    assert_same(run_cases(Repaired(), cases, out=tmp_path, quiet=True), first)
    assert not CALLS
    second = run_cases(Repaired(), cases, out=tmp_path, retry_failed=True, quiet=True)
    assert set(CALLS) == {3, 9} and np.flatnonzero(second.failed).tolist() == [9]
    broken.clear()
    run_cases(Repaired(), cases, out=tmp_path, retry_failed=True, quiet=True)
    third = run_cases(Repaired(), cases, out=tmp_path, quiet=True)
    assert third.counts()["failed"] == 0 and third["y"].dtype == np.int64


def test_a_folder_of_other_cases_is_refused(tmp_path):
    run(make_cases(20), tmp_path)
    with pytest.raises(InputError, match="other cases"):
        run(make_cases(20, [3]), tmp_path)
    with pytest.raises(InputError, match="other cases"):
        run(make_cases(21), tmp_path)


def test_a_folder_of_another_task_is_refused(tmp_path):
    run_cases(Power(2.0), {"x": [1.0]}, out=tmp_path, quiet=True)
    for other in (Power(3.0), noisy_root, functools.partial(Power(2.0))):
        with pytest.raises(InputError, match="another task"):
            run_cases(other, {"x": [1.0]}, out=tmp_path, quiet=True)


def test_a_folder_of_another_version_is_refused(tmp_path):
    run(make_cases(3), tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "version": "0.0.1"}))
    with pytest.raises(InputError, match=r"another version .*0\.0\.1"):
        run(make_cases(3), tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="folder"):
        run(make_cases(3), tmp_path / "a")


def test_results_without_a_manifest_are_not_adopted(tmp_path):
    run(make_cases(3), tmp_path)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(FileFormatError, match=r"manifest\.json"):
        run(make_cases(3), tmp_path)


@given(cut=st.floats(0, 1), flip=st.booleans(), seed=st.integers(0, 99))
def test_a_damaged_batch_is_told_or_harmless(cut, flip, seed, tmp_path):
    cases = make_cases(9, [2])
    whole = run(cases, tmp_path)
    (path,) = tmp_path.glob("batch-*.npz")
    content = bytearray(path.read_bytes())
    place = min(int(cut * len(content)), len(content) - 1)
    damaged = bytearray(content[:place])
    if flip:
        damaged = content.copy()
        damaged[place] ^= 1 + seed
    path.write_bytes(damaged)
    try:
        assert_same(run(cases, tmp_path), whole)
    except FileFormatError as error:
        assert "Delete this file" in str(error) or path.name in str(error)
    finally:
        path.write_bytes(content)


def test_the_order_of_columns_does_not_matter(tmp_path):
    cases = make_cases(5)
    run(cases, tmp_path)
    run(dict(reversed(cases.items())), tmp_path)
    assert not CALLS


def test_tasks_are_recognized_by_settings_and_code():
    def make(code):
        names: dict = {"__name__": "somewhere"}
        exec(code, names)
        return names["task"]

    assert describe_task(Power(2.0)) == describe_task(Power(2.0)) != describe_task(Power(3.0))
    table = np.arange(30.0)
    partial = functools.partial(make("def task(c, table): return c"), table=table)
    other = functools.partial(make("def task(c, table): return c"), table=table + 1)
    assert describe_task(partial) != describe_task(other)

    def times(factor):
        return lambda columns: {"y": columns["x"] * factor}

    closures = [times(1), times(2)]
    assert describe_task(closures[0]) != describe_task(closures[1])
    assert " at 0x" not in json.dumps([describe_task(partial), describe_task(closures[0])])
