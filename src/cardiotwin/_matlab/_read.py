"""Which version a file is of, and its content."""

from .._checks import check_file
from .._errors import FileFormatError
from .._foreign import foreign_parser
from .._types import PathLike
from ._hdf5 import read_hdf5
from ._variables import MatlabVariables
from ._version4 import is_version4, read_version4
from ._version5 import read_version5

_HDF5 = b"\x89HDF\r\n\x1a\n"
_SAVE_AGAIN = "Save it again in MATLAB with save(..., '-v7')."


def read_matlab_variables(path: PathLike, *, max_bytes: int = 2**31) -> MatlabVariables:
    """Read every variable of a file of version 4 to 7.3.

    Args:
        path: the file.
        max_bytes: bound on the file's size (7.3 may hold more, in variables that fit) and on the
            memory that its variables take together. The default is what version 7 can hold in
            one variable.

    Raises:
        FileFormatError: not a MATLAB file, truncated, or with sizes that the file cannot hold.
        MissingDependencyError: a file of version 7.3, and h5py is not installed.

    >>> import tempfile, pathlib, scipy.io
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.mat"
    >>> scipy.io.savemat(path, {"ts": {"potvals": [[1.0, 2.0]], "unit": "mV"}})
    >>> read_matlab_variables(path).texts
    {'ts.unit': 'mV'}
    """
    path = check_file(path)
    found = MatlabVariables(max_bytes)
    advice = f"The file is truncated or damaged. {_SAVE_AGAIN}"
    with foreign_parser(path, "MATLAB", advice):
        with open(path, "rb") as file:
            head = file.read(520)
        if head.startswith(_HDF5) or head[512:] == _HDF5:
            read_hdf5(path, found)
            return found
        size = path.stat().st_size
        if size > max_bytes:
            raise FileFormatError(
                str(path),
                found=f"{size / 2**30:.1f} GiB",
                expected=f"at most {max_bytes / 2**30:g} GiB",
                advice="Save only the variables that are needed.",
            )
        if len(head) >= 128 and head[126:128] in (b"IM", b"MI"):
            read_version5(path.read_bytes(), found)
        elif is_version4(head):
            read_version4(path.read_bytes(), found)
        else:
            raise FileFormatError(
                str(path),
                found=repr(head[:30].decode("latin-1")),
                expected="a MATLAB file of version 5, 7 or 7.3 (or 4)",
                advice=_SAVE_AGAIN,
            )
    return found
