"""Batches of clips, decoded ahead in threads; never more than a few clips in memory."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float, UInt8

from ..._checks import check_count
from ..._errors import CardiotwinError, InputError
from .._clip import SMALLEST_SIDE, EchoClip
from .._resize import resize
from ._records import EchoRecord


@dataclass(frozen=True, eq=False)
class EchoBatch:
    """Clips of one size with their times; NaN stands for what is not known.

    Args:
        frames: grey levels; black beyond the end of a clip shorter than the batch.
        times_ms: times within the clip as recorded, the first frame at 0; beyond the end they
            go on at the last interval.
        valid: false beyond the end of a clip.
        mm_per_pixel: side of the square pixels after resizing.
        ef_percent: ejection fraction.
        edv_ml: end-diastolic volume.
        esv_ml: end-systolic volume.
        start_frames: index of the first frame in its clip.
        names: names of the records.
    """

    frames: UInt8[np.ndarray, "batch n_frames size size"]
    times_ms: Float[np.ndarray, "batch n_frames"]
    valid: Bool[np.ndarray, "batch n_frames"]
    mm_per_pixel: Float[np.ndarray, " batch"]
    ef_percent: Float[np.ndarray, " batch"]
    edv_ml: Float[np.ndarray, " batch"]
    esv_ml: Float[np.ndarray, " batch"]
    start_frames: np.ndarray
    names: tuple[str, ...]


class EchoStream:
    """One pass over records a loop, each in a new order that the seed and the pass decide.

    Made by `stream`. ``excluded`` lists (name, reason) of records that could not be read; they
    are left out of the batches and not tried again.
    """

    def __init__(
        self,
        records: Sequence[EchoRecord],
        batch: int,
        *,
        size: int,
        n_frames: int,
        stride: int,
        seed: int,
        shuffle: bool,
        workers: int,
    ):
        if not len(records):
            raise InputError("records", found="none", expected="at least one record")
        self.records = tuple(records)
        self.batch = check_count(batch, "batch")
        self.size = check_count(size, "size", at_least=SMALLEST_SIDE)
        self.n_frames = check_count(n_frames, "n_frames")
        self.stride = check_count(stride, "stride")
        self.seed = check_count(seed, "seed", at_least=0)
        self.shuffle = shuffle
        self.workers = check_count(workers, "workers")
        self.passes = 0
        self._excluded: dict[str, str] = {}

    @property
    def excluded(self) -> tuple[tuple[str, str], ...]:
        """Names of records that could not be read, and why."""
        return tuple(self._excluded.items())

    def __iter__(self) -> Iterator[EchoBatch]:
        number, self.passes = self.passes, self.passes + 1
        order = np.arange(len(self.records))
        if self.shuffle:
            order = np.random.default_rng([self.seed, number]).permutation(order)
        samples: list[_Sample] = []
        for sample in self._samples(order, number):
            samples.append(sample)
            if len(samples) == self.batch:
                yield _stack(samples)
                samples = []
        if samples:
            yield _stack(samples)

    def _samples(self, order: np.ndarray, number: int) -> Iterator["_Sample"]:
        """Yield in order what threads decode, a batch and a few ahead."""
        wanted = (int(i) for i in order if self.records[i].name not in self._excluded)
        pending: deque[tuple[int, Future[_Sample]]] = deque()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="echo-stream")

        def submit(count: int) -> None:
            for i in islice(wanted, count):
                pending.append((i, pool.submit(self._load, i, number)))

        try:
            submit(self.batch + self.workers)
            while pending:
                index, future = pending.popleft()
                try:
                    sample = future.result()
                except (CardiotwinError, OSError) as error:
                    self._excluded[self.records[index].name] = str(error)
                    submit(1)
                    continue
                # Before the sample is handed on, so that threads work while the caller does.
                submit(1)
                yield sample
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _load(self, index: int, number: int) -> "_Sample":
        record = self.records[index]
        clip = record.clip()
        # Of its own generator, so that the order in which threads finish changes nothing.
        rng = np.random.default_rng([self.seed, number, index])
        length = (self.n_frames - 1) * self.stride + 1
        spare = max(clip.n_frames - length, 0)
        start = int(rng.integers(spare + 1)) if self.shuffle else spare // 2
        part = clip.select(slice(start, start + length, self.stride))
        return _Sample(record, resize(part, self.size), start, self.n_frames, _step(clip, self))


@dataclass(frozen=True, eq=False)
class _Sample:
    record: EchoRecord
    clip: EchoClip
    start: int
    n_frames: int
    step_ms: float


def stream(
    records: Sequence[EchoRecord],
    batch: int,
    *,
    size: int = 112,
    n_frames: int = 32,
    stride: int = 1,
    seed: int = 0,
    shuffle: bool = True,
    workers: int = 2,
) -> EchoStream:
    """Return an iterable of batches; each loop over it is one pass over the records.

    Args:
        records: of a data set, for example ``EchoNetDynamic(root).splits["TRAIN"]``.
        batch: clips a batch; the last one of a pass may be smaller.
        size: side of the frames in pixels, as `cardiotwin.echo.resize` makes them.
        n_frames: frames a clip; shorter clips are filled up and marked in ``valid``.
        stride: take every ``stride``-th frame.
        seed: of the order, and of where a part of a longer clip starts.
        shuffle: false for the order of the records and the middle of each clip.
        workers: threads that decode; the batches do not depend on their number.

    Returns:
        The stream; at most ``batch + workers`` decoded parts wait at once. Records that cannot
        be read are listed in its ``excluded``.

    Raises:
        InputError: no records, or a number that is none.
    """
    return EchoStream(
        records,
        batch,
        size=size,
        n_frames=n_frames,
        stride=stride,
        seed=seed,
        shuffle=shuffle,
        workers=workers,
    )


def _step(clip: EchoClip, settings: EchoStream) -> float:
    return settings.stride * 1000.0 / clip.frame_rate_hz if clip.n_frames > 1 else 1.0


def _stack(samples: list[_Sample]) -> EchoBatch:
    size = samples[0].clip.shape[0]
    shape = len(samples), samples[0].n_frames
    frames = np.zeros((*shape, size, size), dtype=np.uint8)
    times = np.zeros(shape)
    valid = np.zeros(shape, dtype=bool)
    for i, sample in enumerate(samples):
        count = sample.clip.n_frames
        frames[i, :count], valid[i, :count] = sample.clip.frames, True
        own = sample.clip.times_ms - sample.clip.times_ms[0]
        beyond = own[-1] + sample.step_ms * np.arange(1, shape[1] - count + 1)
        times[i] = np.concatenate([own, beyond])
    pixels = [(sample.clip.mm_per_pixel or (np.nan,))[0] for sample in samples]
    known = {
        key: np.array([_or_nan(getattr(sample.record, key)) for sample in samples])
        for key in ("ef_percent", "edv_ml", "esv_ml")
    }
    return EchoBatch(
        frames,
        times,
        valid,
        np.array(pixels, dtype=np.float64),
        known["ef_percent"],
        known["edv_ml"],
        known["esv_ml"],
        np.array([sample.start for sample in samples]),
        tuple(sample.record.name for sample in samples),
    )


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else float(value)
