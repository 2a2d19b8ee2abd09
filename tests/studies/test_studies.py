"""The tables that README quotes, at the size that fits a test run."""

import json

import numpy as np
import pytest

from cardiotwin import InputError, ecgi, studies
from cardiotwin.geometry import CotangentLaplacian, PaperLaplacian
from cardiotwin.studies import FinishedParts
from cardiotwin.studies._compare import Case, compare
from cardiotwin.studies._sock128 import read_sock128
from cardiotwin.studies._subject1 import read_subject1


def test_spheres_meet_the_targets():
    table = studies.STUDIES["spheres"].run(None, quick=True)
    limits = {"concentric, l = 1": 0.1, "concentric, l = 2": 0.25, "concentric, l = 3": 0.6}
    limits["eccentric"] = 0.2
    for case, nodes, error, order in table.rows:
        if nodes == 642:
            assert error <= limits[case], case
            assert order >= 1.8, case


def test_one_laplacian_converges_and_the_other_does_not():
    table = studies.STUDIES["laplacians"].run(None, quick=True)
    paper, cotangent = table.column("Eq. 15 (%)"), table.column("cotangent (%)")
    np.testing.assert_allclose(paper[:2], [28, 52], atol=1)
    assert paper == sorted(paper) and cotangent == sorted(cotangent, reverse=True)
    assert cotangent[0] / cotangent[-1] > 4
    assert "convergence" in table.figures


def test_double_layer_beside_the_supplied_matrix(shared_data):
    folder = shared_data("ecgi_ecgsim_normal_male").parent
    table = studies.STUDIES["double-layer"].run(folder)
    scores = dict(zip(table.column("torso"), table.column("CC with supplied matrix"), strict=True))
    assert scores["ours, homogeneous"] >= 0.955
    assert scores["ours, guessed lungs and blood"] > scores["ours, homogeneous"] + 0.01


@pytest.fixture(scope="module")
def tank(shared_data):
    return read_sock128(shared_data("ecgi_utah_tank_sock128").parent)


def test_tank_reaches_the_published_oracle_errors(tank):
    methods = {f"Tikhonov {order}": ecgi.Tikhonov(order=order) for order in (0, 2)}
    methods["spatio-temporal 1"] = ecgi.SpatioTemporal(order=1)
    oracle = ecgi.Oracle(tank.truth, remove_mean=True)
    rules = {"oracle": oracle, "checked GCV": ecgi.CheckedGCV()}
    table = compare(tank, title="tank", methods=methods, rules=rules)
    error = {(row[0], row[1]): row[3] for row in table.rows}
    assert error["zero solution", None] == 1.0
    assert error["Tikhonov 0", "oracle"] <= 0.905
    assert error["Tikhonov 2", "oracle"] <= 0.865
    assert error["spatio-temporal 1", "oracle"] < error["Tikhonov 2", "oracle"]
    for method in ("Tikhonov 0", "Tikhonov 2"):
        assert error[method, "checked GCV"] <= 1.04 * error[method, "oracle"]
    electrograms = {(row[0], row[1]): row[7] for row in table.rows}
    assert electrograms["Tikhonov 2", "oracle"] >= 0.60


def test_patient_leads_are_predicted_from_the_others(shared_data):
    problem = read_subject1(shared_data("ecgi_human_bspm_subject1").parent)
    method = ecgi.Tikhonov(order=2, rule=ecgi.LeaveOneLeadOut())
    found = ecgi.cross_validate_leads(problem, method)
    assert found.correlation >= 0.982
    assert found.relative_error <= 0.175


@pytest.mark.parametrize(
    "laplacian",
    [PaperLaplacian(), pytest.param(CotangentLaplacian(), marks=pytest.mark.slow)],
    ids=lambda k: k.name,
)
def test_paper_like_case_is_as_hard_as_it_should_be(laplacian):
    case = ecgi.zoo.paper_like(laplacian=laplacian)
    if laplacian.name == "eq15":
        assert abs(np.mean(case.truth**2) - 0.316) <= 0.01
    oracle = ecgi.Oracle(case.truth)
    prepared = None
    bands = {0.01: (0.20, 0.27, 0.93), 0.05: (0.25, 0.33, 0.93), 0.1: (0.29, 0.46, 0.85)}
    for noise, (low, high, gain) in bands.items():
        problem = case.problem(noise, seed=3)
        prepared = prepared or ecgi.Tikhonov(order=2, rule=oracle, uncertainty=False).prepare(
            problem
        )
        best = _error(case, problem, prepared)
        assert low <= best <= high
        default = ecgi.PreparedTikhonov(
            ecgi.Tikhonov(order=2, uncertainty=False), prepared.form, prepared.prepared_for
        )
        assert _error(case, problem, default) <= 1.05 * best
        if noise != 0.05:
            found = _error(case, problem, ecgi.SpatioTemporal(uncertainty=False))
            assert found <= gain * best


def _error(case, problem, method):
    found = ecgi.reconstruct(problem, method)
    return ecgi.evaluate(found.heart_potentials, case.truth).relative_error


def test_table_is_written_whole_and_read_back(tmp_path):
    table = studies.StudyTable("t", ["a", "b"], [["x", 1.5], ["y", None]], notes=["n"])
    paths = table.save(tmp_path, "name")
    assert [path.name for path in paths] == ["name.csv", "name.md"]
    assert paths[0].read_text().splitlines() == ["a,b", "x,1.5", "y,"]
    assert "| x | 1.5 |" in paths[1].read_text() and "- n" in paths[1].read_text()


@pytest.mark.parametrize("name", [n for n, s in studies.STUDIES.items() if s.folder])
def test_measured_studies_say_what_they_need(name, tmp_path):
    entry = studies.STUDIES[name]
    with pytest.raises(InputError, match=f"--data.*{entry.folder}"):
        entry.run(None)
    with pytest.raises(InputError, match=f"no folder {entry.folder}"):
        entry.run(tmp_path)


def test_an_interrupted_study_goes_on_where_it_was(tmp_path):
    case = ecgi.zoo.paper_like(heart_nodes=100, torso_nodes=100, n_times=20)
    small = Case(case.problem(0.02, seed=1), case.truth)
    methods = {f"Tikhonov {order}": ecgi.Tikhonov(order=order) for order in (0, 1, 2)}
    rules = {"oracle": ecgi.Oracle(case.truth), "GCV": ecgi.GCV()}
    options = {"title": "t", "methods": methods, "rules": rules}
    path = tmp_path / "parts.jsonl"

    class Stopped(FinishedParts):
        def rows(self, part, compute):
            if part == "Tikhonov 2":
                raise KeyboardInterrupt
            return super().rows(part, compute)

    with pytest.raises(KeyboardInterrupt):
        compare(small, parts=Stopped(path, {"seed": 1}), **options)
    assert len(path.read_text().splitlines()) == 3
    parts = FinishedParts(path, {"seed": 1})
    resumed, whole = compare(small, parts=parts, **options), compare(small, **options)
    seconds = resumed.columns.index("seconds")
    for one, other in zip(resumed.rows, whole.rows, strict=True):
        assert one[:seconds] == other[:seconds]
    # What the first run measured is what the second one shows, to the last digit.
    assert json.loads(path.read_text().splitlines()[1])["rows"] == resumed.rows[1:3]
    parts.discard()
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "not json", '{"recipe": {"seed": 2}}\n{"part": "a"}'])
def test_parts_of_another_recipe_are_not_used(tmp_path, content):
    path = tmp_path / "parts.jsonl"
    path.write_text(content)
    parts = FinishedParts(path, {"seed": 1})
    assert parts.rows("a", lambda: [["computed"]]) == [["computed"]]


def test_a_line_cut_short_costs_only_its_own_part(tmp_path):
    path = tmp_path / "parts.jsonl"
    first = FinishedParts(path, {"seed": 1})
    first.rows("a", lambda: [["kept"]])
    first.rows("b", lambda: [["cut"]])
    path.write_text(path.read_text()[:-4])
    again = FinishedParts(path, {"seed": 1})
    assert again.rows("a", lambda: [["computed"]]) == [["kept"]]
    assert again.rows("b", lambda: [["computed"]]) == [["computed"]]
    third = FinishedParts(path, {"seed": 1})
    assert third.rows("b", lambda: [["again"]]) == [["computed"]]


@pytest.mark.slow
def test_bands_hold_most_of_a_simulated_beat_but_are_not_perfect():
    table = studies.STUDIES["coverage"].run(None, quick=True)
    inside = table.column("inside (%)")
    assert len(inside) == 4 and 60 < min(inside) and max(inside) < 99.5, inside
    # The twin of the traveling wave comes last.
    assert abs(inside[-1] - 90) < 8 and abs(inside[-1] - 90) < abs(inside[0] - 90), inside
    assert all(
        0 < crps < width
        for crps, width in zip(table.column("CRPS"), table.column("mean width"), strict=True)
    )
