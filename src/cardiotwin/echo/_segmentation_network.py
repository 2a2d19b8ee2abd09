"""The network that finds ventricle, wall and atrium in a frame, with a look at its neighbours."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from .._types import ArrayLike
from ._convolutions import Block, Convolution, doubled, folded, halved, unfolded
from ._labels import LABELS

N_SEEN = 3
"""Frames that are looked at together."""


class Maps(NamedTuple):
    """What the network makes of frames.

    Attributes:
        logits: logarithm of the odds of each label at each pixel.
        coarse: channels at the coarsest level, which see all of the frame.
        fine: channels at half the resolution, from which the labels are read.
    """

    logits: Float[Array, "n h w n_labels"]
    coarse: Float[Array, "n h2 w2 c2"]
    fine: Float[Array, "n h3 w3 c3"]


class SegmentationNetwork(eqx.Module):
    """U-net on half the resolution: pixels are folded two by two into channels and out again.

    A frame is seen with the one before and the one after: the speckle of blood is new in every
    frame while that of the wall is carried along, which tells them apart where both are grey.

    Source: Ronneberger et al. 2015; folding (space to depth) halves the sides of all maps, which
    is what costs on a CPU.

    Attributes:
        down: blocks from fine to coarse.
        up: blocks from coarse to fine; each sees the block before and the one at its level.
        last: from the finest maps to the labels of four pixels.
    """

    down: list[Block]
    up: list[Block]
    last: Convolution

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96), *, key: Any):
        keys = iter(jax.random.split(key, 2 * len(widths)))
        inputs = (4 * N_SEEN, *widths[:-1])
        self.down = [Block(a, b, key=next(keys)) for a, b in zip(inputs, widths, strict=True)]
        levels = range(len(widths) - 2, -1, -1)
        self.up = [Block(widths[k + 1] + widths[k], widths[k], key=next(keys)) for k in levels]
        self.last = Convolution(widths[0], 4 * len(LABELS), side=1, key=next(keys))

    @property
    def multiple(self) -> int:
        """Sides of a frame are multiples of it."""
        return 2 ** len(self.down)

    def __call__(self, frames: Float[Array, "n h w seen"]) -> Float[Array, "n h w n_labels"]:
        """Return the logarithm of the odds of each label at each pixel of the middle frame.

        Args:
            frames: grey levels before, at, and after the instant, of any scale: they are brought
                to mean 0 and variance 1 together.
        """
        return self.maps(frames).logits

    def maps(self, frames: Float[Array, "n h w seen"]) -> "Maps":
        """Return the labels' odds with the maps inside that they come from.

        Args:
            frames: as for calling the network.
        """
        x = folded(standardized(frames))
        seen = []
        for block in self.down:
            x = block(x if not seen else halved(seen[-1]))
            seen.append(x)
        for block, fine in zip(self.up, seen[-2::-1], strict=True):
            x = block(jnp.concatenate([doubled(x), fine], -1))
        return Maps(unfolded(self.last(x)), coarse=seen[-1], fine=x)


def standardized(frames: Float[Array, "n h w seen"]) -> Float[Array, "n h w seen"]:
    """Return frames of mean 0 and variance 1, those that are seen together as one."""
    mean = frames.mean((1, 2, 3), keepdims=True)
    return (frames - mean) * jax.lax.rsqrt(frames.var((1, 2, 3), keepdims=True) + 1e-6)


def with_neighbours(frames: ArrayLike, apart: int = 1) -> UInt8[np.ndarray, "n h w seen"]:
    """Return every frame of a clip with the one before and the one after, the first and last twice.

    Args:
        frames: (n, h, w) grey levels.
        apart: how many frames before and after.
    """
    every = np.asarray(frames)
    here = np.arange(len(every))
    shifted = [every[np.clip(here + shift, 0, len(every) - 1)] for shift in (-apart, 0, apart)]
    return np.stack(shifted, -1)
