"""Where the measured data sets lie: told by the user, never searched for."""

from pathlib import Path

from .._errors import InputError
from .._types import PathLike


def dataset(data: PathLike | None, folder: str) -> Path:
    """Return the folder of a data set inside ``data``.

    Raises:
        InputError: no folder given, or the data set is not in it.
    """
    if data is None:
        raise InputError(
            "--data",
            found="nothing",
            expected=f"the folder that holds {folder}",
            advice="This study needs measured data, which do not come with the package.",
        )
    root = Path(data)
    if root.name == folder and root.is_dir():
        return root
    if not (root / folder).is_dir():
        raise InputError(
            "--data",
            found=f"no folder {folder} in {root}",
            expected=f"the folder that holds {folder}",
            advice="See the README of the data set for where to get it.",
        )
    return root / folder
