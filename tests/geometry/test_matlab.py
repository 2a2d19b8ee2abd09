import builtins

import numpy as np
import pytest
from scipy import io

from cardiotwin import _errors as errors
from cardiotwin import geometry
from cardiotwin.geometry import read_geometry_mat, read_surface


@pytest.fixture
def heart():
    return geometry.icosphere(2, radius_mm=40, centre_mm=(10, 20, 30))


@pytest.fixture
def torso():
    return geometry.icosphere(1, radius_mm=150)


def transfer(n_torso, n_heart, rng):
    matrix = rng.random((n_torso, n_heart))
    return matrix / matrix.sum(axis=1, keepdims=True)


def told(found, *parts):
    """Whether one guess holds all the parts."""
    return any(all(part in guess for part in parts) for guess in found.guesses)


def test_structs_of_columns_counted_from_one(tmp_path, heart, torso, rng):
    io.savemat(
        tmp_path / "a.mat",
        {
            "geom": {
                "heart": {"node": heart.vertices_mm.T, "face": heart.faces.T + 1.0},
                "torso": {"pts": torso.vertices_mm, "fac": torso.faces[:, ::-1].astype("i4") + 1},
            },
            "A": transfer(torso.n_nodes, heart.n_nodes, rng),
            "potvals": rng.normal(size=(torso.n_nodes, 300)),
            "electrodes": rng.normal(size=(17, 3)) * 100,
        },
    )
    found = read_geometry_mat(tmp_path / "a.mat", unit="mm")
    assert set(found.surfaces) == {"geom.heart", "geom.torso"}
    np.testing.assert_array_equal(found.surfaces["geom.heart"].vertices_mm, heart.vertices_mm)
    np.testing.assert_array_equal(found.surfaces["geom.heart"].faces, heart.faces)
    assert found.surfaces["geom.torso"].volume_ml == pytest.approx(torso.volume_ml)
    assert found.forward_matrices["A"].shape == (torso.n_nodes, heart.n_nodes)
    assert set(found.matrices) == {"potvals"}
    assert found.point_sets_mm["electrodes"].shape == (17, 3)
    assert told(found, "geom.heart.node is 3 × 162", "columns were taken as points")
    assert told(found, "geom.heart.face", "counted from 1", "162 is the number of points")
    assert told(found, "geom.torso", "point inward", "flipped")
    assert told(found, "A was taken as a forward matrix from geom.heart to geom.torso", "sum to 1")
    assert told(found, "geom.heart.node is in mm", "the caller")
    assert "forward matrix (42, 162)" in str(found) and "Guesses:" in str(found)


def test_flat_arrays_counted_from_zero_with_any_names(tmp_path, heart, torso):
    io.savemat(
        tmp_path / "a.mat",
        {"q1": heart.vertices_mm, "q2": heart.faces, "q3": torso.vertices_mm, "q4": torso.faces},
    )
    found = read_geometry_mat(tmp_path / "a.mat", unit="mm")
    assert [s.n_nodes for s in found.surfaces.values()] == [162, 42]
    np.testing.assert_array_equal(found.surfaces["q2"].faces, heart.faces)
    assert told(found, "q2 was taken as triangles of q1, counted from 0", "it holds a 0")


def test_cells_and_whole_number_coordinates(tmp_path, heart):
    rounded = np.round(heart.vertices_mm) + 200
    cell = np.empty((1, 2), dtype=object)
    cell[0, 0] = {"node": rounded, "face": heart.faces + 1}
    cell[0, 1] = {"node": heart.vertices_mm, "face": heart.faces[10:] + 1}
    io.savemat(tmp_path / "a.mat", {"surfaces": cell})
    found = read_geometry_mat(tmp_path / "a.mat", unit="mm")
    assert set(found.surfaces) == {"surfaces{1}", "surfaces{2}"}
    np.testing.assert_array_equal(found.surfaces["surfaces{1}"].vertices_mm, rounded)
    assert told(found, "surfaces{2} is open")


def test_unused_nodes_leave_the_first_number_open(tmp_path, heart):
    nodes = np.vstack([heart.vertices_mm, [[0, 0, 0]]])
    io.savemat(tmp_path / "a.mat", {"h": {"node": nodes, "face": heart.faces + 1}})
    found = read_geometry_mat(tmp_path / "a.mat", unit="mm")
    np.testing.assert_array_equal(found.surfaces["h"].faces, heart.faces)
    assert told(found, "from 1 to 162 for 163 points", "leaves it open")


def test_two_triangulations_of_one_set_of_nodes(tmp_path, heart):
    arrays = {"node": heart.vertices_mm, "face": heart.faces + 1, "open": heart.faces[20:] + 1}
    io.savemat(tmp_path / "a.mat", {"h": arrays})
    found = read_geometry_mat(tmp_path / "a.mat", unit="mm")
    assert {k: s.n_faces for k, s in found.surfaces.items()} == {"h.face": 320, "h.open": 300}


def test_matrices_stored_transposed_or_to_leads(tmp_path, heart, torso, rng):
    io.savemat(
        tmp_path / "a.mat",
        {
            "h": {"node": heart.vertices_mm, "face": heart.faces + 1},
            "t": {"node": torso.vertices_mm, "face": torso.faces + 1},
            "turned": transfer(torso.n_nodes, heart.n_nodes, rng).T,
            "leads": transfer(12, heart.n_nodes, rng),
            "signals": rng.normal(size=(12, heart.n_nodes)),
        },
    )
    found = read_geometry_mat(tmp_path / "a.mat", unit="mm")
    assert found.forward_matrices["turned"].shape == (torso.n_nodes, heart.n_nodes)
    assert found.forward_matrices["leads"].shape == (12, heart.n_nodes)
    assert set(found.matrices) == {"signals"}
    assert told(found, "turned", "stored transposed")
    assert told(found, "leads", "from h to 12 leads")


def test_units_of_the_file_and_of_nobody(tmp_path, heart):
    arrays = {"node": heart.vertices_mm / 10, "face": heart.faces + 1}
    io.savemat(tmp_path / "bare.mat", {"h": arrays})
    io.savemat(tmp_path / "told.mat", {"h": arrays | {"unit": "cm"}})
    with pytest.raises(errors.UnitError, match=r"bare\.mat: h\.node: found no unit.*'cm' makes it"):
        read_geometry_mat(tmp_path / "bare.mat")
    with pytest.raises(errors.UnitError, match=r"cm stated by the file.*unit='mm'"):
        read_geometry_mat(tmp_path / "told.mat", unit="mm")
    found = read_geometry_mat(tmp_path / "told.mat")
    np.testing.assert_allclose(found.surfaces["h"].vertices_mm, heart.vertices_mm)
    assert told(found, "h.node is in cm", "the file")
    assert read_surface(tmp_path / "told.mat").volume_ml == pytest.approx(heart.volume_ml)


def test_read_surface_picks_by_name(tmp_path, heart, torso):
    io.savemat(
        tmp_path / "a.mat",
        {
            "h": {"node": heart.vertices_mm, "face": heart.faces + 1},
            "t": {"node": torso.vertices_mm, "face": torso.faces + 1},
        },
    )
    assert read_surface(tmp_path / "a.mat", unit="mm", name="t").n_nodes == torso.n_nodes
    with pytest.raises(errors.InputError, match=r"2 surfaces and no name.*'h', 't'"):
        read_surface(tmp_path / "a.mat", unit="mm")
    with pytest.raises(errors.InputError, match=r"found 'x'.*'h', 't'.*read_geometry_mat"):
        read_surface(tmp_path / "a.mat", unit="mm", name="x")


def test_degenerate_triangles_and_files_without_geometry(tmp_path, heart):
    faces = heart.faces + 1
    faces[7, 1] = faces[7, 0]
    io.savemat(tmp_path / "a.mat", {"h": {"node": heart.vertices_mm, "face": faces}})
    with pytest.raises(errors.GeometryError, match=r"a\.mat: h\.node.*node twice"):
        read_geometry_mat(tmp_path / "a.mat", unit="mm")
    io.savemat(tmp_path / "b.mat", {"fs": 1000.0, "label": "run 1"})
    with pytest.raises(errors.FileFormatError, match=r"b\.mat: found 1 arrays, none of them"):
        read_geometry_mat(tmp_path / "b.mat", unit="mm")
    (tmp_path / "c.mat").write_bytes(b"not a matlab file at all" * 20)
    with pytest.raises(errors.FileFormatError, match=r"c\.mat.*version 5, 7 or 7\.3.*-v7"):
        read_geometry_mat(tmp_path / "c.mat", unit="mm")


def test_a_data_type_that_does_not_exist(tmp_path, heart):
    # This file makes scipy 1.17 crash: type codes index a table of pointers unchecked.
    io.savemat(tmp_path / "a.mat", {"h": heart.vertices_mm})
    data = bytearray((tmp_path / "a.mat").read_bytes())
    at = data.index(heart.vertices_mm[:1, 0].tobytes())
    assert data[at - 8] == 9
    for code in (0, 8, 19, 200):
        data[at - 8] = code
        (tmp_path / "a.mat").write_bytes(data)
        with pytest.raises(errors.FileFormatError, match=r"a\.mat.*no numbers for h"):
            read_geometry_mat(tmp_path / "a.mat", unit="mm")


def write_hdf5(path, heart):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        # MATLAB stores columns first: what it shows as n × 3 stands here as 3 × n.
        file["h/node"] = heart.vertices_mm.T
        file["h/face"] = (heart.faces + 1.0).T
        file["h/unit"] = np.array([[ord(letter)] for letter in "mm"], dtype="u2")
        file["h/unit"].attrs["MATLAB_class"] = np.bytes_("char")
        file["#refs#/a"] = heart.vertices_mm[:9].T / 2
        cells = file.create_dataset("leads", (1, 1), dtype=h5py.ref_dtype)
        cells[0, 0] = file["#refs#/a"].ref
    with open(path, "r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(512))


def test_version_73(tmp_path, heart):
    write_hdf5(tmp_path / "a.mat", heart)
    found = read_geometry_mat(tmp_path / "a.mat")
    np.testing.assert_array_equal(found.surfaces["h"].vertices_mm, heart.vertices_mm)
    np.testing.assert_array_equal(found.surfaces["h"].faces, heart.faces)
    np.testing.assert_array_equal(found.point_sets_mm["leads"], heart.vertices_mm[:9] / 2)
    assert told(found, "leads has no unit", "mm, was taken")


def test_version_73_without_h5py(tmp_path, heart, monkeypatch):
    write_hdf5(tmp_path / "a.mat", heart)
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(errors.MissingDependencyError, match="pip install"):
        read_geometry_mat(tmp_path / "a.mat")


def test_version_73_that_claims_a_huge_array(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("h", (3, 10**12), chunks=(3, 1000), compression="gzip", dtype="f8")
    with pytest.raises(errors.FileFormatError, match="claims the shape"):
        read_geometry_mat(tmp_path / "a.mat", unit="mm")


def test_measured_case_in_matlab_form(tmp_path, shared_data):
    stored = np.load(shared_data("ecgi_utah_tank_sock128") / "sock128_tank192.npz")
    io.savemat(
        tmp_path / "tank.mat",
        {
            "sock": {"pts": stored["heart_vertices_mm"].T, "fac": stored["heart_faces"].T + 1},
            "tank": {"pts": stored["torso_vertices_mm"].T, "fac": stored["torso_faces"].T + 1},
            "transfer": stored["forward_matrix"],
            "sock_potentials": stored["heart_potentials_mV"],
        },
        do_compression=True,
    )
    found = read_geometry_mat(tmp_path / "tank.mat", unit="mm")
    assert found.surfaces["sock"].volume_ml == pytest.approx(222, rel=5e-3)
    assert found.surfaces["tank"].is_closed
    assert set(found.forward_matrices) == {"transfer"}
    assert set(found.matrices) == {"sock_potentials"}
