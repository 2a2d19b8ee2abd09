import jax
import numpy as np
import pytest

from cardiotwin._errors import InputError
from cardiotwin.geometry import CotangentLaplacian, PaperLaplacian
from cardiotwin.tissue import (
    AlievPanfilov,
    ExplicitEuler,
    ExplicitHeun,
    ImplicitDiffusion,
    RungeKutta4,
    State,
    diffusion_matrix,
    diffusion_rate,
    edge_diffusion,
    make_diffusion,
    rollout,
    simulate_beat,
)

LAPLACIANS = [PaperLaplacian(), CotangentLaplacian()]


def _state_after(surface, stepper):
    u0 = 0.5 + 0.4 * surface.vertices_mm[:, 2] / 12
    beat = simulate_beat(
        surface,
        initial=(u0, np.full(len(u0), 0.1)),
        n_times=round(1.6 / stepper.step_tu) + 1,
        sample_step_tu=stepper.step_tu,
        stepper=stepper,
        laplacian=CotangentLaplacian(),
    )
    return np.r_[beat.potentials[:, -1], beat.recovery_variable[:, -1]]


@pytest.fixture(scope="module")
def exact_state(small_ball):
    return _state_after(small_ball, RungeKutta4(0.0025))


@pytest.mark.parametrize(
    ("make", "order"),
    [
        (ExplicitEuler, 1),
        (ExplicitHeun, 2),
        (RungeKutta4, 4),
        (lambda step: ImplicitDiffusion(step, order=1), 1),
        (ImplicitDiffusion, 2),
        (lambda step: ImplicitDiffusion(step, dense_up_to=0), 2),
    ],
)
def test_order_of_convergence_in_time(small_ball, exact_state, make, order):
    steps = (0.08, 0.04) if order == 4 else (0.04, 0.02)
    errors = [np.abs(_state_after(small_ball, make(step)) - exact_state).max() for step in steps]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)
    assert errors[1] > 1e-11  # above rounding


@pytest.mark.parametrize("laplacian", LAPLACIANS)
@pytest.mark.parametrize(
    "stepper", [ExplicitHeun(), RungeKutta4(), ImplicitDiffusion(0.1), ImplicitDiffusion(order=1)]
)
@pytest.mark.parametrize("varied", [False, True])
def test_diffusion_alone_conserves_the_potential_in_its_own_mass(
    epicardium, rng, laplacian, stepper, varied
):
    diffusion = rng.uniform(0, 20, epicardium.n_nodes) if varied else 10.0
    u0 = rng.uniform(0, 1, epicardium.n_nodes)
    beat = simulate_beat(
        epicardium,
        model=AlievPanfilov(k=0.0),
        initial=(u0, np.zeros_like(u0)),
        diffusion=diffusion,
        laplacian=laplacian,
        stepper=stepper,
        n_times=51,
    )
    total = laplacian.mass(epicardium) @ beat.potentials
    np.testing.assert_allclose(total, total[0], rtol=1e-12)
    assert np.ptp(beat.potentials[:, -1]) < 0.9 * np.ptp(u0)


@pytest.mark.parametrize("laplacian", LAPLACIANS)
def test_table_of_neighbors_is_the_matrix(epicardium, rng, laplacian):
    diffusion = rng.uniform(1, 20, epicardium.n_nodes)
    u = rng.standard_normal(epicardium.n_nodes)
    weighted = diffusion_matrix(epicardium, diffusion, laplacian)
    plain = edge_diffusion(diffusion_matrix(epicardium, 1.0, laplacian))
    with jax.enable_x64(True):
        np.testing.assert_allclose(edge_diffusion(weighted).apply(u), weighted @ u, atol=1e-12)
        averaged = plain.edge_averaged(jax.numpy.asarray(diffusion))
        np.testing.assert_allclose(averaged.apply(u), weighted @ u, atol=1e-12)
        assert (plain.apply(np.full_like(u, 0.37)) == 0).all()


@pytest.mark.parametrize("laplacian", LAPLACIANS)
def test_diffusion_rate_is_the_largest_eigenvalue(small_ball, rng, laplacian):
    matrix = diffusion_matrix(small_ball, rng.uniform(1, 20, 42), laplacian)
    exact = np.abs(np.linalg.eigvals(matrix.toarray())).max()
    assert exact <= diffusion_rate(matrix, laplacian.mass(small_ball)) <= 1.02 * exact


@pytest.mark.parametrize("make", [ExplicitEuler, ExplicitHeun, RungeKutta4])
def test_the_stated_limit_is_where_diffusion_becomes_unstable(small_ball, rng, make):
    laplacian = CotangentLaplacian()
    matrix = diffusion_matrix(small_ball, 10.0, laplacian)
    limit = make.stability_interval / (diffusion_rate(matrix, laplacian.mass(small_ball)) / 1.01)
    u0 = rng.uniform(0, 1, 42)
    with jax.enable_x64(True):
        operator = edge_diffusion(matrix)
        spread = [
            np.ptp(
                rollout(
                    AlievPanfilov(k=0.0), operator, State(u0, np.zeros(42)),
                    stepper=make(), step_tu=factor * limit, n_times=400,
                ).u[-1]
            )
            for factor in (0.97, 1.03)
        ]  # fmt: skip
    assert spread[0] < 1e-3
    assert spread[1] > 1e2


@pytest.mark.parametrize("make", [ExplicitEuler, ExplicitHeun, RungeKutta4])
def test_an_unstable_step_is_refused_with_the_limit_and_a_way_out(epicardium, make):
    with pytest.raises(InputError) as caught:
        simulate_beat(epicardium, stepper=make(0.5), sample_step_tu=0.5, n_times=3)
    message = str(caught.value)
    assert message.startswith("step_tu: found 0.5 time units; expected at most 0.")
    for part in (make.__name__, "diffusion rate", "largest stable step", "ImplicitDiffusion"):
        assert part in message
    # The advised step is accepted.
    advised = float(message.split("sample step of 0.5 is ")[1].split(". ")[0])
    assert simulate_beat(
        epicardium, stepper=make(advised), sample_step_tu=0.5, n_times=3
    ).step_tu == pytest.approx(advised, rel=1e-4)


def test_a_step_that_does_not_divide_the_sample_step_is_refused(small_ball):
    with pytest.raises(InputError, match=r"divides the sample step of 0.1.*smaller one is 0.025"):
        simulate_beat(small_ball, stepper=ExplicitHeun(0.03), n_times=3)
    with pytest.raises(InputError, match="explicit reaction"):
        simulate_beat(small_ball, stepper=ImplicitDiffusion(1.0), sample_step_tu=1.0, n_times=3)
    with pytest.raises(InputError, match="order: found 3; expected 1 or 2"):
        ImplicitDiffusion(order=3)


def test_automatic_steps_divide_the_sample_step_and_shrink_with_the_mesh(make_strip):
    steps = [
        simulate_beat(make_strip(h, 12.0), n_times=2, laplacian=CotangentLaplacian()).step_tu
        for h in (6.0, 1.0, 0.5)
    ]
    np.testing.assert_allclose(0.1 / np.array(steps), np.round(0.1 / np.array(steps)))
    assert steps[0] == 0.1
    assert steps[1] / steps[2] == pytest.approx(4, rel=0.3)


def test_implicit_diffusion_is_stable_far_beyond_the_explicit_limit(make_strip, rng):
    mesh = make_strip(0.5, 10.0)
    laplacian = CotangentLaplacian()
    rate = diffusion_rate(diffusion_matrix(mesh, 10.0, laplacian), laplacian.mass(mesh))
    assert 0.1 > 8 * RungeKutta4.stability_interval / rate
    u0 = rng.uniform(0, 1, mesh.n_nodes)
    for order in (1, 2):
        beat = simulate_beat(
            mesh,
            model=AlievPanfilov(k=0.0),
            initial=(u0, 0 * u0),
            laplacian=laplacian,
            stepper=ImplicitDiffusion(0.1, order=order),
            n_times=101,
        )
        spread = np.ptp(beat.potentials, axis=0)
        assert (np.diff(spread[spread > 1e-10]) < 0).all()  # damped, without ringing
        # What is left at the end is the slowest mode of the strip, decaying at D π²/L².
        late = np.log(spread[40] / spread[80]) / 4.0
        assert late == pytest.approx(10 * np.pi**2 / 10.25**2, rel=0.06)


def test_dense_and_sparse_solves_agree(epicardium, rng):
    u0 = rng.uniform(0, 1, epicardium.n_nodes)
    dense, sparse = (
        simulate_beat(
            epicardium,
            initial=(u0, 0 * u0),
            n_times=21,
            stepper=ImplicitDiffusion(dense_up_to=limit),
        ).potentials
        for limit in (1500, 0)
    )
    np.testing.assert_allclose(dense, sparse, atol=1e-12)


def test_sparse_factors_outside_jax_are_refused_in_rollout(small_ball):
    stepper = ImplicitDiffusion(dense_up_to=0)
    operator = make_diffusion(
        small_ball, diffusion=10.0, laplacian=PaperLaplacian(), stepper=stepper, step_tu=0.1
    )
    with pytest.raises(InputError, match=r"sparse factors.*dense_up_to"):
        rollout(
            AlievPanfilov(), operator, State(np.zeros(42), np.zeros(42)),
            stepper=stepper, step_tu=0.1, n_times=3,
        )  # fmt: skip
