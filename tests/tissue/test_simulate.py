import numpy as np
import pytest

from cardiotwin._errors import InputError, NumericsError
from cardiotwin.geometry import CotangentLaplacian, PaperLaplacian
from cardiotwin.tissue import (
    MS_PER_TU,
    AlievPanfilov,
    Excitation,
    ImplicitDiffusion,
    MitchellSchaeffer,
    Stimulus,
    Threshold,
    activation_times,
    simulate_beat,
)
from cardiotwin.tissue._rollout import compiled_rollout

COTANGENT = CotangentLaplacian()


def measured_speed(mesh, spacing, *, between, n_times, **settings):
    x = mesh.vertices_mm[:, 0]
    beat = simulate_beat(
        mesh,
        stimuli=[Excitation(np.flatnonzero(x <= max(6.0, 2 * spacing)))],
        laplacian=COTANGENT,
        n_times=n_times,
        **settings,
    )
    times = activation_times(beat.potentials, beat.times_tu, method=Threshold(0.5))
    inside = (x >= between[0]) & (x <= between[1])
    return 1 / np.polyfit(x[inside], times[inside], 1)[0]


@pytest.mark.parametrize(("spacing", "stepper"), [(0.75, None), (0.5, ImplicitDiffusion(0.05))])
def test_plane_wave_on_a_fine_mesh_has_the_speed_of_theory(make_strip, spacing, stepper):
    theory = AlievPanfilov().plane_wave_speed(10.0)
    assert theory == pytest.approx(0.8 * np.sqrt(8 * 10 / 2), rel=1e-12)
    settings = {} if stepper is None else {"stepper": stepper}
    speed = measured_speed(
        make_strip(spacing, 60.0), spacing, between=(25, 50), n_times=121, **settings
    )
    assert speed == pytest.approx(theory, rel=0.03)


def test_the_speed_grows_with_the_root_of_diffusion(make_strip):
    mesh = make_strip(1.0, 60.0)
    speeds = [
        measured_speed(mesh, 1.0, between=(25, 45), n_times=201, diffusion=d) for d in (5.0, 10.0)
    ]
    assert speeds[1] / speeds[0] == pytest.approx(np.sqrt(2), rel=0.02)


def test_the_second_model_also_has_the_speed_of_its_theory(make_strip):
    # The formula holds for an open gate: a slow gate stays open while the front passes.
    model = MitchellSchaeffer(tau_close=1e4)
    speed = measured_speed(make_strip(0.75, 60.0), 0.75, between=(25, 50), n_times=121, model=model)
    assert speed == pytest.approx(model.plane_wave_speed(10.0), rel=0.03)


def test_edges_of_the_papers_mesh_slow_the_wave_by_sixteen_percent(make_strip):
    # Squares cut in two give the cotangent operator the one-dimensional stencil along the strip.
    mesh = make_strip(5.9, 240.0, rows=2, hexagonal=False)
    speed = measured_speed(mesh, 5.9, between=(80, 200), n_times=601)
    assert speed == pytest.approx(4.24, rel=0.01)


def test_rest_stays_rest_exactly(epicardium):
    for model in (AlievPanfilov(), MitchellSchaeffer()):
        beat = simulate_beat(epicardium, model=model, n_times=101)
        assert (beat.potentials == model.rest[0]).all()
        assert (beat.recovery_variable == model.rest[1]).all()


@pytest.fixture(scope="module")
def paced(epicardium):
    pacing = [Excitation.near(epicardium, [0, 0, -50], n_nodes=12)]
    return {
        laplacian.name: simulate_beat(epicardium, stimuli=pacing, laplacian=laplacian)
        for laplacian in (PaperLaplacian(), COTANGENT)
    }


def test_the_paper_like_beat_lies_in_the_published_regime(paced):
    beat = paced["eq15"]
    assert beat.potentials.shape == (1094, 661)
    assert beat.mean_square == pytest.approx(0.316, abs=0.01)
    assert beat.potentials.min() >= -0.05
    assert beat.potentials.max() <= 1.05
    assert (beat.potentials.max(axis=1) > 0.9).all()
    assert beat.provenance.settings["mean_edge_mm"] == pytest.approx(5.9, abs=0.05)
    assert beat.provenance.settings["front_thickness_mm"] == pytest.approx(6.95, abs=0.01)
    np.testing.assert_allclose(beat.times_ms, 12.9 * np.arange(661) * 0.1)
    assert MS_PER_TU == 12.9


def test_the_two_laplacians_are_named_and_differ_as_documented(paced):
    first, second = (paced[name] for name in ("eq15", "cotangent"))
    assert [first.laplacian_name, second.laplacian_name] == ["eq15", "cotangent"]
    error = np.linalg.norm(first.potentials - second.potentials) / np.linalg.norm(first.potentials)
    assert 0.05 < error < 0.2


def test_a_constant_diffusion_per_node_equals_the_number(epicardium, paced):
    pacing = [Excitation.near(epicardium, [0, 0, -50], n_nodes=12)]
    for laplacian in (PaperLaplacian(), COTANGENT):
        beat = simulate_beat(
            epicardium,
            stimuli=pacing,
            laplacian=laplacian,
            diffusion=np.full(epicardium.n_nodes, 10.0),
        )
        np.testing.assert_allclose(beat.potentials, paced[laplacian.name].potentials, atol=1e-9)


def test_a_band_without_diffusion_blocks_the_wave(make_strip):
    mesh = make_strip(1.0, 40.0)
    x = mesh.vertices_mm[:, 0]
    diffusion = np.where((x > 18) & (x < 22), 0.0, 10.0)
    pacing = [Excitation(np.flatnonzero(x < 6))]
    free, blocked = (
        simulate_beat(mesh, stimuli=pacing, diffusion=d, laplacian=COTANGENT, n_times=121)
        for d in (10.0, diffusion)
    )
    assert (free.potentials.max(axis=1) > 0.9).all()
    assert (blocked.potentials[x < 17].max(axis=1) > 0.9).all()
    assert (blocked.potentials[x > 23] == 0).all()


def test_two_stimuli_in_space_and_time_meet(make_strip):
    mesh = make_strip(1.5, 60.0)
    x = mesh.vertices_mm[:, 0]
    pacing = [
        Stimulus(np.flatnonzero(x < 6)),
        Stimulus(np.flatnonzero(x > 54), start_tu=4.0),
    ]
    beat = simulate_beat(mesh, stimuli=pacing, laplacian=COTANGENT, n_times=201)
    times = activation_times(beat.potentials, beat.times_tu, method=Threshold())
    assert x[np.argmax(times)] == pytest.approx(30 + 0.5 * 4 * 5.0, abs=2.5)


def test_tissue_that_is_still_refractory_is_not_excited_again(make_strip):
    mesh = make_strip(2.0, 40.0)
    left = np.flatnonzero(mesh.vertices_mm[:, 0] < 6)
    early, late = (
        simulate_beat(
            mesh,
            stimuli=[Stimulus(left), Stimulus(left, start_tu=second)],
            laplacian=COTANGENT,
            n_times=701,
        ).potentials[mesh.vertices_mm[:, 0] > 30]
        for second in (15.0, 45.0)
    )
    beats = [(np.diff((u > 0.5).astype(int), axis=1) == 1).sum(axis=1) for u in (early, late)]
    assert (beats[0] == 1).all()
    assert (beats[1] == 2).all()


def test_other_geometries_and_values_of_one_size_do_not_compile_again(epicardium):
    def run(mesh, **settings):
        return simulate_beat(
            mesh, stimuli=[Excitation([3], 0.3)], n_times=5, stepper=ImplicitDiffusion(), **settings
        )

    run(epicardium)
    compiled = compiled_rollout._cache_size()
    stretched = epicardium.with_vertices(epicardium.vertices_mm * [1.0, 0.8, 1.2])
    run(stretched, diffusion=7.0, model=AlievPanfilov(a=0.12, k=7), laplacian=COTANGENT)
    run(stretched, diffusion=np.linspace(5, 10, 1094))
    assert compiled_rollout._cache_size() == compiled


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"diffusion": -1.0}, "diffusion: found -1; expected a finite number ≥ 0. Give D in mm²"),
        ({"diffusion": [1.0, 2.0]}, r"diffusion: found shape \(2,\); expected shape \(42,\)"),
        ({"n_times": 1}, "n_times: found 1; expected a whole number ≥ 2"),
        ({"sample_step_tu": 0}, "sample_step_tu: found 0; expected a finite number > 0"),
        ({"model": AlievPanfilov(a=np.full(5, 0.1))}, "model.a: found 5 values; expected one num"),
        ({"initial": (np.zeros(42), np.zeros(41))}, r"initial\[1\] \(v\): found shape \(41,\)"),
    ],
)
def test_bad_input_is_named(small_ball, settings, message):
    with pytest.raises(InputError, match=message):
        simulate_beat(small_ball, **{"n_times": 3, **settings})


def test_a_solution_that_leaves_the_numbers_is_reported(small_ball):
    start = np.full(42, 1e6)
    with pytest.raises(NumericsError, match=r"stop being finite at t = .*shorter step"):
        simulate_beat(small_ball, initial=(start, 0 * start), n_times=21)
