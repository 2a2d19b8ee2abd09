"""A real Dask cluster on this machine: a scheduler and workers in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from compute_tasks import (
    Power,
    SlowRoot,
    assert_same,
    dies,
    in_double_precision,
    make_cases,
    one_by_one,
)

from cardiotwin import InputError, MissingDependencyError
from cardiotwin.compute import DaskCluster, run_cases

HERE = Path(__file__).parent


@contextmanager
def dask_cluster(folder, *, workers=2, nanny=False, allowed_failures=3):
    pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures),
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    }
    file = folder / "scheduler.json"
    log = (folder / "log.txt").open("w")
    processes = []

    def start(*arguments):
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        processes.append(process)
        return process

    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        to_nanny = "--nanny" if nanny else "--no-nanny"
        started = [
            start("worker", "--scheduler-file", str(file), "--nthreads", "1", to_nanny)
            for _ in range(workers)
        ]
        deadline = time.monotonic() + 30
        while not (file.exists() and file.read_text().endswith("}")):
            assert time.monotonic() < deadline, (folder / "log.txt").read_text()
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"], processes[0], started
    finally:
        for process in processes:
            # Its own session: a nanny's worker goes with it.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        log.close()


@contextmanager
def killed(process, *, once, batches_in):
    """Kill a process when so many batches are finished; tell how many there were."""
    finished = []

    def kill():
        while (count := len(list(batches_in.glob("batch-*.npz")))) < once:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        finished.append(count)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    yield finished
    killer.join(timeout=10)
    assert finished and process.wait(timeout=10) == -signal.SIGKILL


def test_rows_are_those_of_this_machine_though_a_worker_is_killed(tmp_path):
    cases, out = make_cases(60, [7, 41]), tmp_path / "out"
    with dask_cluster(tmp_path) as (address, scheduler, workers):
        cluster = DaskCluster(address)
        double = run_cases(in_double_precision, {"x": np.arange(4.0)}, backend=cluster, quiet=True)
        assert set(double["type"]) == {"float64"}
        with killed(workers[0], once=8, batches_in=out) as finished:
            table = run_cases(SlowRoot(), cases, backend=cluster, batch=2, out=out, quiet=True)
        assert finished[0] < 20 and workers[1].poll() is None
        assert_same(table, one_by_one(cases))

        other = tmp_path / "other"
        with (
            killed(scheduler, once=3, batches_in=other),
            pytest.raises(InputError, match="no Dask scheduler"),
        ):
            run_cases(SlowRoot(), cases, backend=cluster, batch=2, out=other, quiet=True)
    kept = len(list(other.glob("batch-*.npz")))
    assert 3 <= kept < 30
    # What a cluster has begun, this machine ends; what is finished needs no cluster.
    assert_same(run_cases(SlowRoot(), cases, out=other, quiet=True), table)
    assert len(list(other.glob("batch-*.npz"))) == kept + 1
    assert_same(run_cases(SlowRoot(), cases, backend=cluster, out=out, quiet=True), table)


def test_a_batch_that_keeps_killing_workers_becomes_failed_rows(tmp_path):
    cases, out = {"x": np.arange(32)}, tmp_path / "out"
    with dask_cluster(tmp_path, nanny=True, allowed_failures=0) as (address, _, _):
        cluster = DaskCluster(address)
        table = run_cases(dies, cases, backend=cluster, batch=4, out=out, quiet=True)
        assert np.flatnonzero(table.failed).tolist() == [12, 13, 14, 15]
        assert set(table.error[12:16]) == {table.error[12]}
        assert table.error[12].startswith("KilledWorker: ") and "4 cases" in table.error[12]
        again = run_cases(
            dies, cases, backend=cluster, batch=1, out=out, retry_failed=True, quiet=True
        )
    assert np.flatnonzero(again.failed).tolist() == [13]
    expected = np.where(np.arange(32) == 13, np.nan, 2.0 * np.arange(32))
    np.testing.assert_array_equal(again["y"], expected)


def test_a_cluster_without_workers_or_scheduler_is_told(tmp_path):
    cases = make_cases(40)
    with dask_cluster(tmp_path, workers=0) as (address, scheduler, _):
        with pytest.raises(InputError, match="a scheduler without workers"):
            run_cases(Power(2), cases, backend=DaskCluster(address, patience_s=0.5), quiet=True)
        os.kill(scheduler.pid, signal.SIGKILL)
        scheduler.wait()
        begun = time.monotonic()
        with pytest.raises(InputError, match="no Dask scheduler"):
            cluster = DaskCluster(address, timeout_s=1)
            run_cases(Power(2), cases, backend=cluster, quiet=True)
        assert time.monotonic() - begun < 8


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:9", "tcp://no-such-host.invalid:8786", "smoke://1.2.3.4:5", "tcp:"]
)
def test_a_wrong_address_is_told(address):
    pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    begun = time.monotonic()
    with pytest.raises(InputError, match="address"):
        cluster = DaskCluster(address, timeout_s=1)
        run_cases(Power(2), {"x": [1.0]}, backend=cluster, quiet=True)
    assert time.monotonic() - begun < 10


def test_without_dask_the_way_to_install_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'cardiotwin\[cluster\]'"):
        run_cases(Power(2), {"x": [1.0]}, backend=DaskCluster("tcp://a:1"), quiet=True)
