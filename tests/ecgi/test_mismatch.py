"""Each row of the mismatch list differs from the matched case in what it says, and only in that."""

import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import zoo
from cardiotwin.ecgi._mismatch import farthest_points
from cardiotwin.tissue import MitchellSchaeffer

ROWS = zoo.mismatch_cases(heart_nodes=200, torso_nodes=150, n_times=160)
MATCHED = ROWS["matched"]
BELIEFS = ["displaced 5 mm", "displaced 10 mm", "rotated 10°"]
TISSUES = ["other ionic model", "two sites", "scar", "cotangent truth"]


def test_matched_row_is_the_paper_like_case():
    case = zoo.paper_like(heart_nodes=200, torso_nodes=150, n_times=160)
    np.testing.assert_array_equal(MATCHED.truth, case.truth)
    one, other = MATCHED.problem(0.02, 3), case.problem(0.02, 3)
    np.testing.assert_array_equal(one.data, other.data)
    np.testing.assert_array_equal(one.matrix, other.matrix)
    np.testing.assert_array_equal(one.times_ms, other.times_ms)


def test_nothing_is_computed_before_it_is_asked_for():
    rows = zoo.mismatch_cases()
    assert {key for row in rows.values() for key in vars(row)} == {
        *("name", "description", "bodies", "tissue", "diffusion", "n_leads", "noise", "lungs"),
        *("shift_mm", "turn_degrees"),
    }
    assert set(vars(rows["matched"].bodies)) == {"heart_nodes", "torso_nodes", "n_times"}


def test_rows_share_what_is_the_same_and_keep_what_they_made():
    assert ROWS["60 leads"].operator is MATCHED.operator
    assert ROWS["D +50 %"].truth is MATCHED.truth
    assert ROWS["scar"].case is ROWS["scar"].case


@pytest.mark.parametrize("name", BELIEFS)
def test_wrong_place_of_the_heart_changes_the_operator_only(name):
    row = ROWS[name]
    assert row.truth is MATCHED.truth
    np.testing.assert_array_equal(row.problem(0.1, 2).data, MATCHED.problem(0.1, 2).data)
    believed, true = row.operator.heart, MATCHED.operator.heart
    assert believed is not None and true is not None
    moved = believed.vertices_mm - true.vertices_mm
    # A rigid motion keeps all edges, and with them the Laplacian of Eq. 15.
    np.testing.assert_allclose(believed.edge_lengths_mm, true.edge_lengths_mm, rtol=1e-10)
    if "rotated" in name:
        np.testing.assert_allclose(believed.centroid_mm, true.centroid_mm, atol=1e-9)
        arm = (true.vertices_mm - true.centroid_mm)[:, [0, 2]]
        chord = 2 * np.sin(np.radians(5)) * np.linalg.norm(arm, axis=1)
        np.testing.assert_allclose(np.linalg.norm(moved, axis=1), chord, atol=1e-9)
    else:
        expected = float(name.split()[1])
        np.testing.assert_allclose(np.linalg.norm(moved, axis=1), expected, rtol=1e-9)
    assert np.linalg.norm(row.operator.matrix - MATCHED.operator.matrix) > 0.01 * np.linalg.norm(
        MATCHED.operator.matrix
    )


@pytest.mark.parametrize(("name", "diffusion"), [("D −50 %", 5.0), ("D +50 %", 15.0)])
def test_other_diffusion_is_only_believed(name, diffusion):
    row = ROWS[name]
    assert row.diffusion == diffusion and MATCHED.diffusion == row.case.simulation.diffusion == 10
    np.testing.assert_array_equal(row.problem(0.1, 2).data, MATCHED.problem(0.1, 2).data)


@pytest.mark.parametrize("name", TISSUES)
def test_other_tissue_changes_the_truth_only(name):
    row = ROWS[name]
    assert row.operator is MATCHED.operator and row.case.operator is MATCHED.operator
    assert row.diffusion == 10
    assert np.abs(row.truth - MATCHED.truth).max() > 0.05
    noise = row.problem(0.1, 2).data - row.case.body_potentials
    expected = MATCHED.problem(0.1, 2).data - MATCHED.case.body_potentials
    np.testing.assert_allclose(noise, expected, atol=1e-12)


def test_tissues_are_what_they_are_called():
    beat = MATCHED.case.simulation
    other = {name: ROWS[name].case.simulation for name in TISSUES}
    assert isinstance(other["other ionic model"].model, MitchellSchaeffer)
    assert beat.laplacian_name == "eq15" != other["cotangent truth"].laplacian_name
    field = np.asarray(other["scar"].diffusion)
    inside = field == 1
    assert set(np.unique(field)) == {1.0, 10.0}
    assert 0.01 < inside.mean() < 0.2
    patch = ROWS["scar"].case.human.heart.vertices_mm[inside]
    apart = np.linalg.norm(patch[:, None] - patch[None], axis=2)
    assert apart.max() <= 44 + 1e-9
    start, both = beat.potentials[:, 0], other["two sites"].potentials[:, 0]
    assert np.isin(both, [0, 1]).all() and both.sum() == 2 * start.sum()
    assert (both >= start).all()
    paced = ROWS["two sites"].case.human.heart.vertices_mm
    gap = np.linalg.norm(paced[start == 1].mean(0) - paced[(both == 1) & (start == 0)].mean(0))
    assert gap > 60


def test_lungs_change_the_data_but_not_what_inverts_them():
    row = ROWS["lungs"]
    assert row.operator is MATCHED.operator and row.truth is MATCHED.truth
    np.testing.assert_array_equal(
        row.case.human.heart.vertices_mm, MATCHED.case.human.heart.vertices_mm
    )
    clean, expected = row.case.body_potentials, MATCHED.case.body_potentials
    error = np.linalg.norm(clean - expected) / np.linalg.norm(expected)
    assert 0.02 < error < 0.5


@pytest.mark.parametrize("count", [60, 32])
def test_leads_are_spread_over_the_torso(count, rng):
    row = ROWS[f"{count} leads"]
    torso = row.case.human.torso
    leads = row.leads
    assert leads is not None and len(set(leads.tolist())) == count
    problem = row.problem(0.05, 4)
    np.testing.assert_array_equal(problem.data, MATCHED.problem(0.05, 4).data[leads])
    np.testing.assert_array_equal(problem.matrix, MATCHED.operator.matrix[leads])

    def reach(nodes):
        apart = torso.vertices_mm[:, None] - torso.vertices_mm[nodes][None]
        return np.linalg.norm(apart, axis=2).min(axis=1).max()

    by_chance = [reach(rng.choice(torso.n_nodes, count, replace=False)) for _ in range(20)]
    assert reach(leads) < 0.85 * min(by_chance)


def test_farthest_points_are_twice_as_near_as_any_choice_can_be():
    # Gonzalez: no set of k nodes covers the rest within less than half the greedy radius, and
    # the greedy nodes are all at least that radius apart.
    torso = MATCHED.case.human.torso
    leads = farthest_points(torso, 20, start_mm=np.zeros(3))
    points = torso.vertices_mm
    cover = np.linalg.norm(points[:, None] - points[leads][None], axis=2).min(axis=1).max()
    apart = np.linalg.norm(points[leads][:, None] - points[leads][None], axis=2)
    assert apart[~np.eye(20, dtype=bool)].min() >= cover
    with pytest.raises(InputError, match="at most 150"):
        farthest_points(torso, 151, start_mm=np.zeros(3))


def test_correlated_noise_has_the_stated_variance_and_correlation():
    torso = MATCHED.case.human.torso
    times = 1.29 * np.arange(4000)
    noise = zoo.CorrelatedNoise(length_mm=80.0, time_ms=20.0)
    sample = noise.draw(torso, times, seed=5)
    # About 4000·1.29/40 = 130 independent instants, each with a handful of independent patches.
    assert abs(np.mean(sample**2) - 1) < 0.1
    assert abs(np.mean(sample[:, :20] ** 2) - 1) < 0.5
    for lag in (5, 15, 30):
        found = np.mean(sample[:, lag:] * sample[:, :-lag]) / np.mean(sample**2)
        assert abs(found - np.exp(-1.29 * lag / 20)) < 0.06
    apart = np.linalg.norm(torso.vertices_mm[:, None] - torso.vertices_mm[None], axis=2)
    product = sample @ sample.T / len(times)
    for low, high in ((30, 60), (70, 90), (150, 170)):
        pairs = (apart > low) & (apart < high)
        assert abs(product[pairs].mean() - np.exp(-apart[pairs] / 80).mean()) < 0.1


def test_correlated_row_differs_in_its_noise_only():
    row = ROWS["correlated noise"]
    assert row.truth is MATCHED.truth and row.operator is MATCHED.operator
    seeds = range(40)
    scale = [
        np.mean((row.problem(0.1, seed).data - MATCHED.case.body_potentials) ** 2) for seed in seeds
    ]
    assert np.mean(scale) == pytest.approx(0.01, rel=0.25)


@pytest.mark.parametrize("name", list(ROWS))
def test_same_seed_same_data(name):
    row = ROWS[name]
    again, other = row.problem(0.1, 7).data, row.problem(0.1, 8).data
    np.testing.assert_array_equal(row.problem(0.1, 7).data, again)
    assert np.abs(again - other).max() > 0.01
    assert row.truth.shape == (200, 160) and len(row.description) > 10


def test_uneven_instants_are_refused():
    with pytest.raises(InputError, match="evenly spaced"):
        zoo.CorrelatedNoise().draw(MATCHED.case.human.torso, np.array([0.0, 1.0, 3.0]), 1)
