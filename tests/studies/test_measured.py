"""Physics on measured data: what the operators must satisfy, and what the leads say of the gain."""

import numpy as np
import pytest

from cardiotwin import ecgi
from cardiotwin.geometry import icosphere
from cardiotwin.studies._measured import _methods, _oracle, _row
from cardiotwin.studies._measured_cases import Patient, Tank, refined


@pytest.fixture(scope="module")
def tank(shared_data):
    return Tank(shared_data("ecgi_utah_tank_sock128").parent)


@pytest.fixture(scope="module")
def patient(shared_data):
    return Patient(shared_data("ecgi_human_bspm_subject1").parent, n_folds=2)


@pytest.fixture(scope="module")
def layer(tank):
    *_, view = tank.views()
    return view


def test_the_refined_sock_is_the_same_body(tank):
    fine = refined(tank.heart)
    assert fine.is_closed and fine.n_nodes == 506 and fine.n_faces == 4 * tank.heart.n_faces
    np.testing.assert_array_equal(fine.vertices_mm[:128], tank.heart.vertices_mm)
    assert fine.volume_ml == pytest.approx(tank.heart.volume_ml)
    assert fine.area_mm2 == pytest.approx(tank.heart.area_mm2)


def test_a_uniform_layer_is_seen_nowhere(tank, patient):
    for case in (tank, patient):
        *_, view = case.views()
        ones = np.ones(view.problem.n_nodes)
        for matrix in (view.problem.lead_matrix, view.heart):
            assert abs(matrix @ ones).max() < 1e-9 * abs(matrix).sum(axis=1).max()


def test_an_unbounded_medium_outside_the_layer_is_good_enough(tank):
    """What the patient's operator assumes, checked where the tank is known."""
    far = icosphere(2, radius_mm=800.0, centre_mm=tank.heart.centroid_mm)
    outside = ecgi.double_layer_matrix(tank.heart, tank.heart, far).matrix
    whole = ecgi.double_layer_matrix(tank.heart, tank.torso, tank.torso).matrix
    chain = tank.supplied.operator.matrix @ outside
    one, other = (matrix - matrix.mean(axis=0) for matrix in (chain, whole))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.98


def test_doing_nothing_scores_one_and_the_truth_scores_zero(tank):
    assert tank.scores(tank.truth)[:2] == pytest.approx([0.0, 1.0])
    assert tank.scores(1e-9 * tank.truth)[0] == pytest.approx(1.0)
    # References differ: a constant over the heart does not count.
    assert tank.scores(tank.truth + np.arange(60.0))[0] == pytest.approx(0.0, abs=1e-9)


def test_plane_waves_find_a_gain_of_tissue_and_the_order_of_activation(tank, layer):
    row = _row(tank, layer, _methods(tank, layer, True, 0)["plane waves, 2 m/s"])
    error, _, _, activation, gain = row[:5]
    # An upstroke of 100 mV times a ratio of conductivities of 0.1 to 0.6.
    assert 10 < gain < 60
    assert activation > 0.6
    assert 0.85 < error < 0.95


def test_the_oracle_bounds_the_rule(tank, layer):
    plain = ecgi.Tikhonov(order=2, uncertainty=False)
    best, chosen = (
        tank.score(layer, method)[0][0] for method in (_oracle(tank, layer, plain), plain)
    )
    assert best <= chosen < 1.0


def test_left_out_leads_are_not_seen(patient):
    view, *_ = patient.views()
    fold = patient.folds[0]
    kept = view.problem.excluding(fold)
    assert not set(kept.kept) & set(fold)
    scores, _ = patient.score(view, ecgi.Tikhonov(order=0, rule=ecgi.LCurve(), uncertainty=False))
    assert scores[0] < 0.3 and scores[1] > 0.95


@pytest.mark.slow
def test_the_network_through_the_layer_is_better_than_nothing(tank, layer):
    error, correlation, *_ = _row(tank, layer, _methods(tank, layer, False, 0)["network, 2 m/s"])
    assert error < 0.95 and correlation > 0.4
