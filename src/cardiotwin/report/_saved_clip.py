"""A clip with what was found in it, as a result folder keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from .._checks import check_array, check_number, freeze
from .._errors import InputError
from ..echo import EchoClip, Segmentation
from ._result_files import read_archive

CLIPS = "clips.npz"
"""File of the clips inside the folder of a beat."""

_NUMBERS = ("times_ms", "sector", "frames", "masks", "volumes", "beat")


@dataclass(frozen=True, eq=False)
class SavedClip:
    """A clip, the ventricle in it, and the beat of its volume curve.

    Attributes:
        clip: cropped to its sector, as the network saw it.
        masks: (n_frames, height, width) 1 cavity, 2 wall, 3 left atrium, 0 everything else.
        volumes: (n_frames,) by disks, mL, or in units of its own where the pixel size is not
            known; NaN in frames that were left out.
        beat: (n_phases,) their curve over one beat, beginning at the first frame.
        period_s: length of the beat.
        volume_factor: true volume over that of this one plane, median of its calibration.

    Raises:
        InputError: arrays that do not belong to one clip.
    """

    clip: EchoClip
    masks: UInt8[np.ndarray, "n_frames height width"]
    volumes: Float[np.ndarray, " n_frames"]
    beat: Float[np.ndarray, " n_phases"]
    period_s: float
    volume_factor: float

    def __post_init__(self):
        n = (self.clip.n_frames,)
        check_array(self.masks, "masks", shape=(*n, *self.clip.shape))
        check_array(self.volumes, "volumes", shape=n, finite=False)
        check_array(self.beat, "beat", shape=("n_phases",))
        check_number(self.period_s, "period_s", above=0)
        check_number(self.volume_factor, "volume_factor", above=0)

    @property
    def in_ml(self) -> bool:
        """Whether volumes are in mL: the size of a pixel is known."""
        return self.clip.mm_per_pixel is not None

    @property
    def phases(self) -> Float[np.ndarray, " n_frames"]:
        """(n_frames,) beats since the first frame; whole numbers are where `beat` begins."""
        return (self.clip.times_ms - self.clip.times_ms[0]) / 1000.0 / self.period_s


def collect_clips(clips: Sequence[Any]) -> tuple[SavedClip, ...]:
    """Return clips as they are saved.

    Args:
        clips: what `segment` found, or clips that were saved before.

    Raises:
        InputError: something else.
    """
    return tuple(_collect(one, f"clips[{index}]") for index, one in enumerate(clips))


def _collect(one: Any, where: str) -> SavedClip:
    if isinstance(one, SavedClip):
        return one
    if not isinstance(one, Segmentation):
        raise InputError(where, found=type(one).__name__, expected="a Segmentation of segment")
    return SavedClip(
        clip=one.clip,
        masks=one.masks,
        volumes=one.volumes,
        beat=one.cycle.values.mean(0),
        period_s=60.0 / one.heart_rate_per_min,
        volume_factor=float(np.median(one.volume_factors)),
    )


def write_clips(folder: Path, clips: Sequence[SavedClip]) -> list[dict[str, Any]]:
    """Write the arrays of clips into a folder that exists; return what JSON keeps of them."""
    arrays: dict[str, Any] = {}
    for index, one in enumerate(clips):
        own = {name: getattr(one.clip, name) for name in ("times_ms", "sector", "frames")}
        own |= {"masks": one.masks, "volumes": one.volumes, "beat": one.beat}
        arrays |= {f"{index}.{name}": own[name] for name in _NUMBERS}
    np.savez_compressed(folder / CLIPS, **arrays)
    return [
        {
            "name": one.clip.name,
            "view": one.clip.view,
            "mm_per_pixel": one.clip.mm_per_pixel,
            "heart_rate_per_min": one.clip.heart_rate_per_min,
            "period_s": one.period_s,
            "volume_factor": one.volume_factor,
            "notes": list(one.clip.notes),
        }
        for one in clips
    ]


def read_clips(folder: Path, facts: Sequence[dict[str, Any]]) -> tuple[SavedClip, ...]:
    """Read back what `write_clips` wrote."""
    if not facts:
        return ()
    arrays = read_archive(folder / CLIPS, lambda name: True)
    found = []
    for index, own in enumerate(facts):
        numbers = {name: freeze(arrays[f"{index}.{name}"]) for name in _NUMBERS}
        clip = EchoClip(
            numbers["frames"],
            numbers["times_ms"],
            own["mm_per_pixel"],
            own["view"],
            own["heart_rate_per_min"],
            numbers["sector"],
            own["name"],
            own["notes"],
        )
        found.append(
            SavedClip(
                clip=clip,
                masks=numbers["masks"],
                volumes=numbers["volumes"],
                beat=numbers["beat"],
                period_s=float(own["period_s"]),
                volume_factor=float(own["volume_factor"]),
            )
        )
    return tuple(found)
