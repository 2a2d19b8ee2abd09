"""Random changes of frames and masks in training: grey map, place, size, aspect, gaps."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ._labels import NOT_CAVITY


def augmented(
    frames: Float[Array, "n h w seen"], masks: Int[Array, "n h w"], key: Any
) -> tuple[Float[Array, "n h w seen"], Int[Array, "n h w"]]:
    """Return frames (0 to 1) with their neighbours, and masks, each changed by itself.

    Turned by ±10°, scaled by 0.67 to 1.25 and each side by ±15 % more, shifted by ±8 %, as other
    crops and aspect ratios do; gamma 0.6 to 1.6, gain ±20 %; in every third frame a rectangle is
    blackened; every fifth stands still, as single frames do. What comes in from outside of the
    frame is black background, or not cavity where no more is told of the frame.
    """
    n = len(frames)
    keys = jax.random.split(key, 4)
    still = jax.random.uniform(keys[3], (n, 1, 1, 1)) < 0.2
    frames = jnp.where(still, frames[..., 1:2], frames)
    place = jax.random.uniform(keys[0], (n, 6), minval=-1.0, maxval=1.0)
    frames, masks = jax.vmap(_moved)(frames, masks, place)
    tone = jax.random.uniform(keys[1], (n, 2, 1, 1, 1), minval=-1.0, maxval=1.0)
    frames = jnp.clip(frames, 1e-4, 1.0) ** jnp.exp(0.48 * tone[:, 0]) * (1.0 + 0.2 * tone[:, 1])
    frames = jnp.clip(frames, 0.0, 1.0)
    hole = jax.random.uniform(keys[2], (n, 5))
    return jax.vmap(_blackened)(frames, hole), masks


def _moved(frame: Any, mask: Any, place: Any) -> tuple[Any, Any]:
    h, w, _ = frame.shape
    turn = jnp.radians(10.0) * place[0]
    cos, sin = jnp.cos(turn), jnp.sin(turn)
    y, x = jnp.meshgrid(jnp.arange(h) - (h - 1) / 2, jnp.arange(w) - (w - 1) / 2, indexing="ij")
    scale = jnp.exp(0.09 + 0.31 * place[5] + 0.15 * place[1:3])
    row = (cos * y - sin * x) * scale[0] + (h - 1) / 2 + 0.08 * h * place[3]
    column = (sin * y + cos * x) * scale[1] + (w - 1) / 2 + 0.08 * w * place[4]
    inside = (row >= 0) & (row <= h - 1) & (column >= 0) & (column <= w - 1)
    i, j = jnp.clip(row, 0, h - 1.001), jnp.clip(column, 0, w - 1.001)
    i0, j0 = i.astype(jnp.int32), j.astype(jnp.int32)
    a, b = (i - i0)[..., None], (j - j0)[..., None]
    flat, start = frame.reshape(h * w, -1), i0 * w + j0
    mixed = (1 - a) * ((1 - b) * flat[start] + b * flat[start + 1]) + a * (
        (1 - b) * flat[start + w] + b * flat[start + w + 1]
    )
    nearest = mask.ravel()[jnp.round(i).astype(jnp.int32) * w + jnp.round(j).astype(jnp.int32)]
    outside = jnp.where((mask == NOT_CAVITY).any(), NOT_CAVITY, 0)
    return jnp.where(inside[..., None], mixed, 0.0), jnp.where(inside, nearest, outside)


def _blackened(frame: Any, hole: Any) -> Any:
    h, w, _ = frame.shape
    rows, columns = jnp.arange(h)[:, None] / h, jnp.arange(w)[None, :] / w
    inside = (jnp.abs(rows - hole[0]) < 0.03 + 0.12 * hole[2]) & (
        jnp.abs(columns - hole[1]) < 0.03 + 0.12 * hole[3]
    )
    return jnp.where((inside & (hole[4] < 1 / 3))[..., None], 0.0, frame)
