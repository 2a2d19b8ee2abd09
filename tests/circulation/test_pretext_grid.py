"""The grid on which Med-Real2Sim trains its surrogate, against an independent integration."""

import numpy as np
import pytest

from cardiotwin.circulation import FAST, Circulation, steady_indices

GRID = {
    "period_s": (0.4, 1.7, 4),
    "start_volume_ml": (0.0, 280.0, 3),
    "emax": (0.5, 3.5, 5),
    "emin": (0.02, 0.1, 4),
    "mitral_resistance": (0.005, 0.1, 4),
    "aortic_valve_resistance": (0.0001, 0.25, 4),
}


@pytest.fixture(scope="module")
def grid():
    axes = [np.linspace(*spacing) for spacing in GRID.values()]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(len(axes), -1)
    circulation = Circulation.from_start_volume(**dict(zip(GRID, points, strict=True)), v0_ml=4.0)
    return steady_indices(circulation, solver=FAST)


def test_every_point_has_a_steady_state(grid):
    assert grid.status.shape == (3840,)
    assert (grid.status == "periodic").all()


def test_mean_and_spread_of_the_volumes(grid):
    edv, esv = grid.indices.paper_edv_ml, grid.indices.paper_esv_ml
    assert edv.mean() == pytest.approx(137.617, abs=0.005)
    assert esv.mean() == pytest.approx(80.381, abs=0.005)
    assert edv.std() == pytest.approx(79.848, abs=0.005)
    assert esv.std() == pytest.approx(58.625, abs=0.005)


def test_first_and_last_point(grid):
    edv, esv = grid.indices.paper_edv_ml, grid.indices.paper_esv_ml
    np.testing.assert_allclose([edv[0], esv[0]], [67.437, 60.695], rtol=0, atol=0.01)
    np.testing.assert_allclose([edv[-1], esv[-1]], [240.863, 72.128], rtol=0, atol=0.01)


def test_range_of_the_ejection_fraction(grid):
    ef = grid.indices.paper_ef_percent
    np.testing.assert_allclose([ef.min(), ef.max()], [2.3, 78.5], rtol=0, atol=0.05)


def test_volumes_read_at_fixed_times_are_not_the_extremes(grid):
    """What the paper's reading costs: as many points of EF as its error on patients."""
    difference = grid.indices.ef_percent - grid.indices.paper_ef_percent
    assert difference.mean() == pytest.approx(3.7, abs=0.1)
    assert difference.max() == pytest.approx(14.5, abs=0.1)
