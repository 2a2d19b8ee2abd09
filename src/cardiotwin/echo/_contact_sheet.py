"""A clip on one sheet: a dozen of its frames, with the border of the sector."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from .._checks import check_count
from .._errors import FileFormatError
from .._files import atomic_path
from .._types import PathLike
from ._clip import EchoClip
from ._resize import resize
from .formats._common import need_library

TILE = 240
"""Pixels of a side of a frame on the sheet."""

COLUMNS = 4
BORDER = (255, 176, 0)
"""Colour of the border: no grey level."""


def contact_sheet(clip: EchoClip, n: int = 12) -> UInt8[np.ndarray, "height width 3"]:
    """Return frames spread evenly over a clip, row by row, the border of the sector drawn.

    Args:
        clip: the clip.
        n: how many frames; all of them in a shorter clip.

    >>> clip = EchoClip(np.zeros((5, 64, 64)), np.arange(5.0))
    >>> contact_sheet(clip).shape
    (480, 960, 3)
    """
    return _sheet(clip.select(_chosen(clip, n)))


def write_contact_sheet(path: PathLike, clip: EchoClip, n: int = 12) -> None:
    """Write `contact_sheet` as PNG, the time of each frame in its corner.

    Args:
        path: a name that ends in .png.
        clip: the clip.
        n: how many frames.

    Raises:
        FileFormatError: another ending.
        MissingDependencyError: the package pillow is not installed.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "sheet.png"
    >>> write_contact_sheet(path, EchoClip(np.zeros((5, 64, 64)), np.arange(5.0)))
    >>> path.read_bytes()[1:4]
    b'PNG'
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise FileFormatError(
            str(path), found=f"ending {path.suffix!r}", expected="a file name that ends in .png"
        )
    part = clip.select(_chosen(clip, n))
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise need_library(error, "pillow", "Writing PNG") from None
    picture = Image.fromarray(_sheet(part))
    pen = ImageDraw.Draw(picture)
    for k, time in enumerate(part.times_ms - clip.times_ms[0]):
        row, column = divmod(k, COLUMNS)
        pen.text((column * TILE + 6, row * TILE + 4), f"{time:.0f} ms", fill=(255, 255, 255))
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")


def _chosen(clip: EchoClip, n: int) -> np.ndarray:
    n = min(check_count(n, "n"), clip.n_frames)
    return np.linspace(0, clip.n_frames - 1, n).round().astype(int)


def _sheet(part: EchoClip) -> UInt8[np.ndarray, "height width 3"]:
    small = resize(part, TILE)
    border = small.sector > np.asarray(ndimage.binary_erosion(small.sector))
    rows = -(-part.n_frames // COLUMNS)
    columns = min(COLUMNS, part.n_frames)
    sheet = np.zeros((rows * TILE, columns * TILE, 3), np.uint8)
    for k, frame in enumerate(small.frames):
        row, column = divmod(k, columns)
        tile = np.repeat(frame[..., None], 3, -1)
        tile[border] = BORDER
        sheet[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = tile
    return sheet
