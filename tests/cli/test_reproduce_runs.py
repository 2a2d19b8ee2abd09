"""The verb ``reproduce`` with the tables in which every run is kept."""

from cardiotwin.studies import Run, RunTable


def _one_run(folder):
    folder.mkdir(parents=True, exist_ok=True)
    name = "lungs | STRE | σ=0.01"
    run = Run("mismatch", name, 0, "full", "lungs", "STRE", 0.01, relative_error=0.25)
    RunTable(folder / "mismatch.csv").add(run)


def _shown(answer):
    rows = {row[0]: row for row in answer.json["rows"]}
    return rows["lungs"][answer.json["columns"].index("STRE")]


def test_runs_are_read_from_the_named_folder(cardiotwin, tmp_path):
    _one_run(tmp_path / "mine")
    given = ("reproduce", "mismatch", "--seeds", "0", "--json")
    answer = cardiotwin(*given, "--runs", tmp_path / "mine", "--out", tmp_path / "out")
    assert answer.code == 0 and _shown(answer) == "0.2500 (1)"
    assert (tmp_path / "out" / "mismatch.md").exists()
    assert (tmp_path / "out" / "mismatch-errors.html").exists()


def test_results_of_the_current_folder_come_before_out(cardiotwin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ("reproduce", "mismatch", "--seeds", "0", "--json", "--out", "out")
    _one_run(tmp_path / "out" / "results")
    assert _shown(cardiotwin(*given)) == "0.2500 (1)"
    (tmp_path / "results").mkdir()
    answer = cardiotwin(*given)
    assert _shown(answer) is None
    assert answer.json["notes"][-1] == "runs are kept in results"
    assert list((tmp_path / "results").iterdir()) == []


def test_without_a_folder_runs_are_not_kept_and_that_is_said(cardiotwin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = cardiotwin("reproduce", "fig7", "--seeds", "0", "--json")
    assert "nowhere" in answer.json["notes"][-1] and list(tmp_path.iterdir()) == []


def test_other_studies_have_no_seeds_to_count(cardiotwin):
    for option in (("--seeds", "3"), ("--runs", "results")):
        answer = cardiotwin("reproduce", "laplacians", *option, "--json")
        assert answer.code == 2
        assert option[0] in answer.json["message"] and "mismatch" in answer.json["message"]
