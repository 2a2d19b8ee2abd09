"""The 12-lead ECG of heart potentials: algebra, invariance, and a plausible paced beat."""

import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.ecgi import transfer_matrix, twelve_lead_ecg, zoo
from cardiotwin.geometry import zoo as geometry_zoo
from cardiotwin.signals import Electrodes


@pytest.fixture(scope="module")
def case():
    return zoo.paper_like(heart_nodes=200, torso_nodes=200, n_times=120)


@pytest.fixture(scope="module")
def leads(case):
    names, places = zip(*case.human.standard_leads.items(), strict=True)
    return Electrodes.project(case.human.torso, places, names=names)


def test_einthoven_and_goldberger_hold(case, leads):
    ecg = twelve_lead_ecg(case.operator, case.truth, leads, rate_hz=775, unit="normalized")
    one, two, three, avr, avl, avf = ecg.samples[:6]
    np.testing.assert_allclose(one + three, two, atol=1e-12)
    np.testing.assert_allclose(avr + avl + avf, 0, atol=1e-12)
    np.testing.assert_allclose(avr, -(one + two) / 2, atol=1e-12)


def test_the_reference_of_the_heart_drops_out(case, leads):
    options = {"rate_hz": 775, "unit": "normalized"}
    first = twelve_lead_ecg(case.operator, case.truth, leads, **options)
    second = twelve_lead_ecg(case.operator, case.truth + 3.0, leads, **options)
    np.testing.assert_allclose(first.samples, second.samples, atol=1e-11)


def test_chest_leads_see_more_than_limb_leads(case, leads):
    ecg = twelve_lead_ecg(case.operator, case.truth, leads, rate_hz=775, unit="normalized")
    size = np.ptp(ecg.samples, axis=1)
    assert size[6:].max() > 1.5 * size[:3].max()


def test_electrodes_of_another_torso_are_refused(case, leads):
    other = transfer_matrix(case.human.heart, geometry_zoo.human(torso_nodes=100).torso)
    with pytest.raises(InputError, match=r"200 nodes.*torso of 100 nodes.*Project"):
        twelve_lead_ecg(other, case.truth, leads, rate_hz=775, unit="mV")
