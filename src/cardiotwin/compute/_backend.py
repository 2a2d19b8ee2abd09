"""What a backend has to do."""

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, runtime_checkable

from ._piece import Batch, Piece


@runtime_checkable
class Backend(Protocol):
    """A place where batches are run: `ThisMachine`, `DaskCluster`, or one of your own.

    >>> from cardiotwin.compute import ThisMachine
    >>> isinstance(ThisMachine(), Backend)
    True
    """

    def run(
        self, work: Callable[[Batch], Piece], batches: Sequence[Batch]
    ) -> Generator[Piece, None, None]:
        """Yield ``work(batch)`` for every batch, in any order.

        On an error or an interrupt (raised by ``work`` or while waiting) start no more batches,
        yield what is finished, and raise it again. Closing the generator stops the work.

        Args:
            work: never raises for failing cases; can be pickled if the task can.
            batches: independent of one another.
        """
        ...
