"""Weights of draws by what was measured besides the clips: each number once, as it is defined."""

import numpy as np
import pytest

from cardiotwin.circulation import FAST, steady_indices
from cardiotwin.echo import Phantom, segment
from cardiotwin.echo._prediction import _measured, _weights
from cardiotwin.hemodynamics import QUANTITIES, Measurements, Unknowns


@pytest.fixture(scope="module")
def patients():
    """Indices of forty patients and the lengths of their beats."""
    circulation = Unknowns.of().circulation(Unknowns.of().draw(40, 3))
    return steady_indices(circulation, solver=FAST).indices, np.asarray(circulation.period_s)


def test_a_stroke_volume_weighs_what_flows_forward(patients):
    indices, period = patients
    forward = np.asarray(indices.co_l_min) * period / 0.06
    measured = Measurements(stroke_volume_ml=float(forward[7]), errors={"stroke_volume_ml": 3.0})
    found = _weights(indices, period, measured, {"stroke_volume_ml": forward[7]})
    wanted = np.exp(-0.5 * ((forward - forward[7]) / 3.0) ** 2)
    np.testing.assert_allclose(found, wanted / wanted.sum(), rtol=1e-9, atol=1e-12)


def test_every_quantity_can_be_weighed(patients):
    indices, period = patients
    for name, quantity in QUANTITIES.items():
        told = quantity.among(
            lambda own: period if own == "period_s" else np.asarray(getattr(indices, own))
        )
        assert told.shape == period.shape and np.isfinite(told).all(), name


def test_ef_does_not_count_beside_the_volumes_from_which_it_follows(patients):
    indices, period = patients
    edv, esv = float(indices.edv_ml[0]), float(indices.esv_ml[0])
    both = {"edv_ml": edv, "esv_ml": esv}
    measured = Measurements(**both, ef_percent=100 * (1 - esv / edv))
    clinic = {**both, "ef_percent": 100 * (1 - esv / edv)}
    np.testing.assert_array_equal(
        _weights(indices, period, measured, clinic), _weights(indices, period, measured, both)
    )


def test_volumes_of_the_clinic_take_the_place_of_the_ef_that_was_read(patients):
    """Even where they contradict the clip: it is the caller who knows."""
    one = Phantom(views=("A4C",), n_frames=40).clip(0, 21)
    found, indices = segment(one.clip), patients[0]
    told = _measured([found], indices, {"edv_ml": 150.0, "esv_ml": 120.0})
    assert told.ef_percent is None and told.edv_ml == 150.0
    assert _measured([found], indices, {"edv_ml": 150.0}).ef_percent == pytest.approx(
        np.median(np.asarray(indices.ef_percent))
    )
