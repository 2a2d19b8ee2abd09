"""What goes wrong with clips: fewer frames, other gain, cuts, gaps, and inputs of no use at all."""

import numpy as np
from jaxtyping import Bool
from scipy.ndimage import gaussian_filter

from .._checks import check_choice, check_count, check_number
from ._clip import EchoClip

DISPLAY_DB = 60.0
"""From black to white on a usual display: what a change of gain is counted against."""

DARKEST = 0.1
"""Grey level, against the median frame, below which a frame is called lost."""

OWN_STREAM = (7, 1)
"""Ends the seeds of what happens to clips. Those of the phantom end otherwise, and as zeros at the
end of a seed do not count, one with fewer numbers could be that of a patient."""

SIDES = ("left", "right", "bottom")
"""Where a clip can be cut: the apex, at the top, is always in view."""

WRONG = ("upside down", "turned left", "turned right", "noise")
"""Inputs of no use that are made of good ones."""


def with_fewer_frames(clip: EchoClip, every: int) -> EchoClip:
    """Return every so-manieth frame: the frame rate divided.

    Args:
        clip: any.
        every: 1 keeps all.
    """
    return clip.select(slice(None, None, check_count(every, "every")))


def with_gain(clip: EchoClip, decibel: float) -> EchoClip:
    """Return the clip as another gain would show it, black and white cut off.

    Grey levels are taken as decibels, `DISPLAY_DB` from black to white.

    Args:
        clip: any.
        decibel: brighter if positive.

    >>> clip = EchoClip(np.full((2, 32, 32), 100), [0.0, 20.0])
    >>> with_gain(clip, 12.0).frames.max().item(), with_gain(clip, -30.0).frames.max().item()
    (151, 0)
    """
    change = 255.0 * check_number(decibel, "decibel") / DISPLAY_DB
    # What lies outside of the sector is made black again by the clip.
    return clip.replace(frames=np.clip(np.rint(clip.frames + change), 0, 255).astype(np.uint8))


def without_side(clip: EchoClip, share: float, side: str = "left") -> EchoClip:
    """Return the clip with a part of the image cut off.

    Args:
        clip: any.
        share: of the width or height, 0 to 0.6.
        side: "left", "right" or "bottom".
    """
    check_choice(side, "side", SIDES)
    share = check_number(share, "share", at_least=0, at_most=0.6)
    height, width = clip.shape
    rows, columns = slice(None), slice(None)
    if side == "bottom":
        rows = slice(height - round(share * height))
    elif side == "left":
        columns = slice(round(share * width), None)
    else:
        columns = slice(width - round(share * width))
    return clip.replace(frames=clip.frames[:, rows, columns], sector=clip.sector[rows, columns])


def with_lost_frames(clip: EchoClip, share: float, rng: np.random.Generator) -> EchoClip:
    """Return the clip with so many frames black, at random.

    Args:
        clip: any.
        share: of the frames, 0 to 1.
        rng: source of randomness.
    """
    share = check_number(share, "share", at_least=0, at_most=1)
    frames = clip.frames.copy()
    frames[rng.permutation(clip.n_frames)[: round(share * clip.n_frames)]] = 0
    return clip.replace(frames=frames)


def with_gaps(clip: EchoClip, share: float, rng: np.random.Generator) -> EchoClip:
    """Return the clip with one rectangle of the image black in all frames.

    Args:
        clip: any.
        share: of the sides that the rectangle takes, 0 to 0.6.
        rng: source of the place, within the middle of the image.
    """
    share = check_number(share, "share", at_least=0, at_most=0.6)
    box = []
    for side in clip.shape:
        middle = side * rng.uniform(0.3, 0.7)
        low = max(round(middle - share * side / 2), 0)
        box.append(slice(low, low + round(share * side)))
    frames = clip.frames.copy()
    frames[:, box[0], box[1]] = 0
    return clip.replace(frames=frames)


def lost_frames(clip: EchoClip) -> Bool[np.ndarray, " n_frames"]:
    """Return (n_frames,) which frames are black, or nearly, against the others.

    >>> clip = EchoClip(np.full((9, 32, 32), 100), np.arange(9.0))
    >>> lost_frames(with_lost_frames(clip, 1 / 3, np.random.default_rng(0))).sum().item()
    3
    """
    level = clip.frames.mean((1, 2))
    # Where most frames are black, the median is black, too.
    return level < DARKEST * np.median(level[level >= 0.5 * level.max()])


def made_wrong(clip: EchoClip, kind: str, rng: np.random.Generator) -> EchoClip:
    """Return an input that is no view from the apex, made of one that is; its view is not told.

    Args:
        clip: a good one.
        kind: one of `WRONG`.
        rng: source of randomness.

    >>> clip = EchoClip(np.eye(32, dtype=np.uint8)[None] * 9, [0.0], view="A4C")
    >>> found = made_wrong(clip, "upside down", np.random.default_rng(0))
    >>> found.frames[0, 31, 0].item(), found.view
    (9, None)
    """
    frames = np.ascontiguousarray(wrong_frames(clip.frames, kind, rng))
    sector = clip.sector if kind == "noise" else wrong_frames(clip.sector[None], kind, rng)[0]
    pixel = clip.mm_per_pixel
    if pixel is not None and kind.startswith("turned"):
        pixel = pixel[::-1]
    return clip.replace(frames=frames, sector=sector, mm_per_pixel=pixel, view=None)


def wrong_frames(frames: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return frames (n, height, width, …) as `made_wrong` makes those of a clip."""
    check_choice(kind, "kind", WRONG)
    if kind == "noise":
        return _speckle(frames, rng)
    if kind == "upside down":
        return frames[:, ::-1]
    return np.rot90(frames, 1 if kind == "turned left" else -1, (1, 2))


def _speckle(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the fan filled with blurred noise of the grey levels of its pixels: no heart in it."""
    seen = frames.max(0) > 0
    noise = np.zeros(frames.shape, np.float32)
    noise[:, seen] = rng.permuted(frames[:, seen], axis=1)
    width = rng.uniform(0.3, 2.0)
    blurred = gaussian_filter(noise, (0, width, width, *[0] * (frames.ndim - 3)))
    inside = blurred[:, seen]
    # As wide a range of grey levels as before.
    spread = noise[:, seen].std() / max(float(inside.std()), 1e-6)
    noise[:, seen] = noise[:, seen].mean() + spread * (inside - inside.mean())
    return np.clip(np.rint(noise), 0, 255).astype(frames.dtype)


def degraded_at_random(clip: EchoClip, rng: np.random.Generator) -> EchoClip:
    """Return a clip with one thing wrong with it, a little or much: rate, gain, side, gaps."""
    kind = rng.integers(5)
    if kind == 0:
        # At least a dozen frames are left.
        return with_fewer_frames(
            clip, int(rng.integers(2, max(3, min(6, clip.n_frames // 12) + 1)))
        )
    if kind == 1:
        return with_gain(clip, rng.uniform(-18.0, 18.0))
    if kind == 2:
        return without_side(clip, rng.uniform(0.0, 0.3), SIDES[rng.integers(len(SIDES))])
    if kind == 3:
        return with_lost_frames(clip, rng.uniform(0.1, 0.5), rng)
    return with_gaps(clip, rng.uniform(0.1, 0.5), rng)
