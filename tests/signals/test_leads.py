import json

import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.geometry import Surface
from cardiotwin.signals import (
    Electrodes,
    LeadSystem,
    Recording,
    limb_leads,
    read_recording,
    standard_12_lead,
    wilson_central_terminal,
)

NINE = ["RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6"]


@pytest.fixture
def potentials(rng):
    return Recording(rng.normal(size=(10, 30)), 1000, "mV", names=[*NINE, "back"])


def test_einthoven_and_goldberger(potentials):
    i, ii, iii, avr, avl, avf = limb_leads(potentials).apply(potentials).samples
    np.testing.assert_allclose(i + iii, ii, atol=1e-14)
    np.testing.assert_allclose(avr + avl + avf, 0, atol=1e-14)
    np.testing.assert_allclose(avr, -(i + ii) / 2, atol=1e-14)
    np.testing.assert_allclose(avl, (i - iii) / 2, atol=1e-14)
    np.testing.assert_allclose(avf, (ii + iii) / 2, atol=1e-14)


def test_no_lead_depends_on_the_reference(potentials):
    system = standard_12_lead(potentials)
    shifted = potentials.with_samples(potentials.samples + 37.0)
    np.testing.assert_allclose(
        system.apply(shifted).samples, system.apply(potentials).samples, atol=1e-12
    )


def test_chest_leads_are_measured_against_wilson(potentials):
    ecg = standard_12_lead(potentials).apply(potentials)
    terminal = potentials.samples[:3].mean(axis=0)
    np.testing.assert_allclose(ecg.select(["V3"]).samples[0], potentials.samples[5] - terminal)
    np.testing.assert_allclose(wilson_central_terminal(potentials) @ potentials.samples, terminal)
    assert ecg.names[6:] == ("V1", "V2", "V3", "V4", "V5", "V6")


def test_order_and_european_names_do_not_matter(potentials):
    names = ["F", "C6", "L", "C5", "R", "C4", "C1", "C3", "C2"]
    rows = [2, 8, 1, 7, 0, 6, 3, 5, 4]
    other = Recording(potentials.samples[rows], 1000, "mV", names=names)
    np.testing.assert_allclose(
        standard_12_lead(other).apply(other).samples,
        standard_12_lead(potentials).apply(potentials).samples,
    )


def test_missing_electrodes_are_named():
    with pytest.raises(InputError, match=r"no electrode called LL, V6.*renamed"):
        standard_12_lead(["RA", "LA", "V1", "V2", "V3", "V4", "V5"])


def test_leads_of_missing_channels_are_missing(potentials):
    broken = Recording(potentials.samples, 1000, "mV", potentials.names, missing=["LA"])
    assert limb_leads(broken).apply(broken).missing == ("I", "III", "aVR", "aVL", "aVF")


def test_lead_system_checks_its_shape():
    with pytest.raises(InputError, match="weights"):
        LeadSystem(["A"], ["x", "y"], [[1, 2, 3]])


def test_12_lead_straight_from_node_potentials_of_a_torso(shared_data, rng):
    folder = shared_data("ecgi_dalhousie_cinc2007_torso")
    data = np.load(folder / "dalhousie.npz")
    torso = Surface(data["case3_torso_vertices_mm"], data["torso_faces"])
    published = json.loads((folder / "standard_leads.json").read_text())["electrode_weights"]
    places = [
        sum(w * torso.vertices_mm[int(node) - 1] for node, w in published[name].items())
        for name in NINE
    ]
    electrodes = Electrodes.project(torso, places, NINE, max_distance_mm=30)
    system = standard_12_lead(electrodes)
    nodes = rng.normal(size=(torso.n_nodes, 4))
    direct = system.node_matrix(electrodes) @ nodes
    by_steps = system.weights @ (electrodes.interpolation_matrix @ nodes)
    np.testing.assert_allclose(direct, by_steps, atol=1e-13)
    assert direct.shape == (12, 4)
    # A uniform field along x (to the left): the left arm is positive, so I is positive.
    field = system.node_matrix(electrodes) @ torso.vertices_mm[:, 0]
    assert field[0] > 0 > field[3]


def test_measured_limb_leads_obey_the_algebra(shared_data):
    ecg = read_recording(shared_data("ecg_ptb_s0010") / "s0010_re.npz")
    # Reconstruct from the electrodes that these leads imply, with the right arm at zero.
    i, ii = ecg.samples[:2]
    arms = Recording([np.zeros_like(i), i, ii], 1000, "mV", names=["RA", "LA", "LL"])
    leads = limb_leads(arms).apply(arms).samples
    assert np.abs(leads[2:] - ecg.samples[2:6]).max() < 3e-3
