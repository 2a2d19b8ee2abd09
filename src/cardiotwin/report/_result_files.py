"""The files that every result folder is made of: facts in JSON, arrays in NPZ, tables in CSV."""

import csv
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import check_file
from .._errors import FileFormatError

# A result this large was not written by us: a claim of more is an attack on the memory.
_MOST_BYTES = 16 * 2**30


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write result.json; numbers that JSON does not know are spelled, and float() reads them."""
    text = json.dumps(_plain(facts), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "result.json").write_text(text + "\n", encoding="utf-8")


def read_facts(folder: Path, schema: str, version: int) -> dict[str, Any]:
    """Read result.json of a folder.

    Args:
        folder: the result folder.
        schema: what it must say that it is.
        version: of the schema.

    Raises:
        FileFormatError: not JSON, another file, or another version.
    """
    path = check_file(folder / "result.json", "result")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(
            str(path), found=f"not JSON ({error})", expected="a result of cardiotwin"
        ) from None
    if not isinstance(facts, dict) or facts.get("schema") != schema:
        raise FileFormatError(str(path), found="another file", expected=f'"schema": "{schema}"')
    if facts.get("schema_version") != version:
        raise FileFormatError(
            str(path),
            found=f"schema version {facts.get('schema_version')!r}",
            expected=f"version {version}",
            advice="It was written by another version of cardiotwin: update the package.",
        )
    return facts


def read_archive(path: Path, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """Read arrays of an archive by name, without unpickling anything.

    Args:
        path: the file.
        wanted: which names are read; others may stand there and are not looked at.

    Raises:
        FileFormatError: missing, damaged, hostile, or claiming more than any result holds.
    """
    check_file(path, "arrays")
    try:
        # NumPy leaves the file open when the archive is broken, unless it is ours.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            claimed = sum(member.file_size for member in archive.zip.infolist())
            if claimed > _MOST_BYTES:
                raise ValueError(f"{claimed} bytes claimed")
            return {name: archive[name] for name in archive.files if wanted(name)}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise FileFormatError(
            str(path), found=f"a damaged archive ({error})", expected="arrays.npz of a result"
        ) from None


def write_csv(path: Path, rows: list[list[Any]]) -> None:
    """Write a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
