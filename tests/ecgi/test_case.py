"""From files to a problem: every form of naming, every decision noted, nothing guessed wrongly."""

import numpy as np
import pytest
from scipy.io import savemat

from cardiotwin import FileFormatError, InputError, UnitError, ecgi, geometry
from cardiotwin.ecgi import read_case, read_operator, read_potentials
from cardiotwin.signals import write_recording


@pytest.fixture(scope="module")
def human():
    return geometry.zoo.human(heart_nodes=100, torso_nodes=100)


@pytest.fixture(scope="module")
def matrix(human):
    return ecgi.transfer_matrix(human.heart, human.torso).matrix


@pytest.fixture
def arrays(human, matrix, rng):
    truth = rng.normal(size=(100, 7))
    return {
        "heart_vertices_mm": human.heart.vertices_mm,
        "heart_faces": human.heart.faces,
        "torso_vertices_mm": human.torso.vertices_mm,
        "torso_faces": human.torso.faces,
        "heart_potentials_mV": truth,
        "torso_potentials_mV": matrix @ truth,
        "fs_hz": np.array(500.0),
    }


@pytest.fixture
def write(arrays, tmp_path):
    def save(name="case.npz", **changes):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        kept = {k: v for k, v in {**arrays, **changes}.items() if v is not None}
        np.savez(path, **kept)
        return path

    return save


def test_one_file_becomes_a_problem_and_says_how(write, arrays, matrix):
    path = write()
    case = read_case(path, geometry=path)
    assert np.array_equal(case.problem.operator.matrix, matrix)
    assert np.array_equal(case.problem.body_potentials, arrays["torso_potentials_mV"])
    assert np.allclose(case.problem.times_ms, 2.0 * np.arange(7))
    assert np.array_equal(case.truth.samples, arrays["heart_potentials_mV"])
    assert case.recording.unit == "mV" and case.torso.n_nodes == 100
    assert case.notes == (
        "body-surface recording: array torso_potentials_mV of case.npz",
        "rows of the 100 × 7 matrix taken as channels",
        "scored against: array heart_potentials_mV of case.npz",
    )


@pytest.mark.parametrize(
    "form", ["{file}", "{file}:torso_potentials_mV", "{folder}", "{folder}:torso_potentials_mV"]
)
def test_ways_to_name_an_array(write, arrays, form):
    path = write("folder/case.npz")
    name = form.format(file=path, folder=path.parent)
    case = read_case(name, geometry=path.parent)
    assert np.array_equal(case.recording.samples, arrays["torso_potentials_mV"])
    # Naming the array leaves less to decide.
    said = any(note.startswith("body-surface recording") for note in case.notes)
    assert said != (":" in form)


def test_a_path_that_holds_a_colon_is_a_path(write, arrays):
    path = write("a:b.npz")
    found = read_potentials(f"{path}:heart_potentials_mV")
    assert np.array_equal(found.samples, arrays["heart_potentials_mV"])
    assert read_operator(path).n_sources == 100


def test_heart_and_torso_in_two_files(write, human, matrix, tmp_path):
    recording = write()
    for surface, suffix in ((human.heart, "vtp"), (human.torso, "npz")):
        geometry.write_surface(tmp_path / f"{surface.name or suffix}.{suffix}", surface)
    files = sorted(p for p in tmp_path.iterdir() if p.name != "case.npz")
    heart = next(p for p in files if p.suffix == ".vtp")
    torso = next(p for p in files if p.suffix == ".npz")
    case = read_case(recording, heart=heart, torso=torso)
    assert np.allclose(case.problem.operator.matrix, matrix, atol=1e-12)
    assert case.problem.heart.name == "heart" and case.torso.name == "torso"
    # A file of its own goes before the one of both.
    mixed = read_case(recording, geometry=recording, heart=f"{recording}:heart")
    assert np.array_equal(mixed.problem.operator.matrix, matrix)


def test_leads_from_the_geometry_from_a_table_and_from_neither(write, arrays, tmp_path):
    nodes = np.arange(100)[::3]
    body = arrays["torso_potentials_mV"][nodes]
    beside = write(torso_potentials_mV=body, torso_lead_node=nodes)
    case = read_case(beside, geometry=beside)
    assert np.array_equal(case.problem.rows, nodes)
    assert "leads: array torso_lead_node of case.npz" in case.notes
    alone = write("alone.npz", torso_potentials_mV=body)
    np.savetxt(tmp_path / "leads.csv", nodes[None, :], delimiter=",", fmt="%d")
    np.savetxt(tmp_path / "leads.txt", nodes, fmt="%d")
    savemat(tmp_path / "leads.mat", {"nodes": nodes[:, None]})
    for name, said in (
        ("leads.csv", "leads.csv"),
        ("leads.txt", "leads.txt"),
        ("leads.mat", "nodes of leads.mat"),
        ("case.npz:torso_lead_node", "torso_lead_node of case.npz"),
    ):
        case = read_case(alone, geometry=alone, leads=tmp_path / name)
        assert np.array_equal(case.problem.rows, nodes)
        assert f"leads: {said}" in case.notes
    with pytest.raises(InputError, match="34 channels; expected 100"):
        read_case(alone, geometry=alone)


@pytest.mark.parametrize(
    "name", ["m.csv", "m.txt", "m.npz", "m.npz:forward_matrix", "m.mat", "m.mat:A"]
)
def test_matrices_of_every_form(write, matrix, tmp_path, name):
    path = write()
    np.savetxt(tmp_path / "m.csv", matrix, delimiter=",")
    np.savetxt(tmp_path / "m.txt", matrix)
    np.savez(tmp_path / "m.npz", forward_matrix=matrix, other=np.eye(3))
    savemat(tmp_path / "m.mat", {"A": matrix})
    case = read_case(path, geometry=path, matrix=tmp_path / name)
    assert np.array_equal(case.problem.operator.matrix, matrix)
    assert case.problem.operator.description == "given matrix"
    assert any(n.startswith("matrix: ") and n.endswith("100 x 100") for n in case.notes)


def test_rows_of_a_matrix_are_nodes_or_channels(write, arrays, matrix):
    nodes = np.arange(100)[::4]
    body = arrays["torso_potentials_mV"][nodes]
    path = write(torso_potentials_mV=body, torso_lead_node=nodes, forward_matrix=matrix)
    by_nodes = read_case(path, geometry=path, matrix=path)
    assert np.array_equal(by_nodes.problem.lead_matrix, matrix[nodes])
    path = write(torso_potentials_mV=body, torso_lead_node=nodes, forward_matrix=matrix[nodes])
    by_channels = read_case(path, geometry=path, matrix=path)
    assert np.array_equal(by_channels.problem.lead_matrix, matrix[nodes])
    assert any("rows were taken as the channels" in note for note in by_channels.notes)
    assert by_channels.torso.n_nodes == 100


def test_a_matrix_alone_needs_no_surface(write, arrays, matrix):
    path = write(forward_matrix=matrix)
    case = read_case(path, matrix=path)
    assert case.problem.heart is None and case.torso is None
    answer = ecgi.reconstruct(case.problem, ecgi.Tikhonov(order=0, rule=ecgi.Fixed(1e-6)))
    assert answer.body_residual < 1e-3
    gone = write("gone.npz", torso_vertices_mm=None, torso_faces=None, forward_matrix=matrix)
    assert read_case(gone, geometry=gone, matrix=gone).problem.heart.n_nodes == 100
    with pytest.raises(InputError, match="torso"):
        read_case(gone, geometry=gone)


def test_truth_keeps_its_own_unit(write, arrays, tmp_path):
    truth = arrays["heart_potentials_mV"]
    path = write(heart_potentials_mV=None, heart_potentials_uV=1000 * truth)
    assert np.allclose(read_case(path, geometry=path).truth.samples, truth)
    silent = write("silent.npz", heart_potentials_mV=None, heart_potentials=truth)
    case = read_case(silent, geometry=silent, truth=f"{silent}:heart_potentials")
    assert np.array_equal(case.truth.samples, truth)
    assert any("states no unit" in note for note in case.notes)
    np.savez(tmp_path / "slow.npz", heart_potentials_mV=truth, fs_hz=250.0)
    with pytest.raises(InputError, match=r"250 Hz; expected 500 Hz"):
        read_case(path, geometry=path, truth=tmp_path / "slow.npz")
    none = write("none.npz", heart_potentials_mV=None)
    assert read_case(none, geometry=none).truth is None


def test_recording_of_another_format(write, arrays, matrix, tmp_path):
    path = write()
    body = read_potentials(f"{path}:torso_potentials_mV")
    write_recording(tmp_path / "body.csv", body)
    case = read_case(tmp_path / "body.csv", geometry=path)
    assert np.allclose(case.problem.body_potentials, arrays["torso_potentials_mV"])
    assert case.truth is None


def test_unit_and_rate_are_stated_or_asked_for(write, arrays):
    body = arrays["torso_potentials_mV"]
    path = write(torso_potentials_mV=None, torso_potentials=body, fs_hz=None)
    with pytest.raises(UnitError, match="potential_unit"):
        read_case(path, geometry=path)
    with pytest.raises(InputError, match=r"rate_hz, --rate-hz"):
        read_case(path, geometry=path, potential_unit="uV")
    case = read_case(path, geometry=path, potential_unit="mV", rate_hz=250)
    assert np.allclose(case.problem.times_ms, 4.0 * np.arange(7))


@pytest.mark.parametrize("names", [("heart", "torso"), ("sockgeom", "tank"), ("first", "second")])
@pytest.mark.parametrize("turned", [False, True])
def test_matlab_geometry(write, human, matrix, tmp_path, names, turned):
    path = write()
    parts = {}
    for name, surface in zip(names, (human.heart, human.torso), strict=True):
        faces = surface.faces[:, ::-1] if turned else surface.faces
        parts[name] = {
            "node": surface.vertices_mm.T / 10,
            "face": (faces.T + 1).astype(float),
        }
    savemat(tmp_path / "case.mat", dict(reversed(parts.items())))
    case = read_case(path, geometry=tmp_path / "case.mat", unit="cm")
    assert np.allclose(case.problem.operator.matrix, matrix, atol=1e-9)
    notes = " ".join(case.notes)
    if names[0] == "first":
        assert "heart: surface first, because it lies inside surface second" in notes
    else:
        assert f"heart: surface {names[0]}, torso: surface {names[1]}, by their names" in notes
    assert "counted from 1" in notes and "in cm, as stated by the caller" in notes
    assert ("flipped" in notes) == turned
    named = read_case(
        path,
        heart=f"{tmp_path / 'case.mat'}:{names[0]}",
        torso=f"{tmp_path / 'case.mat'}:{names[1]}",
        unit="cm",
    )
    assert np.allclose(named.problem.operator.matrix, matrix, atol=1e-9)
    with pytest.raises(UnitError):
        read_case(path, geometry=tmp_path / "case.mat")
    with pytest.raises(InputError, match=f"one of .*{names[1]}"):
        read_case(path, heart=f"{tmp_path / 'case.mat'}:liver", torso=path, unit="cm")


def test_matlab_matrix_beside_its_surfaces(write, human, tmp_path):
    small = geometry.zoo.human(heart_nodes=100, torso_nodes=120)
    matrix = ecgi.transfer_matrix(small.heart, small.torso).matrix
    content = {
        "heart": {"node": small.heart.vertices_mm, "face": small.heart.faces + 1},
        "torso": {"node": small.torso.vertices_mm, "face": small.torso.faces + 1},
        "transfer": matrix.T,
        "bsp": np.ones((120, 9)),
    }
    path = tmp_path / "case.mat"
    savemat(path, content)
    operator = read_operator(path, matrix=path, unit="mm")
    assert np.allclose(operator.matrix, matrix)
    assert operator.heart.n_nodes == 100 and operator.observed.n_nodes == 120


def test_matlab_surfaces_that_nothing_tells_apart(write, human, tmp_path):
    path, mat = write(), tmp_path / "three.mat"
    heart = human.heart
    part = {"node": heart.vertices_mm, "face": heart.faces + 1}
    savemat(mat, {"a": part, "b": part, "c": part})
    with pytest.raises(FileFormatError, match=r"3 surfaces: a, b, c.*file:surface"):
        read_case(path, geometry=mat, unit="mm")
    away = {"node": heart.vertices_mm + 500.0, "face": heart.faces + 1}
    savemat(mat, {"a": part, "b": away})
    with pytest.raises(FileFormatError, match="2 surfaces: a, b; expected two that are told apart"):
        read_case(path, geometry=mat, unit="mm")


def test_operator_of_a_transmembrane_source(write, human):
    operator = read_operator(write(), source=ecgi.Source.TRANSMEMBRANE)
    expected = ecgi.double_layer_matrix(human.heart, human.torso, human.torso)
    assert operator.source is ecgi.Source.TRANSMEMBRANE
    assert np.array_equal(operator.matrix, expected.matrix)


def test_measured_tank_uses_the_files_own_leads(shared_data):
    folder = shared_data("ecgi_utah_tank_sock128")
    case = read_case(folder, geometry=folder, matrix=folder)
    # Published with the data: the given matrix explains the tank once means are removed.
    kept = ecgi.CommonAverage().projection(192)
    shown = kept @ case.problem.lead_matrix @ case.truth.samples
    measured = kept @ case.recording.samples
    assert np.corrcoef(shown.ravel(), measured.ravel())[0, 1] == pytest.approx(0.912, abs=0.002)
    error = np.linalg.norm(shown - measured) / np.linalg.norm(measured)
    assert error == pytest.approx(0.426, abs=0.002)
