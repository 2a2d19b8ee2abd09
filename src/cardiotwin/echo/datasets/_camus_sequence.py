"""One view of one CAMUS patient: numbers at hand, pixels and masks read when asked for."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..._checks import check_file
from ..._errors import FileFormatError, InputError
from .._clip import EchoClip
from ..formats import read_echo
from ..formats._metaimage import read_metaimage
from ..formats._nifti import read_nifti
from ..formats._volume import Volume
from ._records import TracedFrame

_LARGEST_LABEL = 3


@dataclass(frozen=True)
class CamusLayout:
    """Ending of the images, and what the sequence and its masks are called (None: no masks)."""

    ending: str
    sequence: str
    traced_sequence: str | None


@dataclass(frozen=True, eq=False)
class CamusSequence:
    """One view of one patient: numbers from its Info file, pixels and masks when asked for.

    ``ed_frame`` and ``es_frame`` are 0-based. In the NIfTI layout a sequence is half a beat,
    from one of them to the other.
    """

    name: str
    patient: str
    folder: Path
    split: str
    view: str
    ef_percent: float | None
    edv_ml: float | None
    esv_ml: float | None
    ed_frame: int
    es_frame: int
    n_frames: int
    frame_rate_hz: float | None
    sex: str | None
    age: int | None
    quality: str | None
    layout: CamusLayout = field(repr=False)

    def clip(self) -> EchoClip:
        """Read the sequence at the frame rate of the Info file.

        Raises:
            InputError: no frame rate there, nor given to `Camus`.
            FileFormatError: damaged, or of another number of frames than the Info file says.
        """
        path = self._path(self.layout.sequence)
        if self.frame_rate_hz is None:
            raise InputError(
                f"{path}: frame_rate_hz",
                found="no FrameRate in the Info file",
                expected="frames a second",
                advice="Give it: Camus(root, frame_rate_hz=…).",
            )
        # Outside of the fan these images are black.
        clip = read_echo(path, frame_rate_hz=self.frame_rate_hz, view=self.view, sector="whole")
        self._check_count(path, clip.n_frames)
        return clip

    def still(self, phase: str) -> EchoClip:
        """Read the separate frame "ED" or "ES" as a clip of one frame at 0 ms."""
        volume = _read(self._path(phase))
        return EchoClip(volume.values[:1], [0.0], volume.mm_per_pixel, self.view, name=self.name)

    def masks(self) -> dict[str, TracedFrame]:
        """Read what experts drew at "ED" and "ES".

        Raises:
            FileFormatError: missing, damaged, or labels other than 0 to 3.
        """
        frames = {"ED": self.ed_frame, "ES": self.es_frame}
        return {
            phase: TracedFrame(frame, _labels(self._path(f"{phase}_gt"))[0])
            for phase, frame in frames.items()
        }

    def sequence_masks(self) -> tuple[TracedFrame, ...]:
        """Read the masks of every frame of a half sequence.

        Raises:
            InputError: the MetaImage layout, which has none.
            FileFormatError: missing, damaged, or of another number of frames.
        """
        if self.layout.traced_sequence is None:
            raise InputError(
                f"{self.name}: masks of all frames",
                found="the MetaImage layout, which holds ED and ES only",
                expected="the NIfTI layout",
                advice="Use masks().",
            )
        path = self._path(self.layout.traced_sequence)
        labels = _labels(path)
        self._check_count(path, len(labels))
        return tuple(TracedFrame(i, frame) for i, frame in enumerate(labels))

    def _path(self, part: str) -> Path:
        return check_file(self.folder / f"{self.name}_{part}{self.layout.ending}")

    def _check_count(self, path: Path, count: int) -> None:
        if count != self.n_frames:
            raise FileFormatError(
                str(path),
                found=f"{count} frames",
                expected=f"{self.n_frames} as NbFrame says",
                advice="Download the patient again.",
            )


def _read(path: Path) -> Volume:
    return (read_metaimage if path.suffix == ".mhd" else read_nifti)(path)


def _labels(path: Path) -> np.ndarray:
    values = _read(path).values
    if values.size == 0 or not np.isin(values, range(_LARGEST_LABEL + 1)).all():
        raise FileFormatError(
            str(path),
            found=f"values from {values.min():g} to {values.max():g}",
            expected=f"labels 0 to {_LARGEST_LABEL}",
        )
    return values.astype(np.uint8)
