"""Transfer matrix of the human-like case, beside integrals made one triangle at a time."""

import numpy as np
import pytest

from cardiotwin.ecgi import double_layer_matrix, transfer_matrix
from cardiotwin.ecgi._boundary_elements import double_layer_weights
from cardiotwin.geometry import zoo


def double_layer_one_triangle_at_a_time(surface, points):
    """The same weights after de Munck (1992), in the straightforward loop over triangles."""
    weights = np.zeros((len(points), surface.n_nodes))
    for face in surface.faces:
        y = surface.vertices_mm[face] - points[:, None]
        length = np.linalg.norm(y, axis=2)
        triple = np.einsum("px,px->p", y[:, 0], np.cross(y[:, 1], y[:, 2]))
        below = length.prod(axis=1)
        gamma = np.zeros((len(points), 3))
        for k in range(3):
            a, b = y[:, k], y[:, (k + 1) % 3]
            below += (a * b).sum(axis=1) * length[:, (k + 2) % 3]
            edge = b - a
            size = np.linalg.norm(edge, axis=1)
            top = length[:, (k + 1) % 3] * size + (b * edge).sum(axis=1)
            gamma[:, k] = np.log(top / (length[:, k] * size + (a * edge).sum(axis=1))) / size
        angle = 2 * np.arctan2(triple, below)
        normal = np.cross(y[:, 1] - y[:, 0], y[:, 2] - y[:, 0])
        bend = sum((gamma[:, k - 1] - gamma[:, k])[:, None] * y[:, k] for k in range(3))
        square = (normal**2).sum(axis=1)
        for k in range(3):
            after, before = y[:, (k + 1) % 3], y[:, k - 1]
            flat = np.einsum("px,px->p", np.cross(after, before), normal) * angle
            weights[:, face[k]] += (
                flat + triple * np.einsum("px,px->p", before - after, bend)
            ) / square
    return weights


@pytest.fixture(scope="module")
def small():
    return zoo.human(heart_nodes=300, torso_nodes=352)


@pytest.mark.benchmark(group="transfer matrix")
def test_transfer_matrix_1094_heart_nodes_352_torso_nodes(benchmark):
    case = zoo.human(heart_nodes=1094, torso_nodes=352)
    benchmark.pedantic(transfer_matrix, (case.heart, case.torso), rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="transfer matrix")
def test_double_layer_matrix_1094_heart_nodes_352_torso_nodes(benchmark):
    case = zoo.human(heart_nodes=1094, torso_nodes=352)
    arguments = (case.heart, case.torso, case.torso)
    benchmark.pedantic(double_layer_matrix, arguments, rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="double layer integrals, 300 × 352")
def test_integrals_in_blocks(benchmark, small):
    weights = benchmark(double_layer_weights, small.heart, small.torso.vertices_mm)
    reference = double_layer_one_triangle_at_a_time(small.heart, small.torso.vertices_mm)
    np.testing.assert_allclose(weights, reference, rtol=1e-7, atol=1e-10)


@pytest.mark.benchmark(group="double layer integrals, 300 × 352")
def test_integrals_one_triangle_at_a_time(benchmark, small):
    arguments = (small.heart, small.torso.vertices_mm)
    benchmark.pedantic(double_layer_one_triangle_at_a_time, arguments, rounds=2)
