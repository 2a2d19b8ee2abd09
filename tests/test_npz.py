"""Arrays in NPZ archives: what is read is what was written, and false sizes are refused."""

import io
import zipfile

import numpy as np
import pytest

from cardiotwin._errors import FileFormatError
from cardiotwin._npz import npy_header, read_npy


def archive_of(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    archive = zipfile.ZipFile(stream)
    return archive, archive.infolist()[0]


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3).T, np.array(["I", "aVR"]), np.array(3), np.zeros((0, 3))]
)
def test_arrays_come_back(array, version):
    archive, member = archive_of(a=npy(array, version=version))
    assert npy_header(archive, member, "a.npz") == (array.shape, array.dtype)
    np.testing.assert_array_equal(read_npy(archive, member, "a.npz"), array)


@pytest.mark.parametrize("change", [-8, 8])
def test_shapes_must_fill_the_member_exactly(change):
    data = npy(np.arange(6.0))
    archive, member = archive_of(a=data[:change] if change < 0 else data + bytes(change))
    with pytest.raises(FileFormatError, match=rf"x\.npz: a\.npy.*\(6,\).*the {48 + change} bytes"):
        read_npy(archive, member, "x.npz")


def test_sizes_beyond_what_zlib_can_pack_or_the_caller_allows():
    archive, member = archive_of(a=npy(np.zeros(10**6)))
    with pytest.raises(FileFormatError, match=r"8000128 bytes announced; expected at most 1 MiB"):
        read_npy(archive, member, "x.npz", max_bytes=2**20)
    assert read_npy(archive, member, "x.npz").size == 10**6
    member.file_size = 10**12
    with pytest.raises(FileFormatError, match="1000000000000 bytes claimed in"):
        npy_header(archive, member, "x.npz")


def test_python_objects_are_never_built():
    archive, member = archive_of(a=npy(np.array([{}], dtype=object)))
    with pytest.raises(FileFormatError, match="Python objects"):
        read_npy(archive, member, "x.npz")
