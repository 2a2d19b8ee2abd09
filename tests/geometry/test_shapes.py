"""Parametric shapes: exact counts, closed and inside each other, plausible anatomy."""

import numpy as np
import pytest

from cardiotwin import GeometryError, InputError
from cardiotwin.geometry import gauge_radius, icosphere, star_surface, validate, zoo


@pytest.fixture(scope="module")
def patient() -> zoo.HumanCase:
    return zoo.human(lungs=True, cavities=True)


@pytest.mark.parametrize("n_nodes", [12, 13, 42, 64, 162, 352, 642, 1000])
def test_spheres_have_exact_counts(n_nodes):
    ball = zoo.sphere(n_nodes, radius_mm=30.0, centre_mm=(5.0, -2.0, 1.0))
    assert (ball.n_nodes, ball.n_faces) == (n_nodes, 2 * n_nodes - 4)
    assert validate(ball).ok
    radius = np.linalg.norm(ball.vertices_mm - [5.0, -2.0, 1.0], axis=1)
    assert np.abs(radius - 30).max() < 1e-9


def test_icosphere_volume_converges_with_second_order():
    missing = [4 / 3 * np.pi * 125 - icosphere(k, radius_mm=50).volume_ml for k in range(5)]
    assert (np.log2(np.array(missing[1:-1]) / missing[2:]) > 1.9).all()


def test_star_surface_is_even_and_repeatable():
    def radius(directions):
        return 50 + 15 * directions[:, 2] + 10 * directions[:, 0] ** 2

    first, again = (star_surface(radius, 500, seed=3) for _ in range(2))
    assert np.array_equal(first.vertices_mm, again.vertices_mm)
    other = star_surface(radius, 500, seed=4)
    assert np.abs(first.vertices_mm - other.vertices_mm).max() > 1
    assert other.volume_ml == pytest.approx(first.volume_ml, rel=2e-3)
    report = validate(first)
    assert report.ok and report.quality.smallest_angle_degrees[0] > 35
    assert report.quality.edge_mm[2] < 2.5 * report.quality.edge_mm[0]
    distance = np.linalg.norm(first.vertices_mm, axis=1)
    assert np.allclose(distance, radius(first.vertices_mm / distance[:, None]), atol=1e-9)


def test_shapes_that_cannot_be_are_refused():
    with pytest.raises(GeometryError, match=r"radius: found .* values not above 0"):
        star_surface(lambda d: d[:, 2], 100)
    with pytest.raises(InputError, match="n_nodes: found 5; expected a whole number ≥ 12"):
        star_surface(lambda d: np.ones(len(d)), 5)
    endless = gauge_radius(lambda x: 0 * x[:, 0], reach_mm=100)
    with pytest.raises(GeometryError, match="gauge: found points still inside the body 100 mm"):
        endless(np.eye(3))


def test_the_paper_counts(patient):
    assert (patient.heart.n_nodes, patient.heart.n_faces) == (1094, 2184)
    assert (patient.torso.n_nodes, patient.torso.n_faces) == (352, 700)


def test_heart_and_torso_are_sound(patient):
    for surface in (patient.heart, patient.torso, *patient.lungs, *patient.cavities):
        report = validate(surface)
        assert report.ok, str(report)
        assert report.euler_number == 2
        assert report.quality.smallest_angle_degrees[0] > 30
        assert report.quality.aspect_ratio[1] < 1.6


def test_sizes_are_human(patient):
    width, depth, height = np.ptp(patient.torso.vertices_mm, axis=0)
    assert 320 < width < 420 and 200 < depth < 270 and 400 < height < 550
    assert 20_000 < patient.torso.volume_ml < 35_000
    assert patient.heart.volume_ml == pytest.approx(509)
    assert patient.heart.mean_edge_mm == pytest.approx(5.9, abs=0.1)


def test_trunk_has_shoulders_chest_waist_and_hips():
    points = zoo.human(50, 2000).torso.vertices_mm

    def section(height):
        near = points[np.abs(points[:, 2] - height) < 15]
        return np.ptp(near, axis=0)[:2], near[:, 1].mean()

    (shoulders, _), _ = section(150)
    (chest, chest_depth), _ = section(60)
    (waist, waist_depth), _ = section(-70)
    (hips, _), _ = section(-170)
    (neck, _), _ = section(230)
    assert neck < waist < chest < shoulders and waist < hips
    assert waist_depth < chest_depth < chest
    front, back = -points[:, 1].min(), points[:, 1].max()
    assert front > back + 5  # the chest bulges more than the back


def test_heart_lies_left_tilted_and_deep_enough(patient):
    heart, torso = patient.heart.vertices_mm, patient.torso
    assert torso.contains(heart).all()
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], 40)
    skin = np.einsum("sk,fkx->fsx", shares, torso.vertices_mm[torso.faces]).reshape(-1, 3)
    gap = np.linalg.norm(skin[None] - heart[::10, None], axis=2).min()
    assert 15 < gap < 60
    axis = heart[patient.apex_node] - heart[patient.base_node]
    axis /= np.linalg.norm(axis)
    left, front, down = np.degrees(np.arcsin(axis * [1, -1, -1]))
    assert 30 < left < 60 and 15 < front < 45 and 15 < down < 45
    assert heart[:, 0].mean() > 5  # left of the midline
    assert -heart[:, 1].mean() > 20  # nearer to the breastbone than to the spine
    right = heart[patient.regions["right"]].mean(axis=0)
    left = heart[patient.regions["left"]].mean(axis=0)
    assert right[0] < left[0] - 40
    assert patient.apex_node in patient.regions["apex"]
    assert patient.base_node in patient.regions["base"]
    assert (
        heart[patient.regions["anterior"], 1].max() < heart[patient.regions["posterior"], 1].min()
    )


def test_organs_do_not_meet(patient):
    for lung in patient.lungs:
        assert patient.torso.contains(lung.vertices_mm).all()
        assert not patient.heart.contains(lung.vertices_mm).any()
        assert not lung.contains(patient.heart.vertices_mm).any()
        assert 1500 < lung.volume_ml < 4000
    for cavity in patient.cavities:
        assert patient.heart.contains(cavity.vertices_mm).all()
    assert patient.cavities[0].volume_ml > patient.cavities[1].volume_ml > 20
    assert not patient.cavities[0].contains(patient.cavities[1].vertices_mm).any()
    assert patient.lungs[0].centroid_mm[0] < 0 < patient.lungs[1].centroid_mm[0]


def test_electrodes_lie_on_the_skin_in_anatomical_order(patient):
    leads, torso = patient.standard_leads, patient.torso
    assert set(leads) == {"V1", "V2", "V3", "V4", "V5", "V6", "RA", "LA", "RL", "LL"}
    places = np.array(list(leads.values()))
    inward = places * [0.999, 0.999, 1.0]
    assert torso.contains(inward).all() and not torso.contains(places * [1.001, 1.001, 1.0]).any()
    across = [leads[f"V{k}"][0] for k in range(1, 7)]
    assert across == sorted(across) and across[0] < 0 < across[1]
    assert leads["RA"][0] < 0 < leads["LA"][0] and leads["LL"][2] < leads["V4"][2] < leads["LA"][2]


@pytest.mark.parametrize(("heart_nodes", "torso_nodes"), [(100, 100), (300, 1000)])
def test_other_sizes_are_the_same_body(patient, heart_nodes, torso_nodes):
    case = zoo.human(heart_nodes, torso_nodes, seed=1)
    assert (case.heart.n_faces, case.torso.n_faces) == (2 * heart_nodes - 4, 2 * torso_nodes - 4)
    assert validate(case.heart).ok and validate(case.torso).ok
    assert case.heart.volume_ml == pytest.approx(509)
    assert case.torso.volume_ml == pytest.approx(patient.torso.volume_ml, rel=0.06)
    assert np.linalg.norm(case.heart.centroid_mm - patient.heart.centroid_mm) < 3
    apart = case.heart.vertices_mm[case.apex_node] - patient.heart.vertices_mm[patient.apex_node]
    assert np.linalg.norm(apart) < 15


@pytest.mark.slow
def test_ten_thousand_nodes_of_each():
    case = zoo.human(10_000, 10_000)
    for surface in (case.heart, case.torso):
        report = validate(surface)
        assert report.ok and report.n_faces == 19_996
        assert report.quality.smallest_angle_degrees[0] > 25


def test_the_heart_can_be_changed(patient):
    case = zoo.human(
        200, 100, heart_volume_ml=300, heart_angles_degrees=(60, 20, 20), torso_scale=1.1
    )
    assert case.heart.volume_ml == pytest.approx(300)
    assert case.heart_axis[0] > patient.heart_axis[0]
    assert np.ptp(case.torso.vertices_mm[:, 2]) > 1.05 * np.ptp(patient.torso.vertices_mm[:, 2])
    assert case.settings["torso_scale"] == 1.1
    with pytest.raises(GeometryError, match=r"heart_centre_mm: found \d+ heart nodes outside"):
        zoo.human(100, 100, heart_centre_mm=(150, 0, 0))


def test_concentric_and_eccentric_spheres():
    case = zoo.eccentric_spheres(162, torso_nodes=42, heart_centre_mm=(25, 10, -15))
    assert (case.heart.n_nodes, case.torso.n_nodes) == (162, 42)
    assert np.allclose(case.heart.centroid_mm, [25, 10, -15])
    assert np.allclose(zoo.concentric_spheres(42).heart.centroid_mm, 0)
    with pytest.raises(GeometryError, match="beyond the torso sphere"):
        zoo.eccentric_spheres(42, heart_centre_mm=(80, 0, 0))


def test_the_zoo_suggests_names():
    with pytest.raises(InputError, match="Did you mean 'human'"):
        zoo.get("humen")
    assert zoo.get("sphere", n_nodes=42).n_nodes == 42
    assert "human" in zoo.names()
