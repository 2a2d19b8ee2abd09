"""CAMUS as the user downloads it, in both published layouts: NIfTI and MetaImage."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from ..._checks import check_file, check_number
from ..._errors import FileFormatError
from ..._types import PathLike
from ._camus_sequence import CamusLayout, CamusSequence
from ._records import by_split, fold_names, need_parts, split_names

_SOURCE = (
    "Download CAMUS from https://www.creatis.insa-lyon.fr/Challenge/camus, unpack it, and give "
    "the folder that holds database_nifti (or training, in the older layout)."
)
_VIEWS = {"4CH": "A4C", "2CH": "A2C"}
# Lists of patients that come with the newer layout, in the folder database_split.
_LISTS = {
    "TRAIN": "subgroup_training.txt",
    "VAL": "subgroup_validation.txt",
    "TEST": "subgroup_testing.txt",
}
_FRACTIONS = (0.7, 0.15, 0.15)


# Some programs unpack .nii.gz unasked.
_LAYOUTS = (
    CamusLayout(".nii.gz", "half_sequence", "half_sequence_gt"),
    CamusLayout(".nii", "half_sequence", "half_sequence_gt"),
    CamusLayout(".mhd", "sequence", None),
)


class Camus:
    """The data set in a folder: patientNNNN with views 4CH and 2CH, ED and ES drawn.

    Args:
        root: the folder that holds ``database_nifti`` or ``training``, or one of these two.
        fractions: shares of patients in TRAIN, VAL and TEST, drawn from the seed; both views
            of a patient go together. If left out, the split is the published one where its
            lists lie in ``database_split``, else drawn 70 : 15 : 15. (The ten folds of the
            authors' paper do not come with the data.)
        seed: of the drawn split.
        frame_rate_hz: where Info files do not state it (the older layout).

    Attributes:
        records: the sequences that can be used, by patient and view.
        excluded: (name, reason) of the others.

    Raises:
        InputError: no patients there; the message tells where to get them.
    """

    def __init__(
        self,
        root: PathLike,
        *,
        fractions: Sequence[float] | None = None,
        seed: int = 0,
        frame_rate_hz: float | None = None,
    ):
        if frame_rate_hz is not None:
            frame_rate_hz = check_number(frame_rate_hz, "frame_rate_hz", above=0, at_most=1000)
        self.root = _find_patients(Path(root))
        folders = sorted(path for path in self.root.glob("patient*") if path.is_dir())
        parts = _published_split(self.root) if fractions is None else {}
        if not parts:
            patients = [folder.name for folder in folders]
            parts = split_names(patients, fractions or _FRACTIONS, seed)
        records: list[CamusSequence] = []
        excluded: list[tuple[str, str]] = []
        for folder in folders:
            for view in _VIEWS:
                try:
                    record = _record(folder, view, parts.get(folder.name), frame_rate_hz)
                    records.append(record)
                except ValueError as error:
                    excluded.append((f"{folder.name}_{view}", str(error)))
        self.records: tuple[CamusSequence, ...] = tuple(records)
        self.excluded: tuple[tuple[str, str], ...] = tuple(excluded)

    @property
    def splits(self) -> dict[str, tuple[CamusSequence, ...]]:
        """Sequences of "TRAIN", "VAL" and "TEST"."""
        return by_split(self.records)

    def folds(
        self, k: int, seed: int = 0
    ) -> list[tuple[tuple[CamusSequence, ...], tuple[CamusSequence, ...]]]:
        """Return ``k`` pairs (training, test); every patient is in one test part.

        Raises:
            InputError: fewer than two folds, or more than patients.
        """
        patients = sorted({record.patient for record in self.records})
        return [
            (
                tuple(record for record in self.records if record.patient not in test),
                tuple(record for record in self.records if record.patient in test),
            )
            for test in fold_names(patients, k, seed)
        ]

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        patients = len({record.patient for record in self.records})
        return (
            f"Camus({len(self.records)} sequences of {patients} patients; "
            f"{len(self.excluded)} excluded)"
        )


def read_info(path: PathLike) -> dict[str, str]:
    """Return the ``Key: value`` lines of an Info file.

    Raises:
        FileFormatError: no such lines.
    """
    path = check_file(path)
    lines = path.read_text(encoding="latin-1").splitlines()
    pairs = (line.partition(":") for line in lines)
    info = {key.strip(): value.strip() for key, sign, value in pairs if sign and value.strip()}
    if not info:
        raise FileFormatError(str(path), found="no pairs", expected="lines such as NbFrame: 20")
    return info


def _find_patients(root: Path) -> Path:
    for folder in (root / "database_nifti", root / "training", root):
        if folder.is_dir() and any(folder.glob("patient*")):
            return folder
    return need_parts(root, ("database_nifti/patient0001",), _SOURCE)


def _published_split(folder: Path) -> dict[str, str]:
    """Return the split of each patient in the published lists, or nothing if one is missing."""
    lists = {part: folder.parent / "database_split" / name for part, name in _LISTS.items()}
    if not all(path.is_file() for path in lists.values()):
        return {}
    return {
        patient: part
        for part, path in lists.items()
        for patient in path.read_text(encoding="latin-1").split()
    }


def _record(folder: Path, view: str, split: str | None, given_rate: float | None) -> CamusSequence:
    """Return the record of a view, or raise ValueError with the reason to leave it out."""
    name = f"{folder.name}_{view}"
    if split is None:
        raise ValueError("in none of the lists of database_split")
    held = [path.name for path in folder.iterdir()]
    layout = next(
        (a for a in _LAYOUTS if any(name.endswith(a.ending) for name in held)), _LAYOUTS[0]
    )
    parts = [f"{name}_{layout.sequence}{layout.ending}", f"Info_{view}.cfg"]
    missing = [part for part in parts if not (folder / part).is_file()]
    if missing:
        raise ValueError("no " + ", ".join(missing))
    info = read_info(folder / f"Info_{view}.cfg")
    numbers = {key: _number(value) for key, value in info.items()}
    count, ed, es = (numbers.get(key) for key in ("NbFrame", "ED", "ES"))
    if count is None or ed is None or es is None:
        raise ValueError(f"NbFrame, ED or ES missing in Info_{view}.cfg")
    if not (1 <= ed <= count and 1 <= es <= count and ed != es):
        raise ValueError(f"ED {ed:g} and ES {es:g} of {count:g} frames")
    stated = numbers.get("FrameRate")
    age = numbers.get("Age")
    ef = numbers.get("EF")
    return CamusSequence(
        name,
        folder.name,
        folder,
        split,
        _VIEWS[view],
        numbers.get("LVef") if ef is None else ef,
        numbers.get("LVedv"),
        numbers.get("LVesv"),
        int(ed) - 1,
        int(es) - 1,
        int(count),
        stated if stated else given_rate,
        info.get("Sex"),
        None if age is None else int(age),
        info.get("ImageQuality"),
        layout,
    )


def _number(text: str) -> float | None:
    match = re.match(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", text)
    value = float(match[0]) if match else math.nan
    return value if math.isfinite(value) and value >= 0 else None
