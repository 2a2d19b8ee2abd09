"""A trial on a real Dask cluster, one of whose workers is killed half-way."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
from trials import assert_same_rows

from cardiotwin.circulation import Circulation
from cardiotwin.compute import DaskCluster
from cardiotwin.hemodynamics import Arm, Cohort, FixedSpeed, Trial, run_trial

COMPUTE = Path(__file__).parents[1] / "compute"


def _harness():
    """Load the cluster of the tests of `compute`, which lie in another folder."""
    sys.path.insert(0, str(COMPUTE))
    try:
        spec = importlib.util.spec_from_file_location(
            "dask_harness", COMPUTE / "test_dask_cluster.py"
        )
        harness = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(harness)
    finally:
        sys.path.remove(str(COMPUTE))
    return harness


def test_rows_are_those_of_this_machine_though_a_worker_is_killed(tmp_path):
    # Pumps in every arm: one compiled program, which each worker must make for itself.
    weak = Circulation(
        emax=np.linspace(0.5, 1.2, 300),
        period_s=0.8,
        systemic_resistance=np.linspace(0.8, 1.4, 300),
    )
    arms = tuple(Arm(f"{own} rpm", speed=FixedSpeed(float(own))) for own in range(8000, 12001, 500))
    trial = Trial(Cohort.from_circulation(weak), arms)
    here = run_trial(trial, quiet=True)
    assert here.table.counts() == {"ok": 2700, "failed": 0}
    harness, out = _harness(), tmp_path / "out"
    with (
        harness.dask_cluster(tmp_path) as (address, _, workers),
        harness.killed(workers[0], once=2, batches_in=out) as finished,
    ):
        there = run_trial(trial, backend=DaskCluster(address), out=out, quiet=True)
        assert workers[1].poll() is None
    assert 2 <= finished[0] < 11
    assert_same_rows(there, here)
