"""Files as bytes, lines and tables of numbers, with the line at fault in every message."""

import re
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..._checks import check_file
from ..._errors import FileFormatError

# A surface of ten million nodes is below this in every format.
MAX_BYTES = 2**30

Row = tuple[int, str]


def read_bytes(path: Path) -> bytes:
    """Return the whole file, or say why it cannot be read."""
    try:
        size = check_file(path).stat().st_size
        if size > MAX_BYTES:
            raise FileFormatError(
                str(path),
                found=f"{size / 2**30:.1f} GiB",
                expected="a surface of less than 1 GiB",
                advice="Is this a volume mesh? Extract its surface first.",
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            str(path), found=f"an unreadable file ({error})", expected="a file"
        ) from None


def read_text(path: Path) -> str:
    """Return the text of the file, which must be UTF-8 without control bytes."""
    return decode(path, read_bytes(path))


def decode(path: Path, data: bytes) -> str:
    """Return bytes of ``path`` as text, or name the first byte that is not text."""
    try:
        text = data.decode("utf-8-sig")
        at = text.find("\0")
    except UnicodeDecodeError as error:
        text, at = "", error.start
    if at >= 0:
        line = data[:at].count(b"\n") + 1
        raise FileFormatError(
            f"{path}: line {line}",
            found=f"byte {data[at] if at < len(data) else 0:#04x} at offset {at}",
            expected="plain text (UTF-8)",
            advice="The file is binary, or has another encoding.",
        )
    return text


def split_rows(text: str) -> list[Row]:
    """Return (line number, line) for the lines that are neither blank nor a # comment."""
    numbered = enumerate(text.splitlines(), start=1)
    return [(k, line) for k, line in numbered if line.strip() and line.lstrip()[0] != "#"]


def read_count(path: Path, rows: list[Row], at: int, what: str) -> int:
    """Return the count in row ``at``, checked against the number of rows that follow it."""
    if at >= len(rows):
        raise FileFormatError(
            f"{path}: end of file",
            found=f"{len(rows)} lines",
            expected=f"the number of {what}",
            advice="The file is truncated.",
        )
    line_number, line = rows[at]
    if not re.fullmatch(r"\s*[0-9]{1,18}\s*", line):
        raise FileFormatError(
            f"{path}: line {line_number}", found=shorten(line), expected=f"the number of {what}"
        )
    count, following = int(line), len(rows) - at - 1
    if count > following:
        raise FileFormatError(
            f"{path}: line {line_number}",
            found=f"{count} {what} announced and {following} lines after it",
            expected=f"a line for each of the {what}",
            advice="The file is truncated, or the number is wrong.",
        )
    return count


def number_table(path: Path, rows: list[Row], n_columns: int) -> Float[np.ndarray, "n_rows n"]:
    """Return the rows as an (n_rows, n_columns) table of float64."""
    cells = [line.split() for _, line in rows]
    for (line_number, line), row in zip(rows, cells, strict=True):
        if len(row) != n_columns:
            raise FileFormatError(
                f"{path}: line {line_number}",
                found=shorten(line),
                expected=f"{n_columns} numbers" if n_columns > 1 else "one number",
            )
    try:
        flat = np.fromiter(
            map(float, chain.from_iterable(cells)), np.float64, len(rows) * n_columns
        )
    except ValueError:
        line_number, line = next(row for row in rows if not _is_numeric(row[1]))
        raise FileFormatError(
            f"{path}: line {line_number}", found=shorten(line), expected="numbers only"
        ) from None
    return flat.reshape(len(rows), n_columns)


def whole_numbers(
    path: Path,
    rows: list[Row],
    table: Float[np.ndarray, "n_rows n"],
    *,
    first: int,
    last: int,
    what: str,
) -> Int[np.ndarray, "n_rows n"]:
    """Return the table as int64 after checking that all entries lie in [first, last]."""
    with np.errstate(invalid="ignore"):
        good = (table >= first) & (table <= last) & (table == np.floor(table))
    if not good.all():
        row = int(np.flatnonzero(~good.all(axis=1))[0])
        raise FileFormatError(
            f"{path}: line {rows[row][0]}",
            found=shorten(rows[row][1]),
            expected=f"{what} from {first} to {last}",
        )
    return table.astype(np.int64)


def shorten(text: str, length: int = 60) -> str:
    """Return the text quoted, cut to a length that fits in a message."""
    text = text.strip()
    return repr(text if len(text) <= length else text[:length] + "…")


def table_lines(values: np.ndarray) -> list[str]:
    """Return one line a row, every number written so that it reads back as the same float64."""
    return [" ".join(map(repr, row)) for row in values.tolist()]


def _is_numeric(line: str) -> bool:
    try:
        return len([float(cell) for cell in line.split()]) > 0
    except ValueError:
        return False
