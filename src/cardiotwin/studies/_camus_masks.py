"""The annotated CAMUS frames: reading them, mending their masks, ejection fractions by disks."""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from .._errors import FileFormatError
from .._foreign import foreign_parser
from .._types import PathLike
from ..echo import disk_volumes, find_disks
from ..echo._labels import LABELS

FOLDER = "echo_camus_edes"
FRAMES, LISTED = "camus_edes.npz", "ef_from_masks.csv"
VIEWS = ("2CH_ED", "2CH_ES", "4CH_ED", "4CH_ES")
"""Frames of a patient, in the order of the file."""

PLANES = ("biplane", "2CH", "4CH")
"""What an ejection fraction is read from, in the order of all arrays of them."""

BORDER = 3
"""Pixels: what is narrower is a border that interpolation of the labels has left."""


class AnnotatedFrames(NamedTuple):
    """End-diastolic and end-systolic frames of two views, with the masks of an expert.

    Attributes:
        patients: names.
        frames: (n_patients, 4, size, size) grey levels, views as in `VIEWS`.
        masks: (n_patients, 4, size, size) labels, mended.
        ef: (n_patients, 3) percent, by disks from the mended masks of the file's size.
        listed_ef: (n_patients, 3) percent, as the table beside the frames has it; NaN where it
            has none.
    """

    patients: tuple[str, ...]
    frames: UInt8[np.ndarray, "n 4 size size"]
    masks: UInt8[np.ndarray, "n 4 size size"]
    ef: Float[np.ndarray, "n 3"]
    listed_ef: Float[np.ndarray, "n 3"]


def read_camus_frames(folder: PathLike, size: int, limit: int | None = None) -> AnnotatedFrames:
    """Read the frames, mend the masks, and shrink both to the pixels that a network sees.

    Args:
        folder: that holds `camus_edes.npz` and `ef_from_masks.csv`.
        size: pixels of the new sides, a divisor of those of the file.
        limit: read only so many patients.

    Raises:
        FileFormatError: a file is missing, or holds something else.
    """
    path, table = Path(folder) / FRAMES, Path(folder) / LISTED
    for each in (path, table):
        if not each.is_file():
            raise FileFormatError(
                f"{each}",
                found="nothing there",
                expected="the annotated frames of the data set",
                advice="See the README of the data set for where to get it.",
            )
    with foreign_parser(path, FRAMES), np.load(path, allow_pickle=False) as file:
        patients = tuple(str(name) for name in file["patient"][:limit])
        views = tuple(str(name) for name in file["view_phase"])
        frames, masks = file["images"][:limit], file["masks"][:limit]
    expected = (len(patients), len(VIEWS), *frames.shape[-1:] * 2)
    if views != VIEWS or frames.shape != expected or masks.shape != expected:
        raise FileFormatError(
            f"{path}",
            found=f"views {views}, frames {frames.shape}, masks {masks.shape}",
            expected=f"views {VIEWS}, square frames and masks of {len(patients)} patients",
        )
    if masks.max(initial=0) >= len(LABELS) or frames.shape[-1] % size:
        raise FileFormatError(
            f"{path}",
            found=f"labels up to {masks.max()}, sides of {frames.shape[-1]} pixels",
            expected=f"labels below {len(LABELS)}, sides a multiple of {size} pixels",
        )
    whole = np.stack([mended(of_patient) for of_patient in masks])
    return AnnotatedFrames(
        patients,
        np.rint(_blocks(frames, size).mean((-3, -1))).astype(np.uint8),
        _majority(whole, size),
        ejection_fractions(whole),
        _listed(table, patients),
    )


def mended(masks: UInt8[np.ndarray, "n h w"]) -> UInt8[np.ndarray, "n h w"]:
    """Return masks without the false borders that interpolated labels have.

    Between wall (2) and background (0) lies a line of cavity (1) then, between cavity and atrium
    (3) one of wall, which closes the mitral opening. Patches narrower than `BORDER` pixels take
    the label that is commonest around.

    >>> mask = np.zeros((1, 20, 20), np.uint8); mask[0, 5:, 6:] = 2; mask[0, 5:, 5] = 1
    >>> np.unique(mended(mask)).tolist()
    [0, 2]
    """
    votes, kept = [], np.zeros(masks.shape, bool)
    window = (1, BORDER, BORDER)
    for label in range(len(LABELS)):
        narrow: Any = ndimage.minimum_filter((masks == label).astype(np.uint8), window)
        opened: Any = ndimage.maximum_filter(narrow, window)
        kept |= opened == 1
        around: Any = (1, 5, 5)
        votes.append(ndimage.uniform_filter(opened.astype(np.float32), around))
    return np.where(kept, masks, np.argmax(votes, 0)).astype(np.uint8)


def ejection_fractions(
    masks: UInt8[np.ndarray, "n 4 h w"], sides: tuple[float, float] = (1.0, 1.0)
) -> Float[np.ndarray, "n 3"]:
    """Return the ejection fraction in percent by disks, as in `PLANES`; NaN without a ventricle.

    The size of a pixel cancels, and the ratio of its sides nearly.

    Args:
        masks: (n_patients, 4, height, width) labels, views as in `VIEWS`.
        sides: height and width of a pixel, in any unit.
    """
    # A ventricle that the lower edge of the image cuts off opens there.
    padded = np.pad(masks, ((0, 0), (0, 0), (0, 1), (0, 0)))
    planes = [find_disks(padded[:, view], sides) for view in range(len(VIEWS))]
    two, four = planes[:2], planes[2:]
    volumes = [
        [disk_volumes(*pair) for pair in zip(two, four, strict=True)],
        [disk_volumes(one) for one in two],
        [disk_volumes(one) for one in four],
    ]
    return np.stack([100.0 * (1.0 - small / large) for large, small in volumes], 1)


def _blocks(images: np.ndarray, size: int) -> np.ndarray:
    """Return (..., size, k, size, k): the pixels behind each of the new ones."""
    side = images.shape[-1] // size
    return images.reshape(*images.shape[:-2], size, side, size, side)


def _majority(masks: UInt8[np.ndarray, "n v h w"], size: int) -> UInt8[np.ndarray, "n v s s"]:
    counts = [(_blocks(masks, size) == label).sum((-3, -1)) for label in range(len(LABELS))]
    return np.argmax(counts, 0).astype(np.uint8)


def _listed(path: Path, patients: tuple[str, ...]) -> Float[np.ndarray, "n 3"]:
    """Return the ejection fractions of the table, as in `PLANES`."""
    columns = [f"ef_{plane.lower()}_percent" for plane in PLANES]
    with foreign_parser(path, LISTED), path.open(newline="", encoding="utf-8") as handle:
        known = {row["patient"]: [float(row[k]) for k in columns] for row in csv.DictReader(handle)}
    return np.array([known.get(name, [np.nan] * len(columns)) for name in patients])
