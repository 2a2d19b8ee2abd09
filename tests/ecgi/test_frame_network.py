"""A network of frames: what it may depend on, what it learns, what it refuses."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import ecgi
from cardiotwin._errors import FileFormatError, InputError
from cardiotwin.ecgi._frame_library import make_boxes
from cardiotwin.ecgi._frame_objective import FrameBatch
from cardiotwin.tissue import MS_PER_TU

N_TIMES = 240
NOISE_SD = 0.01

# On 60 nodes a front of the usual thickness would fall between the nodes and stand still.
BEATS = ecgi.RandomBeats(diffusion=80.0)


@pytest.fixture(scope="module")
def case():
    return ecgi.zoo.paper_like(heart_nodes=60, torso_nodes=40, n_times=N_TIMES)


@pytest.fixture(scope="module")
def settings():
    return ecgi.FrameNetwork(
        width=24,
        layers=3,
        reach_tu=4.0,
        beats=BEATS,
        steps=300,
        windows=24,
        physics_windows=4,
        quiet=True,
    )


@pytest.fixture(scope="module")
def trained(case, settings):
    return _train(settings, case)


def _train(settings, case, **changes):
    given = {"noise_sd": NOISE_SD, "beats": 32, "n_times": N_TIMES, "seed": 0, **changes}
    return settings.train(case.operator, **given)


def _problem(case, leads):
    return ecgi.InverseProblem(
        case.operator, leads, times_ms=np.arange(leads.shape[1]) * 0.1 * MS_PER_TU
    )


def test_training_lowers_the_held_out_error(case, settings, trained):
    barely = _train(replace(settings, steps=2), case)
    after, before = (one.summary["held_out_relative_error"] for one in (trained, barely))
    assert after < 0.5
    assert after < 0.6 * before


def test_it_answers_as_before_after_saving_and_loading(case, trained, tmp_path):
    trained.save(tmp_path / "network.npz")
    loaded = ecgi.TrainedFrameNetwork.load(tmp_path / "network.npz")
    problem = case.problem(NOISE_SD, seed=1)
    first, second = trained.solve(problem), loaded.solve(problem)
    assert np.array_equal(first.heart_potentials, second.heart_potentials)
    deviations = [one.uncertainty.standard_deviation for one in (first, second)]
    assert np.array_equal(*deviations)
    assert loaded.summary == trained.summary


def test_a_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=[1.0])
    with pytest.raises(FileFormatError, match="written by TrainedFrameNetwork"):
        ecgi.TrainedFrameNetwork.load(tmp_path / "other.npz")


def test_the_same_seed_gives_the_same_network(case, settings, trained):
    again = _train(settings, case)
    problem = case.problem(NOISE_SD, seed=1)
    assert np.array_equal(
        again.solve(problem).heart_potentials, trained.solve(problem).heart_potentials
    )


def test_a_later_recording_gives_the_same_answer_later(case, trained):
    shift, reach = 30, trained.encoding.boxes.reach
    leads = case.body_potentials
    later = np.concatenate([np.zeros((len(leads), shift)), leads], axis=1)
    now = trained.solve(_problem(case, leads)).heart_potentials
    then = trained.solve(_problem(case, later)).heart_potentials
    # Silence before the recording is what the network assumes anyway: exact from the first
    # sample on. The end is extended by the last sample, the same in both.
    np.testing.assert_allclose(then[:, shift:], now, atol=2e-4)
    assert reach < N_TIMES - shift


def test_an_answer_depends_on_no_sample_beyond_its_reach(case, trained):
    leads = case.body_potentials
    changed = leads.copy()
    changed[:, 120] += 0.1
    reach = trained.encoding.boxes.reach
    found, other = (trained.solve(_problem(case, y)).heart_potentials for y in (leads, changed))
    difference = abs(found - other).max(axis=0)
    assert difference[120 - reach : 121 + reach].max() > 1e-3
    # Sums over boxes run through the whole recording, so that rounding errors travel.
    assert difference[: 120 - reach].max(initial=0) == 0
    assert difference[121 + reach :].max(initial=0) < 2e-4


def test_physics_of_an_exact_beat_is_at_the_level_of_the_stencils(case, settings):
    exact = replace(settings, truncation=1e-6, data_weight=0.0, supervision_weight=0.0)
    objective = exact.objective(
        case.operator.heart,
        case.operator.matrix,
        NOISE_SD,
        beats=32,
        n_times=N_TIMES,
        step_tu=0.1,
        seed=0,
    )
    # While the wave is under way; the start is a jump.
    n_instants = settings.physics_windows * settings.length
    windows = objective.library.coefficients[0][:, 60 : 60 + n_instants]
    empty = jnp.zeros((0, n_instants))
    factors = np.full(settings.physics_windows, objective.library.factors[0])
    batch = FrameBatch(empty, empty, windows, factors)
    right = _physics(objective, windows, batch)
    assert right < 1e-4
    assert _physics(objective, windows, batch._replace(factors=1.5 * factors)) > 20 * right
    # A wave that stands still obeys nothing.
    still = np.repeat(windows[:, ::5], 5, axis=1)
    assert _physics(objective, still, batch) > 20 * right


def _physics(objective, coefficients, batch):
    parts = objective.residuals_of(jnp.asarray(coefficients), batch)
    return float(sum((part**2).sum() for part in parts.values()))


@pytest.mark.slow
def test_data_and_physics_alone_teach_something(case, settings):
    alone = replace(settings, supervision_weight=0.0)
    long, short = (_train(replace(alone, steps=n), case) for n in (300, 2))
    assert long.summary["held_out_relative_error"] < short.summary["held_out_relative_error"]
    assert "supervision" not in long.summary["losses"]


@pytest.mark.slow
def test_parts_match_their_definition(case, settings):
    objective = replace(settings, truncation=1e-6).objective(
        case.operator.heart,
        case.operator.matrix,
        NOISE_SD,
        beats=4,
        n_times=N_TIMES,
        step_tu=0.1,
        seed=0,
    )
    batch = objective.draw(jax.random.key(0))
    parts = objective.residuals_of(batch.coefficients, batch)
    assert float((parts["supervision"] ** 2).sum()) == 0
    # With the true beat only noise is left, in the components that are looked at.
    share = len(objective.encoding.leads) / len(case.operator.matrix)
    expected = NOISE_SD**2 * share
    # Windows before and after the recording have no noise: at most.
    assert 0.5 * expected < float((parts["data"] ** 2).sum()) < 1.3 * expected


def test_uncertainty_covers_about_ninety_percent_of_held_out_errors(case, trained):
    beats = BEATS.draw(case.operator.heart, 16, n_times=N_TIMES, seed=99)
    inside = []
    for k, truth in enumerate(beats.potentials.astype(float)):
        noise = np.random.default_rng(k).normal(size=(case.operator.n_observed, N_TIMES))
        problem = _problem(case, case.operator.apply(truth) + NOISE_SD * noise)
        found = trained.solve(problem)
        limit = ecgi.NINETY_PERCENT * found.uncertainty.standard_deviation
        inside.append(abs(found.heart_potentials - truth) <= limit)
    assert 0.85 < np.mean(inside) < 0.95


def test_boxes_have_no_gaps_and_lie_evenly_around_now():
    boxes = make_boxes(24.0, 0.5, 1.6, 0.1)
    assert boxes.starts[1:] == boxes.ends[:-1]
    assert np.array_equal(boxes.widths, boxes.widths[::-1])
    assert 12 <= boxes.reach * 0.1 <= 24.0 + 0.2
    assert boxes.reach == boxes.ends[-1] - 1


def test_sites_keep_their_distance_from_excluded_points(case):
    heart = case.operator.heart
    point = heart.vertices_mm[7]
    beats = ecgi.RandomBeats(exclude_mm=point[None], margin_mm=25.0, two_sites=0.0)
    drawn = beats.draw(heart, 32, n_times=15, seed=3)
    near = np.linalg.norm(heart.vertices_mm - point, axis=1) < 5.0
    assert not drawn.potentials[:, near, 0].any()
    assert (drawn.potentials[:, :, 0] == 1).any(axis=1).all()
    with pytest.raises(InputError, match="margin"):
        replace(beats, margin_mm=1e4).draw(heart, 2, n_times=15, seed=0)


def test_other_leads_operators_and_intervals_are_refused(case, trained):
    few = ecgi.InverseProblem(case.operator, case.body_potentials[:30], leads=np.arange(30))
    with pytest.raises(InputError, match=r"30 leads .* trained for"):
        trained.solve(few)
    moved = case.displaced_operator((3.0, 0.0, 0.0))
    with pytest.raises(InputError, match="operator that differs"):
        trained.solve(case.problem(NOISE_SD, 0, operator=moved))
    sparse = ecgi.InverseProblem(case.operator, case.body_potentials)
    with pytest.raises(InputError, match="Resample"):
        trained.solve(sparse)
    with pytest.raises(InputError, match="something to learn from"):
        ecgi.FrameNetwork(data_weight=0, physics_weight=0, supervision_weight=0)
