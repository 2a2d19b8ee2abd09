"""map3d ``.channels``: which channel of a recording belongs to each node."""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from ..._errors import FileFormatError
from ..._types import PathLike
from ._cvrti import beside
from ._text import number_table, read_text, split_rows, whole_numbers


def read_channels(path: PathLike, *, n_nodes: int | None = None) -> Int[np.ndarray, " n_nodes"]:
    r"""Read the channel of every node of a map3d geometry.

    Args:
        path: the ``.channels`` file, or the ``.pts`` file beside it.
        n_nodes: the number of nodes to expect, if known.

    Returns:
        (n_nodes,) 0-based channel numbers, −1 at nodes without a channel (0 or less in the
        file, which counts from 1).

    Raises:
        FileFormatError: not one whole number a line, or not one line a node.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "sock.channels"
    >>> _ = path.write_text("3\n1\n-1\n")
    >>> read_channels(path)
    array([ 2,  0, -1])
    """
    path = beside(Path(path), ".channels")
    rows = split_rows(read_text(path))
    numbers = whole_numbers(
        path, rows, number_table(path, rows, 1), first=-1, last=2**31 - 1, what="a channel number"
    )
    if n_nodes is not None and len(numbers) != n_nodes:
        raise FileFormatError(
            str(path), found=f"{len(numbers)} channel numbers", expected=f"{n_nodes}, one a node"
        )
    return np.where(numbers[:, 0] >= 1, numbers[:, 0] - 1, -1)
