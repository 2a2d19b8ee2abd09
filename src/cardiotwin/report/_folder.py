"""Result folders appear whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._errors import InputError
from .._types import PathLike

SCHEMA = "cardiotwin.reconstruction"
BEAT_SCHEMA = "cardiotwin.beat"
IDENTIFICATION_SCHEMA = "cardiotwin.identification"
IDENTIFICATION = "identification"
"""Folder of the identification inside the folder of a beat."""


@contextmanager
def atomic_folder(folder: PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside ``folder`` that takes its name when the block ends well.

    An exception or an interrupt removes the temporary folder and leaves what stood there
    before. An old result is only replaced once the new one is complete; anything that is not
    a result of ours is never replaced.

    Args:
        folder: the folder to make.
        overwrite: whether an earlier result may be replaced.

    Raises:
        InputError: something stands there and may not be replaced.
    """
    target = check_free(folder, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        yield temporary
        check_free(target, overwrite=overwrite)
        _take_place(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def check_free(folder: PathLike, *, overwrite: bool = False) -> Path:
    """Return the full path of a result folder to be, before anything long is computed for it.

    Args:
        folder: the folder to make.
        overwrite: whether an earlier result may be replaced.

    Raises:
        InputError: something stands there and may not be replaced.

    >>> import tempfile
    >>> check_free(Path(tempfile.mkdtemp()) / "new").name
    'new'
    """
    target = Path(folder).resolve()
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return target
    if not (target.is_dir() and is_result(target)):
        raise InputError(
            f"folder {target}",
            found="something that is not a result of cardiotwin",
            expected="a new name, or an earlier result",
            advice="It is never replaced, not even on request: choose another folder.",
        )
    if not overwrite:
        raise InputError(
            f"folder {target}",
            found="an earlier result",
            expected="a new name",
            advice="Choose another folder, or say overwrite=True (--overwrite).",
        )
    return target


def is_result(folder: Path) -> bool:
    """Tell whether ``folder`` holds a result.json of ours."""
    return _schema(folder) in (SCHEMA, BEAT_SCHEMA, IDENTIFICATION_SCHEMA)


def holds_beat(folder: PathLike) -> bool:
    """Tell whether a folder is one that `save_beat` wrote.

    >>> import tempfile
    >>> holds_beat(tempfile.mkdtemp())
    False
    """
    return _schema(Path(folder)) == BEAT_SCHEMA


def _schema(folder: Path) -> str | None:
    """Return what the result.json of a folder says that it is."""
    try:
        content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    schema = content.get("schema") if isinstance(content, dict) else None
    return schema if isinstance(schema, str) else None


def _take_place(temporary: Path, target: Path) -> None:
    if not target.exists():
        os.replace(temporary, target)
        return
    # A folder cannot be replaced in one step: the old one steps aside and returns on failure.
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-old-"))
    os.replace(target, aside)
    try:
        os.replace(temporary, target)
    except BaseException:
        os.replace(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)
