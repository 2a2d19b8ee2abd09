"""What every test may use: measured data (or a reason to skip) and a random generator."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

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
