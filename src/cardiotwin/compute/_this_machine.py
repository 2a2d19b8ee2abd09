"""Batches on the cores of this machine."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from .._checks import check_count
from .._threads import core_count
from ._piece import Batch, Piece


@dataclass(frozen=True)
class ThisMachine:
    """Threads of this process: JAX and NumPy let go of the interpreter while they compute.

    Linear algebra inside a batch runs on one thread, as many threads as cores run batches. A task
    that is pure Python gains nothing here: start a Dask cluster on this machine for it.

    Args:
        workers: number of threads; one a core by default.

    Raises:
        InputError: no whole number of at least 1.

    >>> ThisMachine(workers=2)
    ThisMachine(workers=2)
    """

    workers: int | None = None

    def __post_init__(self):
        if self.workers is not None:
            check_count(self.workers, "workers")

    def run(
        self, work: Callable[[Batch], Piece], batches: Sequence[Batch]
    ) -> Generator[Piece, None, None]:
        """Yield ``work(batch)`` for every batch, in the order in which they end.

        After an interrupt or an error the batches under way are still finished.
        """
        pool = ThreadPoolExecutor(self.workers or core_count(), thread_name_prefix="cases")
        handed_out: set[Future[Piece]] = set()
        with threadpool_limits(1, user_api="blas"):
            futures = [pool.submit(work, batch) for batch in batches]
            try:
                for future in as_completed(futures):
                    handed_out.add(future)
                    yield future.result()
            except GeneratorExit:
                raise
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                for future in futures:
                    if future not in handed_out and not future.cancelled():
                        if future.exception() is None:
                            yield future.result()
                raise
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
