"""Frames of clips that experts have traced, as the segmentation network is trained on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from .._checks import check_count
from .._errors import FileFormatError, InputError
from ._clip import EchoClip
from ._labels import CAVITY, NOT_CAVITY
from ._resize import crop_to_sector, resize, resize_labels
from ._segmentation_network import N_SEEN
from ._segmentation_training import Frames, PhantomFrames
from ._shown import neighbour_distance
from .datasets._records import EchoRecord, TracedFrame


@runtime_checkable
class TracedRecord(EchoRecord, Protocol):
    """A clip of a data set in which an expert has traced two frames."""

    def masks(self) -> dict[str, TracedFrame]:
        """Read what was traced at "ED" and "ES"."""
        ...


def traced_frames(record: TracedRecord, size: int, *, cavity_only: bool = False) -> Frames:
    """Return the traced frames of a clip with their neighbours as `segment` shows them, and masks.

    Args:
        record: read by this call and not kept.
        size: pixels of a side.
        cavity_only: whether nothing else was traced: other pixels become `NOT_CAVITY`.

    Raises:
        FileFormatError: the clip or its tracings cannot be read, or do not fit together.
    """
    clip, traced = record.clip(), list(record.masks().values())
    here = np.array([one.frame for one in traced])
    shapes = {one.labels.shape for one in traced}
    if here.max() >= clip.n_frames or shapes != {clip.shape}:
        raise FileFormatError(
            record.name,
            found=f"tracings of {shapes} in frames {here.tolist()}",
            expected=f"of {clip.shape} in {clip.n_frames} frames",
        )
    apart = neighbour_distance(clip.frame_rate_hz)
    shifts = apart * (np.arange(N_SEEN) - N_SEEN // 2)
    rows = np.clip(here[:, None] + shifts, 0, clip.n_frames - 1)
    read, place = np.unique(rows, return_inverse=True)
    small = resize(crop_to_sector(clip.select(read)), size)
    seen = small.frames[place.reshape(rows.shape)]
    masks = [_shown_labels(one.labels, clip, size, cavity_only) for one in traced]
    return np.moveaxis(seen, 1, -1), np.stack(masks)


@dataclass(frozen=True, eq=False)
class TracedBatches:
    """Batches of traced frames by number: no record twice in a round, in an order of its own.

    Nothing is kept in memory. A record that cannot be read is replaced by the one behind it.

    Attributes:
        records: to learn from.
        size: pixels of a side.
        n: records in a batch.
        seed: of the orders.
        cavity_only: as in `traced_frames`.
        others: whose batches are added, so that what nobody traced is not forgotten.
    """

    records: Sequence[TracedRecord]
    size: int
    n: int
    seed: int
    cavity_only: bool = False
    others: PhantomFrames | None = None

    def __call__(self, step: int) -> Frames:
        """Return batch number ``step``."""
        a_round = max(1, len(self.records) // self.n)
        number, place = divmod(step, a_round)
        order = np.random.default_rng([self.seed, number]).permutation(len(self.records))
        chosen = np.resize(order, max(len(order), self.n))[place * self.n : (place + 1) * self.n]
        parts = [self._readable(int(first)) for first in chosen]
        if self.others is not None:
            parts.append(self.others(step))
        return _joined(parts)

    def _readable(self, first: int) -> Frames:
        for shift in range(len(self.records)):
            record = self.records[(first + shift) % len(self.records)]
            try:
                return traced_frames(record, self.size, cavity_only=self.cavity_only)
            except FileFormatError:
                continue
        raise _nothing(self.records)


def all_traced_frames(
    records: Sequence[TracedRecord], size: int, *, cavity_only: bool = False
) -> Frames:
    """Return the traced frames of a few records together, without those that cannot be read.

    Args:
        records: all of whose frames are kept in memory.
        size: pixels of a side.
        cavity_only: as in `traced_frames`.

    Raises:
        InputError: no record, or none can be read.
    """
    check_count(len(records), "records")
    parts = []
    for record in records:
        try:
            parts.append(traced_frames(record, size, cavity_only=cavity_only))
        except FileFormatError:
            continue
    if not parts:
        raise _nothing(records)
    return _joined(parts)


def _shown_labels(
    labels: UInt8[np.ndarray, "height width"], clip: EchoClip, size: int, cavity_only: bool
) -> UInt8[np.ndarray, "size size"]:
    if cavity_only:
        labels = np.where(labels == CAVITY, CAVITY, NOT_CAVITY).astype(np.uint8)
    # As a clip of one frame, which is cut to the same box.
    cut = crop_to_sector(clip.replace(frames=labels[None], times_ms=[0.0]))
    return resize_labels(cut.frames[0], size, clip.mm_per_pixel)


def _joined(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Frames:
    frames, masks = zip(*parts, strict=True)
    return np.concatenate(frames), np.concatenate(masks)


def _nothing(records: Sequence[TracedRecord]) -> InputError:
    return InputError(
        "records",
        found=f"{len(records)} of which none can be read, such as {records[0].name}",
        expected="clips with traced frames",
    )
