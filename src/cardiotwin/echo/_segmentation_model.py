"""A trained segmentation network with what must be known to use it: size, card, files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from .._checks import check_array, check_file
from .._foreign import foreign_parser
from .._threads import map_threads
from .._types import ArrayLike, PathLike
from ..learning._named_arrays import named_arrays, read_arrays, with_arrays
from ._model_files import shipped_folder, write_model
from ._segmentation_network import N_SEEN, SegmentationNetwork

FORMAT = "cardiotwin echo segmentation 1"
JSON, NPZ = "segmentation.json", "segmentation.npz"
GROUP = 16
"""Frames that go through the network together: one compiled program for clips of any length."""

VIEWS_AT = "views."
"""What the names of the classifier's arrays begin with in the file."""


class Look(NamedTuple):
    """What the network saw in frames, in numbers beside the masks.

    Attributes:
        masks: (n_frames, size, size) label of every pixel.
        areas: (n_frames, n_labels) sum of the probabilities of each label, pixels.
        doubt: (n_frames, n_labels) mean entropy of the probabilities where the label is.
        coarse, brightest: (n_frames, n_channels) mean and largest value of the coarsest maps.
        fine: (n_frames, n_labels · n_channels) mean of the finest maps where each label is.
    """

    masks: Any
    areas: Any
    doubt: Any
    coarse: Any
    brightest: Any
    fine: Any


class ViewClassifier(NamedTuple):
    """Logarithms of the odds of views, linear in what the network saw (see `fit_view`).

    Attributes:
        weights: of every feature for every view.
        offsets: of every view.
    """

    weights: Float[np.ndarray, "n_features n_views"]
    offsets: Float[np.ndarray, " n_views"]


@dataclass(frozen=True, eq=False)
class SegmentationModel:
    """Finds cavity and wall of the left ventricle and the left atrium in frames from the apex.

    Attributes:
        network: the weights.
        widths: channels of its levels.
        size: pixels of a side of the frames that it was trained on.
        card: what it was trained on, how, what it reaches, and what it was not validated on.
        views: what recognises the view, or None.
    """

    network: SegmentationNetwork
    widths: tuple[int, ...]
    size: int
    card: Mapping[str, Any]
    views: ViewClassifier | None = None

    @property
    def digest(self) -> str:
        """Name of the weights: encodings and twins belong to those of one network."""
        found = sha256()
        for name, leaf in sorted(named_arrays(self.network).items()):
            found.update(name.encode() + np.ascontiguousarray(leaf, np.float32).tobytes())
        return found.hexdigest()[:16]

    def masks(self, frames: ArrayLike) -> UInt8[np.ndarray, "n_frames size size"]:
        """Return the label of every pixel: 1 cavity, 2 wall, 3 left atrium, 0 everything else.

        Args:
            frames: (n_frames, size, size, 3) grey levels before, at and after each instant (see
                `with_neighbours`), or (n_frames, size, size) of single frames.

        Raises:
            InputError: frames of another size.
        """
        return self.look(frames).masks

    def look(self, frames: ArrayLike) -> Look:
        """Return the masks with what the network saw besides; arguments and errors as `masks`."""
        grey = np.asarray(frames)
        if grey.ndim == 3:
            grey = np.repeat(grey[..., None], N_SEEN, -1)
        grey = check_array(grey, "frames", shape=("n_frames", self.size, self.size, N_SEEN))

        def group(start: int) -> list[np.ndarray]:
            part = grey[start : start + GROUP].astype(np.float32)
            missing = GROUP - len(part)
            filled = np.concatenate([part, np.repeat(part[-1:], missing, 0)]) if missing else part
            seen = _look(self.network, jnp.asarray(filled))
            return [np.asarray(leaf)[: len(part)] for leaf in seen]

        # The maps of a group are too small to keep all cores busy; two groups side by side do.
        found = map_threads(group, range(0, len(grey), GROUP))
        return Look(*(np.concatenate(leaves) for leaves in zip(*found, strict=True)))

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
        if self.views is not None:
            arrays |= {VIEWS_AT + k: v for k, v in self.views._asdict().items()}
        write_model(folder / NPZ, arrays, folder / JSON, content)

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
            views = _read_views({k: read.pop(k) for k in list(read) if k.startswith(VIEWS_AT)})
            network = with_arrays(blank, {k: v.astype(np.float32) for k, v in read.items()})
            if views is not None and len(views.weights) != 2 * widths[-1]:
                raise ValueError(f"a classifier of {len(views.weights)} features")
            return cls(network, widths, int(content["size"]), dict(content["card"]), views)


def _read_views(arrays: dict[str, np.ndarray]) -> ViewClassifier | None:
    """Return the classifier of views; models of before have none."""
    if not arrays:
        return None
    found = ViewClassifier(*(arrays[VIEWS_AT + name] for name in ViewClassifier._fields))
    if found.weights.ndim != 2 or found.offsets.shape != found.weights.shape[1:]:
        raise ValueError("a classifier of views that does not fit together")
    return found


@cache
def shipped_model() -> SegmentationModel:
    """Return the model that comes with the package, trained on the phantom alone.

    Raises:
        InputError: the package was built without it.
    """
    return SegmentationModel.load(shipped_folder(JSON, "train"))


@eqx.filter_jit
def _look(network: SegmentationNetwork, frames: Float[Array, "n h w seen"]) -> Look:
    maps = network.maps(frames / 255.0)
    logarithms = jax.nn.log_softmax(maps.logits)
    shares = jnp.exp(logarithms)
    areas = shares.sum((1, 2))
    doubt = jnp.einsum("nhwl,nhw->nl", shares, -(shares * logarithms).sum(-1))
    n, h, w, _ = maps.fine.shape
    # Labels at the resolution of the maps from which they are read.
    half = shares.reshape(n, h, shares.shape[1] // h, w, shares.shape[2] // w, -1).mean((2, 4))
    within = jnp.einsum("nhwl,nhwc->nlc", half, maps.fine)
    return Look(
        masks=jnp.argmax(logarithms, -1).astype(jnp.uint8),
        areas=areas,
        doubt=doubt / (areas + 1.0),
        coarse=maps.coarse.mean((1, 2)),
        brightest=maps.coarse.max((1, 2)),
        fine=(within / (half.sum((1, 2))[..., None] + 1.0)).reshape(n, -1),
    )
