"""Frames as they come out of a decoder: made grey, their colour remembered, their bulk limited."""

import numpy as np
from jaxtyping import Int8, Integer, UInt8

from ..._errors import FileFormatError
from ..._types import PathLike

LARGEST_SIDE = 4096
"""Pixels; no scanner writes larger frames, but a few false bytes can claim them."""

MOST_BYTES = 2**30
"""Grey bytes of one clip."""

# Colour that a viewer sees as colour; chroma noise of video codecs stays below 20.
_STRONG = 50
# Every second pixel of every second row is enough to tell a colour-Doppler clip.
_STRIDE = 2
# Luma of ITU-R BT.601 in 256ths; the weights add up to 256, so grey stays what it is.
_RED, _GREEN, _BLUE = 77, 150, 29


class FrameStack:
    """Frames collected one by one, grey or RGB, all of one size.

    Args:
        path: the file, for messages.
    """

    def __init__(self, path: PathLike):
        self._path = path
        self._grey: list[np.ndarray] = []
        self._colour: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._grey)

    def add(self, frame: np.ndarray) -> None:
        """Append a frame: grey levels (height, width), or bytes (height, width, 3).

        Raises:
            FileFormatError: a frame of another size, or more than memory should hold.
        """
        if self._grey and frame.shape[:2] != self._grey[0].shape:
            raise FileFormatError(
                f"{self._path}: frame {len(self._grey)}",
                found=f"{frame.shape[0]} × {frame.shape[1]} pixels",
                expected="{} × {} pixels as in the frames before".format(*self._grey[0].shape),
                advice="Export the clip again; the size must not change within it.",
            )
        check_bulk(self._path, len(self._grey) + 1, frame.shape[0], frame.shape[1])
        if frame.ndim == 2:
            self._grey.append(np.array(frame))
            return
        self._grey.append(grey_of(frame))
        self._colour.append(hue_of(frame[::_STRIDE, ::_STRIDE]))

    def frames(self) -> Integer[np.ndarray, "n_frames height width"]:
        """Return the grey frames: bytes, unless grey levels of another type were added."""
        return np.stack(self._grey) if self._grey else np.zeros((0, 0, 0), np.uint8)

    def hues(self) -> Int8[np.ndarray, "n_frames half_height half_width"] | None:
        """Return `hue_of` every second pixel, or None for grey files."""
        return np.stack(self._colour) if self._colour else None


def check_bulk(path: PathLike, n_frames: int, height: int, width: int) -> None:
    """Check what a header claims before room is made for it.

    Raises:
        FileFormatError: frames or clips larger than any scanner's.
    """
    if max(height, width) > LARGEST_SIDE or n_frames * height * width > MOST_BYTES:
        raise FileFormatError(
            str(path),
            found=f"{n_frames} frames of {height} × {width} pixels",
            expected=f"frames of at most {LARGEST_SIDE} × {LARGEST_SIDE} pixels, "
            f"{MOST_BYTES / 2**30:g} GiB in all",
            advice="Cut the clip to a few beats, or the file is damaged.",
        )


def grey_of(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    """Return the luma of a colour frame; grey pixels keep their level exactly."""
    red, green, blue = (rgb[..., i].astype(np.uint16) for i in range(3))
    return ((_RED * red + _GREEN * green + _BLUE * blue) >> 8).astype(np.uint8)


def hue_of(rgb: UInt8[np.ndarray, "h w 3"]) -> Int8[np.ndarray, "h w"]:
    """Return 0 where a pixel is nearly grey, 1 where it is warm, −1 where it is cold."""
    # Plane by plane: a reduction over an axis of three is many times as slow.
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    highest = np.maximum(np.maximum(red, green), blue)
    strong = highest - np.minimum(np.minimum(red, green), blue) > _STRONG
    return strong * np.where(red >= blue, np.int8(1), np.int8(-1))


def colour_doppler(
    frames: UInt8[np.ndarray, "n h w"],
    hues: Int8[np.ndarray, "n h2 w2"],
    sector: np.ndarray,
) -> tuple[float, bool]:
    """Return the share of coloured pixels in the sector, and whether it is only one tint.

    The share is that of the frames that are among the most coloured (90th percentile): the jet
    of a leaking valve shows in a third of the beat. Scanners can also tint the whole picture
    (sepia, blue); then most bright pixels are coloured, and all in the same direction.
    """
    inside = sector[::_STRIDE, ::_STRIDE]
    within = hues[:, inside]
    if not within.size:
        return 0.0, False
    share = float(np.percentile((within != 0).mean(axis=1), 90))
    bright = frames[:, ::_STRIDE, ::_STRIDE][:, inside] > 80
    strong = within[bright]
    coloured = np.count_nonzero(strong) / max(strong.size, 1)
    warm = np.count_nonzero(within > 0) / max(np.count_nonzero(within), 1)
    return share, bool(coloured > 0.6 and not 0.02 <= warm <= 0.98)
