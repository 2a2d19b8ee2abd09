"""Foreign files: whatever their parsers raise on damaged bytes becomes one kind of error."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ._errors import CardiotwinError, FileFormatError
from ._types import PathLike

# zlib cannot pack more than 1032 bytes into one: a bigger claim is a lie.
MAX_INFLATION = 1032


@contextmanager
def foreign_parser(
    path: PathLike,
    kind: str,
    advice: str = "The file may be truncated or of another format: export it again.",
) -> Iterator[None]:
    """Turn whatever a foreign parser raises on a hostile file into FileFormatError."""
    try:
        # Signalling NaN in altered bytes: told as gaps later, not as warnings here.
        with np.errstate(invalid="ignore", over="ignore"):
            yield
    except (CardiotwinError, KeyboardInterrupt, SystemExit):
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise FileFormatError(
            str(path),
            found=f"content that cannot be read as {kind} ({type(error).__name__}: {text})",
            expected=f"a whole {kind} file",
            advice=advice,
        ) from error
