import numpy as np
import pytest
from linear_problems import smoothing_problem

from cardiotwin import InputError
from cardiotwin.ecgi import (
    AsRecorded,
    CommonAverage,
    Fixed,
    Gradient,
    InverseProblem,
    MeanOfLeads,
    ObservationOperator,
    Reconstruction,
    Roughness,
    Source,
    Tikhonov,
    reconstruct,
)
from cardiotwin.signals import Electrodes, Recording


def test_leads_pick_rows_of_the_operator(rng):
    matrix = rng.standard_normal((6, 4))
    problem = InverseProblem(matrix, np.ones((2, 3)), leads=[4, 1])
    assert np.array_equal(problem.matrix, matrix[[4, 1]])


def test_electrodes_interpolate_rows(rng):
    _, _, heart = smoothing_problem(rng)
    torso = heart.with_vertices(3 * heart.vertices_mm)
    operator = ObservationOperator(rng.standard_normal((42, 5)), Source.EPICARDIAL, observed=torso)
    leads = Electrodes.project(torso, 3.2 * heart.vertices_mm[:4] + 1.0)
    problem = InverseProblem(operator, np.ones((4, 1)), leads=leads)
    expected = leads.interpolation_matrix @ operator.matrix
    assert np.allclose(problem.matrix, expected)


def test_recording_brings_its_times():
    recording = Recording(np.zeros((2, 3)), rate_hz=500.0, unit="mV", start_ms=10.0)
    problem = InverseProblem(np.eye(2), recording)
    assert np.allclose(problem.times_ms, [10.0, 12.0, 14.0])


def test_common_average_removes_an_offset_of_all_leads(rng):
    matrix, data = rng.standard_normal((5, 3)), rng.standard_normal((5, 4))
    offset = rng.standard_normal(4)
    with_offset = InverseProblem(matrix, data + offset, reference=CommonAverage())
    without = InverseProblem(matrix, data, reference=CommonAverage())
    assert np.allclose(with_offset.data, without.data)
    assert np.allclose(without.data.mean(axis=0), 0)
    assert np.allclose(without.matrix.mean(axis=0), 0)


def test_excluded_leads_do_not_enter_the_average(rng):
    matrix, data = rng.standard_normal((5, 3)), rng.standard_normal((5, 4))
    spoiled = data.copy()
    spoiled[2] += 100.0
    one = InverseProblem(matrix, data, reference=CommonAverage(), exclude=[2])
    other = InverseProblem(matrix, spoiled, reference=CommonAverage()).excluding([2])
    assert np.allclose(one.data, other.data)
    assert one.matrix.shape == (4, 3)


def test_reference_leads_keep_their_numbers_when_others_are_excluded(rng):
    data = rng.standard_normal((5, 4))
    problem = InverseProblem(
        rng.standard_normal((5, 3)), data, reference=MeanOfLeads([3]), exclude=[1]
    )
    assert np.allclose(problem.data, data[[0, 2, 3, 4]] - data[3])


def test_excluding_the_reference_lead_is_refused(rng):
    problem = InverseProblem(
        rng.standard_normal((5, 3)), np.ones((5, 1)), reference=MeanOfLeads([1]), exclude=[1]
    )
    with pytest.raises(InputError, match=r"lead 1, which is excluded.*CommonAverage"):
        _ = problem.data


@pytest.mark.parametrize("reference", [AsRecorded(), CommonAverage(), MeanOfLeads([0, 2])])
def test_references_are_projections(reference):
    projection = reference.projection(4)
    assert np.allclose(projection @ projection, projection)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"body_potentials": np.ones((3, 2))}, "3 channels"),
        ({"body_potentials": np.full((4, 2), np.nan)}, "NaN"),
        ({"body_potentials": np.ones((2, 2)), "leads": [1, 4]}, "1-based"),
        ({"body_potentials": np.ones((2, 2)), "leads": [1, 9]}, "index 9"),
        ({"body_potentials": np.ones((2, 2)), "leads": [1, 1]}, "named 2 times"),
        ({"body_potentials": np.ones((4, 2)), "exclude": [0, 1, 2]}, "at least two"),
        ({"body_potentials": np.ones((4, 2)), "times_ms": [1.0]}, "times_ms"),
        ({"body_potentials": np.ones((2, 4))}, "leads="),
    ],
)
def test_bad_problems_say_what_is_wrong(kwargs, message):
    with pytest.raises(InputError, match=message):
        InverseProblem(np.ones((4, 3)), **kwargs)


@pytest.mark.parametrize("regularizer", [Gradient(), Roughness()])
def test_regularizers_ignore_constants_and_see_the_rest(rng, regularizer):
    _, _, heart = smoothing_problem(rng)
    gamma = regularizer.matrix(heart, 42)
    assert np.abs(gamma @ np.ones(42)).max() < 1e-12 * np.abs(gamma).max() * 42
    assert np.linalg.matrix_rank(gamma) == 41


def test_gradient_is_the_surface_integral(rng):
    # For u = x on a sphere of radius r: ∫|∇u|² dA → 2/3 · 4πr².
    from cardiotwin.geometry import zoo

    heart = zoo.sphere(642, radius_mm=20.0)
    energy = np.sum((Gradient().matrix(heart, heart.n_nodes) @ heart.vertices_mm[:, 0]) ** 2)
    energy *= heart.face_areas_mm2.mean()
    assert energy == pytest.approx(2 / 3 * heart.area_mm2, rel=0.02)


def test_reconstruction_tells_residual_parameter_and_origin(rng):
    problem, _, _ = smoothing_problem(rng)
    result = reconstruct(problem, Tikhonov(rule=Fixed(0.02)))
    assert isinstance(result, Reconstruction)
    misfit = problem.data - problem.matrix @ result.heart_potentials
    assert result.body_residual == pytest.approx(
        np.linalg.norm(misfit) / np.linalg.norm(problem.data)
    )
    assert result.parameter is not None and result.parameter.value.tolist() == [0.02]
    assert result.provenance.settings["name"] == "Tikhonov"
    assert "Tikhonov, λ = 0.02 by Fixed" in repr(result)
    assert not result.heart_potentials.flags.writeable
