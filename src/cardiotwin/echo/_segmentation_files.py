"""A segmentation in files: numbers, the curve, masks."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from .._files import atomic_path
from .._types import PathLike
from ._segment import Segmentation


def save_segmentation(found: Segmentation, folder: PathLike, confidence: float = 0.9) -> list[Path]:
    """Write `segmentation.json`, `volumes.csv` and `masks.npz`; return their paths.

    Args:
        found: what `segment` gave.
        folder: made if it is not there.
        confidence: of the intervals.
    """
    folder = Path(folder)
    names = ["ef_percent", "heart_rate_per_min", *(["edv_ml", "esv_ml"] if found.in_ml else [])]
    content: dict[str, Any] = {
        name: {"median": getattr(found, name), "interval": found.interval(name, confidence)}
        for name in names
    }
    content |= {
        "confidence": confidence,
        "volumes_in": "mL" if found.in_ml else "units of the largest",
        "ed_frame": found.ed_frame,
        "es_frame": found.es_frame,
        "beats_seen": found.cycle.beats_seen,
        "flags": list(found.flags),
        "notes": list(found.clip.notes),
    }
    paths = [folder / name for name in ("segmentation.json", "volumes.csv", "masks.npz")]
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
