"""Damaged files of every format: either a surface comes out, or an error made for people."""

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import io

from cardiotwin import _errors as errors
from cardiotwin import geometry

CLEAR = (errors.InputError, errors.MissingDependencyError)
SUFFIXES = (".tri", ".pts", ".fac", ".elem", ".vtk", ".vtp", ".vtu", ".stl", ".ply", ".obj", ".npz")

FOLDER = Path(mkdtemp())
BALL = geometry.icosphere(0, radius_mm=50)


def _variants() -> dict[str, bytes]:
    """Return valid files by name: every writer, and layouts that other programs write."""
    for suffix in (".tri", ".pts", ".vtk", ".vtp", ".vtu", ".stl", ".ply", ".obj", ".npz"):
        data = {"u": np.arange(12.0)} if suffix in (".vtk", ".vtp", ".vtu", ".npz") else None
        geometry.write_surface(FOLDER / f"valid{suffix}", BALL, node_data=data)
    geometry.write_surface(FOLDER / "carp.elem", BALL)
    found = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir())}
    import meshio

    mesh = meshio.Mesh(BALL.vertices_mm, [("triangle", BALL.faces.astype("i4"))])
    for name, write, options in (
        ("compressed.vtu", meshio.vtu.write, {}),
        ("binary42.vtk", meshio.vtk.write, {"fmt_version": "4.2"}),
        ("binary51.vtk", meshio.vtk.write, {"fmt_version": "5.1"}),
        ("ascii51.vtk", meshio.vtk.write, {"fmt_version": "5.1", "binary": False}),
        ("ascii.stl", meshio.stl.write, {}),
        ("ascii.ply", meshio.ply.write, {"binary": False}),
    ):
        write(str(FOLDER / name), mesh, **options)
        found[name] = (FOLDER / name).read_bytes()
    arrays = {
        "h": {"node": BALL.vertices_mm, "face": BALL.faces + 1, "unit": "mm"},
        "A": np.eye(12),
        "c": np.array([["a", 1]], dtype=object),
    }
    for name, compress in (("plain.mat", False), ("packed.mat", True)):
        io.savemat(FOLDER / name, arrays, do_compression=compress)
        found[name] = (FOLDER / name).read_bytes()
    return found


VALID = _variants()

WORDS = [
    b"-1",
    b"0",
    b"1e999",
    b"nan",
    b"1000000000000",
    b"\0",
    b"\xff\xfe",
    b"\n",
    b" ",
    b"<",
    b'"',
]

edits = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), st.floats(0, 1), st.just(b"")),
        st.tuples(st.just("drop"), st.floats(0, 1), st.just(b"")),
        st.tuples(st.just("put"), st.floats(0, 1), st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("put"), st.floats(0, 1), st.sampled_from(WORDS)),
        st.tuples(st.just("insert"), st.floats(0, 1), st.sampled_from(WORDS)),
        st.tuples(st.just("word"), st.floats(0, 1), st.sampled_from(WORDS)),
    ),
    min_size=1,
    max_size=4,
)


def damage(data: bytes, operations: list[tuple[str, float, bytes]]) -> bytes:
    for kind, place, content in operations:
        # Squared, so that headers are hit as often as the long runs of numbers.
        at = int(place**2 * len(data))
        if kind == "cut":
            data = data[:at]
        elif kind == "drop":
            data = data[:at] + data[at + 7 :]
        elif kind == "put":
            data = data[:at] + content + data[at + len(content) :]
        elif kind == "insert":
            data = data[:at] + content + data[at:]
        else:
            end = min((e for e in map(data[at:].find, (b" ", b"\n", b'"')) if e > 0), default=0)
            data = data[:at] + content + data[at + end :]
    return data


def read_any(path: Path) -> None:
    """Read in every way; anything but a clear error is a fault."""
    units = (None, "mm") if path.suffix != ".elem" else (None,)
    for unit in units:
        try:
            surface = geometry.read_surface(path, unit=unit, check_size=False)
            assert np.isfinite(surface.vertices_mm).all() and surface.n_faces
        except CLEAR as error:
            assert len(str(error)) < 2000
    if path.suffix == ".mat":
        try:
            geometry.read_geometry_mat(path, unit="mm", check_size=False)
        except CLEAR:
            pass


@pytest.mark.parametrize("name", VALID)
def test_undamaged_files_are_read(name):
    (FOLDER / name).write_bytes(VALID[name])
    stated = (
        name.endswith((".elem", ".npz", ".mat"))
        or name == "carp.pts"
        or name
        in (
            "valid.vtk",
            "valid.vtp",
            "valid.vtu",
            "valid.ply",
            "valid.obj",
        )
    )
    surface = geometry.read_surface(FOLDER / name, unit=None if stated else "mm")
    assert surface.is_closed
    assert surface.volume_ml == pytest.approx(BALL.volume_ml, rel=1e-5)


@pytest.mark.parametrize("name", VALID)
@settings(max_examples=30)
@given(operations=edits)
def test_damaged_files(name, operations):
    path = FOLDER / f"hurt-{name}"
    for whole, content in VALID.items():
        if Path(whole).stem == path.stem.removeprefix("hurt-"):
            (FOLDER / f"hurt-{whole}").write_bytes(content)
    path.write_bytes(damage(VALID[name], operations))
    read_any(path)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".mat"])
@settings(max_examples=30)
@given(data=st.binary(max_size=300))
def test_random_bytes(suffix, data):
    path = FOLDER / f"random{suffix}"
    for other in (".pts", ".fac", ".elem"):
        (FOLDER / f"random{other}").write_bytes(data)
    path.write_bytes(data)
    read_any(path)
    for read in (geometry.read_channels, geometry.read_vtx, geometry.read_region_tags):
        for odd in (".channels", ".elem", ".vtx"):
            (FOLDER / f"random{odd}").write_bytes(data)
        try:
            read(FOLDER / "random.channels" if "channels" in read.__name__ else path)
        except CLEAR:
            pass


@given(data=st.binary(max_size=400), version=st.sampled_from([b"\x00\x01IM", b"\x01\x00MI"]))
def test_random_bytes_behind_a_matlab_header(data, version):
    path = FOLDER / "headed.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + version + data)
    read_any(path)


@given(operations=edits)
def test_damaged_version_73(operations):
    h5py = pytest.importorskip("h5py")
    path = FOLDER / "hurt73.mat"
    with h5py.File(path, "w") as file:
        file["h/node"], file["h/face"] = BALL.vertices_mm.T, (BALL.faces + 1.0).T
    path.write_bytes(damage(path.read_bytes(), operations))
    read_any(path)
