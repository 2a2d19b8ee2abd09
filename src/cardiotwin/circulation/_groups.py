"""Many patients in groups of equal size, one group a core at a time."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import Int

from .._precision import double_precision
from .._threads import map_threads

Result = TypeVar("Result")

LANES = (16, 264)
"""Patients that are computed together; other numbers are padded, so that little is compiled.

Not 256: arrays of a power of two fall on the same lines of the cache, which costs a third.
"""

SLOPE_LANES = (16, 72)
"""The same for derivatives, which need more memory: smaller groups keep every core busy."""


def group_size(n_patients: int, sizes: Sequence[int] = LANES) -> int:
    """Return how many are computed together."""
    return next((size for size in sizes if size >= n_patients), sizes[-1])


def in_groups(
    solve: Callable[..., Result],
    *arguments: Any,
    chosen: Int[np.ndarray, " n_chosen"] | None = None,
    sizes: Sequence[int] = LANES,
) -> Result:
    """Return what compiled code says of some patients: a tree of NumPy arrays, patients first.

    Args:
        solve: compiled code, of the same arguments for some patients, (n_lanes, …) each.
        arguments: trees of arrays, patients first.
        chosen: which patients, all by default.
        sizes: how many may be computed together; the smallest that holds all, or the last.
    """
    leaves = jax.tree.leaves(arguments)
    chosen = np.arange(len(leaves[0])) if chosen is None else chosen
    n, lanes = len(chosen), group_size(len(chosen), sizes)
    padded = np.concatenate([chosen, np.repeat(chosen[-1:], -n % lanes)])

    @double_precision
    def solve_group(group: Int[np.ndarray, " n_lanes"]) -> Result:
        own = jax.tree.map(lambda leaf: leaf[group], arguments)
        return jax.tree.map(np.asarray, solve(*own))

    shares = padded.reshape(-1, lanes)
    # Threads cost more than one patient does.
    groups = [solve_group(shares[0])] if len(shares) == 1 else map_threads(solve_group, shares)
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:n], *groups)
