"""What a MATLAB file holds, in bounds: the parsers hand over one leaf after the other."""

from dataclasses import dataclass, field

import numpy as np

# Far above the structs of any archive of cases; a hostile file can repeat one entry for ever.
MAX_LEAVES = 20_000
MAX_DEPTH = 16


@dataclass(eq=False)
class MatlabVariables:
    """Real arrays and texts by the path of their fields, and remarks on what was passed over.

    Paths are spelled as in MATLAB: ``case.heart.node``, ``leads{2}``, ``records(1).label``.

    Args:
        max_bytes: how much all arrays together may take in memory.
    """

    max_bytes: int
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    n_bytes: int = 0
    n_visited: int = 0

    def visit(self, label: str, depth: int) -> None:
        """Count an entry of any kind, before it is looked into."""
        self.n_visited += 1
        if self.n_visited > MAX_LEAVES:
            raise ValueError(f"more than {MAX_LEAVES} entries")
        if depth > MAX_DEPTH:
            raise ValueError(f"{label} is nested deeper than {MAX_DEPTH} levels")

    def claim(self, label: str, n_bytes: int) -> None:
        """Count bytes before they are unpacked or copied."""
        self.n_bytes += n_bytes
        if self.n_bytes > self.max_bytes:
            raise ValueError(f"more than {self.max_bytes / 2**30:g} GiB up to {label}")

    def add_array(self, label: str, value: np.ndarray) -> None:
        """Keep an array of real numbers; remark on anything else."""
        if value.dtype.kind in "fiub":
            self.arrays[label] = value
        else:
            self.pass_over(label, f"it holds {value.dtype} entries")

    def add_text(self, label: str, text: str, shape: tuple[int, ...]) -> None:
        """Keep a text; rows of a character matrix are joined by blanks."""
        if len(shape) == 2 and shape[0] > 1 and len(text) == shape[0] * shape[1]:
            # Rows of text are stored column by column.
            text = " ".join(text[row :: shape[0]].rstrip() for row in range(shape[0]))
        self.texts[label] = text

    def pass_over(self, label: str, why: str) -> None:
        self.remarks.append(f"{label or 'A variable'} was passed over: {why}.")
