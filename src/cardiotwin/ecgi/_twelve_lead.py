"""The 12-lead ECG that heart potentials would show."""

import numpy as np

from .._checks import check_array, check_number
from .._errors import InputError
from .._types import ArrayLike
from ..signals import Electrodes, Recording, standard_12_lead
from ._operator import ObservationOperator


def twelve_lead_ecg(
    operator: ObservationOperator,
    heart_potentials: ArrayLike,
    electrodes: Electrodes,
    *,
    rate_hz: float,
    unit: str,
    start_ms: float = 0.0,
) -> Recording:
    """Compute leads I to V6 from any potentials on the heart.

    L E R u: the operator R to the torso nodes, the electrodes E on its triangles, the leads L
    with Wilson's terminal. Every lead is a difference, so the reference of u drops out.

    Args:
        operator: whose rows are the nodes of a torso surface.
        heart_potentials: (n_nodes, n_times), reconstructed or simulated.
        electrodes: on that surface, nine of them named RA, LA, LL and V1 to V6.
        rate_hz: sampling rate of the potentials.
        unit: unit of the potentials.
        start_ms: time of the first sample.

    Returns:
        The recording of 12 leads: I, II, III, aVR, aVL, aVF, V1 to V6.

    Raises:
        InputError: electrodes on another surface, one of the nine missing, or shapes that do not
            fit.

    >>> from cardiotwin.geometry import zoo
    >>> from cardiotwin.ecgi import transfer_matrix
    >>> human = zoo.human(heart_nodes=100, torso_nodes=100)
    >>> names, places = zip(*human.standard_leads.items())
    >>> leads = Electrodes.project(human.torso, places, names=names)
    >>> operator = transfer_matrix(human.heart, human.torso)
    >>> ecg = twelve_lead_ecg(operator, np.ones((100, 5)), leads, rate_hz=1000, unit="mV")
    >>> ecg.names[:3], bool(abs(ecg.samples).max() < 1e-12)
    (('I', 'II', 'III'), True)
    """
    potentials = check_array(
        heart_potentials, "heart_potentials", shape=(operator.n_sources, "n_times")
    )
    if operator.leads is not None or electrodes.n_nodes != operator.n_observed:
        raise InputError(
            "electrodes",
            found=f"electrodes on a surface of {electrodes.n_nodes} nodes",
            expected=f"the operator's torso of {operator.n_observed} nodes",
            advice="Project the electrodes onto the torso, and use an operator to all its nodes.",
        )
    leads = standard_12_lead(electrodes)
    samples = leads.node_matrix(electrodes) @ operator.matrix @ potentials
    rate = check_number(rate_hz, "rate_hz", above=0)
    return Recording(np.asarray(samples), rate, unit, names=leads.names, start_ms=start_ms)
