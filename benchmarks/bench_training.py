"""One gradient of the physics-informed loss, beside a straightforward version of the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import ecgi
from cardiotwin.ecgi import Windows, presets
from cardiotwin.geometry import PaperLaplacian

WEIGHT = 0.1


@pytest.fixture(scope="module")
def prepared():
    case = ecgi.zoo.paper_like()
    method = presets.eand_arn(collocation=Windows(6, 8))
    objective = method.objective(case.problem(0.01, seed=0))
    batch = objective.draw(jax.random.key(0))
    return case, objective, method.initial_network(objective), batch


def ours(objective, batch):
    def loss(network):
        parts = {k: jnp.square(v).sum() for k, v in objective.residuals(network, batch).items()}
        return parts["data"] + WEIGHT * (parts["potential"] + parts["recovery"])

    return jax.jit(jax.value_and_grad(loss))


def five_evaluations_a_point(case, objective, batch):
    """As the paper writes it: every point of Eq. 17's stencil is a network evaluation of its own.

    Points come first, as most networks are written, and nothing is shared between instants.
    """
    heart, inputs = case.human.heart, objective.derivatives.inputs
    step_tu, model = objective.derivatives.step_tu, objective.model
    laplacian = jnp.asarray(10.0 * PaperLaplacian().matrix(heart).toarray(), jnp.float32)
    first = np.asarray(batch.starts + batch.offsets)
    instants = np.clip((first[:, None] + np.arange(batch.length)).ravel(), 2, 658)
    nodes = jnp.repeat(jnp.arange(heart.n_nodes), len(instants))
    shifted = [
        inputs.at(nodes, jnp.tile(jnp.asarray(instants + shift), heart.n_nodes)).T
        for shift in range(-2, 3)
    ]
    data = objective.data[:, instants]

    def evaluate(network, x):
        return network(x.T).T.reshape(heart.n_nodes, len(instants), 2)

    def loss(network):
        before2, before, here, after, after2 = (evaluate(network, x) for x in shifted)
        rate = (before2 - 8 * before + 8 * after - after2) / (12 * step_tu)
        u, v = here[..., 0], here[..., 1]
        du, dv = model.reaction(u, v)
        r_u = rate[..., 0] - laplacian @ u - du
        misfit = data - objective.operator @ u
        physics = jnp.square(r_u).mean() + jnp.square(rate[..., 1] - dv).mean()
        return jnp.square(misfit).mean() + WEIGHT * physics

    return jax.jit(jax.value_and_grad(loss))


@pytest.mark.benchmark(group="gradient, 6 windows of 8 instants, NN6")
def test_gradient_of_windows_in_blocks(benchmark, prepared):
    _, objective, network, batch = prepared
    gradient = ours(objective, batch)
    jax.block_until_ready(gradient(network))
    value, _ = benchmark(lambda: jax.block_until_ready(gradient(network)))
    assert np.isfinite(value)


@pytest.mark.benchmark(group="gradient, 6 windows of 8 instants, NN6")
def test_gradient_with_five_evaluations_a_point(benchmark, prepared):
    case, objective, network, batch = prepared
    gradient = five_evaluations_a_point(case, objective, batch)
    jax.block_until_ready(gradient(network))
    value, _ = benchmark.pedantic(
        lambda: jax.block_until_ready(gradient(network)), rounds=5, warmup_rounds=1
    )
    # The same loss but for two halo instants a side, whose data ours counts as well.
    np.testing.assert_allclose(value, ours(objective, batch)(network)[0], rtol=0.1)
