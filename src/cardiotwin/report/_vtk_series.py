"""How a surface changes in time, in the files that ParaView opens: .pvd and one .vtp an instant."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int

from .._checks import check_array, check_count
from .._errors import InputError
from .._files import atomic_path
from .._types import ArrayLike, PathLike
from ..geometry import Surface, write_surface


def write_vtk_series(
    folder: PathLike,
    name: str,
    surface: Surface,
    times_ms: ArrayLike,
    series: Mapping[str, ArrayLike],
    *,
    constants: Mapping[str, ArrayLike] | None = None,
    stride: int | None = None,
    most: int = 100,
) -> Int[np.ndarray, " n_written"]:
    """Write `name`.pvd and one .vtp file an instant.

    Args:
        folder: where to write; the .vtp files go into the folder `name` inside it.
        name: stem of the files: letters, digits, "-" and "_".
        surface: triangles.
        times_ms: (n_times,) instants.
        series: (n_nodes, n_times) values by name; put the unit into the name.
        constants: (n_nodes,) values by name that do not change; NaN is allowed.
        stride: every how many instants; chosen for at most ``most`` files when left out.
        most: how many files at most, where ``stride`` is left out.

    Returns:
        (n_written,) column numbers of the instants that were written.

    Raises:
        InputError: shapes that do not fit, or a name that would not be a plain file name.

    >>> import tempfile
    >>> triangle = Surface([[0, 0, 0], [9, 0, 0], [0, 9, 0]], [[0, 1, 2]])
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_vtk_series(folder, "heart", triangle, [0.0, 2.0], {"u (mV)": np.eye(3)[:, :2]})
    array([0, 1])
    """
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise InputError("name", found=repr(name), expected="letters, digits, - and _")
    times = check_array(times_ms, "times_ms", shape=("n_times",))
    size = (surface.n_nodes, len(times))
    moving = {key: check_array(array, key, shape=size) for key, array in series.items()}
    still = {
        key: check_array(array, key, shape=(surface.n_nodes,), finite=False)
        for key, array in (constants or {}).items()
    }
    if stride is None:
        stride = max(1, -(-len(times) // check_count(most, "most")))
    chosen = np.arange(0, len(times), check_count(stride, "stride"))
    folder = Path(folder)
    digits = len(str(len(times)))
    lines = []
    for i in chosen:
        file = f"{name}/{name}_{i:0{digits}d}.vtp"
        now = {key: array[:, i] for key, array in moving.items()}
        write_surface(folder / file, surface, node_data={**now, **still})
        lines.append(f'<DataSet timestep="{times[i]:.9g}" part="0" file="{file}"/>\n')
    with atomic_path(folder / f"{name}.pvd") as temporary:
        temporary.write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n<!-- timestep in ms -->\n'
            '<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">\n<Collection>\n'
            + "".join(lines)
            + "</Collection>\n</VTKFile>\n",
            encoding="utf-8",
        )
    return chosen
