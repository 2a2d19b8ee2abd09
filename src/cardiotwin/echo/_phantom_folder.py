"""A folder of synthetic clips: clips, masks, one table of the truth, and what made them."""

import csv
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_choice, check_count
from .._errors import FileFormatError, InputError
from .._files import atomic_path
from .._npz import read_npy
from .._progress import track
from .._provenance import make_provenance
from .._types import PathLike
from ..circulation import PARAMETERS
from ._phantom import Phantom, PhantomClip
from .formats import write_echo

FORMATS = ("avi", "gif", "npz")
"""Endings that `write_echo` knows."""

ORIGIN = "phantom.json"
"""File that tells what made the clips of a folder."""

GIF_HZ = 50.0
"""Frames a second that GIF can hold apart."""

TRUTH = (
    "edv_ml",
    "esv_ml",
    "ef_percent",
    "heart_rate_per_min",
    "foreshortening",
    "mm_per_pixel",
    *PARAMETERS,
)
"""Numbers of the table behind name, patient and view."""


class PhantomFolder(NamedTuple):
    """What `write_phantom` leaves behind.

    Attributes:
        folder: with ``clips``, ``masks``, ``truth.csv`` and ``phantom.json``.
        made: clips that were written.
        kept: clips that were there before.
    """

    folder: Path
    made: int
    kept: int


def write_phantom(
    folder: PathLike,
    phantom: Phantom,
    n: int,
    seed: int = 0,
    *,
    format: str = "npz",
    quiet: bool = False,
) -> PhantomFolder:
    """Write the first n clips of a seed, each with its masks, and a table of the truth.

    ``clips/NAME.FORMAT`` is read by `read_echo`; ``masks/NAME.npz`` holds ``masks`` (n_frames,
    height, width), ``volumes_ml`` (n_frames,) and the ``truth`` with its ``columns``;
    ``truth.csv`` has a line a clip; ``phantom.json`` tells version, seed and settings. Clips that
    are there already are kept, so that an interrupted run goes on and a larger n adds clips.

    Args:
        folder: made if need be.
        phantom: the generator.
        n: how many clips.
        seed: of everything random.
        format: of the clips: "npz", which keeps everything, "avi" (lossless) or "gif"; these two
            keep neither pixel size nor view, which are in the table.
        quiet: show no progress.

    Raises:
        InputError: the folder holds clips of another seed, version or setting; a view named
            twice; another format; or frame rates that GIF cannot hold.
        FileFormatError: masks that are damaged.
        MissingDependencyError: the package av is needed for AVI and GIF.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write_phantom(folder, Phantom(size=64, n_frames=16), 2, seed=1, quiet=True)[1:]
    (2, 0)
    >>> write_phantom(folder, Phantom(size=64, n_frames=16), 3, seed=1, quiet=True)[1:]
    (1, 2)
    """
    n = check_count(n, "n")
    seed = check_count(seed, "seed", at_least=0)
    check_choice(format, "format", FORMATS)
    if len(set(phantom.views)) < len(phantom.views):
        # Names of files are made of patient and view.
        raise InputError("views", found=str(list(phantom.views)), expected="each view once")
    if format == "gif" and phantom.frame_rates_hz[1] > GIF_HZ:
        raise InputError(
            "frame_rates_hz",
            found=f"up to {phantom.frame_rates_hz[1]:g} Hz",
            expected=f"at most {GIF_HZ:g} Hz, which is what GIF can hold",
            advice="Write npz or avi, or give the phantom lower rates.",
        )
    folder = Path(folder)
    made_by = _check_origin(folder, phantom, seed, format)
    missing = [number for number in range(n) if not _is_whole(folder, phantom, number, format)]
    numbers = missing if quiet else track(missing, "clips", lambda number: _name(phantom, number))
    for number in numbers:
        one, name = phantom.clip(number, seed), _name(phantom, number)
        # Not before there is a clip: a call that fails leaves no folder behind.
        _claim(folder, made_by)
        write_echo(folder / "clips" / f"{name}.{format}", one.clip)
        _write_masks(folder / "masks" / f"{name}.npz", one)
    total = n
    # Clips of a longer run before this one stay in the table.
    while _is_whole(folder, phantom, total, format):
        total += 1
    _write_truth(folder, phantom, range(total))
    return PhantomFolder(folder, len(missing), n - len(missing))


def _name(phantom: Phantom, number: int) -> str:
    """Return the name of a clip before it is made; patients have as many in a row as views."""
    person, view = divmod(number, len(phantom.views))
    return f"phantom-{person}-{phantom.views[view]}"


def _is_whole(folder: Path, phantom: Phantom, number: int, format: str) -> bool:
    # Files appear whole or not at all; the masks come last.
    name = _name(phantom, number)
    clip, masks = folder / "clips" / f"{name}.{format}", folder / "masks" / f"{name}.npz"
    return clip.is_file() and masks.is_file()


def _claim(folder: Path, made_by: dict[str, Any]) -> None:
    """Write what makes the clips of the folder, unless it is told there."""
    path = folder / ORIGIN
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(made_by, indent=2) + "\n", encoding="utf-8")


def _check_origin(folder: Path, phantom: Phantom, seed: int, format: str) -> dict[str, Any]:
    """Return what makes the clips, after checking that it is what made those of the folder."""
    path = folder / ORIGIN
    now = asdict(make_provenance({"phantom": phantom, "format": format}, seed=seed))
    if not path.exists():
        held = [part for part in ("clips", "masks", "truth.csv") if (folder / part).exists()]
        if held:
            raise InputError(
                f"folder {folder}",
                found=f"{', '.join(held)}, but no {ORIGIN}",
                expected="a new folder, or one that write_phantom has made",
            )
        return now
    try:
        before: Any = json.loads(path.read_text(encoding="utf-8"))
        changed = [key for key in ("version", "seed", "settings") if before[key] != now[key]]
    except (ValueError, KeyError, TypeError):
        raise FileFormatError(
            str(path), found="damaged content", expected="what write_phantom has written"
        ) from None
    if changed:
        raise InputError(
            f"folder {folder}",
            found=f"clips made with another {' and '.join(changed)}",
            expected=f"those of {ORIGIN} in it",
            advice="Choose another folder.",
        )
    return now


def _write_masks(path: Path, one: PhantomClip) -> None:
    pixel = one.clip.mm_per_pixel
    own = {"mm_per_pixel": np.nan if pixel is None else pixel[0]}
    own |= {name: getattr(one.circulation, name) for name in PARAMETERS}
    own |= {name: getattr(one, name) for name in TRUTH if name not in own}
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(
            stream,
            masks=one.masks,
            volumes_ml=one.volumes_ml,
            truth=np.array([float(own[name]) for name in TRUTH]),
            columns=np.array(TRUTH),
        )


def _write_truth(folder: Path, phantom: Phantom, numbers: Iterable[int]) -> None:
    with (
        atomic_path(folder / "truth.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["name", "patient", "view", *TRUTH])
        for number in numbers:
            person, view = divmod(number, len(phantom.views))
            name = _name(phantom, number)
            truth = _read_truth(folder / "masks" / f"{name}.npz")
            writer.writerow([name, person, phantom.views[view], *truth])


def _read_truth(path: Path) -> list[float]:
    try:
        with zipfile.ZipFile(path) as archive:
            values = read_npy(archive, archive.getinfo("truth.npy"), path, max_bytes=2**16)
            names = read_npy(archive, archive.getinfo("columns.npy"), path, max_bytes=2**16)
        if names.tolist() != list(TRUTH) or values.shape != (len(TRUTH),):
            raise ValueError
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise FileFormatError(
            str(path),
            found="no truth in it",
            expected="masks that write_phantom has written",
            advice="Delete the file: the clip is made again.",
        ) from None
    return values.tolist()
