"""Studies that fill over time: cells, resuming, what stands beside the numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cardiotwin import InputError, __version__, ecgi, studies
from cardiotwin.studies import Run, RunTable
from cardiotwin.studies import _comparison as comparison
from cardiotwin.studies import _initialization as initialization
from cardiotwin.studies import _mismatch as mismatch
from cardiotwin.studies._cells import Budget, Cell, Runner, Setting, notes, recipe, rows, spread
from cardiotwin.studies._collocation import collocation
from cardiotwin.studies._eand_arn import FIG6, FIG7, TABLE1, TABLE3
from cardiotwin.studies._methods import physics, preset, spatio_temporal, tikhonov_oracle
from cardiotwin.studies._snapshots import Snapshots, moment

TINY = Budget("tiny", 100, 100, 40, steps=5)
CHEAP = ("Tikhonov 2, oracle λ", "STRE")
EXPERIMENTS = [FIG6, FIG7, TABLE1, TABLE3, comparison.FIG9]


def _runner(path=None, seeds=1, study="s"):
    return Runner(study, RunTable(path), TINY, 0, seeds)


def _cell(build=spatio_temporal, case="matched", method="STRE", **columns):
    return Cell(case, method, 0.05, build, columns=columns)


def test_a_run_is_the_score_of_its_own_problem():
    runner, cell = _runner(), _cell(case="32 leads")
    runner.fill([cell])
    (run,) = runner.runs(cell)
    case = TINY.cases["32 leads"]
    found = ecgi.reconstruct(case.problem(0.05, 0), ecgi.SpatioTemporal(uncertainty=False))
    score = ecgi.evaluate(found.heart_potentials, case.truth)
    assert run.relative_error == score.relative_error
    assert run.correlation == score.correlation and run.mse == score.mse
    assert run.version == __version__ and run.sigma == 0.05 and run.truth == "32 leads"


def test_missing_runs_are_done_and_the_others_left_alone(tmp_path):
    path = tmp_path / "s.csv"
    cells = [_cell(), _cell(tikhonov_oracle, method="Tikhonov 2, oracle λ")]
    _runner(path, seeds=1).fill(cells[:1])
    first = path.read_bytes()
    _runner(path, seeds=2).fill(cells)
    assert path.read_bytes().startswith(first)
    runner = _runner(path, seeds=2)
    assert [(run.method, run.seed) for run in runner.table.runs] == [
        ("STRE", 0),
        ("Tikhonov 2, oracle λ", 0),
        ("STRE", 1),
        ("Tikhonov 2, oracle λ", 1),
    ]
    before = path.read_bytes()
    runner.fill(cells)
    assert path.read_bytes() == before


def test_an_interrupted_fill_goes_on_and_ends_like_a_whole_one(tmp_path):
    cells = [_cell(case=name) for name in ("matched", "60 leads", "scar")]

    def numbers(runner):
        return [
            (run.key, run.relative_error, run.mse) for run in sorted(runner.table.runs, key=str)
        ]

    calls = []

    def interrupted(setting):
        calls.append(setting)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return spatio_temporal(setting)

    path = tmp_path / "s.csv"
    with pytest.raises(KeyboardInterrupt):
        _runner(path, seeds=2).fill([replace(cell, build=interrupted) for cell in cells])
    assert len(RunTable(path).runs) == 2
    resumed, whole = _runner(path, seeds=2), _runner(seeds=2)
    resumed.fill(cells)
    whole.fill(cells)
    assert numbers(resumed) == numbers(whole) and len(whole.table.runs) == 6


def test_a_run_of_the_same_settings_is_copied_from_another_study(tmp_path):
    first = _runner(tmp_path / "s.csv", seeds=2)
    first.fill([_cell()])
    second = Runner("other", RunTable(tmp_path / "other.csv"), TINY, 0, 2)
    second.fill([_cell(method="the same"), _cell(tikhonov_oracle), _cell(case="scar")])
    copies = second.runs(_cell(method="the same"))
    assert [run.study for run in copies] == ["other", "other"]
    for copy, run in zip(copies, first.runs(_cell()), strict=True):
        assert replace(copy, study="s", cell=run.cell, method=run.method) == run
    # Another method and other data are run.
    errors = {run.relative_error for run in second.table.runs}
    assert len(errors) == 6


def test_a_failure_is_kept_as_a_row_and_told(tmp_path):
    def failing(setting):
        raise InputError("here", found="nothing", expected="something")

    runner, cell = _runner(tmp_path / "s.csv"), _cell(failing)
    runner.fill([cell])
    (run,) = runner.runs(cell)
    assert run.relative_error is not None and math.isnan(run.relative_error)
    said = " ".join(notes(runner, [cell]))
    assert "1 runs failed" in said and "found nothing" in said
    assert rows(runner, [cell])[1][0][-1] == 0


def test_table_shows_mean_and_spread_and_flags_what_is_mixed():
    runner, cell = _runner(seeds=3), _cell()
    for seed, error in enumerate((0.1, 0.2, 0.3)):
        run = runner.blank(cell, seed, relative_error=error, recipe=str(seed))
        runner.table.add(replace(run, version="9.9" if seed else __version__))
    columns, ((*values,),) = rows(runner, [cell])
    found = dict(zip(columns, values, strict=True))
    assert found["RE"] == pytest.approx(0.2) and found["SD"] == pytest.approx(0.1)
    assert found["seeds"] == 3 and found["published RE"] is None
    said = " ".join(notes(runner, [cell]))
    assert "2 runs are by version 9.9" in said and "mix runs of different settings" in said
    assert "fewer" not in said
    assert "1 of 1 cells have fewer" in " ".join(notes(replace(runner, n_seeds=4), [cell]))


def test_spread_counts_what_is_there():
    assert spread([None, math.nan]) == (None, None)
    assert spread([2.0, None]) == (2.0, None)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.name)
def test_cells_have_names_of_their_own_and_published_numbers_beside(experiment):
    assert len({cell.name for cell in experiment.cells}) == len(experiment.cells)
    table = experiment(seeds=0)
    assert len(table.rows) == len(experiment.cells)
    assert set(table.column("seeds")) == {0}
    assert any(table.column("published RE")) and "scores" in table.figures
    assert "inverse crime" in table.notes[0]


def test_published_numbers_agree_with_each_other():
    # MSE / RE² is the mean square of the reference, the same in every cell of the paper.
    for experiment in EXPERIMENTS:
        for cell in experiment.cells:
            beside = cell.published
            if beside is not None and beside.re and beside.mse:
                assert beside.mse[0] / beside.re[0] ** 2 == pytest.approx(0.319, abs=0.016)
    best = next(cell for cell in TABLE1.cells if cell.method == "NN6").published
    assert best is not None and best.re == (0.0992, 0.0062) and best.cc == (0.9919, 0.0010)


@pytest.mark.parametrize(("name", "diffusion"), [("matched", 10.0), ("D +50 %", 15.0)])
def test_methods_believe_what_the_case_says(name, diffusion):
    setting = Setting(TINY.cases[name], 0.01, 7, TINY)
    method = preset("ep_dl_nd", width=5)(setting)
    assert (method.diffusion, method.seed, method.steps) == (diffusion, 7, 5)
    assert method.network.width == 5
    full = preset("eand_arn", physics_weight=0.3)(replace(setting, budget=Budget()))
    assert full.physics_weight == 0.3 and full.steps == ecgi.presets.eand_arn().steps
    other = physics(ecgi.FourDVar)(setting)
    assert isinstance(other, ecgi.FourDVar) and other.diffusion == diffusion and other.seed == 7


def test_recipe_tells_settings_apart_but_not_seeds():
    one, same = (recipe(ecgi.presets.eand_arn(seed=seed)) for seed in (1, 2))
    assert one == same != recipe(ecgi.presets.eand_arn(physics_weight=0.3))
    assert recipe(ecgi.Tikhonov(rule=ecgi.Oracle(np.zeros((30, 3))))) == recipe(
        ecgi.Tikhonov(rule=ecgi.Oracle(np.ones((30, 3))))
    )


@pytest.mark.slow
def test_a_network_fills_a_cell(tmp_path):
    table = FIG6(runs=tmp_path, budget=TINY, seeds=1, only=("EP-DL ND",))
    done = [row for row in table.rows if row[-1] == 1]
    assert [row[0] for row in done] == ["matched", "cotangent truth"]
    runs = RunTable(tmp_path / "fig6.tiny.csv").runs
    assert all(run.data_loss > 0 and run.physics_loss > 0 for run in runs)
    again = FIG6(runs=tmp_path, budget=TINY, seeds=0)
    assert again.rows == table.rows


def test_quick_runs_have_a_file_of_their_own(tmp_path):
    runner = Runner.make("fig6", tmp_path, quick=True, seed=0, seeds=None, budget=None)
    assert runner.table.path == tmp_path / "fig6.quick.csv" and runner.n_seeds == 2
    assert Runner.make("fig6", tmp_path, quick=True, seed=0, seeds=5, budget=None).n_seeds == 5
    runner = Runner.make("fig6", tmp_path, quick=False, seed=0, seeds=None, budget=None)
    assert runner.table.path == tmp_path / "fig6.csv" and runner.n_seeds == 10


def _add(folder, study, case, method, errors, **numbers):
    table = RunTable(folder / f"{study}.csv")
    for seed, error in enumerate(errors):
        name = Cell(case, method, 0.01, spatio_temporal).name
        table.add(Run(study, name, seed, "full", case, method, 0.01, error, **numbers))


def test_mismatch_says_where_no_physics_helps(tmp_path):
    for method, error in (("STRE", 0.2), ("traveling wave", 0.3), ("Tikhonov 2, oracle λ", 0.1)):
        for case in ("lungs", "scar"):
            _add(tmp_path, "mismatch", case, method, [error, error + 0.02])
    _add(tmp_path, "mismatch", "lungs", "4D-Var", [0.5, 0.6])
    _add(tmp_path, "mismatch", "scar", "4D-Var", [0.10, 0.11])
    table = mismatch.mismatch(seeds=0, runs=tmp_path)
    verdicts = dict(zip(table.column("row"), table.column(table.columns[-1]), strict=True))
    assert verdicts["lungs"] == "none better than the classical"
    assert verdicts["scar"] == "4D-Var × 0.50"
    assert verdicts["matched"] == "not run"
    assert table.notes[-1].endswith("classical one: lungs")
    shown = dict(zip(table.column("row"), table.column("STRE"), strict=True))
    assert shown["scar"] == "0.2100 ± 0.0141 (2)"


def test_mismatch_rows_run(tmp_path):
    table = mismatch.mismatch(budget=TINY, runs=tmp_path, seeds=1, only=CHEAP)
    assert all(row[1] and row[3] for row in table.rows) and len(table.rows) == 14
    error = {
        run.truth: run.relative_error
        for run in RunTable(tmp_path / "mismatch.tiny.csv").runs
        if run.method == "STRE"
    }
    assert error["D −50 %"] == error["D +50 %"] == error["matched"]
    assert error["displaced 10 mm"] != error["matched"]


def test_bad_starts_and_bad_ends_are_counted(tmp_path):
    starts = RunTable(tmp_path / "table2.csv")
    name = Cell("matched", "NN1", 0.01, spatio_temporal).name
    for seed, physics_loss in enumerate((0.05, 0.1, 1.0, 10.0, 20.0)):
        run = Run("table2", name, seed, "full", data_loss=1.0, physics_loss=physics_loss)
        starts.add(run)
    nn1 = next(cell for cell in TABLE1.cells if cell.method == "NN1")
    trained = RunTable(tmp_path / "table1.csv")
    for seed, error in enumerate((0.1, 0.1, 0.14, 0.16, math.nan)):
        trained.add(Run("table1", nn1.name, seed, "full", relative_error=error))
    table = initialization.table2(seeds=0, runs=tmp_path)
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["network"], row["starts"], row["bad starts"]) == ("NN1", 5, 2)
    assert row["published bad of 30"] == 18
    assert (row["trained runs"], row["bad ends"]) == (5, 1)
    assert row["median L_EP/L_D"] == 1.0


def test_starts_are_measured_before_training():
    table = initialization.table2(budget=TINY, seeds=3, only=("NN2",))
    row = dict(zip(table.columns, table.rows[1], strict=True))
    assert row["starts"] == 3 and 0 < row["smallest L_EP/L_D"] < row["largest L_EP/L_D"]


@pytest.mark.slow
def test_collocation_measures_on_and_off_the_points(tmp_path):
    table = collocation(budget=TINY, runs=tmp_path, seeds=1, only=("AD", "ND"))
    done = [row for row in table.rows if row[-1] == 1]
    assert [row[:2] for row in done] == [
        [300, "AD"],
        [300, "ND"],
        [1000, "AD"],
        [1000, "ND"],
        [3000, "AD"],
        [3000, "ND"],
    ]
    # One scheme measures all: for ND it is the one that was trained with.
    for run in RunTable(tmp_path / "collocation.tiny.csv").runs:
        same = run.details["off"] == pytest.approx(run.details["own_off"], rel=1e-6)
        assert same == (run.method == "ND")


def test_shown_moment_splits_the_beat():
    times = np.arange(100.0)
    arrival = np.linspace(5, 80, 40)
    truth = 1 / (1 + np.exp(-(times - arrival[:, None])))
    node, instant = moment(truth)
    assert abs((truth[:, instant] > 0.5).mean() - 0.5) <= 0.025
    assert (arrival < arrival[node]).mean() == pytest.approx(0.725)


def test_best_run_is_kept_and_repeated_if_it_is_lost(tmp_path):
    path = tmp_path / "fig9.tiny.csv"
    runner, cell = _runner(path, seeds=3, study="fig9"), _cell()
    runner.fill([cell], keep=Snapshots(runner).keep)
    best = Snapshots(runner).best(cell)
    assert best is not None
    run, snapshot = best
    errors = [one.relative_error for one in runner.runs(cell)]
    assert run.relative_error == min(errors) and snapshot.seed == run.seed
    files = list((tmp_path / "fig9.tiny-best").iterdir())
    assert [file.name for file in files] == ["matched-STRE-sigma0.05.npz"]
    files[0].unlink()
    again = Snapshots(runner).best(cell)
    assert again is not None
    np.testing.assert_allclose(again[1].map, snapshot.map, atol=1e-6)
    np.testing.assert_allclose(again[1].trace, snapshot.trace, atol=1e-6)


def test_maps_and_traces_of_the_best_runs(tmp_path):
    options = {"budget": TINY, "runs": tmp_path, "seeds": 1, "only": CHEAP}
    maps, traces = comparison.fig10(**options), comparison.fig11(**options)
    assert len(maps.rows) == len(traces.rows) == 6
    assert set(maps.figures) == {"base", "front"}
    # Truth and two methods at three noise levels; truth and two methods in three panels.
    assert len(maps.figures["base"].data) == 9 and len(traces.figures["traces"].data) == 9
    row = dict(zip(maps.columns, maps.rows[-2], strict=True))
    assert row["σ"] == 0.1 and row["published RE"] == 0.5569


def test_studies_that_fill_over_time_are_listed():
    tabled = {name for name, entry in studies.STUDIES.items() if entry.tabled}
    assert tabled == {
        "fig6",
        "fig7",
        "fig9",
        "fig10",
        "fig11",
        "table1",
        "table2",
        "table3",
        "collocation",
        "mismatch",
        "coverage",
    }
