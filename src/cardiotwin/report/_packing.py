"""Arrays packed small enough to travel inside a page."""

import base64
import gzip
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

LEVELS = 4095


@dataclass
class Pack:
    """Bytes of many arrays one after the other, with a table of what lies where.

    Series in time are quantized to 4096 levels between their extremes (an error of at most
    1/8190 of the range, finer than a screen shows), differenced in time and split into low and
    high bytes, which gzip then shrinks well.
    """

    table: dict[str, dict[str, Any]] = field(default_factory=dict)
    blocks: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, name: str, array: np.ndarray) -> None:
        """Add numbers as they are: float32, or uint32 for whole numbers."""
        whole = array.dtype.kind in "iu"
        data = np.ascontiguousarray(array, dtype="<u4" if whole else "<f4")
        self._put(name, data.tobytes(), {"kind": "u4" if whole else "f4", "shape": data.shape})

    def add_series(self, name: str, series: Float[np.ndarray, "n_rows n_times"]) -> None:
        """Add a finite series in time, quantized."""
        low, high = float(series.min(initial=np.inf)), float(series.max(initial=-np.inf))
        step = (high - low) / LEVELS or 1.0
        levels = np.round((series - low) / step).astype("<u2")
        # Differences wrap around modulo 2¹⁶, and so does the sum in the page.
        change = np.diff(levels, axis=1, prepend=np.zeros((len(levels), 1), "<u2")).ravel()
        data = (change & 0xFF).astype("u1").tobytes() + (change >> 8).astype("u1").tobytes()
        self._put(name, data, {"kind": "series", "shape": series.shape, "low": low, "step": step})

    def _put(self, name: str, data: bytes, entry: dict[str, Any]) -> None:
        pad = -len(data) % 4
        self.table[name] = {**entry, "at": self.size}
        self.blocks.append(data + b"\0" * pad)
        self.size += len(data) + pad

    def text(self) -> str:
        """Return everything as gzip in base64; equal arrays give equal text."""
        return base64.b64encode(gzip.compress(b"".join(self.blocks), 9, mtime=0)).decode()
