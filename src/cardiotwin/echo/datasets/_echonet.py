"""EchoNet-Dynamic as the user downloads it: lists, tracings and apical four-chamber videos."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..._checks import check_choice
from ..._errors import FileFormatError
from ..._types import PathLike
from .._clip import EchoClip
from ..formats import read_echo
from ._records import SPLITS, TracedFrame, by_split, need_parts, read_table
from ._traces import read_traces, trace_mask

_SOURCE = (
    "Ask for the data set at https://echonet.github.io/dynamic, unpack it, and give the folder "
    "that holds FileList.csv, VolumeTracings.csv and Videos."
)
_COLUMNS: tuple[str, ...] = (
    "FileName",
    "EF",
    "ESV",
    "EDV",
    "FrameHeight",
    "FrameWidth",
    "FPS",
    "NumberOfFrames",
    "Split",
)


@dataclass(frozen=True, eq=False)
class EchoNetVideo:
    """One video: numbers from the list, pixels and tracings when asked for.

    ``traces`` maps 0-based frames to rows [x1, y1, x2, y2], the long axis first.
    """

    name: str
    path: Path
    split: str
    ef_percent: float
    edv_ml: float
    esv_ml: float
    n_frames: int
    frame_rate_hz: float
    shape: tuple[int, int]
    traces: dict[int, np.ndarray] = field(repr=False)
    view: str = "A4C"

    def clip(self) -> EchoClip:
        """Read the video; its pixel size is not published.

        Raises:
            FileFormatError: damaged, or of other frames than the list says.
        """
        # The published videos are already cut to the fan and their marks are masked.
        clip = read_echo(self.path, view=self.view, sector="whole")
        if clip.n_frames != self.n_frames or clip.shape != self.shape:
            raise FileFormatError(
                str(self.path),
                found="{} frames of {} × {}".format(clip.n_frames, *clip.shape),
                expected="{} frames of {} × {} as in FileList.csv".format(
                    self.n_frames, *self.shape
                ),
                advice="Download the video again.",
            )
        return clip

    def masks(self) -> dict[str, TracedFrame]:
        """Return the traced cavity at "ED" and "ES": of two frames, the larger is ED."""
        drawn = [
            TracedFrame(frame, trace_mask(rows, self.shape).astype(np.uint8))
            for frame, rows in self.traces.items()
        ]
        drawn.sort(key=lambda traced: int(traced.labels.sum()))
        return {"ED": drawn[-1], "ES": drawn[0]}


class EchoNetDynamic:
    """The data set in a folder, as published: FileList.csv, VolumeTracings.csv, Videos/*.avi.

    Args:
        root: the folder.

    Attributes:
        records: the videos that can be used, in the order of the list.
        excluded: (name, reason) of the others.

    Raises:
        InputError: a part is missing; the message tells where to get it.
        FileFormatError: a table without the published columns.
    """

    def __init__(self, root: PathLike):
        self.root = need_parts(root, ("FileList.csv", "VolumeTracings.csv", "Videos"), _SOURCE)
        traces = read_traces(self.root / "VolumeTracings.csv")
        records: list[EchoNetVideo] = []
        excluded: list[tuple[str, str]] = []
        seen: set[str] = set()
        for cells in read_table(self.root / "FileList.csv", _COLUMNS):
            row = dict(zip(_COLUMNS, cells, strict=True))
            name = row["FileName"].removesuffix(".avi")
            try:
                if name in seen:
                    raise ValueError("listed twice")
                records.append(self._record(name, row, traces.get(name, {})))
            except ValueError as error:
                excluded.append((name, str(error)))
            seen.add(name)
        self.records: tuple[EchoNetVideo, ...] = tuple(records)
        self.excluded: tuple[tuple[str, str], ...] = tuple(excluded)

    @property
    def splits(self) -> dict[str, tuple[EchoNetVideo, ...]]:
        """Videos of "TRAIN", "VAL" and "TEST", as the list says."""
        return by_split(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        parts = ", ".join(f"{len(part)} {name}" for name, part in self.splits.items())
        return f"EchoNetDynamic({parts}; {len(self.excluded)} excluded)"

    def _record(self, name: str, row: dict[str, str], traces: dict) -> EchoNetVideo:
        """Return the record of a row, or raise ValueError with the reason to leave it out."""
        missing = [key for key in _COLUMNS if not row[key]]
        if missing:
            raise ValueError(f"no {', '.join(missing)}")
        # A name with a folder in it would lead out of the data set.
        if Path(name).name != name:
            raise ValueError("a name that is no plain file name")
        path = self.root / "Videos" / f"{name}.avi"
        if not path.is_file():
            raise ValueError(f"no Videos/{name}.avi")
        numbers = {}
        for key in _COLUMNS[1:-1]:
            try:
                numbers[key] = float(row[key])
            except ValueError:
                numbers[key] = math.nan
            if not (math.isfinite(numbers[key]) and numbers[key] > 0):
                raise ValueError(f"{key} is {row[key]!r}")
        split = check_choice(row["Split"].upper(), f"Split of {name}", SPLITS)
        count = int(numbers["NumberOfFrames"])
        usable = {frame: rows for frame, rows in traces.items() if len(rows) >= 3}
        if len(usable) < 2:
            raise ValueError(f"{len(usable)} traced frames, two are needed")
        if not all(0 <= frame < count for frame in usable):
            raise ValueError(f"traced frame {max(usable)} of {count}")
        return EchoNetVideo(
            name,
            path,
            split,
            numbers["EF"],
            numbers["EDV"],
            numbers["ESV"],
            count,
            numbers["FPS"],
            (int(numbers["FrameHeight"]), int(numbers["FrameWidth"])),
            usable,
        )
