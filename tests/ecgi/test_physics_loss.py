"""The loss on exact and simulated solutions of the tissue's equations, and its bookkeeping."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError, ecgi, geometry, tissue
from cardiotwin.ecgi import (
    AdaptiveResNet,
    FixedPoints,
    FullGrid,
    GivenFeatures,
    MixedDerivatives,
    NumericalDerivatives,
    RandomPoints,
    Windows,
    Xavier,
    full_grid_losses,
    off_collocation_residual,
    physics_objective,
)
from cardiotwin.ecgi._physics_loss import predict, rim_slope

KEY = jax.random.key(0)
N_TIMES = 60
# Small outputs keep ξ = e0 + μ1 v / (u + μ2) away from its pole at u = −0.3.
TAME = Xavier(0.3)
# A look-up table in place of a network needs the node's number, not its coordinates.
NUMBERS = GivenFeatures(np.arange(150.0)[None])


@pytest.fixture(scope="module")
def case():
    return ecgi.zoo.paper_like(heart_nodes=150, torso_nodes=80, n_times=N_TIMES)


@pytest.fixture(scope="module")
def clean(case):
    return case.problem(0.0, seed=0)


class Table(eqx.Module):
    """Looks (u, v) up by the node's number and the instant."""

    values: jax.Array

    def __call__(self, x):
        nodes = jnp.round(x[0]).astype(int)
        instants = jnp.round((x[1] + 1) * (self.values.shape[2] - 1) / 2).astype(int)
        return self.values[:, nodes, instants]


@pytest.fixture(scope="module")
def truth(case):
    beat = case.simulation
    return Table(jnp.asarray(np.stack([beat.potentials, beat.recovery_variable]), "float32"))


@pytest.fixture(scope="module")
def network():
    return AdaptiveResNet(6, 1, initialization=TAME).initialize(KEY, 4)


@eqx.filter_jit
def squares(objective, network, batch):
    return {name: (part**2).sum() for name, part in objective.residuals(network, batch).items()}


def losses(objective, network, batch):
    return {name: float(part) for name, part in squares(objective, network, batch).items()}


def test_the_simulated_beat_solves_data_and_physics(clean, truth):
    data, physics = full_grid_losses(physics_objective(clean, inputs=NUMBERS), truth)
    assert data < 1e-12
    wrong_diffusion = physics_objective(clean, inputs=NUMBERS, diffusion=15.0)
    wrong_model = physics_objective(clean, inputs=NUMBERS, model=tissue.AlievPanfilov(k=10.0))
    wrong_operator = physics_objective(
        clean, inputs=NUMBERS, derivatives=NumericalDerivatives(geometry.CotangentLaplacian())
    )
    for wrong in (wrong_diffusion, wrong_model, wrong_operator):
        assert full_grid_losses(wrong, truth)[1] > 20 * physics


def test_the_other_ionic_model_fits_its_own_beat(case):
    model = tissue.MitchellSchaeffer()
    beat = tissue.simulate_beat(
        case.human.heart,
        model=model,
        stimuli=(
            tissue.Excitation.near(case.human.heart, case.human.heart.vertices_mm[3], n_nodes=4),
        ),
        n_times=N_TIMES,
        laplacian=geometry.PaperLaplacian(),
    )
    problem = ecgi.InverseProblem(
        case.operator, case.operator.apply(beat.potentials), times_ms=beat.times_ms
    )
    values = np.stack([beat.potentials, beat.recovery_variable])
    table = Table(jnp.asarray(values, "float32"))
    right = full_grid_losses(physics_objective(problem, inputs=NUMBERS, model=model), table)
    wrong = full_grid_losses(physics_objective(problem, inputs=NUMBERS), table)
    assert right[1] < 0.05 * wrong[1]


def test_at_rest_only_the_data_are_missing(clean):
    objective = physics_objective(clean, collocation=FullGrid())
    rest = Table(jnp.zeros((2, 150, N_TIMES)))
    found = losses(objective, rest, objective.draw(KEY))
    assert found["potential"] == found["recovery"] == 0
    assert found["data"] == pytest.approx(float((clean.data**2).mean()), rel=1e-5)


@pytest.mark.parametrize("derivatives", [NumericalDerivatives(), MixedDerivatives()])
def test_chunks_of_the_full_grid_equal_the_full_grid(clean, network, derivatives):
    objective = physics_objective(clean, collocation=FullGrid(), derivatives=derivatives)
    whole = losses(objective, network, objective.draw(KEY))
    data, physics = full_grid_losses(objective, network)
    assert data == pytest.approx(whole["data"], rel=1e-4)
    assert physics == pytest.approx(whole["potential"] + whole["recovery"], rel=1e-4)


@pytest.mark.parametrize("halo", [0, 2])
def test_windows_constrain_every_instant_equally_often(halo):
    rule = Windows(4, 5)
    draw = jax.jit(jax.vmap(lambda key: rule.draw(key, 1, 40, halo)))
    batch = draw(jax.random.split(KEY, 4000))
    instants = np.asarray(batch.starts + batch.offsets)[..., None] + np.arange(5)
    assert instants.min() == 0 and instants.max() == 39
    weight = np.bincount(instants.ravel(), np.asarray(batch.weights).ravel(), minlength=40)
    np.testing.assert_allclose(weight / weight.mean(), 1, atol=0.08)
    # The mean weight is one, so that the mean over batches is the loss of the full grid.
    assert np.asarray(batch.weights).mean() == pytest.approx(1, abs=0.02)


def test_windows_points_and_grid_have_the_same_mean_loss(clean, network):
    data, physics = full_grid_losses(physics_objective(clean), network)
    for rule, n_draws in ((Windows(4, 6), 60), (RandomPoints(400, 12), 60)):
        objective = physics_objective(clean, collocation=rule)
        found = [
            losses(objective, network, objective.draw(key))
            for key in jax.random.split(KEY, n_draws)
        ]
        mean = {name: np.mean([one[name] for one in found]) for name in found[0]}
        assert mean["potential"] + mean["recovery"] == pytest.approx(physics, rel=0.05)
        assert mean["data"] == pytest.approx(data, rel=0.1)


def test_the_pieces_of_a_batch_have_its_loss_on_average(clean, network):
    objective = physics_objective(clean, collocation=Windows(4, 6))
    batch = objective.draw(KEY)
    whole = losses(objective, network, batch)
    pieces = objective.split(batch)
    each = [
        losses(objective, network, jax.tree.map(lambda leaf, k=k: leaf[k], pieces))
        for k in range(4)
    ]
    for name, value in whole.items():
        assert np.mean([piece[name] for piece in each]) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("rule", [Windows(4, 4), RandomPoints(60, 4)])
def test_a_batch_cut_into_shares_has_the_mean_of_their_losses(clean, network, rule):
    objective = physics_objective(clean, collocation=rule)
    batch = objective.draw(KEY)

    def each_loss(batch):
        return list(losses(objective, network, batch).values())

    whole = each_loss(batch)
    for n_pieces in (1, 2, 4):
        shares = objective.split(batch, n_pieces)
        one_by_one = [
            each_loss(jax.tree.map(lambda leaf, k=k: leaf[k], shares)) for k in range(n_pieces)
        ]
        np.testing.assert_allclose(np.mean(one_by_one, axis=0), whole, rtol=1e-4)
    assert objective.split(batch, 7) is None


@pytest.mark.parametrize("rule", [Windows(2, 4), FixedPoints(50, n_data_instants=3)])
def test_the_gradient_is_that_of_finite_differences(clean, rule):
    with jax.enable_x64(True):
        objective = physics_objective(clean, collocation=rule, dtype="float64")
        network = AdaptiveResNet(4, 1, initialization=TAME).initialize(KEY, 4, "float64")
        batch = objective.draw(KEY)
        leaves, treedef = jax.tree.flatten(network)

        @jax.jit
        @jax.value_and_grad
        def loss(leaves):
            parts = objective.residuals(jax.tree.unflatten(treedef, leaves), batch)
            return sum((part**2).sum() for part in parts.values())

        _, slope = loss(leaves)
        keys = jax.random.split(KEY, len(leaves))
        way = [
            jax.random.normal(key, leaf.shape, "float64")
            for key, leaf in zip(keys, leaves, strict=True)
        ]
        step = 1e-5
        ahead, _ = loss([leaf + step * w for leaf, w in zip(leaves, way, strict=True)])
        behind, _ = loss([leaf - step * w for leaf, w in zip(leaves, way, strict=True)])
        along = sum(float((g * w).sum()) for g, w in zip(slope, way, strict=True))
        assert float(ahead - behind) / (2 * step) == pytest.approx(along, rel=1e-6)


@pytest.mark.slow
def test_values_at_every_node_act_like_one_value(clean, network):
    one = physics_objective(clean, collocation=Windows(2, 4))
    model = tissue.AlievPanfilov(a=np.full(150, 0.1))
    many = physics_objective(
        clean, collocation=Windows(2, 4), model=model, diffusion=np.full(150, 10.0)
    )
    for rule in (Windows(2, 4), RandomPoints(50, 2)):
        batch = rule.draw(KEY, 150, N_TIMES, 2)
        expected = losses(one, network, batch)
        assert losses(many, network, batch) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_closed_surfaces_have_no_boundary_part_and_open_ones_do(clean, network, case):
    assert set(physics_objective(clean).residuals(network, Windows().draw(KEY, 150, 60, 2))) == {
        "data",
        "potential",
        "recovery",
    }
    heart = case.human.heart
    upper = heart.faces[(heart.vertices_mm[heart.faces, 2] > heart.centroid_mm[2]).all(axis=1)]
    used, faces = np.unique(upper, return_inverse=True)
    dome = geometry.Surface(heart.vertices_mm[used], faces.reshape(-1, 3))
    operator = ecgi.ObservationOperator(np.eye(len(used))[:20], ecgi.Source.EPICARDIAL, dome)
    times = np.arange(12) * 0.1 * tissue.MS_PER_TU
    problem = ecgi.InverseProblem(operator, np.zeros((20, 12)), times_ms=times)
    objective = physics_objective(problem, collocation=FullGrid())
    flat = jax.tree.map(jnp.zeros_like, network)
    assert losses(objective, flat, objective.draw(KEY))["boundary"] == 0
    assert losses(objective, network, objective.draw(KEY))["boundary"] > 0
    data, physics = full_grid_losses(objective, network)
    parts = losses(objective, network, objective.draw(KEY))
    assert data == pytest.approx(parts["data"], rel=1e-4)
    assert physics == pytest.approx(sum(parts.values()) - parts["data"], rel=1e-4)


def test_the_slope_across_the_rim_of_a_disk_is_the_radial_one():
    angle = np.linspace(0, 2 * np.pi, 49)[:-1]
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    faces = [[0, k + 1, (k + 1) % 48 + 1] for k in range(48)]
    disk = geometry.Surface(np.vstack([[[0.0, 0.0, 0.0]], ring]), faces)
    slope = rim_slope(disk) @ disk.vertices_mm
    np.testing.assert_allclose(slope, ring, atol=1e-10)


def test_off_collocation_residual_tells_points_apart(clean, truth):
    rule = FixedPoints(300, seed=2)
    objective = physics_objective(clean, inputs=NUMBERS, collocation=rule)
    chosen = rule.chosen(150, N_TIMES)
    # A potential that is at rest solves the equations: spoil one point and look at its stencil.
    rest = jnp.zeros((2, 150, N_TIMES))
    on, off = off_collocation_residual(objective, Table(rest), chosen)
    assert on == off == 0
    node, instant = np.argwhere(chosen)[150]
    spoiled = Table(rest.at[1, node, instant].set(1.0))
    on, off = off_collocation_residual(objective, spoiled, chosen)
    assert on > 0
    assert off > 0  # the neighbors in time
    _, physics = full_grid_losses(objective, spoiled)
    assert (on * chosen.sum() + off * (~chosen).sum()) / chosen.size == pytest.approx(
        physics, rel=1e-4
    )


def test_prediction_covers_all_nodes_and_instants(clean, case, truth):
    found = predict(physics_objective(clean, inputs=NUMBERS), truth)
    np.testing.assert_allclose(found[0], case.truth, atol=1e-6)


def test_problems_without_a_heart_or_too_short_are_refused(clean, case):
    with pytest.raises(InputError, match="heart surface"):
        physics_objective(ecgi.InverseProblem(case.operator.matrix, clean.data))
    short = ecgi.InverseProblem(case.operator, clean.data[:, :8], times_ms=clean.times_ms[:8])
    with pytest.raises(InputError, match="at least 12"):
        physics_objective(short, collocation=Windows()).draw(KEY)
    with pytest.raises(InputError, match="at most 9000"):
        physics_objective(clean, collocation=FixedPoints(9001)).draw(KEY)
