"""Video sequences of patients that the user has: which data set, and which clips can be used."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError
from .._progress import track
from .._types import PathLike
from ..echo import Camus, EchoNetDynamic, disk_volumes, find_disks
from ..echo.datasets import CamusSequence
from ..echo.datasets._records import SPLITS

FOLDER = "EchoNet-Dynamic or CAMUS"

CAMUS_RATE_HZ = 50.0
"""Of sequences whose Info file states none, as those of the older layout."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Clips of a data set with volumes, and how they are to be understood.

    Attributes:
        name: of the data set.
        splits: records of "TRAIN", "VAL" and "TEST", all with volumes.
        cavity_only: whether experts traced nothing but the cavity.
        notes: what must be said of clips and labels.
    """

    name: str
    splits: dict[str, tuple[Any, ...]]
    cavity_only: bool
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Name of these clips with these labels, wherever they lie."""
        told = {
            part: [(one.name, one.edv_ml, one.esv_ml) for one in records]
            for part, records in self.splits.items()
        }
        return sha256(repr((self.name, told)).encode()).hexdigest()[:10]


def read_sequences(data: PathLike | None, limits: Sequence[int] | None = None) -> Sequences:
    """Return the sequences of EchoNet-Dynamic or CAMUS, whichever lies in a folder.

    Args:
        data: the folder of the data set, as downloaded.
        limits: patients of "TRAIN", "VAL" and "TEST"; all if None.

    Raises:
        InputError: neither of the two, or a part of it is missing or empty.
    """
    if data is None:
        raise InputError(
            "--data",
            found="nothing",
            expected=f"the folder of {FOLDER}",
            advice="This study needs sequences of patients, which do not come with the package.",
        )
    root = Path(data)
    if (root / "FileList.csv").is_file():
        found = _echonet(root, limits)
    elif any(path.is_dir() for part in _camus_folders(root) for path in part.glob("patient*")):
        found = _camus(root, limits)
    else:
        raise InputError(
            "--data",
            found=f"no folder {FOLDER}: neither FileList.csv nor patients in {root}",
            expected="FileList.csv, VolumeTracings.csv and Videos (EchoNet-Dynamic), or "
            "database_nifti or training with patients (CAMUS)",
            advice="Give the folder of the data set itself, unpacked.",
        )
    few = [part for part in SPLITS if len({patient_of(one) for one in found.splits[part]}) < 2]
    if few:
        raise InputError(
            "--data",
            found=f"fewer than two patients with volumes in {', '.join(few)}",
            expected="two at least in each of TRAIN, VAL and TEST",
            advice="Is the download whole?",
        )
    return found


def patient_of(record: Any) -> str:
    """Return whom a clip shows; where that is not published every clip is a patient."""
    return getattr(record, "patient", record.name)


def ef_by_patient(records: Sequence[Any]) -> dict[str, float]:
    """Return the ejection fraction in percent of the volumes of every patient."""
    return {patient_of(one): 100.0 * (1.0 - one.esv_ml / one.edv_ml) for one in records}


def halves(records: Sequence[Any], seed: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return two parts of the records; clips of a patient are in the same.

    Args:
        records: of two patients at least.
        seed: of the parts.
    """
    patients = sorted({patient_of(one) for one in records})
    order = np.random.default_rng(seed).permutation(len(patients))
    first = {patients[int(k)] for k in order[: len(patients) // 2]}
    return (
        tuple(one for one in records if patient_of(one) in first),
        tuple(one for one in records if patient_of(one) not in first),
    )


def volumes_by_disks(sequences: Sequence[CamusSequence]) -> tuple[float, float] | None:
    """Return EDV and ESV in mL by disks in two planes, from an expert's masks of a patient.

    Args:
        sequences: both views of the patient.

    Returns:
        None where a view, a mask, or the size of its pixels is missing.
    """
    views = {one.view: one for one in sequences}
    if set(views) != {"A2C", "A4C"}:
        return None
    planes: dict[str, list[Any]] = {"ED": [], "ES": []}
    try:
        for one in views.values():
            masks = one.masks()
            for phase, own in planes.items():
                sides = one.still(phase).mm_per_pixel
                if sides is None:
                    return None
                # A ventricle that the lower edge of the image cuts off opens there.
                mask = np.pad(masks[phase].labels, ((0, 1), (0, 0)))
                own.append(find_disks(mask[None], sides))
    except InputError:
        return None
    edv, esv = (float(disk_volumes(*own)[0]) for own in planes.values())
    return (edv, esv) if 0 < esv < edv < np.inf else None


def _echonet(root: Path, limits: Sequence[int] | None) -> Sequences:
    data = EchoNetDynamic(root)
    splits = _limited(data.splits, limits)
    sound = {
        part: tuple(one for one in records if one.esv_ml < one.edv_ml)
        for part, records in splits.items()
    }
    return Sequences(
        "EchoNet-Dynamic",
        sound,
        True,
        (
            *_left_out(data.excluded, splits, sound),
            "volumes and EF of the labels are those of the list, EF as 1 − ESV/EDV; the size of a "
            "pixel is not published, so that volumes follow from shape and averages of the "
            "patients learned from, not from lengths",
            "experts traced the cavity only: in these frames the network is taught cavity and not "
            "cavity, and wall and atrium by as many synthetic frames",
        ),
    )


def _camus(root: Path, limits: Sequence[int] | None) -> Sequences:
    data = Camus(root, frame_rate_hz=CAMUS_RATE_HZ)
    splits = _limited(data.splits, limits)
    patients: dict[str, list[CamusSequence]] = {}
    for records in splits.values():
        for one in records:
            patients.setdefault(one.patient, []).append(one)
    known = {
        patient: _volumes(own)
        for patient, own in track(
            list(patients.items()), "volumes of the labels", lambda one: one[0]
        )
    }
    sound = {
        part: tuple(
            replace(one, edv_ml=both[0], esv_ml=both[1])
            for one in records
            if (both := known[one.patient]) is not None
        )
        for part, records in splits.items()
    }
    return Sequences(
        "CAMUS",
        sound,
        False,
        (
            *_left_out(data.excluded, splits, sound),
            "volumes of the labels: those of the Info files where they hold them, else EDV by our "
            "disks in two planes from the masks of the expert and ESV = EDV (1 − EF) with the EF "
            "of the Info file",
            "a sequence is half a beat, so that the heart rate is not known and neither is the "
            f"length of the beat; sequences without a frame rate are taken at {CAMUS_RATE_HZ:g} Hz",
            "both views of a patient are two clips, heard together in the lines by patient: twins "
            "are drawn from the product of both distributions, supervised draws are averaged; "
            "either takes the errors of the views as independent",
        ),
    )


def _volumes(sequences: list[CamusSequence]) -> tuple[float, float] | None:
    """Return EDV and ESV of a patient, as listed or from the masks."""
    for one in sequences:
        if one.edv_ml and one.esv_ml and one.esv_ml < one.edv_ml:
            return one.edv_ml, one.esv_ml
    both = volumes_by_disks(sequences)
    ef = next((one.ef_percent for one in sequences if one.ef_percent is not None), None)
    if both is None or ef is None or not 0 < ef < 100:
        return both
    return both[0], both[0] * (1.0 - ef / 100.0)


def _camus_folders(root: Path) -> tuple[Path, ...]:
    return root / "database_nifti", root / "training", root


def _limited(
    splits: dict[str, tuple[Any, ...]], limits: Sequence[int] | None
) -> dict[str, tuple[Any, ...]]:
    """Return the clips of the first patients of each part."""
    found = {part: splits.get(part, ()) for part in SPLITS}
    if limits is None:
        return found
    for part, limit in zip(SPLITS, limits, strict=True):
        first = set(list(dict.fromkeys(patient_of(one) for one in found[part]))[:limit])
        found[part] = tuple(one for one in found[part] if patient_of(one) in first)
    return found


def _left_out(
    excluded: Sequence[tuple[str, str]],
    given: dict[str, tuple[Any, ...]],
    kept: dict[str, tuple[Any, ...]],
) -> list[str]:
    lost = sum(len(given[part]) - len(kept[part]) for part in SPLITS)
    return [
        f"{len(excluded)} clips cannot be used, as the loader tells ('excluded'), and "
        f"{lost} have no volumes, or an ESV that is not below EDV"
    ]
