"""Unknown gain and reference: found from the leads, whatever the unit and the reference are."""

from dataclasses import dataclass

import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import (
    CommonAverage,
    InverseProblem,
    PlaneWaveFit,
    Solution,
    Tikhonov,
    UnknownAmplitude,
    double_layer_matrix,
    evaluate,
)
from cardiotwin.geometry import zoo as shapes
from cardiotwin.tissue import MS_PER_TU, AlievPanfilov, plane_wave

GAIN_MV = 40.0
TIMES_TU = np.arange(0.0, 12.0, 0.2)


@dataclass(frozen=True, eq=False)
class Layer:
    """A front that crosses a ball from top to bottom, seen as a double layer."""

    truth: np.ndarray
    problem: InverseProblem


@pytest.fixture(scope="module")
def layer():
    heart = shapes.sphere(200, radius_mm=30.0)
    torso = shapes.sphere(120, radius_mm=70.0, centre_mm=(0.0, 12.0, 5.0))
    wave = plane_wave(AlievPanfilov(), diffusion=10.0, duration_tu=12.0)
    truth = wave.at(TIMES_TU - 6 + heart.vertices_mm[:, 2:] / 9)[0]
    operator = double_layer_matrix(heart, torso, torso)
    data = GAIN_MV * operator.apply(truth)
    data += 0.01 * np.std(data) * np.random.default_rng(1).normal(size=data.shape)
    problem = InverseProblem(
        operator, data, reference=CommonAverage(), times_ms=TIMES_TU * MS_PER_TU
    )
    return Layer(truth, problem)


@dataclass(frozen=True)
class AllOrNone:
    """Knows that u is 0 or 1, and needs the right gain to tell which."""

    def solve(self, problem):
        u = np.linalg.solve(problem.matrix, problem.data)
        return Solution(np.where(u > 0.5, 1.0, 0.0), uncertainty=None)


def square(scale=1.0):
    truth = (np.arange(12) > np.arange(5)[:, None] * 2).astype(float)
    matrix = np.eye(5) + 0.3 * np.random.default_rng(0).normal(size=(5, 5))
    return truth, InverseProblem(matrix, scale * matrix @ truth)


@pytest.mark.parametrize("first", [25.0, 40.0, 70.0])
def test_the_gain_does_not_depend_on_where_it_started(first):
    truth, problem = square(GAIN_MV)
    found = UnknownAmplitude(AllOrNone(), gain=first).solve(problem)
    assert found.diagnostics["gain"] == pytest.approx(GAIN_MV, rel=1e-9)
    np.testing.assert_allclose(found.heart_potentials, GAIN_MV * truth)


def test_other_units_are_another_gain_and_nothing_else():
    answers = [
        UnknownAmplitude(AllOrNone(), gain=1.3 * scale).solve(square(scale)[1]).heart_potentials
        for scale in (0.04, 40.0)
    ]
    np.testing.assert_allclose(1000 * answers[0], answers[1])


def test_leads_that_are_left_out_stay_out(layer):
    left_out = layer.problem.excluding(range(40))
    noisy = left_out.with_data(
        np.where(np.arange(120)[:, None] < 40, 1e6, left_out.body_potentials)
    )
    one, other = (PlaneWaveFit().solve(problem) for problem in (left_out, noisy))
    np.testing.assert_array_equal(one.heart_potentials, other.heart_potentials)

    @dataclass
    class Sees:
        sizes: tuple = ()

        def solve(self, problem):
            self.sizes = (len(problem.kept), float(np.mean(problem.data**2)))
            return Solution(layer.truth)

    method = Sees()
    found = UnknownAmplitude(method, gain=1.0).solve(noisy)
    assert method.sizes == (80, pytest.approx(1.0))
    assert found.diagnostics["gain"] == pytest.approx(GAIN_MV, rel=0.01)


def test_plane_waves_find_gain_and_front_without_a_reference(layer):
    found = PlaneWaveFit().solve(layer.problem)
    assert found.diagnostics["gain"] == pytest.approx(GAIN_MV, rel=0.1)
    fitted = evaluate(found.heart_potentials, GAIN_MV * layer.truth)
    linear = Tikhonov(order=2, uncertainty=False).solve(layer.problem).heart_potentials
    assert fitted.relative_error < 0.15
    # The linear answer has no mean to speak of, so that it is far off.
    assert fitted.relative_error < 0.3 * evaluate(linear, GAIN_MV * layer.truth).relative_error


def test_a_constant_on_all_leads_changes_nothing(layer):
    lifted = layer.problem.with_data(
        layer.problem.body_potentials + 3 * np.sin(np.arange(len(TIMES_TU)))
    )
    one, other = (PlaneWaveFit().solve(problem) for problem in (layer.problem, lifted))
    np.testing.assert_allclose(one.heart_potentials, other.heart_potentials, atol=1e-6)


def test_an_answer_against_the_data_is_reported():
    @dataclass(frozen=True)
    class Opposite:
        def solve(self, problem):
            return Solution(-np.linalg.solve(problem.matrix, problem.data))

    found = UnknownAmplitude(Opposite(), gain=1.0).solve(square()[1])
    assert "does not explain" in found.status


def test_a_gain_that_keeps_growing_is_reported():
    @dataclass(frozen=True)
    class Half:
        def solve(self, problem):
            return Solution(0.5 * np.linalg.solve(problem.matrix, problem.data))

    found = UnknownAmplitude(Half(), gain=1.0).solve(square()[1])
    assert "raise rounds" in found.status and found.diagnostics["rounds"] == 3


@pytest.mark.parametrize("method", [PlaneWaveFit(), UnknownAmplitude(AllOrNone())])
def test_silence_is_refused(layer, method):
    with pytest.raises(InputError, match="zero everywhere"):
        method.solve(layer.problem.with_data(np.zeros((120, len(TIMES_TU)))))


def test_settings_out_of_range_are_refused():
    with pytest.raises(InputError, match="gain"):
        UnknownAmplitude(AllOrNone(), gain=0.0)
    with pytest.raises(InputError, match="diffusion"):
        PlaneWaveFit(diffusion=-1.0)
