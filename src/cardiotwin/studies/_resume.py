"""Parts of a long study that are already done, kept between runs."""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .._files import atomic_path
from .._types import PathLike

Rows = list[list[Any]]


class FinishedParts:
    """Rows of the finished parts of a study, in a file with one line a part.

    A run that is interrupted loses the part it was at. The first line says which recipe the
    parts belong to; parts of another recipe (study, settings, version) are not used.

    Args:
        path: the file; None keeps nothing.
        recipe: study and settings.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "parts.jsonl"
    >>> FinishedParts(path, {"study": "s"}).rows("part", lambda: [["a", 1.0]])
    [['a', 1.0]]
    >>> FinishedParts(path, {"study": "s"}).rows("part", lambda: [["not", "called"]])
    [['a', 1.0]]
    """

    def __init__(self, path: PathLike | None = None, recipe: dict[str, Any] | None = None):
        self._path = None if path is None else Path(path)
        self._recipe = {"recipe": recipe or {}}
        self._known = {} if self._path is None else self._read(self._path)

    def rows(self, part: str, compute: Callable[[], Iterable[list[Any]]]) -> Rows:
        """Return the rows of a part: as found, or computed and kept."""
        if part not in self._known:
            self._known[part] = list(compute())
            self._append({"part": part, "rows": self._known[part]})
        return self._known[part]

    def discard(self) -> None:
        """Remove the file: the whole table has been written."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _read(self, path: Path) -> dict[str, Rows]:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        # A line that was cut short by the interrupt has no end.
        whole = text[: text.rfind("\n") + 1]
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
        except ValueError:
            lines = []
        if not lines or lines[0] != self._recipe:
            path.unlink(missing_ok=True)
            return {}
        if whole != text:
            with atomic_path(path) as temporary:
                temporary.write_text(whole, encoding="utf-8")
        return {line["part"]: line["rows"] for line in lines[1:]}

    def _append(self, line: dict[str, Any]) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = not self._path.exists()
        with self._path.open("a", encoding="utf-8") as handle:
            for entry in [self._recipe, line] if new else [line]:
                handle.write(json.dumps(entry) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
