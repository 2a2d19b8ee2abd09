"""Many independent cases: on this machine or a cluster, resumable, failures kept as rows."""

from ._backend import Backend as Backend
from ._cases import CaseTable as CaseTable
from ._dask_cluster import DaskCluster as DaskCluster
from ._run import run_cases as run_cases
from ._this_machine import ThisMachine as ThisMachine
