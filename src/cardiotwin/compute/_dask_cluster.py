"""Batches on a Dask cluster: workers may join, leave and die while the cases run."""

import pickle
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .._checks import check_number
from .._errors import InputError, MissingDependencyError
from ._batch import error_text
from ._piece import Batch, Piece, failure

SECONDS_BETWEEN_LOOKS = 1.0
BATCHES_A_THREAD = 2


@dataclass(frozen=True)
class DaskCluster:
    """A Dask cluster that is running already, given by the address of its scheduler.

    cardiotwin (the same version) and the module of the task must be installed on every worker. A
    batch whose worker dies is run again by the scheduler. One that has outlived as many workers as
    the scheduler allows (its setting ``allowed-failures``, 3) is tried once more when all others
    are done, with nothing beside it that could be to blame; if that kills workers too, all its
    cases become failed rows. ``retry_failed`` with a smaller batch then finds the case.

    Args:
        address: as the scheduler prints it, ``tcp://host:port``.
        timeout_s: how long to try to reach the scheduler.
        patience_s: how long to wait, at the start or later, while the cluster has no worker.

    Raises:
        InputError: not an address; times that are not positive.

    >>> DaskCluster("tcp://10.0.0.7:8786").timeout_s
    10.0
    """

    address: str
    timeout_s: float = 10.0
    patience_s: float = 60.0

    def __post_init__(self):
        if not isinstance(self.address, str) or "://" not in self.address:
            raise InputError(
                "address", found=repr(self.address), expected="the text 'tcp://host:port'"
            )
        check_number(self.timeout_s, "timeout_s", above=0)
        check_number(self.patience_s, "patience_s", above=0)

    def run(
        self, work: Callable[[Batch], Piece], batches: Sequence[Batch]
    ) -> Generator[Piece, None, None]:
        """Yield ``work(batch)`` for every batch, in the order in which they end.

        Raises:
            MissingDependencyError: Dask is not installed.
            InputError: no scheduler at the address, no workers, or workers that cannot load the
                task or have another version of cardiotwin.
        """
        _import_distributed()
        payload = _pack(work)
        client = self._connect()
        running = _Running(self, client, payload)
        try:
            yield from running.pieces(batches)
        except GeneratorExit:
            raise
        except BaseException:
            yield from running.finished()
            raise
        finally:
            running.stop()
            with suppress(Exception):
                client.close(timeout=self.timeout_s)

    def _connect(self) -> Any:
        distributed = _import_distributed()
        try:
            return distributed.Client(self.address, timeout=self.timeout_s, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError) as error:
            raise self.unreachable(error_text(error)) from None

    def unreachable(self, reason: str) -> InputError:
        """Return the error of a scheduler that does not answer."""
        return InputError(
            f"address {self.address}",
            found=f"no Dask scheduler ({reason})",
            expected=f"one that answers within {self.timeout_s:g} s",
            advice="Start one with 'dask scheduler' and give the address that it prints.",
        )


class _Running:
    """Batches under way, not more than the workers need, so that few are hit by one that dies."""

    def __init__(self, cluster: DaskCluster, client: Any, payload: bytes):
        self.cluster, self.client, self.payload = cluster, client, payload
        self.batches: dict[Any, Batch] = {}
        self.threads, self.looked, self.seen = 0, 0.0, time.monotonic()

    def pieces(self, batches: Sequence[Batch]) -> Generator[Piece, None, None]:
        waiting, suspects, alone = deque(batches), [], False
        while waiting or suspects or self.batches:
            if not waiting and not self.batches:
                waiting, suspects, alone = deque(suspects), [], True
            self._look()
            room = 1 if alone else BATCHES_A_THREAD * self.threads
            while waiting and len(self.batches) < room:
                self._submit(waiting.popleft())
            for future in self._ended():
                try:
                    piece = self._result(future)
                except TimeoutError:
                    # Its worker has died since: the scheduler runs the batch again.
                    continue
                batch = self.batches.pop(future)
                if piece is not None:
                    yield piece
                elif alone:
                    yield failure(batch.rows, _blame(batch))
                else:
                    suspects.append(batch)

    def finished(self) -> Generator[Piece, None, None]:
        """Yield what has ended but was not fetched."""
        for future in list(self.batches):
            if future.status == "finished":
                with suppress(Exception):
                    yield future.result(timeout=self.cluster.timeout_s)

    def stop(self) -> None:
        """Ask the scheduler to drop what is not finished."""
        with suppress(Exception):
            self.client.cancel(list(self.batches), force=True)
        self.batches.clear()

    def _submit(self, batch: Batch) -> None:
        from .. import __version__

        future = self.client.submit(
            _run_on_worker,
            self.payload,
            pickle.dumps(batch),
            __version__,
            key=f"cardiotwin-cases-{uuid.uuid4().hex}",
            pure=False,
        )
        self.batches[future] = batch

    def _look(self) -> None:
        """Count the threads of the workers that are there now."""
        now = time.monotonic()
        if self.threads and now - self.looked < SECONDS_BETWEEN_LOOKS:
            return
        try:
            self.threads = sum(self.client.nthreads().values())
        except Exception as error:
            raise self.cluster.unreachable(error_text(error)) from None
        self.looked = now
        if self.threads:
            self.seen = now
        elif now - self.seen > self.cluster.patience_s:
            raise InputError(
                f"address {self.cluster.address}",
                found=f"a scheduler without workers for {self.cluster.patience_s:g} s",
                expected="one worker at least",
                advice=f"Start some with 'dask worker {self.cluster.address}'.",
            )
        else:
            time.sleep(min(0.1, self.cluster.patience_s))

    def _ended(self) -> list[Any]:
        """Wait a while for the first that ends."""
        if not self.batches:
            return []
        try:
            with self.client.as_current():
                ended: Any = _import_distributed().wait(
                    list(self.batches), timeout=SECONDS_BETWEEN_LOOKS, return_when="FIRST_COMPLETED"
                )
        except TimeoutError:
            return []
        except CancelledError as error:
            raise self.cluster.unreachable(error_text(error)) from None
        return list(ended.done)

    def _result(self, future: Any) -> Piece | None:
        """Fetch a piece; None where the scheduler has given the batch up."""
        from distributed.scheduler import KilledWorker

        try:
            return future.result(timeout=self.cluster.timeout_s)
        except KilledWorker:
            return None
        except CancelledError as error:
            raise self.cluster.unreachable(error_text(error)) from None
        except (TimeoutError, InputError):
            raise
        except Exception as error:
            raise InputError(
                "task",
                found=f"a worker that cannot run it ({error_text(error)})",
                expected="a task that every worker can load",
                advice="Install cardiotwin and the module of the task on all workers.",
            ) from None


def _run_on_worker(payload: bytes, batch: bytes, version: str) -> Piece:
    from .. import __version__

    if version != __version__:
        raise InputError(
            "worker", found=f"cardiotwin {__version__}", expected=f"cardiotwin {version}"
        )
    return _unpack(payload)(pickle.loads(batch))


@lru_cache(maxsize=4)
def _unpack(payload: bytes) -> Callable[[Batch], Piece]:
    """Load the work once a process, so that what it has compiled serves all batches."""
    return pickle.loads(payload)


def _pack(work: Callable[[Batch], Piece]) -> bytes:
    import cloudpickle

    try:
        return cloudpickle.dumps(work)
    except Exception as error:
        raise InputError(
            "task",
            found=f"one that cannot be sent to workers ({error_text(error)})",
            expected="a function of a module, or a frozen dataclass with __call__",
        ) from None


def _blame(batch: Batch) -> str:
    return (
        f"KilledWorker: the worker died each time it ran this batch of {len(batch)} cases; "
        "retry_failed=True with a smaller batch finds the one that does it"
    )


def _import_distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise MissingDependencyError(
            "DaskCluster needs dask and distributed: pip install 'cardiotwin[cluster]' "
            "(or run with backend=ThisMachine())"
        ) from None
    return distributed
