"""The clinical indices of a beat read off samples: the second, independent way."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

N_STATES = 6
"""V − Vd, P_LA, P_A, P_Ao, Q and the pump's flow."""

INTEGRALS = (
    "atrial",
    "arterial",
    "aortic",
    "work",
    "mitral_in",
    "mitral_back",
    "aortic_out",
    "aortic_back",
    "pumped",
)
"""What is integrated over the beat: three pressures, P dV outward, four valve flows, the pump's."""

GORLIN = {"mitral": 37.7, "aortic": 44.3}
"""mL/s per cm² and root of mmHg."""


class Samples(NamedTuple):
    """A beat at many instants.

    Attributes:
        times_s: from 0 to Tc, increasing.
        states: V − Vd, P_LA, P_A, P_Ao, Q, pump flow.
        integrals: over the beat, per name of `INTEGRALS`.
    """

    times_s: Float[np.ndarray, " n_times"]
    states: Float[np.ndarray, "6 n_times"]
    integrals: dict[str, float]


def plain_elastance(time_s: Any, own: Any) -> Any:
    """Return E(t) of Simaan et al. 2009, Eqs. 1 to 3, as it is printed.

    Args:
        time_s: since the start of the contraction, at most Tc.
        own: parameters by name.

    >>> plain_elastance(0.0, {"period_s": 1.0, "emin": 0.06, "emax": 2.0})
    0.06
    """
    tn = time_s / (0.2 + 0.15 * own["period_s"])
    rise, fall = (tn / 0.7) ** 1.9, (tn / 1.17) ** 21.9
    return (own["emax"] - own["emin"]) * 1.55 * rise / (1 + rise) / (1 + fall) + own["emin"]


def sampled_indices(samples: Samples, own: dict[str, float]) -> dict[str, float]:
    """Return every index of `Indices` by name.

    Extremes are those of the samples, means the integrals over the beat.
    """
    times, period, v0 = samples.times_s, own["period_s"], own["v0_ml"]
    stressed, atrial, _, aortic, _, pumped = samples.states
    pressure = plain_elastance(times, own) * stressed
    volume = stressed + v0
    mean = {name: value / period for name, value in samples.integrals.items()}
    edv, esv = float(volume.max()), float(volume.min())
    tmax = 0.2 + 0.15 * period
    start, end = float(volume[0]), float(np.interp(tmax, times, volume))
    ees_time = _peak_time(own)
    ees = float(plain_elastance(ees_time, own))
    end_systolic = ees * float(np.interp(ees_time, times, stressed))
    work = samples.integrals["work"]
    area = work + 0.5 * end_systolic * (esv - v0)
    rates = _pressure_rates(samples, own)
    found = {
        "edv_ml": edv,
        "esv_ml": esv,
        "sv_ml": edv - esv,
        "ef_percent": 100 * (edv - esv) / edv,
        "paper_edv_ml": start,
        "paper_esv_ml": end,
        "paper_ef_percent": 100 * (start - end) / start,
        "co_l_min": 0.06 * (mean["arterial"] - mean["atrial"]) / own["systemic_resistance"],
        "stroke_work_mmhg_ml": work,
        "lvedp_mmhg": float(pressure[0]),
        "lv_peak_mmhg": float(pressure.max()),
        "lv_min_mmhg": float(pressure.min()),
        "systolic_mmhg": float(aortic.max()),
        "diastolic_mmhg": float(aortic.min()),
        "mean_aortic_mmhg": mean["aortic"],
        "mean_arterial_mmhg": mean["arterial"],
        "mean_atrial_mmhg": mean["atrial"],
        "dpdt_max_mmhg_s": float(rates.max()),
        "dpdt_min_mmhg_s": float(rates.min()),
        "end_systolic_mmhg": end_systolic,
        "ees_mmhg_ml": ees,
        "ea_mmhg_ml": end_systolic / (edv - esv),
        "pva_mmhg_ml": area,
        "efficiency": work / area,
        "mitral_regurgitant_ml": samples.integrals["mitral_back"],
        "aortic_regurgitant_ml": samples.integrals["aortic_back"],
        "valve_flow_ml_s": mean["aortic_out"] - mean["aortic_back"],
        "pump_flow_ml_s": mean["pumped"],
        "pump_flow_min_ml_s": float(pumped.min()),
        "pump_flow_max_ml_s": float(pumped.max()),
    }
    forward = samples.integrals["mitral_in"], samples.integrals["aortic_out"]
    resistance = own["mitral_resistance"], own["aortic_valve_resistance"]
    over = atrial - pressure, pressure - aortic
    for valve, ml, ohm, above in zip(GORLIN, forward, resistance, over, strict=True):
        found |= _valve(valve, times, above, ml, ohm)
    return found


def _peak_time(own: dict[str, float]) -> float:
    """Return when the elastance is largest, s; it is just before Tmax."""
    times = np.linspace(0.98, 1.01, 30_001) * (0.2 + 0.15 * own["period_s"])
    return float(times[np.argmax(plain_elastance(times, own))])


def _pressure_rates(samples: Samples, own: dict[str, float]) -> Float[np.ndarray, " n_times"]:
    """Return dP/dt = E' V + E dV/dt at the samples."""
    times = samples.times_s
    stressed, atrial, _, aortic, _, pumped = samples.states
    h = 1e-6
    ends = np.maximum(times - h, 0.0), times + h
    slope = (plain_elastance(ends[1], own) - plain_elastance(ends[0], own)) / (ends[1] - ends[0])
    stiffness = plain_elastance(times, own)
    pressure = stiffness * stressed
    mitral, valve = atrial - pressure, pressure - aortic
    net = np.maximum(mitral, 0) / own["mitral_resistance"]
    net -= own["mitral_leak"] * np.maximum(-mitral, 0)
    net -= np.maximum(valve, 0) / own["aortic_valve_resistance"]
    net += own["aortic_leak"] * np.maximum(-valve, 0)
    return slope * stressed + stiffness * (net - pumped)


def _valve(
    name: str, times: Float[np.ndarray, " n_times"], over: Any, forward_ml: float, resistance: float
) -> dict[str, float]:
    """Return gradients and Gorlin's area of a valve.

    The pressure over the open valve integrates to its resistance times what went through.
    """
    above, below = np.maximum(over, 0), np.maximum(-over, 0)
    both = above[:-1] + above[1:] + below[:-1] + below[1:]
    share = np.divide(above[:-1] + above[1:], both, out=np.zeros_like(both), where=both > 0)
    seconds = float(np.sum(np.diff(times) * share))
    gradient = resistance * forward_ml / seconds if seconds > 0 else 0.0
    area = np.nan
    if gradient > 0:
        area = forward_ml / seconds / (GORLIN[name] * np.sqrt(gradient))
    return {
        f"{name}_mean_gradient_mmhg": gradient,
        f"{name}_peak_gradient_mmhg": float(above.max()),
        f"{name}_area_cm2": float(area),
    }
