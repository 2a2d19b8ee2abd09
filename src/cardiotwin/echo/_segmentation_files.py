"""A segmentation in files: numbers, the curve, masks."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError
from .._files import atomic_path
from .._provenance import make_provenance
from .._types import PathLike
from ._segment import Segmentation
from ._segmentation_model import NPZ

FILES = ("segmentation.json", "volumes.csv", "masks.npz")


def check_results(folder: PathLike, *, overwrite: bool = False) -> Path:
    """Return the folder of a segmentation to be, before anything long is computed for it.

    Args:
        folder: made later if it is not there.
        overwrite: whether an earlier result may be replaced.

    Raises:
        InputError: the folder holds a model, or an earlier result that may not be replaced.
    """
    folder = Path(folder)
    if (folder / NPZ).exists():
        # Models have a segmentation.json too.
        raise InputError(
            f"folder {folder}",
            found=f"a trained model ({NPZ})",
            expected="a folder of its own for the result",
            advice="A model is never replaced, not even on request: choose another folder.",
        )
    held = [name for name in FILES if (folder / name).exists()]
    if held and not overwrite:
        raise InputError(
            f"folder {folder}",
            found=f"an earlier result ({', '.join(held)})",
            expected="a folder without one",
            advice="Choose another folder, or say overwrite=True (--overwrite).",
        )
    return folder


def save_segmentation(
    found: Segmentation,
    folder: PathLike,
    confidence: float = 0.9,
    *,
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> list[Path]:
    """Write `segmentation.json`, `volumes.csv` and `masks.npz`; return their paths.

    Args:
        found: what `segment` gave.
        folder: made if it is not there.
        confidence: of the intervals.
        overwrite: whether an earlier result may be replaced; a trained model never is.
        settings: what more the provenance shall tell: the model, for example.
        seed: that `segment` was given, for the provenance.

    Raises:
        InputError: the folder holds a model, or an earlier result that may not be replaced; or a
            confidence that is none.
    """
    folder = check_results(folder, overwrite=overwrite)
    names = ["ef_percent", "heart_rate_per_min", *(["edv_ml", "esv_ml"] if found.in_ml else [])]
    content: dict[str, Any] = {
        name: {"median": getattr(found, name), "interval": found.interval(name, confidence)}
        for name in names
    }
    content |= {
        "clip": found.clip.name,
        "confidence": confidence,
        "volumes_in": "mL" if found.in_ml else "units of the largest",
        "ed_frame": found.ed_frame,
        "es_frame": found.es_frame,
        "beats_seen": found.cycle.beats_seen,
        "flags": list(found.flags),
        "notes": list(found.clip.notes),
        "provenance": asdict(
            make_provenance(
                {"verb": "segment", "confidence": confidence, **(settings or {})}, seed=seed
            )
        ),
    }
    paths = [folder / name for name in FILES]
    with atomic_path(paths[0]) as temporary:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    with atomic_path(paths[1]) as temporary, temporary.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["frame", "time_ms", "volume", "long_axis"])
        columns = (found.clip.times_ms, found.volumes, found.disks.length_mm)
        for frame, row in enumerate(zip(*columns, strict=True)):
            writer.writerow(
                [frame, *(f"{value:.6g}" if np.isfinite(value) else "" for value in row)]
            )
    with atomic_path(paths[2]) as temporary:
        np.savez_compressed(
            temporary,
            masks=found.masks,
            frames=found.clip.frames,
            times_ms=found.clip.times_ms,
            sector=found.clip.sector,
        )
    return paths
