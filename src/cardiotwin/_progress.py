"""Progress of long work: a bar on a terminal, plain lines elsewhere, always on the error stream."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def track(items: Sequence[Item], label: str, name: Callable[[Item], str] = str) -> Iterator[Item]:
    """Yield the items and show how far the work is and how long it will take.

    Args:
        items: what is worked on, one after the other.
        label: what the work is.
        name: name of an item, for the plain lines.

    >>> list(track([1, 2], "doubling"))
    [1, 2]
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track as bar

        yield from bar(items, description=label, console=Console(stderr=True), transient=True)
        return
    start = time.perf_counter()
    for done, item in enumerate(items):
        yield item
        spent = time.perf_counter() - start
        left = spent / (done + 1) * (len(items) - done - 1)
        print(
            f"{label}: {done + 1}/{len(items)} {name(item)}, {spent:.0f} s, {left:.0f} s left",
            file=sys.stderr,
        )
