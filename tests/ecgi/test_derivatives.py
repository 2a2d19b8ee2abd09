"""The three schemes against exact derivatives on spheres, and Eq. 15 on regular patches."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError, geometry
from cardiotwin.ecgi import (
    AdaptiveResNet,
    AutomaticDerivatives,
    FixedPoints,
    FullGrid,
    GivenFeatures,
    MixedDerivatives,
    NumericalDerivatives,
    RandomPoints,
    ScaledCoordinates,
    Windows,
)

RADIUS = 30.0
STEP = 0.1
TIMES = 20.0 + STEP * np.arange(24)
COTANGENT = geometry.CotangentLaplacian()
SCHEMES = [
    AutomaticDerivatives(),
    MixedDerivatives(COTANGENT),
    NumericalDerivatives(COTANGENT),
]


def wave(x):
    """u = xy cos(2t') + z, v = x t'; on a sphere a sum of harmonics of degree 2 and 1."""
    u = x[0] * x[1] * jnp.cos(2 * x[3]) + x[2]
    return jnp.stack([u, x[0] * x[3]])


def exact(inputs, nodes, instants):
    x, y, z = np.asarray(inputs.space)[:, nodes]
    t = np.asarray(inputs.time)[instants]
    return {
        "u": x * y * np.cos(2 * t) + z,
        "v": x * t,
        "u_rate": -2 * x * y * np.sin(2 * t) * inputs.per_tu,
        "v_rate": x * inputs.per_tu + 0 * t,
        "diffusion": -(6 * x * y * np.cos(2 * t) + 2 * z) / RADIUS**2,
    }


def prepare(ball, scheme, diffusion=1.0):
    inputs = ScaledCoordinates().prepare(ball, TIMES, "float64")
    return scheme.prepare(ball, inputs, STEP, diffusion)


def window_points(ball, batch):
    instants = (batch.starts + batch.offsets)[:, None] + jnp.arange(batch.length)
    return np.arange(ball.n_nodes)[:, None, None], np.asarray(instants)[None]


@eqx.filter_jit
def fields_of(prepared, network, batch):
    return prepared(network, batch)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.fixture(autouse=True)
def in_double_precision():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def ball():
    return geometry.zoo.sphere(642, radius_mm=RADIUS)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    "collocation",
    [Windows(3, 4), FullGrid(), RandomPoints(200, 3), FixedPoints(200, n_data_instants=3)],
    ids=lambda c: type(c).__name__,
)
def test_all_agree_on_a_smooth_field(ball, scheme, collocation):
    prepared = prepare(ball, scheme)
    batch = collocation.draw(jax.random.key(5), ball.n_nodes, len(TIMES), prepared.halo)
    fields = fields_of(prepared, wave, batch)
    if isinstance(collocation, Windows | FullGrid):
        nodes, instants = window_points(ball, batch)
        seen = np.asarray(batch.instants).ravel()
    else:
        nodes, instants = np.asarray(batch.nodes), np.asarray(batch.instants)
        seen = np.asarray(batch.data_instants)
    for name, values in exact(prepared.inputs, nodes, instants).items():
        error = rms(np.asarray(getattr(fields, name)) - values) / rms(values)
        assert error < (0.01 if name == "diffusion" else 1e-4), name
    maps = exact(prepared.inputs, np.arange(ball.n_nodes)[:, None], seen[None])["u"]
    np.testing.assert_allclose(fields.maps, maps, atol=1e-12)


def test_the_cotangent_laplacian_converges_on_spheres():
    # Second order where the mesh is regular, first order around irregular nodes: in between here.
    errors = []
    for n_nodes in (642, 2562):
        ball = geometry.zoo.sphere(n_nodes, radius_mm=RADIUS)
        prepared = prepare(ball, NumericalDerivatives(COTANGENT))
        batch = RandomPoints(2000, 1).draw(jax.random.key(0), n_nodes, len(TIMES), 2)
        found = np.asarray(fields_of(prepared, wave, batch).diffusion)
        values = exact(prepared.inputs, np.asarray(batch.nodes), np.asarray(batch.instants))
        errors.append(rms(found - values["diffusion"]) / rms(values["diffusion"]))
    assert errors[1] < 5e-3
    assert np.log2(errors[0] / errors[1]) > 1.1


def test_automatic_needs_no_given_normals_on_any_sphere():
    ball = geometry.zoo.sphere(42, radius_mm=RADIUS)
    prepared = prepare(ball, AutomaticDerivatives())
    batch = Windows(2, 4).draw(jax.random.key(1), ball.n_nodes, len(TIMES), prepared.halo)
    values = exact(prepared.inputs, *window_points(ball, batch))["diffusion"]
    found = fields_of(prepared, wave, batch).diffusion
    np.testing.assert_allclose(found, values, atol=1e-9 * np.abs(values).max())


def test_automatic_converges_on_an_ellipsoid():
    def error(n_nodes):
        axes = np.array([1.0, 1.0, 1.6])
        ball = geometry.zoo.sphere(n_nodes, radius_mm=RADIUS)
        egg = ball.with_vertices(ball.vertices_mm * axes)
        prepared = prepare(egg, AutomaticDerivatives())
        # Δ_Γ of a coordinate is −2κ times that part of the normal; with q = Σ x_i²/A_i⁴,
        # 2κ = (Σ 1/A_i² − Σ x_i²/A_i⁶ / q) / √q.
        squares = (axes * RADIUS) ** 2
        x = egg.vertices_mm
        q = (x**2 / squares**2).sum(axis=1)
        bend = ((1 / squares).sum() - (x**2 / squares**3).sum(axis=1) / q) / np.sqrt(q)
        values = -bend * (x / squares / np.sqrt(q)[:, None])[:, 2] * prepared.inputs.per_mm
        batch = Windows(1, 3).draw(jax.random.key(1), n_nodes, len(TIMES), 0)
        found = fields_of(prepared, lambda p: jnp.stack([p[2], p[2]]), batch).diffusion
        return rms(np.asarray(found)[:, 0, 0] - values) / rms(values)

    coarse, fine = error(642), error(2562)
    assert coarse < 0.02
    assert np.log2(coarse / fine) > 0.9


def test_automatic_is_exact_with_exact_normals_and_curvature(ball):
    scheme = AutomaticDerivatives(ball.vertices_mm, np.full(ball.n_nodes, 1 / RADIUS))
    prepared = prepare(ball, scheme, diffusion=10.0)
    batch = Windows(2, 4).draw(jax.random.key(1), ball.n_nodes, len(TIMES), prepared.halo)
    fields = fields_of(prepared, wave, batch)
    for name, values in exact(prepared.inputs, *window_points(ball, batch)).items():
        factor = 10.0 if name == "diffusion" else 1.0
        scale = np.abs(values).max() * factor
        np.testing.assert_allclose(getattr(fields, name), factor * values, atol=1e-9 * scale)


def test_without_the_curvature_term_a_network_is_not_differentiated_on_the_surface(ball):
    flat = AutomaticDerivatives(ball.vertices_mm, np.zeros(ball.n_nodes))
    prepared = prepare(ball, flat)
    batch = Windows(2, 4).draw(jax.random.key(1), ball.n_nodes, len(TIMES), prepared.halo)
    values = exact(prepared.inputs, *window_points(ball, batch))["diffusion"]
    found = np.asarray(fields_of(prepared, wave, batch).diffusion)
    assert rms(found - values) > 0.3 * rms(values)


def test_equation_15_is_exact_on_hexagonal_patches():
    column, row = np.meshgrid(np.arange(9), np.arange(9))
    points = np.stack([column + row / 2, row * np.sqrt(3) / 2, 0.0 * row], axis=-1) * 4.0
    lower = (row * 9 + column)[:-1, :-1].ravel()
    faces = np.concatenate(
        [
            np.stack([lower, lower + 1, lower + 9], axis=1),
            np.stack([lower + 1, lower + 10, lower + 9], axis=1),
        ]
    )
    patch = geometry.Surface(points.reshape(-1, 3), faces)
    inputs = ScaledCoordinates().prepare(patch, TIMES, "float64")
    prepared = NumericalDerivatives().prepare(patch, inputs, STEP)

    def quadratic(x):
        u = 3 * x[0] ** 2 - x[1] ** 2 + x[0] * x[1] + 2 * x[0] + 1
        return jnp.stack([u, u])

    batch = Windows(1, 4).draw(jax.random.key(0), patch.n_nodes, len(TIMES), 2)
    found = np.asarray(fields_of(prepared, quadratic, batch).diffusion).reshape(9, 9, -1)[
        1:-1, 1:-1
    ]
    np.testing.assert_allclose(found, 4 * inputs.per_mm**2, rtol=1e-10)


def test_equation_15_is_not_consistent_on_a_sphere(ball):
    prepared = prepare(ball, NumericalDerivatives())
    batch = Windows(2, 4).draw(jax.random.key(1), ball.n_nodes, len(TIMES), 2)
    linear = fields_of(prepared, lambda x: jnp.stack([x[2], x[2]]), batch).diffusion
    values = -2 * ball.vertices_mm[:, 2] / 30.0 / RADIUS**2
    error = rms(np.asarray(linear)[:, 0, 0] - values) / rms(values)
    assert 0.4 < error < 0.65  # 52 % at 642 nodes


@pytest.mark.parametrize("scheme", SCHEMES[1:], ids=lambda s: type(s).__name__)
def test_diffusion_that_varies_conserves_charge(ball, scheme):
    diffusion = np.linspace(1.0, 9.0, ball.n_nodes)
    prepared = prepare(ball, scheme, diffusion)
    batch = Windows(1, 3).draw(jax.random.key(1), ball.n_nodes, len(TIMES), prepared.halo)
    flow = np.asarray(fields_of(prepared, wave, batch).diffusion)
    net = COTANGENT.mass(ball) @ flow.reshape(ball.n_nodes, -1)
    assert np.abs(net).max() < 1e-9 * np.abs(flow).max() * ball.area_mm2


@pytest.mark.slow
def test_points_and_windows_give_the_same_numbers(ball):
    network = AdaptiveResNet().initialize(jax.random.key(0), 4, "float64")
    for scheme in [*SCHEMES, NumericalDerivatives()]:
        prepared = prepare(ball, scheme)
        everything = fields_of(
            prepared, network, FullGrid().draw(jax.random.key(0), ball.n_nodes, len(TIMES), 2)
        )
        batch = RandomPoints(300, 2).draw(jax.random.key(3), ball.n_nodes, len(TIMES), 2)
        some = fields_of(prepared, network, batch)
        for name in ("u", "v", "u_rate", "v_rate", "diffusion"):
            whole = np.asarray(getattr(everything, name))[:, 0][batch.nodes, batch.instants]
            np.testing.assert_allclose(getattr(some, name), whole, rtol=1e-8, atol=1e-12)


def test_automatic_space_needs_coordinates_and_one_diffusion(ball):
    features = GivenFeatures(np.ones((3, ball.n_nodes))).prepare(ball, TIMES)
    with pytest.raises(InputError, match="coordinates"):
        AutomaticDerivatives().prepare(ball, features, STEP)
    with pytest.raises(InputError, match="diffusion"):
        prepare(ball, AutomaticDerivatives(), np.linspace(1, 2, ball.n_nodes))
