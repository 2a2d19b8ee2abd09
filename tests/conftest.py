"""What every test may use: measured data (or a reason to skip) and a random generator."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg  # noqa: F401 - brings the linear algebra that is limited below
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("repeatable")


COMPILED = pytest.StashKey[str]()


def pytest_configure(config):
    """Settle threads, and where the workers and started programs share what they compile."""
    _limit_threads()
    if not hasattr(config, "workerinput") and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        # Compiling takes most of the time of the suite: a program that one worker has compiled is
        # read by the other. It lives as long as the run.
        config.stash[COMPILED] = tempfile.mkdtemp(prefix="cardiotwin-compiled-")
        os.environ["JAX_COMPILATION_CACHE_DIR"] = config.stash[COMPILED]
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"


def pytest_unconfigure(config):
    """Remove what was compiled."""
    folder = config.stash.get(COMPILED, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _limit_threads():
    """Run linear algebra on one thread, here, in the workers of xdist and in started programs.

    The matrices of the tests are small, and two workers fill two cores: with a thread a core each,
    the threads wait for each other longer than they work (a Cholesky factor of 258 rows takes 14 ms
    in place of 0.5).
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    threadpool_limits(1, user_api="blas")


@pytest.fixture(scope="session")
def shared_data():
    """Give the path of a folder of measured data, or skip with the reason."""

    def folder(name: str) -> Path:
        path = SHARED / name
        if not path.is_dir():
            pytest.skip(f"measured data folder {name} is not beside this checkout")
        return path

    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
