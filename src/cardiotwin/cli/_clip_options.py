"""Options of the verbs that read clips, and what stands behind them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

PIXEL_HELP = "Side of a pixel in mm, or height and width; wins over the file."
RATE_HELP = "Frames a second; wins over the file."
VIEW_HELP = "A4C or A2C; wins over the file."

PixelSize = Annotated[str | None, typer.Option(metavar="MM[,MM]", help=PIXEL_HELP)]
FrameRate = Annotated[float | None, typer.Option(metavar="HZ", help=RATE_HELP)]
View = Annotated[str | None, typer.Option(help=VIEW_HELP)]

_Value = TypeVar("_Value")


def pixel_size(text: str | None) -> list[float] | None:
    """Return the side of a pixel, or its height and width, from ``MM`` or ``MM,MM``.

    Raises:
        InputError: not numbers.
    """
    from .._checks import check_number

    if text is None:
        return None
    return [check_number(part, "mm_per_pixel") for part in text.split(",")]


def for_each(
    values: Sequence[_Value] | None, files: Sequence[Path], where: str
) -> list[_Value | None]:
    """Return an option for every file: none, one for all of them, or one each in their order.

    Raises:
        InputError: another number of values than of files.
    """
    from .._errors import InputError

    if not values:
        return [None] * len(files)
    if len(values) not in (1, len(files)):
        raise InputError(
            where,
            found=f"{len(values)} values for {len(files)} files",
            expected="one for all files, or one each in their order",
        )
    return [*values] if len(values) == len(files) else [values[0]] * len(files)
