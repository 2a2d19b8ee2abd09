import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from cardiotwin import _errors as errors
from cardiotwin import geometry
from cardiotwin.geometry import Surface, read_surface, write_surface

# .stl keeps coordinates but not the order of the nodes, and is tested apart.
ORDERED = (".tri", ".pts", ".elem", ".vtk", ".vtp", ".vtu", ".ply", ".obj", ".npz")
STATES_UNIT = (".elem", ".vtk", ".vtp", ".vtu", ".ply", ".obj", ".npz", ".stl")
KEEPS_DATA = (".vtk", ".vtp", ".vtu", ".ply", ".npz")


@pytest.fixture
def ball(rng) -> Surface:
    sphere = geometry.icosphere(2, radius_mm=50)
    noise = rng.normal(size=sphere.vertices_mm.shape)
    return sphere.with_vertices(sphere.vertices_mm + noise).renamed("ball")


def unit_for(suffix: str) -> str | None:
    return None if suffix in STATES_UNIT else "mm"


@pytest.mark.parametrize("suffix", ORDERED)
def test_what_is_written_reads_back(tmp_path, ball, suffix):
    path = tmp_path / f"ball{suffix}"
    write_surface(path, ball)
    back = read_surface(path, unit=unit_for(suffix))
    # openCARP stores micrometres: one multiplication and one division by 1000.
    exact = 1e-15 if suffix == ".elem" else 0.0
    np.testing.assert_allclose(back.vertices_mm, ball.vertices_mm, rtol=exact, atol=0)
    np.testing.assert_array_equal(back.faces, ball.faces)
    assert back.name == "ball"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")], "temporary file left"


def test_stl_keeps_the_triangles_if_not_the_order_of_nodes(tmp_path, ball):
    write_surface(tmp_path / "ball.stl", ball)
    back = read_surface(tmp_path / "ball.stl")
    corners = ball.vertices_mm[ball.faces].astype("f4")
    np.testing.assert_array_equal(back.vertices_mm[back.faces], corners)
    assert back.is_closed and back.n_nodes == ball.n_nodes


def test_ascii_stl_and_its_truncation(tmp_path, ball):
    meshio = pytest.importorskip("meshio")
    mesh = meshio.Mesh(ball.vertices_mm, [("triangle", ball.faces)])
    meshio.stl.write(str(tmp_path / "ball.stl"), mesh)
    back = read_surface(tmp_path / "ball.stl", unit="mm")
    np.testing.assert_array_equal(back.vertices_mm[back.faces], ball.vertices_mm[ball.faces])
    text = (tmp_path / "ball.stl").read_text()
    at = text.index("endfacet", 500) + 9
    (tmp_path / "ball.stl").write_text(text[:at])
    with pytest.raises(errors.FileFormatError, match=r"ball\.stl.*'endsolid'.*truncated"):
        read_surface(tmp_path / "ball.stl", unit="mm")


def test_binary_stl(tmp_path, ball):
    record = np.zeros(ball.n_faces, dtype=[("n", "<f4", 3), ("p", "<f4", (3, 3)), ("a", "<u2")])
    record["p"] = ball.vertices_mm[ball.faces]
    data = b"solid made by a program that lies".ljust(80) + struct.pack("<I", ball.n_faces)
    (tmp_path / "ball.stl").write_bytes(data + record.tobytes())
    back = read_surface(tmp_path / "ball.stl", unit="mm")
    assert back.volume_ml == pytest.approx(ball.volume_ml, rel=1e-6)


def test_writing_leaves_the_warning_filters_and_raises_none(tmp_path, ball):
    before = list(warnings.filters)
    for suffix in (*ORDERED, ".stl"):
        write_surface(tmp_path / f"ball{suffix}", ball)
        read_surface(tmp_path / f"ball{suffix}", unit=unit_for(suffix))
    assert warnings.filters == before


@pytest.mark.parametrize("suffix", [".vtk", ".vtp", ".vtu", ".ply"])
def test_files_do_not_depend_on_the_time(tmp_path, ball, suffix):
    write_surface(tmp_path / f"a{suffix}", ball)
    write_surface(tmp_path / f"b{suffix}", ball)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".vtu", ".ply", ".obj", ".stl"])
def test_meshio_reads_our_files(tmp_path, ball, suffix):
    meshio = pytest.importorskip("meshio")
    write_surface(tmp_path / f"ball{suffix}", ball)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mesh = meshio.read(tmp_path / f"ball{suffix}")
    corners = mesh.points[mesh.cells_dict["triangle"]]
    np.testing.assert_allclose(corners, ball.vertices_mm[ball.faces], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"binary": False}, {"compression": None}])
def test_vtu_of_meshio(tmp_path, ball, options):
    meshio = pytest.importorskip("meshio")
    mesh = meshio.Mesh(ball.vertices_mm, [("triangle", ball.faces)])
    meshio.vtu.write(str(tmp_path / "ball.vtu"), mesh, **options)
    back = read_surface(tmp_path / "ball.vtu", unit="mm")
    np.testing.assert_allclose(back.vertices_mm, ball.vertices_mm, rtol=1e-9)
    np.testing.assert_array_equal(back.faces, ball.faces)


@pytest.mark.parametrize("version", ["4.2", "5.1"])
@pytest.mark.parametrize("binary", [True, False])
def test_legacy_vtk_of_meshio(tmp_path, ball, version, binary):
    meshio = pytest.importorskip("meshio")
    mesh = meshio.Mesh(
        ball.vertices_mm,
        [("vertex", [[0], [5]]), ("triangle", ball.faces)],
        point_data={"u": ball.vertices_mm[:, 0]},
    )
    meshio.vtk.write(str(tmp_path / "ball.vtk"), mesh, fmt_version=version, binary=binary)
    back = read_surface(tmp_path / "ball.vtk", unit="mm")
    np.testing.assert_allclose(back.vertices_mm, ball.vertices_mm, rtol=1e-9)
    np.testing.assert_array_equal(back.faces, ball.faces)


def test_binary_vtk_that_lacks_its_last_byte(tmp_path, ball):
    import meshio

    mesh = meshio.Mesh(ball.vertices_mm, [("triangle", ball.faces.astype("i4"))])
    path = tmp_path / "a.vtk"
    meshio.vtk.write(str(path), mesh, fmt_version="5.1")
    whole = path.read_bytes().rstrip(b"\n")
    path.write_bytes(whole[:-1])
    with pytest.raises(errors.FileFormatError, match=r"bytes left; expected .* numbers"):
        read_surface(path, unit="mm")


def test_legacy_vtk_with_field_data_and_metadata_before_the_points(tmp_path):
    (tmp_path / "a.vtk").write_text(
        "# vtk DataFile Version 5.1\nvtk output\nASCII\nDATASET POLYDATA\n"
        "FIELD FieldData 1\nTimeValue 1 1 double\n0.5\nMETADATA\nINFORMATION 0\n\n"
        "POINTS 4 float\n0 0 0 60 0 0\n0 60 0 0 0 60\nMETADATA\nINFORMATION 0\n\n"
        "LINES 2 2\nOFFSETS vtktypeint64\n0 2\nCONNECTIVITY vtktypeint64\n0 1\n"
        "POLYGONS 5 12\nOFFSETS vtktypeint64\n0 3 6 9 12\n"
        "CONNECTIVITY vtktypeint64\n0 2 1 0 1 3 0 3 2 1 2 3\n"
    )
    assert read_surface(tmp_path / "a.vtk", unit="mm").volume_ml == pytest.approx(36)


def test_vtp_raw_appended(tmp_path, ball):
    points = ball.vertices_mm.astype("<f4").tobytes()
    corners = ball.faces.astype("<i4").tobytes()
    ends = (3 * np.arange(1, ball.n_faces + 1)).astype("<i4").tobytes()
    offsets = np.cumsum([0, 4 + len(points), 4 + len(corners)])
    arrays = [
        f'<DataArray type="{kind}" Name="{name}" format="appended" offset="{at}"/>'
        for kind, name, at in zip(
            ("Float32", "Int32", "Int32"), ("P", "connectivity", "offsets"), offsets, strict=True
        )
    ]
    head = (
        '<VTKFile type="PolyData" version="0.1" byte_order="LittleEndian"><PolyData><Piece '
        f'NumberOfPoints="{ball.n_nodes}" NumberOfPolys="{ball.n_faces}"><Points>{arrays[0]}'
        f"</Points><Polys>{arrays[1]}{arrays[2]}</Polys></Piece></PolyData>"
        '<AppendedData encoding="raw">\n_'
    )
    body = b"".join(struct.pack("<I", len(part)) + part for part in (points, corners, ends))
    data = head.encode() + body + b"\n</AppendedData></VTKFile>"
    (tmp_path / "ball.vtp").write_bytes(data)
    back = read_surface(tmp_path / "ball.vtp", unit="mm")
    np.testing.assert_array_equal(back.faces, ball.faces)
    np.testing.assert_array_equal(back.vertices_mm, ball.vertices_mm.astype("f4"))


@pytest.mark.parametrize("suffix", KEEPS_DATA)
def test_node_data_are_in_the_file(tmp_path, ball, suffix):
    data = {"activation ms": np.arange(ball.n_nodes), "gradient": ball.vertices_mm / 3}
    write_surface(tmp_path / f"ball{suffix}", ball, node_data=data)
    back = read_surface(tmp_path / f"ball{suffix}")
    np.testing.assert_array_equal(back.vertices_mm, ball.vertices_mm)
    if suffix == ".npz":
        stored = dict(np.load(tmp_path / "ball.npz", allow_pickle=False))
        np.testing.assert_array_equal(stored["gradient"], data["gradient"])
    elif suffix in (".vtu", ".ply"):
        meshio = pytest.importorskip("meshio")
        stored = meshio.read(tmp_path / f"ball{suffix}").point_data
        first = stored["activation_ms" if suffix == ".ply" else "activation ms"]
        np.testing.assert_array_equal(np.ravel(first), data["activation ms"])
    else:
        head = (tmp_path / f"ball{suffix}").read_text()
        assert "gradient" in head and "activation" in head


def test_node_data_of_the_wrong_length_or_for_the_wrong_format(tmp_path, ball):
    with pytest.raises(errors.InputError, match=r"node_data\['u'\].*shape \(3,\).*every node"):
        write_surface(tmp_path / "a.vtp", ball, node_data={"u": [1, 2, 3]})
    with pytest.raises(errors.InputError, match=r"ECGSIM tri.*\.vtp"):
        write_surface(tmp_path / "a.tri", ball, node_data={"u": np.zeros(ball.n_nodes)})
    assert not list(tmp_path.iterdir())


def test_a_unit_is_never_guessed(tmp_path, ball):
    write_surface(tmp_path / "ball.tri", ball)
    with pytest.raises(errors.UnitError, match=r"ball.tri: found no unit .*17\d.*'mm' makes it 17"):
        read_surface(tmp_path / "ball.tri")
    with pytest.raises(errors.UnitError, match=r"1\.738e\+05 mm when.*check_size=False"):
        read_surface(tmp_path / "ball.tri", unit="m")
    with pytest.raises(errors.InputError, match=r"'mn'.*Did you mean"):
        read_surface(tmp_path / "ball.tri", unit="mn")
    as_it_is = read_surface(tmp_path / "ball.tri", unit="m", check_size=False)
    np.testing.assert_array_equal(as_it_is.vertices_mm, ball.vertices_mm * 1000)
    as_cm = read_surface(tmp_path / "ball.tri", unit="cm")
    assert as_cm.volume_ml == pytest.approx(1000 * ball.volume_ml)


def test_contradicting_units_are_refused(tmp_path, ball):
    write_surface(tmp_path / "ball.elem", ball)
    with pytest.raises(errors.UnitError, match=r"um stated by the file.*unit='mm'.*Leave out"):
        read_surface(tmp_path / "ball.elem", unit="mm")
    assert read_surface(tmp_path / "ball.elem", unit="um").n_nodes == ball.n_nodes


def test_comments_state_units_of_other_programs(tmp_path):
    text = "# Units: CM\nv 0 0 0\nv 6 0 0\nv 0 6 0\nv 0 0 6\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
    (tmp_path / "a.obj").write_text(text)
    assert read_surface(tmp_path / "a.obj").volume_ml == pytest.approx(36)


def test_the_two_dialects_of_pts(tmp_path, ball):
    write_surface(tmp_path / "map.pts", ball)
    write_surface(tmp_path / "carp.elem", ball)
    assert (tmp_path / "carp.pts").read_text().splitlines()[0] == str(ball.n_nodes)
    assert (tmp_path / "carp.elem").read_text().splitlines()[1].startswith("Tr ")
    map3d = read_surface(tmp_path / "map.pts", unit="mm")
    carp = read_surface(tmp_path / "carp.pts")
    np.testing.assert_allclose(map3d.vertices_mm, carp.vertices_mm, rtol=1e-15)
    np.testing.assert_array_equal(read_surface(tmp_path / "map.fac", unit="mm").faces, carp.faces)
    assert geometry.read_region_tags(tmp_path / "carp.elem").tolist() == [1] * ball.n_faces
    points = geometry.read_points(tmp_path / "carp.pts")
    np.testing.assert_allclose(points, ball.vertices_mm, rtol=1e-15)


def test_a_pair_without_its_other_half(tmp_path, ball):
    write_surface(tmp_path / "a.pts", ball)
    (tmp_path / "a.fac").unlink()
    with pytest.raises(errors.FileFormatError, match=r"no a\.fac beside it.*read_points"):
        read_surface(tmp_path / "a.pts", unit="mm")


def test_volume_elements_are_refused(tmp_path):
    (tmp_path / "a.pts").write_text("4\n0 0 0\n6 0 0\n0 6 0\n0 0 6\n")
    (tmp_path / "a.elem").write_text("1\nTt 0 1 2 3 1\n")
    with pytest.raises(errors.FileFormatError, match=r"1 × 'Tt'.*extract the surface"):
        read_surface(tmp_path / "a.elem")


def test_channels_and_vertex_sets(tmp_path, ball):
    write_surface(tmp_path / "a.pts", ball)
    (tmp_path / "a.channels").write_text("\n".join(str(k) for k in range(ball.n_nodes)) + "\n")
    channels = geometry.read_channels(tmp_path / "a.pts", n_nodes=ball.n_nodes)
    np.testing.assert_array_equal(channels, np.arange(ball.n_nodes) - 1)
    with pytest.raises(errors.FileFormatError, match="162 channel numbers; expected 10"):
        geometry.read_channels(tmp_path / "a.channels", n_nodes=10)
    geometry.write_vtx(tmp_path / "p.vtx", [3, 1, 2], domain="extra")
    found = geometry.read_vtx(tmp_path / "p.vtx", n_nodes=4)
    assert (found.nodes.tolist(), found.domain) == ([3, 1, 2], "extra")
    with pytest.raises(errors.FileFormatError, match=r"line 3: found '3'.*from 0 to 2"):
        geometry.read_vtx(tmp_path / "p.vtx", n_nodes=3)


WEDGE = "4\n1 0 0 0\n2 60 0 0\n3 0 60 0\n4 0 0 60\n4\n1 1 3 2\n2 1 2 4\n3 1 4 3\n4 2 3 4\n"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (WEDGE.replace("60 0 0", "60 0"), "FileFormatError", r"line 3: found '2 60 0'.*4 numbers"),
        (WEDGE.replace("60 0 0", "6O 0 0"), "FileFormatError", r"line 3.*numbers only"),
        (WEDGE.replace("60 0 0", "nan 0 0"), "FileFormatError", r"NaN.*node 1"),
        (WEDGE.replace("60 0 0", "1e300 0 0"), "FileFormatError", r"size 1e\+300"),
        (WEDGE.replace("3 0 60 0", "7 0 60 0"), "FileFormatError", r"node number 7.*number 3"),
        (WEDGE.replace("2 3 4", "2 3 5"), "FileFormatError", r"line 10.*from 1 to 4"),
        (WEDGE.replace("2 3 4", "2 3 0"), "FileFormatError", r"line 10.*from 1 to 4"),
        (WEDGE.replace("2 3 4", "2 3 3"), "GeometryError", r"a.tri: faces.*node twice"),
        (WEDGE[:60], "FileFormatError", r"line 6.*3 lines after it.*truncated"),
        (WEDGE[:20], "FileFormatError", r"line 1: .*truncated"),
        ("1000000000000" + WEDGE[1:], "FileFormatError", r"1000000000000 nodes announced"),
        ("9" * 5000 + WEDGE[1:], "FileFormatError", r"line 1.*number of nodes"),
        ("4\n\0" + WEDGE[2:], "FileFormatError", r"line 2: found byte 0x00 at offset 2"),
        ("", "FileFormatError", "empty file"),
        ("# only words\n", "FileFormatError", "end of file"),
    ],
)
def test_damaged_text_files_name_the_line(tmp_path, text, kind, message):
    (tmp_path / "a.tri").write_text(text)
    with pytest.raises(getattr(errors, kind), match=message) as caught:
        read_surface(tmp_path / "a.tri", unit="mm")
    assert "a.tri" in str(caught.value)


def test_trailing_description_of_a_tri_file_is_left_alone(tmp_path):
    (tmp_path / "a.tri").write_text(WEDGE + "thorax of case 3\nunits are mm\n")
    assert read_surface(tmp_path / "a.tri", unit="mm").volume_ml == pytest.approx(36)


def test_other_encodings_are_refused(tmp_path):
    (tmp_path / "a.tri").write_text(WEDGE, encoding="utf-16")
    with pytest.raises(errors.FileFormatError, match=r"line 1: found byte 0xff at offset 0"):
        read_surface(tmp_path / "a.tri", unit="mm")
    (tmp_path / "b.tri").write_text(WEDGE, encoding="utf-8-sig")
    assert read_surface(tmp_path / "b.tri", unit="mm").is_closed


QUAD = {
    "a.obj": "v 0 0 0\nv 9 0 0\nv 9 9 0\nv 0 9 0\nf 1 2 3 4\n",
    "a.ply": "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
    "property float z\nelement face 1\nproperty list uchar int vertex_index\nend_header\n"
    "0 0 0\n9 0 0\n9 9 0\n0 9 0\n4 0 1 2 3\n",
    "a.vtk": "# vtk DataFile Version 3.0\nt\nASCII\nDATASET POLYDATA\nPOINTS 4 float\n"
    "0 0 0 9 0 0 9 9 0 0 9 0\nPOLYGONS 1 5\n4 0 1 2 3\n",
}


@pytest.mark.parametrize("name", QUAD)
def test_quadrangles_are_refused(tmp_path, name):
    (tmp_path / name).write_text(QUAD[name])
    with pytest.raises(
        errors.FileFormatError, match=r"1 cells that are not triangles.*Triangulate"
    ):
        read_surface(tmp_path / name, unit="mm")


HUGE = {
    "a.vtk": QUAD["a.vtk"].replace("POINTS 4", "POINTS 1000000000000"),
    "b.vtk": QUAD["a.vtk"].replace("ASCII", "BINARY").replace("POINTS 4", "POINTS 100000000000"),
    "a.ply": QUAD["a.ply"].replace("vertex 4", "vertex 1000000000000"),
    "b.ply": QUAD["a.ply"].replace("face 1", "face 1000000000000"),
    "c.ply": QUAD["a.ply"].replace("end_header", "comment"),
    "a.vtp": '<VTKFile type="PolyData"><PolyData><Piece NumberOfPoints="1000000000000"><Points>'
    '<DataArray type="Float64" format="binary">AAAA/wAA</DataArray></Points></Piece></PolyData>'
    "</VTKFile>",
    "b.vtp": '<!DOCTYPE a [<!ENTITY b "bbbb">]><VTKFile type="PolyData">&b;</VTKFile>',
    "a.elem": "1000000000000\nTr 0 1 2\n",
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_claims_are_refused_without_making_room(tmp_path, name):
    (tmp_path / name).write_text(HUGE[name])
    (tmp_path / "a.pts").write_text("4\n0 0 0\n6 0 0\n0 6 0\n0 0 6\n")
    with pytest.raises(errors.FileFormatError, match=name):
        read_surface(tmp_path / name, unit=None if name == "a.elem" else "mm")


def test_npz_that_claims_a_huge_array(tmp_path, ball):
    write_surface(tmp_path / "a.npz", ball)
    arrays = dict(np.load(tmp_path / "a.npz"))
    import io
    import zipfile

    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 3)}
    )
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("vertices_mm.npy", stream.getvalue() + b"\0" * 24)
        archive.writestr("faces.npy", arrays["ball_faces"].tobytes())
    with pytest.raises(errors.FileFormatError, match=r"shape \(1000000000000, 3\)"):
        read_surface(tmp_path / "b.npz")


def test_npz_refuses_pickles(tmp_path):
    np.savez(tmp_path / "a.npz", vertices_mm=np.array([[1, "a", None]], dtype=object), faces=[[0]])
    with pytest.raises(errors.FileFormatError, match=r"a\.npz"):
        read_surface(tmp_path / "a.npz")


def test_npz_with_several_surfaces(tmp_path, ball):
    np.savez(
        tmp_path / "two.npz",
        heart_vertices_m=ball.vertices_mm / 1000,
        heart_faces=ball.faces,
        big_torso_vertices_cm=ball.vertices_mm,
        torso_faces=ball.faces,
        tet_vertices_mm=ball.vertices_mm,
    )
    heart = read_surface(tmp_path / "two.npz", name="heart")
    np.testing.assert_allclose(heart.vertices_mm, ball.vertices_mm, rtol=1e-15)
    torso = read_surface(tmp_path / "two.npz", name="big_torso")
    assert torso.volume_ml == pytest.approx(1000 * ball.volume_ml)
    with pytest.raises(errors.InputError, match=r"2 surfaces and no name.*'heart', 'big_torso'"):
        read_surface(tmp_path / "two.npz")
    with pytest.raises(errors.InputError, match=r"'haert'.*Did you mean 'heart'"):
        read_surface(tmp_path / "two.npz", name="haert")
    np.savez(tmp_path / "bare.npz", vertices=ball.vertices_mm, faces=ball.faces)
    with pytest.raises(errors.UnitError, match="no unit"):
        read_surface(tmp_path / "bare.npz")
    assert read_surface(tmp_path / "bare.npz", unit="mm", name="mine").name == "mine"


def test_unknown_suffix_and_missing_file(tmp_path, ball):
    with pytest.raises(errors.FileFormatError, match=r"'\.xyz'.*\.vtp.*register_format"):
        read_surface(tmp_path / "a.xyz")
    with pytest.raises(errors.FileFormatError, match=r"'\.mat'.*one of"):
        write_surface(tmp_path / "a.mat", ball)
    write_surface(tmp_path / "heart.tri", ball)
    with pytest.raises(errors.FileFormatError, match=r"nothing there.*Did you mean heart\.tri"):
        read_surface(tmp_path / "haert.tri", unit="mm")
    with pytest.raises(errors.FileFormatError, match=r"heart\.pts: found nothing there"):
        read_surface(tmp_path / "heart.pts", unit="mm")


def test_users_add_formats(tmp_path, ball, monkeypatch):
    from cardiotwin.geometry.formats import _registry

    monkeypatch.setattr(_registry, "_formats", dict(_registry._formats))

    def read(path: Path, name: str) -> geometry.SurfaceFile:
        table = np.loadtxt(path)
        return geometry.SurfaceFile(table, np.arange(len(table)).reshape(-1, 3), "cm")

    mine = geometry.SurfaceFormat("soup", (".soup", ".tri"), read)
    geometry.register_format(mine)
    np.savetxt(tmp_path / "a.soup", [[0, 0, 0], [6, 0, 0], [0, 6, 0]])
    np.savetxt(tmp_path / "a.tri", [[0, 0, 0], [6, 0, 0], [0, 6, 0]])
    assert read_surface(tmp_path / "a.soup").area_mm2 == pytest.approx(1800)
    assert read_surface(tmp_path / "a.tri").area_mm2 == pytest.approx(1800)
    with pytest.raises(errors.InputError, match=r"'soup'.*replace=True"):
        geometry.register_format(mine)
    with pytest.raises(errors.InputError, match="lower case suffixes"):
        geometry.register_format(geometry.SurfaceFormat("x", ("soup",), read))


def test_ten_thousand_nodes_in_half_a_second(tmp_path):
    import time

    surface = geometry.icosphere(5, radius_mm=80)
    assert surface.n_nodes > 10_000
    for suffix in (*ORDERED, ".stl"):
        write_surface(tmp_path / f"fine{suffix}", surface)
        times = []
        for _ in range(3):
            begin = time.process_time()
            read_surface(tmp_path / f"fine{suffix}", unit=unit_for(suffix))
            times.append(time.process_time() - begin)
        assert min(times) < 0.5, (suffix, times)


REAL = [
    ("ecgi_utah_tank_sock128/sock128_tank192.npz", "heart", 128, 222e0),
    ("ecgi_utah_tank_sock128/sock128_tank192.npz", "torso", 771, 15.5e3),
    ("ecgi_ecgsim_normal_male/normal_male.npz", "heart", 257, 316),
    ("ecgi_ecgsim_normal_male/normal_male.npz", "torso", 300, 29.5e3),
    ("ecgi_human_bspm_subject1/subject1.npz", "heart", 350, 295),
    ("ecgi_sock337_epicardial/sock337.npz", "", 337, 721),
    ("ecgi_utah_human_torso_lowres/utah_torso.npz", "skin", 2869, 35.2e3),
    ("ecgi_dalhousie_cinc2007_torso/dalhousie.npz", "case3_torso", 352, 23.4e3),
]


@pytest.mark.parametrize(("file", "name", "n_nodes", "volume_ml"), REAL)
def test_measured_surfaces(shared_data, file, name, n_nodes, volume_ml):
    folder, leaf = file.split("/")
    surface = read_surface(shared_data(folder) / leaf, name=name)
    assert surface.n_nodes == n_nodes
    assert surface.is_closed
    assert surface.volume_ml == pytest.approx(volume_ml, rel=5e-3)


def test_measured_points(shared_data):
    folder = shared_data("ecgi_dalhousie_cinc2007_torso")
    torso = geometry.read_points(folder / "case0003_b352.pts", unit="mm")
    leads = geometry.read_points(folder / "case0003_b120.pts", unit="mm")
    same = read_surface(folder / "dalhousie.npz", name="case3_torso")
    np.testing.assert_allclose(torso, same.vertices_mm, atol=1e-9)
    assert len(leads) == 120
    with pytest.raises(errors.UnitError, match="no unit"):
        geometry.read_points(folder / "case0003_b352.pts")
