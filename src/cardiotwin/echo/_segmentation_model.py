"""A trained segmentation network with what must be known to use it: size, card, files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from .._checks import check_array, check_file
from .._errors import InputError
from .._files import atomic_path
from .._foreign import foreign_parser
from .._types import ArrayLike, PathLike
from ..learning._named_arrays import named_arrays, read_arrays, with_arrays
from ._segmentation_network import N_SEEN, SegmentationNetwork

FORMAT = "cardiotwin echo segmentation 1"
JSON, NPZ = "segmentation.json", "segmentation.npz"
GROUP = 16
"""Frames that go through the network together: one compiled program for clips of any length."""

SHIPPED = Path(__file__).parent / "weights"


@dataclass(frozen=True, eq=False)
class SegmentationModel:
    """Finds cavity and wall of the left ventricle and the left atrium in frames from the apex.

    Attributes:
        network: the weights.
        widths: channels of its levels.
        size: pixels of a side of the frames that it was trained on.
        card: what it was trained on, how, what it reaches, and what it was not validated on.
    """

    network: SegmentationNetwork
    widths: tuple[int, ...]
    size: int
    card: Mapping[str, Any]

    def masks(self, frames: ArrayLike) -> UInt8[np.ndarray, "n_frames size size"]:
        """Return the label of every pixel: 1 cavity, 2 wall, 3 left atrium, 0 everything else.

        Args:
            frames: (n_frames, size, size, 3) grey levels before, at and after each instant (see
                `with_neighbours`), or (n_frames, size, size) of single frames.

        Raises:
            InputError: frames of another size.
        """
        grey = np.asarray(frames)
        if grey.ndim == 3:
            grey = np.repeat(grey[..., None], N_SEEN, -1)
        grey = check_array(grey, "frames", shape=("n_frames", self.size, self.size, N_SEEN))
        parts = [grey[k : k + GROUP].astype(np.float32) for k in range(0, len(grey), GROUP)]
        found = []
        for part in parts:
            missing = GROUP - len(part)
            filled = np.concatenate([part, np.repeat(part[-1:], missing, 0)]) if missing else part
            found.append(np.asarray(_labels(self.network, jnp.asarray(filled)))[: len(part)])
        return np.concatenate(found)

    def save(self, folder: PathLike) -> None:
        """Write `segmentation.json` and `segmentation.npz`; weights in half precision."""
        folder = Path(folder)
        content = {
            "format": FORMAT,
            "widths": list(self.widths),
            "size": self.size,
            "card": dict(self.card),
        }
        arrays = {k: v.astype(np.float16) for k, v in named_arrays(self.network).items()}
        with atomic_path(folder / NPZ) as temporary:
            np.savez_compressed(temporary, **arrays)  # pyright: ignore[reportArgumentType]
        with atomic_path(folder / JSON) as temporary:
            text = json.dumps(content, indent=1, ensure_ascii=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: PathLike) -> "SegmentationModel":
        """Read what `save` wrote.

        Raises:
            FileFormatError: files are missing, damaged, or do not fit together.
        """
        text = check_file(Path(folder) / JSON, "segmentation model")
        numbers = check_file(Path(folder) / NPZ, "segmentation model")
        read = read_arrays(numbers)
        with foreign_parser(text, FORMAT):
            content = json.loads(text.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']!r}")
            widths = tuple(int(width) for width in content["widths"])
            if not 2 <= len(widths) <= 6 or not all(4 <= width <= 512 for width in widths):
                raise ValueError(f"widths {widths}")
            blank = SegmentationNetwork(widths, key=jax.random.key(0))
            network = with_arrays(blank, {k: v.astype(np.float32) for k, v in read.items()})
            return cls(network, widths, int(content["size"]), dict(content["card"]))


@cache
def shipped_model() -> SegmentationModel:
    """Return the model that comes with the package, trained on the phantom alone.

    Raises:
        InputError: the package was built without it.
    """
    if not (SHIPPED / JSON).exists():
        raise InputError(
            "model",
            found="no model in the package",
            expected="weights beside it",
            advice="Train one: cardiotwin echo train --out FOLDER",
        )
    return SegmentationModel.load(SHIPPED)


@eqx.filter_jit
def _labels(
    network: SegmentationNetwork, frames: Float[Array, "n h w seen"]
) -> UInt8[Array, "n h w"]:
    return jnp.argmax(network(frames / 255.0), -1).astype(jnp.uint8)
