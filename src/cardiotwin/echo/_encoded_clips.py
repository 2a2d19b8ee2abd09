"""Many clips as encodings with what is known of their patients: what twins are trained on."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .._checks import check_count
from .._errors import InputError
from .._files import atomic_path
from .._progress import track
from .._types import PathLike
from ..hemodynamics import Unknowns
from ..learning._named_arrays import read_arrays
from ._clip import EchoClip
from ._cycle import smoothed
from ._encoding import Encoding, encode, turned
from ._phantom import Phantom, PhantomClip
from ._segment import segment
from ._segmentation_model import SegmentationModel, shipped_model
from ._twin_losses import Known
from ._twin_physics import N_HARMONICS
from .datasets._records import EchoRecord

PART = 64
"""Clips that are written together."""

SETS = {
    "training": (1_000_011, 32, 1.0),
    "validation": (1_000_012, 32, 0.1),
    "calibration": (1_000_013, None, 0.1),
}
"""Seeds of the phantom, other than those of the segmentation and of tests; frames of a clip, all of
them where None, as users have them; share of the clips."""

LABEL_NOISE = 0.05
"""Of a labelled volume against the spread over the beat."""


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """A clip with what is known of its patient.

    Attributes:
        clip: what a reader gives.
        edv_ml: largest volume.
        esv_ml: smallest volume.
        volumes_ml: (n_frames,) of every frame, where known.
        heart_rate_per_min: where known better than from the clip.
        truth: further numbers by name, kept beside.
    """

    clip: EchoClip
    edv_ml: float
    esv_ml: float
    volumes_ml: Float[np.ndarray, " n_frames"] | None = None
    heart_rate_per_min: float | None = None
    truth: dict[str, float] | None = None

    @classmethod
    def of_phantom(cls, one: PhantomClip, unknowns: Unknowns, **more: float) -> "LabelledClip":
        """Return a synthetic clip with all that is known of it.

        Args:
            one: the clip.
            unknowns: in whose coordinates its parameters are told.
            more: further numbers for ``truth``.
        """
        z = unknowns.coordinates(one.circulation)
        truth = dict(zip(unknowns.names, z.tolist(), strict=True))
        return cls(
            one.clip,
            one.edv_ml,
            one.esv_ml,
            one.volumes_ml,
            one.heart_rate_per_min,
            {**truth, **more},
        )


@dataclass(frozen=True, eq=False)
class EncodedClips:
    """Encodings of n clips with labels.

    Attributes:
        encoding: a batch (n,).
        known: labels, (n,) each; harmonics are NaN where volumes of the frames are not known.
        truth: name → (n,) whatever else is known.
        failed: clips that could not be read or in which no beating ventricle was found.
    """

    encoding: Encoding
    known: Known
    truth: dict[str, Float[np.ndarray, " n"]]
    failed: int = 0

    def __len__(self) -> int:
        return len(self.encoding.period_s)

    def __getitem__(self, which: Any) -> "EncodedClips":
        """Return some of the clips."""
        own = self.encoding
        chosen = own._replace(
            numbers=own.numbers[which],
            looks=own.looks[which],
            log_mm=own.log_mm[which],
            period_s=own.period_s[which],
        )
        known = Known(*(leaf if leaf is None else leaf[which] for leaf in self.known))
        truth = {name: values[which] for name, values in self.truth.items()}
        return EncodedClips(chosen, known, truth, self.failed)


@dataclass(frozen=True)
class LabelledPhantom:
    """Synthetic clips by number with everything that is known of them.

    Attributes:
        phantom: the generator.
        seed: of everything random.
    """

    phantom: Phantom
    seed: int

    def __call__(self, number: int) -> LabelledClip:
        """Return one clip."""
        one = self.phantom.clip(number, self.seed)
        more = {"patient": one.patient, "four_chambers": float(one.clip.view == "A4C")}
        return LabelledClip.of_phantom(one, self.phantom.unknowns, **more)


@dataclass(frozen=True, repr=False)
class LabelledRecords:
    """Clips of a data set by number.

    Attributes:
        records: such as ``EchoNetDynamic(root).splits["TRAIN"]``; those without volumes must have
            been left out.

    Raises:
        InputError: records without volumes.
    """

    records: Sequence[EchoRecord]

    def __post_init__(self):
        without = [one.name for one in self.records if one.edv_ml is None or one.esv_ml is None]
        if without:
            raise InputError(
                "records",
                found=f"{len(without)} without volumes, such as {without[0]}",
                expected="both, largest and smallest",
                advice="Leave out records without them.",
            )

    def __call__(self, number: int) -> LabelledClip:
        """Return one clip, with its number among the truth as "record"."""
        record = self.records[number]
        edv, esv = float(record.edv_ml or 0.0), float(record.esv_ml or 0.0)
        return LabelledClip(record.clip(), edv, esv, truth={"record": float(number)})

    def __repr__(self) -> str:
        # Not where the files lie: encodings stay true when a data set is moved.
        told = [(one.name, one.edv_ml, one.esv_ml) for one in self.records]
        return f"LabelledRecords({told})"


def encode_clips(
    clips: Callable[[int], LabelledClip],
    n: int,
    model: SegmentationModel | None = None,
    *,
    folder: PathLike | None = None,
    quiet: bool = False,
    label: str = "clips",
) -> EncodedClips:
    """Return encodings of clips, which are read or made while the one before is looked at.

    Args:
        clips: from a number to a clip with labels; none is kept in memory. Those that it refuses
            with an InputError, as damaged files are, count as failed.
        n: how many.
        model: that segments them; the one of the package by default.
        folder: where encodings are kept as they come, so that an interrupted run goes on; it
            must be empty or hold the same clips.
        quiet: show no progress.
        label: what the display calls it.

    Raises:
        InputError: no clip is left, or the folder holds encodings by another model.
    """
    n = check_count(n, "n")
    model = shipped_model() if model is None else model
    parts = _begin(folder, model, repr(clips), n)
    todo = range(min(len(parts) * PART, n), n, PART)
    why: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        for first in todo if quiet or not len(todo) else track(todo, label):
            numbers = range(first, min(first + PART, n))
            rows = [_row(one, model, why) for one in _ahead(pool, clips, numbers)]
            parts.append(_stacked(rows))
            _write(folder, len(parts), parts[-1])
    joined = {name: values[:n] for name, values in _joined(parts).items()}
    good = joined["good"] > 0
    if not good.any():
        raise InputError(
            "clips",
            found="none with a beating ventricle",
            expected="at least one",
            advice=f"The first: {why[0]}" if why else "",
        )
    own = {k: v[good] for k, v in joined.items()}
    truth = {k.removeprefix("truth_"): v for k, v in own.items() if k.startswith("truth_")}
    encoding = Encoding(
        own["numbers"], own["powers"][0], own["looks"], own["log_mm"], own["period_s"]
    )
    known = Known(own["edv"], own["esv"], own["harmonics"])
    return EncodedClips(encoding, known, truth, int((~good).sum()))


class TwinClips(NamedTuple):
    """Encodings of synthetic clips of different patients for one training.

    Attributes:
        training: to learn from.
        validation: to choose among weights.
        calibration: to measure how wide intervals must be.
    """

    training: EncodedClips
    validation: EncodedClips
    calibration: EncodedClips


def phantom_encodings(
    folder: PathLike | None,
    n: int,
    model: SegmentationModel | None = None,
    *,
    unknowns: Unknowns | None = None,
    quiet: bool = False,
) -> TwinClips:
    """Return encodings of synthetic clips to train twins with, of both views.

    Args:
        folder: where they are kept, so that an interrupted run goes on; None for nowhere.
        n: clips to learn from; a tenth as many to choose by and to calibrate with.
        model: that segments them; the one of the package by default.
        unknowns: priors of the patients; those of adults by default.
        quiet: show no progress.
    """
    unknowns = Unknowns.of() if unknowns is None else unknowns
    found = []
    for name, (seed, n_frames, share) in SETS.items():
        phantom = Phantom(views=("A4C", "A2C"), n_frames=n_frames, unknowns=unknowns)
        own = None if folder is None else Path(folder) / name
        count = max(20, round(n * share))
        source = LabelledPhantom(phantom, seed)
        found.append(encode_clips(source, count, model, folder=own, quiet=quiet, label=name))
    return TwinClips(*found)


def label_harmonics(
    times_s: Float[np.ndarray, " n"], volumes: Float[np.ndarray, " n"], period_s: float
) -> Float[np.ndarray, " n_numbers"]:
    """Return the harmonics of a volume curve as `aligned_harmonics` has them.

    Args:
        times_s: of the frames.
        volumes: of the frames, mL.
        period_s: length of the beat.
    """
    middle, spread = volumes.mean(), volumes.std()
    waves = smoothed(times_s / period_s, ((volumes - middle) / spread)[:, None], LABEL_NOISE)
    pairs = turned(waves * spread)[:N_HARMONICS, 0]
    rest = np.stack([pairs[1:].real, -pairs[1:].imag], -1).ravel()
    return np.concatenate([[waves[0, 0] * spread + middle, pairs[0].real], rest])


def _row(
    one: LabelledClip | InputError, model: SegmentationModel, why: list[str]
) -> dict[str, Any]:
    """Return the numbers of a clip; of one that is refused only that, and the reason in ``why``."""
    harmonics = np.full(2 * N_HARMONICS, np.nan)
    if isinstance(one, InputError):
        why.append(str(one))
        return {"good": 0.0, "harmonics": harmonics}
    truth = {f"truth_{name}": value for name, value in (one.truth or {}).items()}
    labels = {"edv": one.edv_ml, "esv": one.esv_ml, **truth}
    try:
        encoding = encode(segment(one.clip, model, n_draws=50))
    except InputError as error:
        why.append(str(error))
        return {"good": 0.0, "harmonics": harmonics, **labels}
    if one.volumes_ml is not None:
        rate = one.heart_rate_per_min
        period = float(encoding.period_s) if rate is None else 60.0 / rate
        harmonics = label_harmonics(one.clip.times_ms / 1000.0, one.volumes_ml, period)
    return {"good": 1.0, "harmonics": harmonics, **labels, **encoding._asdict()}


def _stacked(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Return rows as arrays; what a clip without encoding lacks is NaN."""
    full = max(rows, key=len)
    blank = {name: np.full(np.shape(value), np.nan) for name, value in full.items()}
    return {name: np.array([{**blank, **row}[name] for row in rows], float) for name in full}


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return parts as one; what a part without a single encoding lacks is NaN."""
    full = max(parts, key=len)
    columns = {}
    for name, values in full.items():
        own = [
            part.get(name, np.full((len(part["good"]), *values.shape[1:]), np.nan))
            for part in parts
        ]
        columns[name] = np.concatenate(own)
    return columns


def _ahead(
    pool: ThreadPoolExecutor, clips: Callable[[int], LabelledClip], numbers: range
) -> Iterator[LabelledClip | InputError]:
    """Yield the clips, or why there is none, while the next is made in another thread."""

    def made(number: int) -> LabelledClip | InputError:
        try:
            return clips(number)
        except InputError as error:
            return error

    waiting = pool.submit(made, numbers[0])
    for number in numbers:
        one = waiting.result()
        if number != numbers[-1]:
            waiting = pool.submit(made, number + 1)
        yield one


def _begin(
    folder: PathLike | None, model: SegmentationModel, source: str, n: int
) -> list[dict[str, np.ndarray]]:
    """Return the parts that a folder holds, of the first n of these clips by this model."""
    if folder is None:
        return []
    folder = Path(folder)
    told = {
        "model": model.digest,
        # Plain functions are told apart by name: their address changes with every run.
        "clips": sha256(re.sub(" at 0x[0-9a-f]+", "", source).encode()).hexdigest()[:16],
    }
    card = folder / "encodings.json"
    if card.exists():
        found = json.loads(card.read_text(encoding="utf-8"))
        if found != told:
            raise InputError(
                str(folder),
                found="encodings of other clips, or by another segmentation model",
                expected="an empty folder",
                advice="Remove it, or give another.",
            )
    else:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(card) as temporary:
            temporary.write_text(json.dumps(told) + "\n", encoding="utf-8")
    parts = [read_arrays(path) for path in sorted(folder.glob("part-*.npz"))]
    # The last part of a shorter run is no whole one: with more clips it is made again.
    if parts and len(parts[-1]["good"]) < min(PART, n - PART * (len(parts) - 1)):
        parts.pop()
    return parts


def _write(folder: PathLike | None, number: int, part: dict[str, np.ndarray]) -> None:
    if folder is not None:
        with atomic_path(Path(folder) / f"part-{number:05d}.npz") as temporary:
            np.savez_compressed(temporary, **part)  # pyright: ignore[reportArgumentType]
