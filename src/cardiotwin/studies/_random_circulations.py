"""Random circulations: the box of the paper, and what else patients may have."""

from typing import Any

import numpy as np

from ..circulation import PARAMETERS, Circulation, Lvad

START_VOLUMES_ML = (0.0, 280.0)
"""V − Vd at which Med-Real2Sim starts; it decides the stressed volume."""

EXTENSION = {
    "period_s": (0.35, 1.7),
    "stressed_volume_ml": (80.0, 800.0),
    "emax": (0.3, 5.0),
    "emin": (0.02, 0.2),
    "mitral_resistance": (0.003, 0.2),
    "aortic_valve_resistance": (1e-4, 0.4),
    "systemic_resistance": (0.4, 3.0),
    "characteristic_resistance": (0.01, 0.15),
    "atrial_compliance": (1.5, 12.0),
    "arterial_compliance": (0.4, 3.0),
    "aortic_compliance": (0.03, 0.3),
    "aortic_inertance": (2e-4, 2e-3),
}
"""Ranges of our own, from shock to hypertension and from tight valves to stiff ones."""

SPEEDS_RPM = (6000.0, 18_000.0)
"""From a pump through which blood runs back to one that empties the ventricle."""


def paper_box(rng: np.random.Generator, n: int) -> Circulation:
    """Return circulations drawn uniformly from the box that Med-Real2Sim samples.

    Args:
        rng: where they come from.
        n: how many.

    >>> paper_box(np.random.default_rng(0), 3).shape
    (3,)
    """
    names = "period_s emax emin v0_ml mitral_resistance aortic_valve_resistance".split()
    drawn = {name: rng.uniform(*PARAMETERS[name].box, n) for name in names}
    return Circulation.from_start_volume(rng.uniform(*START_VOLUMES_ML, n), **drawn)


def extension(rng: np.random.Generator, n: int) -> Circulation:
    """Return circulations drawn from `EXTENSION`, each parameter evenly in its logarithm.

    One in ten has the smallest aortic resistance there is, 1e-4, and a leak of either valve is
    there in half of them.

    Args:
        rng: where they come from.
        n: how many.

    >>> bool((extension(np.random.default_rng(0), 50).mitral_leak > 0).any())
    True
    """
    drawn: dict[str, Any] = {
        name: np.exp(rng.uniform(np.log(low), np.log(high), n))
        for name, (low, high) in EXTENSION.items()
    }
    resistance = drawn["aortic_valve_resistance"]
    drawn["aortic_valve_resistance"] = np.where(rng.random(n) < 0.1, 1e-4, resistance)
    return Circulation(
        **drawn,
        v0_ml=rng.uniform(-20, 60, n),
        mitral_leak=rng.uniform(0, 2, n) * (rng.random(n) < 0.5),
        aortic_leak=rng.uniform(0, 1, n) * (rng.random(n) < 0.5),
    )


def random_pumps(rng: np.random.Generator, n: int) -> Lvad:
    """Return pumps with speeds of `SPEEDS_RPM`, suction included.

    Args:
        rng: where they come from.
        n: how many.
    """
    return Lvad(rng.uniform(*SPEEDS_RPM, n))
