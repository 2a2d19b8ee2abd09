import numpy as np
import pytest

from cardiotwin import InputError, NumericsError
from cardiotwin.geometry import CotangentLaplacian, PaperLaplacian, Surface, zoo
from cardiotwin.signals import (
    BadLeads,
    Electrodes,
    Recording,
    find_bad_leads,
    interpolate_bad_leads,
    interpolate_on_surface,
    read_recording,
)


@pytest.fixture(scope="module")
def tank(shared_data):
    folder = shared_data("ecgi_utah_tank_sock128")
    data = np.load(folder / "sock128_tank192.npz")
    surface = Surface(data["torso_vertices_mm"], data["torso_faces"], "tank")
    electrodes = Electrodes.on_nodes(surface, data["torso_lead_node"])
    recording = read_recording(folder / "sock128_tank192.npz", key="torso_potentials_mV")
    return surface, electrodes, recording


@pytest.mark.parametrize("laplacian", [CotangentLaplacian(), PaperLaplacian()])
def test_known_values_are_kept_and_constants_are_exact(laplacian, rng):
    ball = zoo.sphere(162, 50.0)
    known = rng.choice(ball.n_nodes, 40, replace=False)
    values = rng.normal(size=(40, 3))
    spread = interpolate_on_surface(ball, known, values, laplacian=laplacian)
    np.testing.assert_allclose(spread[known], values, atol=1e-9)
    same = interpolate_on_surface(ball, known, np.full(40, 2.5), laplacian=laplacian)
    np.testing.assert_allclose(same, 2.5, atol=1e-6)


def test_smooth_harmonics_converge_with_the_number_of_electrodes(rng):
    ball = zoo.sphere(642, 50.0)
    x, y, z = (ball.vertices_mm / 50).T
    truth = np.stack([x, x * y, 3 * z**2 - 1], axis=1)
    order = rng.permutation(ball.n_nodes)
    errors = []
    for count in (20, 80, 320):
        spread = interpolate_on_surface(ball, order[:count], truth[order[:count]])
        errors.append(np.linalg.norm(spread - truth) / np.linalg.norm(truth))
    assert errors[1] < errors[0] / 4 and errors[2] < errors[1] / 2
    assert errors[2] < 0.01


def test_nothing_smoother_agrees_with_the_electrodes(rng):
    ball = zoo.sphere(162, 50.0)
    known = np.arange(0, 162, 4)
    values = rng.normal(size=(len(known), 1))
    operator, mass = CotangentLaplacian().matrix(ball), CotangentLaplacian().mass(ball)
    best = interpolate_on_surface(ball, known, values)[:, 0]

    def energy(u):
        return mass @ (operator @ u) ** 2

    free = np.setdiff1d(np.arange(162), known)
    for _ in range(5):
        other = best.copy()
        other[free] += 0.01 * rng.normal(size=len(free))
        assert energy(other) > energy(best)


def test_electrodes_inside_triangles_are_honored(rng):
    ball = zoo.sphere(642, 50.0)
    places = rng.normal(size=(120, 3))
    electrodes = Electrodes.project(ball, 50 * places / np.linalg.norm(places, axis=1)[:, None])
    values = electrodes.interpolation_matrix @ ball.vertices_mm
    spread = interpolate_on_surface(ball, electrodes, values)
    np.testing.assert_allclose(electrodes.interpolation_matrix @ spread, values, atol=1e-7)
    assert np.abs(spread - ball.vertices_mm).max() < 1.0


def test_two_electrodes_in_one_place_are_refused():
    ball = zoo.sphere(42, 50.0)
    with pytest.raises(NumericsError, match="one place"):
        interpolate_on_surface(ball, [3, 3, 7], np.array([1.0, 2.0, 3.0]))


def test_repair_restores_left_out_measured_leads(tank):
    surface, electrodes, recording = tank
    bad = [20, 61, 90, 133, 170]
    samples = recording.samples.copy()
    samples[bad] = 99.0
    repaired = interpolate_bad_leads(recording.with_samples(samples), bad, surface, electrodes)
    good = np.setdiff1d(np.arange(192), bad)
    np.testing.assert_array_equal(repaired.samples[good], recording.samples[good])
    truth = recording.samples[bad]
    error = np.linalg.norm(repaired.samples[bad] - truth) / np.linalg.norm(truth)
    assert error < 0.12


def test_planted_faults_are_found_with_their_reasons(tank, rng):
    surface, electrodes, recording = tank
    assert find_bad_leads(recording, electrodes, surface).names == ()
    samples = recording.samples.copy()
    scale = samples.std()
    samples[10] = samples[10].mean()
    samples[50] += 0.3 * scale * rng.normal(size=recording.n_samples)
    limits = np.percentile(samples[90], [20, 80])
    samples[90] = np.clip(samples[90], *limits)
    samples[130] = -samples[130]
    broken = Recording(samples, 1000, "mV", missing=["160"])
    found = find_bad_leads(broken, electrodes, surface)
    assert found.names == ("11", "51", "91", "131", "160")
    for name, reason in zip(
        found.names, ["flat", "noisy", "saturated", "correlation", "absent"], strict=True
    ):
        assert reason in " ".join(found.reasons[name])
    np.testing.assert_array_equal(np.flatnonzero(found.mask(broken)), [10, 50, 90, 130, 159])
    assert str(found).count("\n") == 4


def test_neighbors_by_distance_find_a_swapped_lead_too(tank):
    _, electrodes, recording = tank
    samples = recording.samples.copy()
    samples[77] = -samples[77]
    assert find_bad_leads(recording.with_samples(samples), electrodes).names == ("78",)


def test_find_and_repair_in_one_line_brings_the_map_back(tank, rng):
    surface, electrodes, recording = tank
    samples = recording.samples.copy()
    samples[33] = 0.0
    samples[140] = rng.normal(size=recording.n_samples)
    broken = recording.with_samples(samples, missing=["34"])
    bad = find_bad_leads(broken, electrodes, surface)
    repaired = interpolate_bad_leads(broken, bad, surface, electrodes)
    assert bad.names == ("34", "141") and repaired.missing == ()
    error = np.linalg.norm(repaired.samples - recording.samples)
    assert error < 0.02 * np.linalg.norm(recording.samples)
    assert interpolate_bad_leads(recording, BadLeads({}), surface, electrodes) is recording


def test_leave_one_out_in_closed_form_equals_leaving_one_out(rng):
    ball = zoo.sphere(162, 50.0)
    nodes = np.sort(rng.choice(162, 30, replace=False))
    smooth = (ball.vertices_mm @ rng.normal(size=(3, 40)))[nodes]
    recording = Recording(smooth + rng.normal(size=smooth.shape), 1000, "mV")
    found = find_bad_leads(recording, Electrodes.on_nodes(ball, nodes), ball, min_correlation=-1.0)
    centered = recording.samples - recording.samples.mean(axis=0)
    for i in (0, 13, 29):
        others = np.delete(np.arange(30), i)
        spread = interpolate_on_surface(ball, nodes[others], centered[others])
        expected = np.corrcoef(spread[nodes[i]], centered[i])[0, 1]
        assert found.correlations[str(i + 1)] == pytest.approx(expected, abs=1e-6)


def test_electrodes_of_another_recording_or_surface_are_refused(tank):
    surface, electrodes, recording = tank
    with pytest.raises(InputError, match="2 electrodes for 192 channels"):
        find_bad_leads(recording, electrodes.select([0, 1]), surface)
    with pytest.raises(InputError, match="771 nodes"):
        interpolate_on_surface(zoo.sphere(42, 50.0), electrodes, np.zeros(192))
    with pytest.raises(InputError, match="all leads"):
        interpolate_bad_leads(recording, np.arange(192), surface, electrodes)
