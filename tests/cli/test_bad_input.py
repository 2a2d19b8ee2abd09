"""Bad input ends with exit code 2, one clear line, and nothing written."""

import json
import shutil

import numpy as np
import pytest

from cardiotwin import geometry


@pytest.fixture
def refused(cardiotwin, tmp_path):
    """Run a command that must fail; return its message after checking its manners."""

    def run(*arguments):
        out = tmp_path / "out" / "result"
        answer = cardiotwin(*arguments, "--out", out)
        assert answer.code == 2
        # Decisions of the readers may have been told before the error was met.
        assert all(line.startswith("· ") for line in answer.out.splitlines())
        assert answer.err.startswith("error: ") and answer.err.count("\n") == 1
        assert "Traceback" not in answer.err
        assert not out.parent.exists() or not list(out.parent.iterdir())
        as_json = cardiotwin(*arguments, "--out", out, "--json")
        assert as_json.code == 2 and as_json.err == ""
        assert set(as_json.json) == {"error", "message"}
        assert f"error: {as_json.json['message']}\n" == answer.err
        return as_json.json["message"]

    return run


def _case(path, *more):
    return ("reconstruct", "--geometry", path, "--recording", path, *more)


def _words(message, *words):
    for word in words:
        assert str(word) in message, message


def test_missing_file_suggests_its_neighbor(refused, patient):
    message = refused(*_case(patient.with_name("patiemt.npz")))
    _words(message, "patiemt.npz", "nothing there", "expected a file", "Did you mean patient.npz?")
    _words(refused("reconstruct", "--recording", f"{patient.parent}/no.npz:a"), "no.npz")


def test_folders_without_or_with_several_data_files(refused, patient, tmp_path):
    empty, several = tmp_path / "empty", tmp_path / "several"
    empty.mkdir()
    several.mkdir()
    for name in ("a.npz", "b.npz"):
        shutil.copy(patient, several / name)
    _words(refused(*_case(empty)), "empty", "no data files", "exactly one .npz or .mat file")
    _words(refused(*_case(several)), "2 data files: a.npz, b.npz", "Name the file.")


def test_wrong_array_name_lists_the_names(refused, patient):
    message = refused("reconstruct", "--geometry", patient, "--recording", f"{patient}:torso")
    _words(message, "'torso'", "torso_potentials_normalized", "forward_matrix", "file:array")
    message = refused(*_case(patient, "--matrix", f"{patient}:matrix"))
    _words(message, "one named matrix", "forward_matrix", "Write file:array.")
    _words(refused(*_case(patient, "--truth", f"{patient}:")), "file:array", "Name the array.")


def test_several_recordings_ask_for_one(refused, rewrite):
    case = rewrite(torso_potentials_mV=np.ones((100, 40)))
    message = refused(*_case(case))
    _words(message, "torso_potentials_mV", "torso_potentials_normalized", "Write file:array")


def test_open_and_inward_surfaces(refused, patient, rewrite):
    with np.load(patient) as made:
        heart, torso = made["heart_faces"], made["torso_faces"]
    _words(refused(*_case(rewrite(heart_faces=heart[2:]))), "heart", "open", "closed", "cap")
    _words(refused(*_case(rewrite(heart_faces=heart[:, ::-1]))), "heart", "inward", "flip")
    _words(refused(*_case(rewrite(torso_faces=torso[:, ::-1]))), "torso", "inward", "flip")


def test_meters_given_as_millimeters(refused, patient, rewrite):
    with np.load(patient) as made:
        changes = {f"{name}_vertices_mm": made[f"{name}_vertices_mm"] / 1000 for name in _SIDES}
        silent = {f"{name}_vertices": made[f"{name}_vertices_mm"] / 1000 for name in _SIDES}
    _words(refused(*_case(rewrite(**changes))), "mm", "size", "m")
    gone = {f"{name}_vertices_mm": None for name in _SIDES}
    case = rewrite(**gone, **silent)
    _words(refused(*_case(case)), "unit")
    _words(refused(*_case(case, "--unit", "feet")), "feet", "mm")


_SIDES = ("heart", "torso")


def test_meters_stated_are_meters(cardiotwin, patient, rewrite, tmp_path):
    with np.load(patient) as made:
        silent = {f"{name}_vertices": made[f"{name}_vertices_mm"] / 1000 for name in _SIDES}
    case = rewrite(**{f"{name}_vertices_mm": None for name in _SIDES}, **silent)
    assert cardiotwin(*_case(case, "--unit", "m", "--out", tmp_path / "r")).code == 0


def test_leads_out_of_range_and_counted_from_one(refused, patient, tmp_path):
    for leads, words in (
        (np.arange(1, 101), ("index 100", "0 to 99", "1-based")),
        (np.arange(100) + 500, ("index 599", "0 to 99")),
        (np.arange(100) - 1, ("index -1", "0 to 99")),
        (np.arange(100) + 0.5, ("whole numbers",)),
        (np.r_[0, np.arange(99)], ("row 0 named 2 times", "different rows")),
        (np.arange(99), ("100 channels", "99")),
    ):
        path = tmp_path / "leads.csv"
        np.savetxt(path, leads, delimiter=",", fmt="%g")
        _words(refused(*_case(patient, "--leads", path)), "leads" if len(leads) > 99 else "99")
        _words(refused(*_case(patient, "--leads", path)), *words)
    path.write_text("lead\n1\n2\n")
    _words(refused(*_case(patient, "--leads", path)), "leads.csv", "table of numbers", "headings")


def test_nan_in_potentials(refused, cardiotwin, patient, rewrite, tmp_path):
    with np.load(patient) as made:
        body = made["torso_potentials_normalized"].copy()
        heart = made["heart_potentials_normalized"].copy()
    body[4] = np.nan
    body[9, 3] = np.inf
    heart[7, 2] = np.nan
    case = rewrite(torso_potentials_normalized=body)
    message = refused(*_case(case))
    _words(message, "recording", "NaN", "2 channels", "4, 9", "exclude")
    assert cardiotwin(*_case(case, "--exclude", "4,9", "--out", tmp_path / "r")).code == 0
    case = rewrite(heart_potentials_normalized=heart)
    _words(refused(*_case(case)), "truth", "NaN", "numbers 7")
    sent = ("forward", "--geometry", patient, "--potentials")
    _words(refused(*sent, f"{case}:heart_potentials_normalized"), "NaN", "numbers 7")


def test_transposed_recording_truth_and_matrix(refused, patient, rewrite):
    with np.load(patient) as made:
        body, heart = made["torso_potentials_normalized"], made["heart_potentials_normalized"]
        matrix = made["forward_matrix"]
    for leads in (np.arange(100), None):
        case = rewrite(torso_potentials_normalized=body.T, torso_lead_node=leads)
        _words(refused(*_case(case)), "40 channels x 100 samples", "100 channels", "transposed")
    case = rewrite(heart_potentials_normalized=heart.T)
    _words(refused(*_case(case)), "truth", "(40, 100)", "(100, 40)", "transposed")
    case = rewrite(forward_matrix=matrix[:60].T, torso_potentials_normalized=body[:60])
    _words(refused(*_case(case, "--matrix", case)), "heart", "100 nodes", "60 columns", "transpos")


def test_matrix_that_fits_nothing(refused, patient, rewrite):
    with np.load(patient) as made:
        matrix = made["forward_matrix"]
    wide = rewrite("wide.npz", forward_matrix=np.hstack([matrix, matrix]))
    _words(refused(*_case(patient, "--matrix", wide)), "100 nodes", "200 columns")
    short = rewrite("short.npz", forward_matrix=matrix[:70])
    _words(refused(*_case(patient, "--matrix", short)), "100 channels", "70")
    text = rewrite("text.npz", forward_matrix=np.array(["a", "b"]))
    _words(refused(*_case(patient, "--matrix", text)), "forward_matrix", "real numbers")
    hole = matrix.copy()
    hole[3, 4] = np.nan
    hole = rewrite("hole.npz", forward_matrix=hole)
    _words(refused(*_case(patient, "--matrix", hole)), "matrix", "NaN", "(3, 4)")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.7, 0.999])
def test_truncated_archive(refused, patient, tmp_path, share):
    data = patient.read_bytes()
    short = tmp_path / "short.npz"
    short.write_bytes(data[: max(1, int(share * len(data)))])
    _words(refused(*_case(short)), "short.npz", "NPZ", "truncated")
    _words(refused("reconstruct", "--recording", patient, "--geometry", short), "short.npz")
    _words(refused(*_case(patient, "--matrix", short)), "short.npz", "truncated")


def test_other_files_as_data(refused, patient, tmp_path):
    for name in ("a.npz", "a.mat", "a.csv", "a.xyz"):
        path = tmp_path / name
        path.write_text("this is not data\n" * 20)
        _words(refused(*_case(path)), name)
        _words(refused("reconstruct", "--recording", patient, "--geometry", path), name)
        _words(refused(*_case(patient, "--matrix", path)), name)
    (tmp_path / "empty.npz").touch()
    _words(refused(*_case(tmp_path / "empty.npz")), "empty file")
    geometry.write_surface(tmp_path / "h.vtp", geometry.zoo.sphere(42, 40.0))
    message = refused("reconstruct", "--recording", patient, "--geometry", tmp_path / "h.vtp")
    _words(message, "h.vtp", "single surfaces", "--heart", "--torso")


@pytest.mark.parametrize(
    ("option", "value", "nearest"),
    [
        ("--method", "tikonov2", "tikhonov2"),
        ("--rule", "l-curve", "lcurve"),
        ("--reference", "averge", "average"),
        ("--source", "epicardal", "epicardial"),
    ],
)
def test_unknown_names_suggest_the_nearest(refused, patient, option, value, nearest):
    message = refused(*_case(patient, option, value))
    _words(message, option[2:], repr(value), f"Did you mean {nearest!r}?")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--rule", "fixed:much"), ("'much'", "finite number", "fixed:0.01")),
        (("--rule", "fixed:-1"), ("-1", "> 0")),
        (("--rule", "discrepancy:"), ("''", "finite number")),
        (("--reference", "leads:a"), ("'a'", "whole numbers")),
        (("--reference", "leads:0,999"), ("999",)),
        (("--exclude", "100"), ("exclude", "index 100", "0 to 99")),
        (("--exclude", "1;2"), ("exclude", "'1;2'", "commas")),
        (("--rate-hz", "500"), ("500", "the rate of the file")),
        (("--potential-unit", "mV"), ("mV", "normalized")),
        (("--rate-hz", "fast"), ("--rate-hz", "number", "reconstruct --help")),
        (("--lead", "3"), ("No such option", "reconstruct --help")),
        (("--seed", "-1"), ("--seed",)),
    ],
)
def test_settings_out_of_bounds(refused, patient, given, words):
    _words(refused(*_case(patient, *given)), *words)


def test_roughness_needs_a_heart(refused, cardiotwin, patient, tmp_path):
    given = ("reconstruct", "--recording", patient, "--matrix", patient)
    message = refused(*given, "--method", "tikhonov2")
    _words(message, "Roughness without a heart surface", "heart", "order 0")
    answer = cardiotwin(*given, "--method", "tikhonov0", "--out", tmp_path / "r", "--json")
    assert answer.code == 0 and answer.json["metrics"]["relative_error"] < 1
    message = refused("reconstruct", "--recording", patient)
    _words(message, "no heart surface", "geometry", "matrix")


def test_results_are_replaced_on_request_only(cardiotwin, patient, tmp_path):
    out = tmp_path / "result"
    given = _case(patient, "--out", out, "--rule", "fixed:0.1")
    assert cardiotwin(*given).code == 0
    before = (out / "result.json").read_bytes()
    answer = cardiotwin(*given)
    assert answer.code == 2
    _words(answer.err, "an earlier result", "--overwrite")
    assert (out / "result.json").read_bytes() == before
    assert cardiotwin(*given, "--overwrite").code == 0
    assert (out / "result.json").read_bytes() != before
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years")
    answer = cardiotwin(*_case(patient, "--out", foreign, "--overwrite"))
    assert answer.code == 2
    _words(answer.err, "not a result of cardiotwin", "never replaced")
    assert (foreign / "thesis.txt").read_text() == "years"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result", "thesis"]


def test_places_that_cannot_be_written(cardiotwin, patient, tmp_path):
    below_a_file = tmp_path / "file" / "deeper"
    (tmp_path / "file").write_text("")
    for given in (
        ("simulate", "--heart-nodes", 100, "--torso-nodes", 100, "--samples", 3),
        ("forward", "--geometry", patient),
        _case(patient),
        ("convert", patient, "--name", "heart"),
    ):
        out = below_a_file.with_suffix(".vtp") if given[0] == "convert" else below_a_file
        answer = cardiotwin(*given, "--out", out)
        assert answer.code == 2 and answer.err.count("\n") == 1, answer
        assert "file" in answer.err
    answer = cardiotwin("simulate", "--out", tmp_path / "patient.mat")
    _words(answer.err, "the suffix '.mat'", "patient.npz")
    answer = cardiotwin("forward", "--geometry", patient, "--out", tmp_path)
    _words(answer.err, "a folder", "data.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_other_verbs_refuse_too(cardiotwin, patient, tmp_path):
    out = tmp_path / "out.npz"
    for given, words in (
        (("simulate", "--samples", 1, "--out", out), ("n_times", "≥ 2")),
        (("simulate", "--noise", -1, "--out", out), ("noise: ", "-1", "≥ 0")),
        (("simulate", "--heart-nodes", 3, "--out", out), ("3",)),
        (("simulate", "--laplacian", "eq51", "--out", out), ("Did you mean 'eq15'?",)),
        (("forward", "--geometry", patient, "--source", "x", "--out", out), ("'epicardial'",)),
        (("convert", patient, "--out", out), ("2 surfaces and no name", "'heart'", "'torso'")),
        (("convert", patient, "--name", "hart", "--out", out), ("Did you mean 'heart'?",)),
        (("convert", patient, "--name", "heart", "--out", tmp_path / "a.doc"), (".doc", ".vtp")),
        (("reproduce", "sphere"), ("Did you mean 'spheres'?",)),
        (("reproduce", "sock128"), ("--data", "ecgi_utah_tank_sock128")),
        (("reproduce", "sock128", "--data", tmp_path), ("no folder ecgi_utah_tank_sock128",)),
        (("evaluate", tmp_path, "--truth", patient), ("result.json", "nothing there")),
        (("report", tmp_path), ("result.json", "nothing there")),
        (("reconstruct",), ("Missing option", "reconstruct --help")),
        (("reconstuct",), ("No such command 'reconstuct'",)),
    ):
        answer = cardiotwin(*given)
        assert answer.code == 2 and answer.err.count("\n") == 1, (given, answer)
        _words(answer.err, *words)
        told = cardiotwin(*given, "--json")
        assert told.code == 2 and told.err == ""
        assert json.loads(told.out)["message"] in answer.err
    assert list(tmp_path.iterdir()) == []


def test_scores_of_a_truth_that_does_not_fit(cardiotwin, patient, rewrite, tmp_path):
    out = tmp_path / "r"
    assert cardiotwin(*_case(patient, "--out", out)).code == 0
    with np.load(patient) as made:
        heart = made["heart_potentials_normalized"]
    short = rewrite(heart_potentials_normalized=heart[:, :30])
    answer = cardiotwin("evaluate", out, "--truth", f"{short}:heart_potentials_normalized")
    assert answer.code == 2
    _words(answer.err, "(100, 30)", "(100, 40)")
    other = rewrite(heart_potentials_normalized=None, heart_potentials_mV=heart)
    answer = cardiotwin("evaluate", out, "--truth", f"{other}:heart_potentials_mV")
    assert answer.code == 2
    _words(answer.err, "mV", "normalized")
