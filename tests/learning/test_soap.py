import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objectives import MatrixFit

from cardiotwin.learning import SOAP, Adam, CosineDecay, soap_directions, train


def iterate(settings, gradients, like):
    transformation = soap_directions(settings)
    update = jax.jit(
        lambda gradient, state, step: transformation.update(gradient, state, step=step)
    )
    state, directions = transformation.init(like), []
    for step, gradient in enumerate(gradients):
        direction, state = update(gradient, state, step)
        directions.append(direction)
    return directions


def orthogonal(rng, n):
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def test_an_ill_conditioned_matrix_problem_is_solved_far_faster_than_by_adam():
    start = {"w": jnp.zeros((8, 6))}
    losses = [
        train(MatrixFit(), start, method(CosineDecay(3e-2)), steps=800, seed=0, quiet=True).history[
            "total"
        ][-1]
        for method in (SOAP, Adam)
    ]
    assert losses[0] < 1e-4 * losses[1]


def test_rotating_the_weights_rotates_the_directions(rng):
    # What distinguishes SOAP from Adam: with G -> P G Q its directions D turn into P D Q.
    with jax.enable_x64(True):
        gradients = [jnp.asarray(rng.normal(size=(5, 5))) for _ in range(12)]
        p, q = orthogonal(rng, 5), orthogonal(rng, 5)
        settings = SOAP(refresh_every=3)
        plain = iterate(settings, gradients, gradients[0])
        turned = iterate(settings, [p @ g @ q for g in gradients], gradients[0])
        for d, e in zip(plain, turned, strict=True):
            np.testing.assert_allclose(p @ d @ q, e, atol=1e-9)
        assert np.abs(plain[-1]).max() > 0.1


def test_in_unit_bases_the_directions_are_adams(rng):
    # With diagonal gradients G Gᵀ and Gᵀ G are diagonal: the bases are unit vectors, and SOAP
    # must equal Adam started one step later.
    with jax.enable_x64(True):
        base = jnp.array([[5.0, 0.0], [0.0, 1.0]])
        later = [base * rng.uniform(0.5, 2.0) for _ in range(6)]
        soap = iterate(SOAP(), [base, *later], base)[1:]
        # The gradient that set up the bases is in neither mean.
        m = v = np.zeros((2, 2))
        for count, (g, d) in enumerate(zip(later, soap, strict=True), start=1):
            g = np.asarray(g)
            m, v = 0.95 * m + 0.05 * g, 0.95 * v + 0.05 * g**2
            expected = m / (1 - 0.95**count) / (np.sqrt(v / (1 - 0.95**count)) + 1e-8)
            np.testing.assert_allclose(d, expected, rtol=1e-6, atol=1e-12)


def test_vectors_and_scalars_take_plain_adam(rng):
    with jax.enable_x64(True):
        trees = [
            {"b": jnp.asarray(rng.normal(size=4)), "s": jnp.asarray(rng.normal())} for _ in range(5)
        ]
        found = iterate(SOAP(), trees, trees[0])
        m = v = np.zeros(5)
        for count, (tree, direction) in enumerate(zip(trees[1:], found[1:], strict=True), start=1):
            g = np.append(tree["b"], tree["s"])
            m, v = 0.95 * m + 0.05 * g, 0.95 * v + 0.05 * g**2
            expected = m / (1 - 0.95**count) / (np.sqrt(v / (1 - 0.95**count)) + 1e-8)
            d = np.append(direction["b"], direction["s"])
            np.testing.assert_allclose(d, expected, rtol=1e-6)


def test_a_stack_of_matrices_is_treated_as_its_matrices(rng):
    stacks = [jnp.asarray(rng.normal(size=(3, 4, 5)), jnp.float32) for _ in range(7)]
    whole = iterate(SOAP(refresh_every=2), stacks, stacks[0])
    for i in range(3):
        single = iterate(SOAP(refresh_every=2), [s[i] for s in stacks], stacks[0][i])
        np.testing.assert_allclose(whole[-1][i], single[-1], atol=2e-4)


def test_a_kernel_of_a_convolution_is_a_matrix_of_first_axis_by_all_others(rng):
    kernels = [jnp.asarray(rng.normal(size=(4, 3, 2, 2)), jnp.float32) for _ in range(4)]
    whole = iterate(SOAP(), kernels, kernels[0])[-1]
    flat = iterate(SOAP(), [k.reshape(4, 12) for k in kernels], kernels[0].reshape(4, 12))[-1]
    assert whole.shape == (4, 3, 2, 2)
    np.testing.assert_allclose(whole.reshape(4, 12), flat, atol=1e-5)


def test_bases_are_eigenvectors_of_the_factors_and_stay_orthonormal(rng):
    with jax.enable_x64(True):
        transformation = soap_directions(SOAP(refresh_every=1))
        update = jax.jit(lambda g, state, step: transformation.update(g, state, step=step))
        like = jnp.zeros((6, 4))
        state = transformation.init(like)
        scales = np.logspace(0, -2, 6)[:, None]
        last = jnp.asarray(scales * rng.normal(size=(6, 4)))
        for step in range(200):
            gradient = jnp.asarray(scales * rng.normal(size=(6, 4))) if step < 100 else last
            _, state = update(gradient, state, step)
        for side in (state.left[0], state.right[0]):
            basis, factor = np.asarray(side.basis[0]), np.asarray(side.factor[0])
            np.testing.assert_allclose(basis.T @ basis, np.eye(len(basis)), atol=1e-10)
            turned = basis.T @ factor @ basis
            off = turned - np.diag(np.diag(turned))
            assert np.abs(off).max() < 1e-3 * turned.max()


def test_a_long_side_keeps_its_own_axes(rng):
    state = soap_directions(SOAP(largest_side=8)).init(jnp.zeros((20, 5)))
    assert state.left[0] is None
    assert state.right[0].basis.shape == (1, 5, 5)


@pytest.mark.parametrize(
    "wrong", [{"b1": 1.0}, {"learning_rate": 0.0}, {"refresh_every": 0}, {"epsilon": -1.0}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SOAP(**wrong)
