"""MATLAB files of every version: the same content as other readers give, and bounds that hold."""

import struct
import zlib

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin._errors import CardiotwinError, FileFormatError
from cardiotwin._matlab import read_matlab_variables


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def array(name, kind, shape, *parts):
    """One variable, written by the letter of the format."""
    head = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack("<2i", *shape))
    return element(14, head + element(1, name) + b"".join(parts))


def write5(path, *variables):
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(variables))
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_those_of_scipy(tmp_path, rng, compressed):
    records = np.zeros((1, 2), dtype=[("a", object), ("b", object)])
    for k in range(2):
        records[0, k]["a"], records[0, k]["b"] = rng.normal(size=(2, 3)), np.arange(k + 1.0)
    stored = {
        "double": rng.normal(size=(4, 5)),
        "single": rng.normal(size=(4, 5)).astype("f4"),
        "bytes": np.arange(6, dtype="u1").reshape(2, 3),
        "long": np.array([[2**62, -5]]),
        "cube": rng.normal(size=(2, 3, 4)),
        "logical": np.array([[True, False]]),
        "text": "mm",
        "records": records,
        "empty": np.zeros((0, 3)),
        "nested": {"cell": np.array([[1.5, "cm"]], dtype=object)},
        "complex": np.array([[1j]]),
    }
    scipy.io.savemat(tmp_path / "a.mat", stored, do_compression=compressed, long_field_names=True)
    found = read_matlab_variables(tmp_path / "a.mat")
    for key in ("double", "single", "bytes", "long", "cube", "logical"):
        np.testing.assert_array_equal(found.arrays[key], stored[key])
    np.testing.assert_array_equal(found.arrays["records(2).a"], records[0, 1]["a"])
    np.testing.assert_array_equal(found.arrays["records(2).b"], [[0, 1]])
    assert found.arrays["nested.cell{1}"] == 1.5
    assert found.texts == {"text": "mm", "nested.cell{2}": "cm"}
    assert any("complex" in remark for remark in found.remarks)


def test_version_4_is_what_scipy_wrote(tmp_path, rng):
    stored = {
        "double": rng.normal(size=(4, 5)),
        "single": rng.normal(size=(2, 3)).astype("f4"),
        "short": np.array([[1, -2, 300]], dtype="i2"),
        "text": np.array(["mV ", "ms "]),
        "complex": np.array([[1j, 2]]),
        "sparse": scipy.sparse.eye_array(3, format="csc"),
    }
    scipy.io.savemat(tmp_path / "a.mat", stored, format="4")
    found = read_matlab_variables(tmp_path / "a.mat")
    assert set(found.arrays) == {"double", "single", "short"}
    for key, values in found.arrays.items():
        np.testing.assert_array_equal(values, stored[key])
    assert found.texts == {"text": "mV ms"}
    assert [remark.split()[0] for remark in found.remarks] == ["complex", "sparse"]


def test_version_4_of_the_other_byte_order(tmp_path):
    values = np.arange(6.0).reshape(2, 3)
    body = struct.pack(">5i", 1000, 2, 3, 0, 2) + b"a\0" + values.T.astype(">f8").tobytes()
    (tmp_path / "a.mat").write_bytes(body)
    np.testing.assert_array_equal(read_matlab_variables(tmp_path / "a.mat").arrays["a"], values)


@pytest.mark.parametrize(
    "header", [(0, 2**30, 2**30, 0, 2), (0, -1, 3, 0, 2), (0, 2, 3, 0, -5), (0, 2, 3, 0, 2**30)]
)
def test_version_4_with_false_sizes(tmp_path, header):
    (tmp_path / "a.mat").write_bytes(struct.pack("<5i", *header) + b"a\0" + bytes(48))
    with pytest.raises(FileFormatError, match=r"a\.mat.*announced at 0.*save\(\.\.\., '-v7'\)"):
        read_matlab_variables(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("kind", "data"), [(16, "µV".encode()), (17, "µV".encode("utf-16-le")), (4, b"\xb5\0V\0")]
)
def test_text_in_every_encoding(tmp_path, kind, data):
    path = write5(tmp_path / "a.mat", array(b"unit", 4, (1, 2), element(kind, data)))
    assert read_matlab_variables(path).texts == {"unit": "µV"}


def test_rows_of_text_are_joined(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"leads": np.array(["I  ", "aVR"])})
    assert read_matlab_variables(tmp_path / "a.mat").texts == {"leads": "I aVR"}


def test_numbers_stored_in_fewer_bytes_than_their_class(tmp_path):
    path = write5(tmp_path / "a.mat", array(b"a", 6, (2, 2), element(2, bytes([1, 2, 3, 4]))))
    values = read_matlab_variables(path).arrays["a"]
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, [[1, 3], [2, 4]])


@pytest.mark.parametrize("code", [0, 8, 19, 107, 200])
def test_data_types_that_do_not_exist(tmp_path, code):
    # Such a file makes scipy 1.17 crash: type codes index a table of pointers unchecked.
    path = write5(tmp_path / "a.mat", array(b"a", 6, (1, 1), element(code, bytes(8))))
    with pytest.raises(FileFormatError, match=f"data type {code} where numbers should be.*for a"):
        read_matlab_variables(path)


def test_a_small_file_that_unpacks_to_more_than_is_allowed(tmp_path):
    body = array(b"a", 9, (1, 2**22), element(2, bytes(2**22)))
    packed = zlib.compress(body)
    one = struct.pack("<II", 15, len(packed)) + packed
    path = write5(tmp_path / "a.mat", one)
    assert read_matlab_variables(path, max_bytes=2**24).arrays["a"].size == 2**22
    with pytest.raises(FileFormatError, match=r"more than .* GiB up to what is compressed at 136"):
        read_matlab_variables(path, max_bytes=2**21)
    # Several that fit one by one do not fit together.
    again = [one] * 5
    with pytest.raises(FileFormatError, match=r"more than .* GiB"):
        read_matlab_variables(write5(tmp_path / "b.mat", *again), max_bytes=2**24)


def test_compressed_data_that_end_too_early(tmp_path):
    packed = zlib.compress(array(b"a", 9, (1, 8), element(2, bytes(8))))[:-6]
    path = write5(tmp_path / "a.mat", struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(FileFormatError, match="compressed data at 136 end too early"):
        read_matlab_variables(path)


def test_cells_nested_without_end_and_without_number(tmp_path):
    nested = array(b"", 9, (1, 1), element(2, b"1"))
    for _ in range(20):
        nested = array(b"", 1, (1, 1), nested)
    path = write5(tmp_path / "a.mat", array(b"deep", 1, (1, 1), nested))
    with pytest.raises(FileFormatError, match="nested deeper than 16"):
        read_matlab_variables(path)
    many = element(14, b"") * 30_000
    path = write5(tmp_path / "b.mat", array(b"wide", 1, (1, 30_000), many))
    with pytest.raises(FileFormatError, match="more than 20000 entries"):
        read_matlab_variables(path)


def test_files_larger_than_allowed(tmp_path):
    path = write5(tmp_path / "a.mat", array(b"a", 9, (1, 2048), element(2, bytes(2048))))
    with pytest.raises(FileFormatError, match="Save only the variables"):
        read_matlab_variables(path, max_bytes=1024)


def test_version_73_cells_texts_and_groups_in_a_circle(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["case/values"] = np.arange(6.0).reshape(3, 2)
        file["#refs#/a"], file["#refs#/b"] = [[1.0]], [[2.0]]
        cells = file.create_dataset("case/cells", (2, 1), dtype=h5py.ref_dtype)
        cells[:, 0] = [file["#refs#/a"].ref, file["#refs#/b"].ref]
        file["leads"] = np.array([[ord(a), ord(b)] for a, b in ("IV", "I1")], dtype="u2")
        file["leads"].attrs["MATLAB_class"] = np.bytes_("char")
        file["z"] = np.array([1j])
    found = read_matlab_variables(tmp_path / "a.mat")
    np.testing.assert_array_equal(found.arrays["case.values"], [[0, 2, 4], [1, 3, 5]])
    assert found.arrays["case.cells{1}"] == 1 and found.arrays["case.cells{2}"] == 2
    assert found.texts == {"leads": "II V1"}
    assert [remark.split()[0] for remark in found.remarks] == ["z"]
    with h5py.File(tmp_path / "a.mat", "a") as file:
        file["case/again"] = file["case"]
    with pytest.raises(FileFormatError, match="nested deeper than 16"):
        read_matlab_variables(tmp_path / "a.mat")


def test_version_73_cells_that_all_point_to_one_array(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["#refs#/a"] = np.zeros(2**16)
        cells = file.create_dataset("cells", (100, 1), dtype=h5py.ref_dtype)
        cells[:, 0] = [file["#refs#/a"].ref] * 100
    with pytest.raises(FileFormatError, match=r"more than .* GiB up to cells\{3.\}"):
        read_matlab_variables(tmp_path / "a.mat", max_bytes=2**24)


headers = st.sampled_from(
    [
        b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0e\0\0\0",
        struct.pack("<5i", 0, 2, 3, 0, 2) + b"a\0",
        struct.pack("<5i", 11, 1, 3, 0, 2)[:8],
        b"\x89HDF\r\n\x1a\n",
    ]
)


@given(header=headers, body=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_the_file_named(tmp_path_factory, header, body):
    path = tmp_path_factory.getbasetemp() / "random.mat"
    path.write_bytes(header + body)
    try:
        found = read_matlab_variables(path)
    except CardiotwinError as error:
        assert "random.mat" in str(error)
    else:
        assert all(values.nbytes <= 8 * 300 for values in found.arrays.values())
