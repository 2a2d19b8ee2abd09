"""What a GIF states about time, read from its blocks: decoders replace delays of 0."""

from pathlib import Path

from ..._errors import FileFormatError

_IMAGE, _EXTENSION, _CONTROL, _END = 0x2C, 0x21, 0xF9, 0x3B


def gif_delays(path: Path) -> list[int]:
    """Return how long each frame is shown, in hundredths of a second; 0 where nothing is stated.

    Raises:
        FileFormatError: the blocks do not lead to the end mark.
    """
    content = path.read_bytes()
    delays, delay = [], 0
    try:
        at = 13 + _table_bytes(content[10])
        while content[at] != _END:
            if content[at] == _EXTENSION:
                if content[at + 1] == _CONTROL:
                    delay = int.from_bytes(content[at + 4 : at + 6], "little")
                at += 2
            elif content[at] == _IMAGE:
                delays.append(delay)
                delay = 0
                at += 11 + _table_bytes(content[at + 9])
            else:
                raise IndexError
            # Pieces of up to 255 bytes, each behind its length; a piece of none is the last.
            while content[at]:
                at += content[at] + 1
            at += 1
    except IndexError:
        raise FileFormatError(
            str(path),
            found="no end mark",
            expected="a whole GIF",
            advice="The file is truncated: copy or export it again.",
        ) from None
    return delays


def _table_bytes(flags: int) -> int:
    """Return the size of the table of colours that a byte of flags announces."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
