"""Every verb on a small patient, and on measured data."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cardiotwin import InputError, __version__, ecgi, geometry, report
from cardiotwin.signals import read_recording

SIZE = ("--heart-nodes", 100, "--torso-nodes", 100, "--samples", 40)


@pytest.fixture(scope="module")
def result(patient, tmp_path_factory):
    from cardiotwin.cli import main

    out = tmp_path_factory.mktemp("result") / "result"
    given = ("--geometry", patient, "--recording", patient, "--reference", "as-recorded")
    with pytest.raises(SystemExit) as left:
        main([*map(str, ("reconstruct", *given, "--out", out))])
    assert left.value.code == 0
    return out


def test_simulate_writes_what_the_zoo_makes(cardiotwin, tmp_path):
    out = tmp_path / "made"
    answer = cardiotwin("simulate", "--out", out, *SIZE, "--noise", 0.05, "--seed", 3, "--json")
    assert answer.code == 0
    assert answer.json == {
        "written": f"{out}.npz",
        "laplacian": "eq15",
        "noise": 0.05,
        "seed": 3,
    }
    case = ecgi.zoo.paper_like(heart_nodes=100, torso_nodes=100, n_times=40)
    body = read_recording(f"{out}.npz", key="torso_potentials_normalized")
    assert np.array_equal(body.samples, case.problem(0.05, 3).body_potentials)
    assert np.allclose(body.times_ms, case.problem(0.05, 3).times_ms)
    torso = geometry.read_surface(f"{out}.npz", name="torso")
    assert np.array_equal(torso.vertices_mm, case.human.torso.vertices_mm)


def test_seed_decides_the_noise_and_nothing_else(cardiotwin, tmp_path):
    found = []
    for k, seed in enumerate((1, 1, 2)):
        out = tmp_path / f"{k}.npz"
        assert cardiotwin("simulate", "--out", out, *SIZE, "--seed", seed).code == 0
        with np.load(out) as archive:
            found.append({key: archive[key] for key in archive.files})
    body = "torso_potentials_normalized"
    assert all(np.array_equal(found[0][key], found[1][key]) for key in found[0])
    assert not np.array_equal(found[0][body], found[2][body])
    assert np.array_equal(
        found[0]["heart_potentials_normalized"], found[2]["heart_potentials_normalized"]
    )
    noise = found[0][body] - found[2][body]
    assert np.std(noise) == pytest.approx(0.01 * np.sqrt(2), rel=0.05)


def test_simulate_takes_either_laplacian(cardiotwin, tmp_path, patient):
    out = tmp_path / "cotangent.npz"
    answer = cardiotwin("simulate", "--out", out, *SIZE, "--laplacian", "cotangent")
    assert answer.code == 0
    assert "next: cardiotwin reconstruct" in answer.out
    with np.load(out) as mine, np.load(patient) as other:
        key = "heart_potentials_normalized"
        assert 0.001 < np.abs(mine[key] - other[key]).max() < 1.1


def test_forward_is_the_transfer_matrix(cardiotwin, patient, tmp_path):
    out = tmp_path / "forward.npz"
    answer = cardiotwin(
        *("forward", "--geometry", patient, "--out", out, "--json"),
        *("--potentials", f"{patient}:heart_potentials_normalized"),
    )
    assert answer.code == 0
    assert answer.json == {"written": str(out), "shape": [100, 100]}
    heart, torso = (geometry.read_surface(patient, name=name) for name in ("heart", "torso"))
    matrix = ecgi.transfer_matrix(heart, torso).matrix
    with np.load(out) as archive, np.load(patient) as made:
        assert np.array_equal(archive["forward_matrix"], matrix)
        assert np.allclose(archive["forward_matrix"].sum(axis=1), 1)
        assert np.array_equal(
            archive["torso_potentials_normalized"], matrix @ made["heart_potentials_normalized"]
        )
        assert archive["fs_hz"] == made["fs_hz"]


def test_forward_of_a_transmembrane_source_sees_no_constant(cardiotwin, patient, tmp_path):
    out = tmp_path / "layer.npz"
    answer = cardiotwin("forward", "--geometry", patient, "--out", out, "--source", "transmembrane")
    assert answer.code == 0
    assert "100 x 100 matrix" in answer.out
    with np.load(out) as archive:
        matrix = archive["forward_matrix"]
        assert np.abs(matrix.sum(axis=1)).max() < 1e-10 * np.abs(matrix).max()


def test_reconstruct_writes_the_answer_of_the_library(cardiotwin, patient, tmp_path):
    out = tmp_path / "result"
    answer = cardiotwin(
        *("reconstruct", "--geometry", patient, "--recording", patient, "--out", out, "--json"),
        *("--method", "tikhonov0", "--rule", "fixed:0.02", "--exclude", "3,7"),
    )
    assert answer.code == 0
    with np.load(patient) as made:
        problem = ecgi.InverseProblem(
            made["forward_matrix"],
            made["torso_potentials_normalized"],
            reference=ecgi.CommonAverage(),
            exclude=(3, 7),
        )
        truth = made["heart_potentials_normalized"]
    expected = ecgi.reconstruct(problem, ecgi.Tikhonov(order=0, rule=ecgi.Fixed(0.02)))
    saved = report.load_reconstruction(out)
    assert np.allclose(saved.heart_potentials, expected.heart_potentials, atol=1e-9)
    found = answer.json
    assert found["lambda"] == [0.02] and found["status"] == "solved"
    assert found["body_residual"] == pytest.approx(expected.body_residual)
    metrics = ecgi.evaluate(expected.heart_potentials, truth, remove_mean=True)
    assert found["metrics"]["relative_error"] == pytest.approx(metrics.relative_error)
    assert (out / "report.html").stat().st_size > 10_000
    assert {"result.json", "arrays.npz", "heart.pvd", "metrics.csv"} <= {
        path.name for path in out.iterdir()
    }


@pytest.mark.parametrize("rule", ["creso", "lcurve", "gcv", "discrepancy:0.001", "consensus"])
def test_rules_have_names(cardiotwin, patient, tmp_path, rule):
    given = ("--geometry", patient, "--recording", patient, "--out", tmp_path / "r")
    found = cardiotwin("reconstruct", *given, "--rule", rule, "--json").json
    assert 0 < found["lambda"][0] < 1e6
    assert rule.split(":")[0] in found["rule"].lower()


@pytest.mark.parametrize("method", ["truncated-svd", "conjugate-gradient", "tikhonov1"])
def test_methods_have_names(cardiotwin, patient, tmp_path, method):
    given = ("--geometry", patient, "--recording", patient, "--out", tmp_path / "r")
    answer = cardiotwin("reconstruct", *given, "--method", method)
    assert answer.code == 0
    assert "leads: array torso_lead_node" in answer.out
    assert "relative_error" in answer.out


def test_chain_from_reconstruction_to_scores_and_report(cardiotwin, patient, result, tmp_path):
    truth = f"{patient}:heart_potentials_normalized"
    scores = tmp_path / "scores.csv"
    answer = cardiotwin("evaluate", result, "--truth", truth, "--out", scores, "--json")
    assert answer.code == 0
    found = answer.json
    saved = report.load_reconstruction(result)
    with np.load(patient) as made:
        known = made["heart_potentials_normalized"]
    error = np.linalg.norm(saved.heart_potentials - known) / np.linalg.norm(known)
    assert found["reconstruction"]["relative_error"] == pytest.approx(error)
    assert found["reconstruction"]["relative_error"] == pytest.approx(
        saved.metrics["relative_error"]
    )
    assert found["zero"]["relative_error"] == pytest.approx(1)
    assert found["zero"]["correlation"] is None
    assert scores.read_text().splitlines()[0] == "metric,reconstruction,zero solution"
    assert (tmp_path / "scores.md").exists()
    page = tmp_path / "page.html"
    again = cardiotwin("report", result, "--out", page, "--json")
    assert again.json == {"report": str(page), "bytes": page.stat().st_size}
    (tmp_path / "folder").mkdir()
    assert cardiotwin("report", result, "--out", tmp_path / "folder").code == 0
    assert (tmp_path / "folder" / "report.html").stat().st_size == page.stat().st_size


def test_evaluate_without_means_and_as_text(cardiotwin, patient, result):
    truth = f"{patient}:heart_potentials_normalized"
    answer = cardiotwin("evaluate", result, "--truth", truth, "--remove-mean")
    assert answer.code == 0
    assert "zero solution" in answer.out and "relative_error" in answer.out


def test_evaluate_compares_in_one_unit(cardiotwin, rewrite, tmp_path):
    with np.load(rewrite()) as made:
        heart, torso = made["heart_potentials_normalized"], made["torso_potentials_normalized"]
    gone = {"heart_potentials_normalized": None, "torso_potentials_normalized": None}
    case = rewrite(**gone, torso_potentials_mV=torso, heart_potentials_uV=1000 * heart)
    out = tmp_path / "r"
    given = ("--geometry", case, "--recording", case, "--reference", "as-recorded", "--out", out)
    first = cardiotwin("reconstruct", *given, "--json").json["metrics"]
    truth = f"{case}:heart_potentials_uV"
    second = cardiotwin("evaluate", out, "--truth", truth, "--json").json["reconstruction"]
    assert first["relative_error"] == pytest.approx(second["relative_error"])
    assert first["relative_error"] < 1


@pytest.mark.parametrize("suffix", ["vtp", "stl", "ply", "tri", "npz"])
def test_convert_keeps_the_surface(cardiotwin, patient, tmp_path, suffix):
    out = tmp_path / f"heart.{suffix}"
    answer = cardiotwin("convert", patient, "--name", "heart", "--out", out, "--json")
    assert answer.code == 0
    assert answer.json == {"written": str(out), "ok": True, "problems": []}
    back = geometry.read_surface(out, unit="mm")
    heart = geometry.read_surface(patient, name="heart")
    assert back.n_nodes == heart.n_nodes
    assert back.volume_ml == pytest.approx(heart.volume_ml, rel=1e-5)


def test_convert_repairs(cardiotwin, patient, tmp_path):
    heart = geometry.read_surface(patient, name="heart")
    opened = geometry.Surface(heart.vertices_mm, heart.faces[3:, ::-1])
    broken, fixed = tmp_path / "broken.vtp", tmp_path / "fixed.vtp"
    geometry.write_surface(broken, opened)
    told = cardiotwin("convert", broken, "--out", tmp_path / "same.vtp", "--json").json
    assert not told["ok"] and "open" in " ".join(told["problems"]).lower()
    answer = cardiotwin("convert", broken, "--out", fixed, "--repair")
    assert answer.code == 0
    back = geometry.read_surface(fixed)
    assert back.is_closed
    assert back.volume_ml == pytest.approx(heart.volume_ml, rel=0.02)


def test_demo(cardiotwin, tmp_path):
    out = tmp_path / "demo"
    answer = cardiotwin("demo", "--quick", "--out", out, "--json")
    assert answer.code == 0
    rows = {row[0]: row[1:] for row in answer.json["rows"]}
    assert rows["zero solution"][0] == 1
    assert 0 < rows["SpatioTemporal"][0] < 1
    assert Path(answer.json["report"]).stat().st_size > 10_000
    # A second demo replaces the first, but nothing that is not a demo's.
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    refused = cardiotwin("demo", "--quick", "--out", tmp_path / "mine")
    assert refused.code == 2 and "never replaced" in refused.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_reproduce(cardiotwin, tmp_path):
    listed = cardiotwin("reproduce", "list", "--json").json["studies"]
    assert {"spheres", "laplacians", "sock128", "subject1"} <= set(listed)
    assert "laplacians" in cardiotwin("reproduce", "list").out
    answer = cardiotwin("reproduce", "laplacians", "--quick", "--out", tmp_path, "--json")
    assert answer.code == 0
    found = answer.json
    assert all(len(row) == len(found["columns"]) for row in found["rows"])
    assert all(Path(path).stat().st_size > 0 for path in found["written"])
    assert len(found["written"]) >= 2


def test_doctor(cardiotwin, tmp_path):
    out = tmp_path / "state.json"
    answer = cardiotwin("doctor", "--json", "--out", out)
    assert answer.code == 0
    found = answer.json
    assert found["version"] == __version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["cpu_count"] >= 1 and found["size_mb"]["cardiotwin"] > 0
    assert '"version"' in out.read_text()


def test_program_without_verb_shows_help_and_version(cardiotwin):
    shown = cardiotwin()
    assert shown.code == 0
    verbs = "demo simulate forward reconstruct evaluate report convert reproduce doctor"
    assert all(verb in shown.out for verb in verbs.split())
    assert "Not for clinical use" in " ".join(shown.out.split())
    version = cardiotwin("--version")
    assert (version.code, version.out) == (0, f"cardiotwin {__version__}\n")
    helped = cardiotwin("reconstruct", "--help")
    assert helped.code == 0 and "--potential-unit" in helped.out


def test_installed_program_and_module(tmp_path):
    program = Path(sys.executable).with_name("cardiotwin")
    starts = [[sys.executable, "-m", "cardiotwin"]]
    starts += [[str(program)]] if program.exists() else []
    for start in starts:
        bad = [*start, "convert", str(tmp_path / "none.vtp"), "--out", str(tmp_path / "a.stl")]
        done = subprocess.run(bad, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert "none.vtp" in done.stderr
    good = subprocess.run([*starts[-1], "--version"], capture_output=True, text=True, timeout=60)
    assert (good.returncode, good.stdout) == (0, f"cardiotwin {__version__}\n")


def test_interrupt_leaves_nothing_behind(cardiotwin, patient, tmp_path, monkeypatch):
    def interrupt(*_args, **_settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("cardiotwin.report._store._write_tables", interrupt)
    given = ("--geometry", patient, "--recording", patient, "--rule", "fixed:0.1")
    answer = cardiotwin("reconstruct", *given, "--out", tmp_path / "result")
    assert answer.code == 130
    assert "interrupted" in answer.err and "Traceback" not in answer.err
    assert list(tmp_path.iterdir()) == []


def test_measured_tank(cardiotwin, shared_data, tmp_path):
    folder = shared_data("ecgi_utah_tank_sock128")
    out = tmp_path / "sock"
    answer = cardiotwin(
        "reconstruct", "--geometry", folder, "--recording", folder, "--out", out, "--json"
    )
    assert answer.code == 0
    found = answer.json
    # Between the best possible zero-order solution of the data's README and the zero solution.
    assert 0.5 < found["metrics"]["relative_error"] < 1.0
    notes = " ".join(found["notes"])
    for key in ("torso_potentials_mV", "torso_lead_node", "heart_potentials_mV"):
        assert f"array {key} of sock128_tank192.npz" in notes
    saved = report.load_reconstruction(out)
    assert saved.heart_potentials.shape == (128, 608)
    assert saved.body_measured.shape == (192, 608)
    assert saved.torso is not None and saved.torso.n_nodes == 771


def test_measured_patient(cardiotwin, shared_data, tmp_path):
    folder = shared_data("ecgi_human_bspm_subject1")
    out = tmp_path / "subject1"
    given = ("--geometry", folder, "--recording", folder, "--matrix", folder)
    stated = ("--potential-unit", "mV", "--rate-hz", 2000, "--reference", "as-recorded")
    answer = cardiotwin("reconstruct", *given, *stated, "--out", out, "--json")
    assert answer.code == 0
    found = answer.json
    assert found["metrics"] is None
    assert 0 < found["body_residual"] < 0.6
    notes = " ".join(found["notes"])
    assert "array bspm_qrs of subject1.npz" in notes
    assert "matrix: forward_matrix of subject1.npz, 114 x 350" in notes
    saved = report.load_reconstruction(out)
    assert saved.times_ms[1] - saved.times_ms[0] == pytest.approx(0.5)
    silent = cardiotwin("reconstruct", *given, "--rate-hz", 2000, "--out", tmp_path / "x")
    assert silent.code == 2 and "--potential-unit" in silent.err


def test_help_names_every_method_and_rule():
    from cardiotwin.cli import _choices, _names

    assert set(_names.METHODS) == set(_choices.METHODS)
    assert set(_names.RULES) == set(_choices.RULES)


def test_a_method_without_rule_refuses_one():
    from cardiotwin.cli._choices import choose_method

    assert type(choose_method("traveling-wave", None)).__name__ == "TravelingWave"
    with pytest.raises(InputError, match="rule: found GCV for traveling-wave"):
        choose_method("traveling-wave", "gcv")


def test_square_brackets_survive_the_tables(capsys):
    from cardiotwin.cli._output import Printer

    Printer(as_json=False).table("t [a]", ["x"], [["pip install 'cardiotwin[io]'"]])
    printed = capsys.readouterr().out
    assert "cardiotwin[io]" in printed and "t [a]" in printed


def test_the_seed_reaches_methods_that_draw():
    from cardiotwin.cli._choices import choose_method

    assert [choose_method("network", None, seed).seed for seed in (0, 7)] == [0, 7]
    assert not hasattr(choose_method("tikhonov2", None, 7), "seed")
