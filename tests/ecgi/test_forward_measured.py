"""Forward operators beside supplied matrices and measured potentials."""

import json

import numpy as np
import pytest
from forward_exact import concentric_gain, relative_error, source_and_sink

from cardiotwin._errors import UnitError
from cardiotwin.ecgi import Inclusion, double_layer_matrix, transfer_matrix
from cardiotwin.geometry import Surface, ellipsoid_within


def correlation(one, other):
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_exact_solutions_of_this_suite_equal_the_stored_ones(shared_data):
    folder = shared_data("verify_spheres")
    stored = json.loads((folder / "spheres.json").read_text())
    for case in stored["concentric"]:
        ours = [concentric_gain(d, case["a_over_b"]) for d in range(1, 11)]
        np.testing.assert_allclose(ours, case["gain_l1_to_l10"], rtol=1e-12)
    unit = np.loadtxt(folder / "unit_points.csv", delimiter=",", skiprows=1)
    for case in stored["eccentric"]:
        ends = case["source"], case["sink"], case["torso_radius"]
        heart = np.array(case["heart_centre"]) + case["heart_radius"] * unit
        torso = case["torso_radius"] * unit
        np.testing.assert_allclose(
            source_and_sink(heart, *ends), case["heart_potential"], rtol=1e-9
        )
        np.testing.assert_allclose(
            source_and_sink(torso, *ends), case["torso_potential"], rtol=1e-9
        )


@pytest.fixture(scope="module")
def tank(shared_data):
    with np.load(shared_data("ecgi_utah_tank_sock128") / "sock128_tank192.npz") as file:
        return dict(file)


def test_utah_tank(tank):
    heart = Surface(tank["heart_vertices_mm"], tank["heart_faces"], "sock")
    torso = Surface(tank["torso_vertices_mm"], tank["torso_faces"], "tank")
    operator = transfer_matrix(heart, torso)
    assert relative_error(operator.matrix, tank["forward_matrix"]) <= 0.04
    predicted = operator.observe(tank["torso_lead_node"]).apply(tank["heart_potentials_mV"])
    assert correlation(predicted, tank["torso_potentials_mV"]) >= 0.91


@pytest.fixture(scope="module")
def man(shared_data):
    with np.load(shared_data("ecgi_ecgsim_normal_male") / "normal_male.npz") as file:
        data = dict(file)
    data["heart"] = Surface(1000 * data["heart_vertices_m"], data["heart_faces"], "ventricles")
    data["torso"] = Surface(1000 * data["torso_vertices_m"], data["torso_faces"], "thorax")
    return data


def scores(man, **options):
    """Correlation with the supplied matrix, and of the QRS of step activation with its map."""
    operator = double_layer_matrix(man["heart"], man["torso"], man["torso"], **options)
    steps = np.arange(110) >= man["depolarization_bsp_ms"][:, None]
    return np.array(
        [
            correlation(operator.matrix, man["edl_matrix_wct"]),
            correlation(operator.apply(steps), man["bsp_simulated_mV"][:, :110]),
        ]
    )


def test_normal_male_improves_with_lungs_and_with_blood(man):
    heart, torso = man["heart"], man["torso"]
    room = [(heart, 8.0), (torso, 20.0)]
    # Ellipsoids guessed from the room beside the heart (the supplied model's own lungs and
    # cavities are not known); the cavities are the hollows of the closed ventricular surface.
    lungs = [
        Inclusion(ellipsoid_within((10, 115, 40), (85, 60, 90), room, name="left lung"), 0.2),
        Inclusion(ellipsoid_within((0, -95, 40), (85, 60, 90), room, name="right lung"), 0.2),
    ]
    blood = [
        Inclusion(
            ellipsoid_within((31, 51, -5), (28, 28, 45), [(heart, 2.0)], name="left cavity"), 3.0
        ),
        Inclusion(
            ellipsoid_within((62, 16, -15), (30, 40, 40), [(heart, 2.0)], name="right cavity"), 3.0
        ),
    ]
    homogeneous = scores(man)
    with_lungs = scores(man, inclusions=lungs)
    with_both = scores(man, inclusions=lungs + blood)
    assert homogeneous[0] >= 0.955
    assert (with_lungs > homogeneous + 0.002).all(), (homogeneous, with_lungs)
    assert (with_both > with_lungs + 0.005).all(), (with_lungs, with_both)
    assert with_both[0] >= 0.97


def test_metres_taken_for_millimetres_are_refused(man):
    heart, torso = (s.with_vertices(s.vertices_mm / 1000) for s in (man["heart"], man["torso"]))
    with pytest.raises(UnitError, match=r"ventricles.*metres.*1000"):
        double_layer_matrix(heart, torso, torso)
