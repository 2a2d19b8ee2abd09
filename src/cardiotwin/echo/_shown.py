"""A clip as the segmentation network is shown it, and what it sees."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from ._clip import EchoClip
from ._degradation import lost_frames
from ._resize import crop_to_sector, resize
from ._segmentation_model import Look, SegmentationModel
from ._segmentation_network import with_neighbours

NEIGHBOUR_MS = 25.0
"""How far the frames that are seen with another should be from it."""

FARTHEST_MS = 45.0
"""Beyond, a frame is seen with itself: in training neighbours are 12 to 40 ms away, or the same."""


class Shown(NamedTuple):
    """A clip with what the network saw in it.

    Attributes:
        clip: cropped to its sector and resized.
        look: what the network saw; lost frames stand for the nearest that is not.
        used: which frames are not lost (black).
    """

    clip: EchoClip
    look: Look
    used: Bool[np.ndarray, " n_frames"]


def look_at(clip: EchoClip, model: SegmentationModel) -> Shown:
    """Return what a model sees in a clip."""
    small = resize(crop_to_sector(clip), model.size)
    used = ~lost_frames(small)
    every, rows = np.arange(small.n_frames), np.flatnonzero(used)
    nearest = rows[np.abs(every[:, None] - rows).argmin(1)]
    apart = neighbour_distance(small.frame_rate_hz)
    look = model.look(with_neighbours(small.frames[nearest], apart))
    return Shown(small, look, used)


def neighbour_distance(frame_rate_hz: float) -> int:
    """Return how many frames away the neighbours are that a frame is seen with; 0 for none.

    >>> neighbour_distance(50.0), neighbour_distance(10.0)
    (1, 0)
    """
    apart = max(1, round(NEIGHBOUR_MS * frame_rate_hz / 1000.0))
    return 0 if apart * 1000.0 > FARTHEST_MS * frame_rate_hz else apart
