"""Equivalent double layer: exact spheres, limits at the heart, references, inclusions."""

import numpy as np
import pytest
from forward_exact import layered_sphere, relative_error
from scipy.spatial.transform import Rotation
from scipy.special import eval_legendre

from cardiotwin.ecgi import Inclusion, Source, double_layer_matrix
from cardiotwin.geometry import icosphere, zoo
from cardiotwin.signals import Electrodes

AXIS = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)


def harmonic(surface, degree):
    arm = surface.vertices_mm - surface.centroid_mm
    return eval_legendre(degree, arm @ AXIS / np.linalg.norm(arm, axis=1))


@pytest.fixture(scope="module")
def spheres():
    return icosphere(3, radius_mm=40), icosphere(3, radius_mm=100)


@pytest.fixture(scope="module")
def human():
    return zoo.human(heart_nodes=200, torso_nodes=150)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_torso_potential_of_concentric_spheres(spheres, degree):
    heart, torso = spheres
    exact = layered_sphere(degree, [40, 100], [1, 1], jumps=[1])(1, 100)
    computed = double_layer_matrix(heart, torso, torso).apply(harmonic(heart, degree))
    assert exact < 0  # excited tissue that faces the viewer gives a negative potential
    # The flat triangles enclose 1.4 % less than the sphere: the layer loses as much.
    assert relative_error(computed, exact * harmonic(torso, degree)) < 0.016 * (degree + 1)


@pytest.mark.parametrize("ratio", [None, 0.5])
def test_potential_just_outside_the_heart(spheres, ratio):
    heart, torso = spheres
    inside = ratio or 1.0
    exact = layered_sphere(1, [40, 100], [inside, 1], jumps=[1 / inside])(1, 40)
    computed = double_layer_matrix(heart, heart, torso, heart_ratio=ratio).apply(harmonic(heart, 1))
    assert relative_error(computed, exact * harmonic(heart, 1)) < 0.03


def test_blood_in_the_cavity_and_a_shell_equal_the_exact_layered_sphere(spheres):
    heart, torso = spheres
    blood, shell = icosphere(2, radius_mm=28), icosphere(2, radius_mm=70)
    exact = layered_sphere(1, [28, 40, 70, 100], [3, 1, 0.5, 1], jumps=[0, 1, 0])
    regions = [
        Inclusion(blood, 3.0),
        Inclusion(shell, 0.5),
        Inclusion(icosphere(2, radius_mm=45), 1.0),
    ]
    exact = layered_sphere(1, [28, 40, 45, 70, 100], [3, 1, 1, 0.5, 1], jumps=[0, 1, 0, 0])
    computed = double_layer_matrix(heart, torso, torso, inclusions=regions).apply(
        harmonic(heart, 1)
    )
    assert relative_error(computed, exact(4, 100) * harmonic(torso, 1)) < 0.04
    plain = layered_sphere(1, [40, 100], [1, 1], jumps=[1])(1, 100)
    assert abs(exact(4, 100) / plain - 1) > 0.15


def test_uniform_layer_is_invisible_everywhere_outside(human):
    heart, torso = human.heart, human.torso
    lung = Inclusion(
        icosphere(1, radius_mm=15, centre_mm=heart.centroid_mm - np.array([0, 0, 90.0])), 0.2
    )
    blood = Inclusion(icosphere(1, radius_mm=12, centre_mm=heart.centroid_mm), 3.0)
    beside = heart.centroid_mm + np.array([[60.0, 0, 40], [0, 20, -70]])
    for observed in (torso, heart, beside):
        for options in ({}, {"inclusions": [lung, blood], "heart_ratio": 0.6}):
            matrix = double_layer_matrix(heart, observed, torso, **options).matrix
            np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-12)


def test_torso_mean_over_the_area_is_the_reference(human):
    matrix = double_layer_matrix(human.heart, human.torso, human.torso).matrix
    np.testing.assert_allclose(human.torso.node_areas_mm2 @ matrix, 0, atol=1e-9)


def test_points_closing_in_on_the_heart_approach_the_limit(human):
    heart, torso = human.heart, human.torso
    limit = double_layer_matrix(heart, heart, torso)
    smooth = heart.vertices_mm[:, 2] / 50
    gaps = [
        relative_error(
            double_layer_matrix(heart, heart.vertices_mm + d * heart.node_normals, torso).apply(
                smooth
            ),
            limit.apply(smooth),
        )
        for d in (1.0, 0.1, 0.01)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 5e-3


def test_points_closing_in_on_the_torso_approach_its_rows(human):
    heart, torso = human.heart, human.torso
    on_torso = double_layer_matrix(heart, torso, torso).apply(heart.vertices_mm[:, 0])
    inside = torso.vertices_mm - 0.01 * torso.node_normals
    near = double_layer_matrix(heart, inside, torso).apply(heart.vertices_mm[:, 0])
    assert relative_error(near, on_torso) < 5e-3


def test_electrodes_and_other_surfaces_are_observed(human):
    heart, torso = human.heart, human.torso
    leads = Electrodes.project(torso, torso.vertices_mm[torso.faces[:5]].mean(axis=1))
    operator = double_layer_matrix(heart, leads, torso)
    whole = double_layer_matrix(heart, torso, torso)
    np.testing.assert_allclose(
        operator.matrix, leads.interpolation_matrix @ whole.matrix, atol=1e-15
    )
    assert operator.source is Source.TRANSMEMBRANE and operator.observed is torso
    around = heart.with_vertices(heart.vertices_mm + 4 * heart.node_normals)
    assert double_layer_matrix(heart, around, torso).observed is around


def test_rotation_and_scale_change_nothing(human):
    turn = Rotation.from_rotvec([0.3, -1.1, 0.7]).as_matrix()
    heart, torso = (
        s.with_vertices(1.7 * s.vertices_mm @ turn.T + [100, -30, 60])
        for s in (human.heart, human.torso)
    )
    np.testing.assert_allclose(
        double_layer_matrix(heart, torso, torso).matrix,
        double_layer_matrix(human.heart, human.torso, human.torso).matrix,
        atol=1e-11,
    )


def test_regions_of_the_same_conductivity_are_invisible(human):
    heart, torso = human.heart, human.torso
    blood = Inclusion(icosphere(1, radius_mm=12, centre_mm=heart.centroid_mm), 1.0)
    plain = double_layer_matrix(heart, torso, torso).matrix
    same = double_layer_matrix(heart, torso, torso, inclusions=[blood], heart_ratio=1.0).matrix
    np.testing.assert_allclose(same, plain, atol=1e-12)
    stronger = double_layer_matrix(heart, torso, torso, source_ratio=0.3).matrix
    np.testing.assert_allclose(stronger, 0.3 * plain, atol=1e-13)


def test_reciprocity_source_patch_and_lead_field(spheres):
    # The potential of a layer is the flux through it of the field that a torso current makes:
    # for a uniform lead field (degree 1) rows must be proportional to the area vectors of H.
    heart, torso = spheres
    row = (
        harmonic(torso, 1) * torso.node_areas_mm2 @ double_layer_matrix(heart, torso, torso).matrix
    )
    areas = np.zeros((heart.n_nodes, 3))
    thirds = heart.face_normals * heart.face_areas_mm2[:, None] / 3
    for corner in range(3):
        np.add.at(areas, heart.faces[:, corner], thirds)
    flux = areas @ AXIS
    gain = (row @ flux) / (flux @ flux)
    assert relative_error(row, gain * flux) < 5e-3
    # exact: 3/(4π b²) a dipole moment, weighed by ∫ P₁² = 4π b²/3
    assert gain == pytest.approx(-1.0, rel=0.02)
