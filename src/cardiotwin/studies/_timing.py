"""How long something takes once it is compiled."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np


def median_seconds(work: Callable[[], Any], times: int = 20) -> float:
    """Return the median wall-clock time of some calls after a first one that is not counted.

    Args:
        work: what is timed; it must have finished when it returns.
        times: calls that count.
    """
    work()
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return float(np.median(found))
