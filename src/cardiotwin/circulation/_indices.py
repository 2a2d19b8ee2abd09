"""Clinical indices of a beat."""

from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ._circulation import Circuit
from ._elastance import PEAK, contraction_time, elastance
from ._integrate import Trace

ML_S_TO_L_MIN = 0.06
GORLIN_MITRAL, GORLIN_AORTIC = 37.7, 44.3
"""Gorlin constants: flow in mL/s over constant and root of mmHg gives cm²."""


@dataclass(frozen=True, eq=False)
class Indices:
    """What a clinician reads off a beat, one value a patient.

    Volumes at end diastole and end systole are the largest and smallest of the beat; the
    ``paper`` ones are at the fixed times of Med-Real2Sim: start of the contraction and Tmax.

    Attributes:
        edv_ml: largest volume.
        esv_ml: smallest volume.
        sv_ml: stroke volume, their difference.
        ef_percent: 100 SV / EDV. Under a pump it says little: the ventricle empties into it.
        paper_edv_ml: volume when the contraction starts.
        paper_esv_ml: volume at Tmax.
        paper_ef_percent: from these two.
        co_l_min: cardiac output, mean flow through the systemic vessels; right with a pump, too.
        stroke_work_mmhg_ml: area of the pressure–volume loop.
        lvedp_mmhg: ventricular pressure when the contraction starts.
        lv_peak_mmhg: largest ventricular pressure.
        lv_min_mmhg: smallest ventricular pressure.
        systolic_mmhg: largest aortic pressure.
        diastolic_mmhg: smallest aortic pressure.
        mean_aortic_mmhg: mean aortic pressure.
        mean_arterial_mmhg: mean pressure of the systemic arteries.
        mean_atrial_mmhg: mean left atrial pressure.
        dpdt_max_mmhg_s: fastest rise of ventricular pressure.
        dpdt_min_mmhg_s: fastest fall, negative.
        end_systolic_mmhg: ventricular pressure when the elastance is largest.
        ees_mmhg_ml: end-systolic elastance, the largest of the beat.
        ea_mmhg_ml: effective arterial elastance, end-systolic pressure / SV.
        pva_mmhg_ml: pressure–volume area, stroke work + potential energy.
        efficiency: stroke work / PVA.
        mitral_mean_gradient_mmhg: mean over the time that the valve is open.
        mitral_peak_gradient_mmhg: largest.
        aortic_mean_gradient_mmhg: mean over the time that the valve is open; 0 if it never is.
        aortic_peak_gradient_mmhg: largest; 0 if it never opens.
        mitral_area_cm2: by the formula of Gorlin, from flow and gradient.
        aortic_area_cm2: by the formula of Gorlin; NaN if the valve never opens.
        mitral_regurgitant_ml: back through the mitral valve in a beat.
        aortic_regurgitant_ml: back through the aortic valve in a beat.
        valve_flow_ml_s: mean net flow through the aortic valve.
        pump_flow_ml_s: mean flow through the pump; 0 without one.
        pump_flow_min_ml_s: smallest.
        pump_flow_max_ml_s: largest.
    """

    edv_ml: Any
    esv_ml: Any
    sv_ml: Any
    ef_percent: Any
    paper_edv_ml: Any
    paper_esv_ml: Any
    paper_ef_percent: Any
    co_l_min: Any
    stroke_work_mmhg_ml: Any
    lvedp_mmhg: Any
    lv_peak_mmhg: Any
    lv_min_mmhg: Any
    systolic_mmhg: Any
    diastolic_mmhg: Any
    mean_aortic_mmhg: Any
    mean_arterial_mmhg: Any
    mean_atrial_mmhg: Any
    dpdt_max_mmhg_s: Any
    dpdt_min_mmhg_s: Any
    end_systolic_mmhg: Any
    ees_mmhg_ml: Any
    ea_mmhg_ml: Any
    pva_mmhg_ml: Any
    efficiency: Any
    mitral_mean_gradient_mmhg: Any
    mitral_peak_gradient_mmhg: Any
    aortic_mean_gradient_mmhg: Any
    aortic_peak_gradient_mmhg: Any
    mitral_area_cm2: Any
    aortic_area_cm2: Any
    mitral_regurgitant_ml: Any
    aortic_regurgitant_ml: Any
    valve_flow_ml_s: Any
    pump_flow_ml_s: Any
    pump_flow_min_ml_s: Any
    pump_flow_max_ml_s: Any

    def as_dict(self) -> dict[str, Any]:
        """Return every index by name."""
        return {name: getattr(self, name) for name in INDEX_NAMES}

    def map(self, function: Any) -> "Indices":
        """Return the indices after a function of each."""
        return Indices(**{name: function(value) for name, value in self.as_dict().items()})


INDEX_NAMES = tuple(item.name for item in fields(Indices))
"""Every clinical index, in the order of `Indices`."""

jax.tree_util.register_dataclass(Indices, data_fields=list(INDEX_NAMES), meta_fields=[])


def indices(trace: Trace, circuit: Circuit) -> Indices:
    """Return the indices of a traced beat."""
    # Without the barrier the compiler joins the pieces of a beat anew for every index.
    trace = lax.optimization_barrier(trace)
    volume, atrial, _, aortic = trace.states[:4]
    pressure, period, sums = trace.elastance * volume, circuit.period_s, trace.integrals
    v0 = circuit.v0_ml
    edv, esv = jnp.max(volume, 0) + v0, jnp.min(volume, 0) + v0
    tmax = contraction_time(circuit.period_s)
    paper_edv, paper_esv = volume[0] + v0, _at(tmax, trace, volume, _net(trace)) + v0

    peak_time = PEAK * tmax
    ees = elastance(peak_time, circuit.period_s, circuit.emin, circuit.emax)
    end_systolic = ees * _at(peak_time, trace, volume, _net(trace))
    potential = 0.5 * end_systolic * (esv - v0)
    rates = jnp.diff(pressure, axis=0) / jnp.diff(trace.times, axis=0)

    mitral = _valve(trace, atrial - pressure, sums.mitral_forward, GORLIN_MITRAL)
    valve = _valve(trace, pressure - aortic, sums.valve_forward, GORLIN_AORTIC)
    systemic = (sums.arterial - sums.atrial) / (period * circuit.systemic_resistance)
    pumped = trace.flows.pump
    return Indices(
        edv_ml=edv,
        esv_ml=esv,
        sv_ml=edv - esv,
        ef_percent=100 * (edv - esv) / edv,
        paper_edv_ml=paper_edv,
        paper_esv_ml=paper_esv,
        paper_ef_percent=100 * (paper_edv - paper_esv) / paper_edv,
        co_l_min=ML_S_TO_L_MIN * systemic,
        stroke_work_mmhg_ml=sums.work,
        lvedp_mmhg=pressure[0],
        lv_peak_mmhg=_peak(trace.times, pressure),
        lv_min_mmhg=-_peak(trace.times, -pressure),
        systolic_mmhg=_peak(trace.times, aortic),
        diastolic_mmhg=_diastolic(trace, pressure - aortic),
        mean_aortic_mmhg=sums.aortic / period,
        mean_arterial_mmhg=sums.arterial / period,
        mean_atrial_mmhg=sums.atrial / period,
        dpdt_max_mmhg_s=jnp.max(rates, 0),
        dpdt_min_mmhg_s=jnp.min(rates, 0),
        end_systolic_mmhg=end_systolic,
        ees_mmhg_ml=ees,
        ea_mmhg_ml=end_systolic / (edv - esv),
        pva_mmhg_ml=sums.work + potential,
        efficiency=sums.work / (sums.work + potential),
        mitral_mean_gradient_mmhg=mitral[0],
        mitral_peak_gradient_mmhg=jnp.maximum(jnp.max(atrial - pressure, 0), 0.0),
        aortic_mean_gradient_mmhg=valve[0],
        aortic_peak_gradient_mmhg=jnp.maximum(jnp.max(pressure - aortic, 0), 0.0),
        mitral_area_cm2=mitral[1],
        aortic_area_cm2=valve[1],
        mitral_regurgitant_ml=sums.mitral_back,
        aortic_regurgitant_ml=sums.valve_back,
        valve_flow_ml_s=(sums.valve_forward - sums.valve_back) / period,
        pump_flow_ml_s=sums.pump / period,
        pump_flow_min_ml_s=jnp.min(pumped, 0),
        pump_flow_max_ml_s=jnp.max(pumped, 0),
    )


def _net(trace: Trace) -> Any:
    """Return dV/dt at the nodes; that of the first is the last's, as in a periodic beat."""
    net = trace.flows.mitral - trace.flows.aortic_valve - trace.flows.pump
    return jnp.concatenate([net[-1:], net])


def _valve(trace: Trace, over: Any, forward_ml: Any, gorlin: float) -> tuple[Any, Any]:
    """Return mean gradient and Gorlin's area of a valve while it is open.

    Within a step the pressure over the valve is taken as linear, so that nothing jumps where the
    valve opens one step earlier.

    Args:
        trace: of the beat.
        over: (n_steps + 1, …) pressure over the valve at the nodes.
        forward_ml: what flows through the open valve in a beat.
        gorlin: constant.
    """
    h = jnp.diff(trace.times, axis=0)
    early, late = over[:-1], over[1:]
    above = jnp.maximum(early, 0.0) + jnp.maximum(late, 0.0)
    below = jnp.maximum(-early, 0.0) + jnp.maximum(-late, 0.0)
    both = above + below
    share = jnp.where(both > 0, above / jnp.where(both > 0, both, 1.0), 0.0)
    seconds = jnp.sum(h * share, 0)
    some = jnp.where(seconds > 0, seconds, 1.0)
    gradient = jnp.sum(0.5 * h * share * above, 0) / some
    forward = forward_ml / some
    usable = (seconds > 0) & (gradient > 0)
    area = forward / (gorlin * jnp.sqrt(jnp.where(usable, gradient, 1.0)))
    return gradient, jnp.where(usable, area, jnp.nan)


def _pick(index: Any, array: Any, shift: int) -> Any:
    """Return what stands so far behind an index of each patient, (1, …)."""
    return jnp.take_along_axis(array, index + shift, 0)[0]


def _at(time: Any, trace: Trace, values: Any, slopes: Any) -> Any:
    """Return values at a time by cubic Hermite interpolation."""
    index = jnp.clip(jnp.sum(trace.times <= time, 0) - 1, 0, trace.times.shape[0] - 2)[None]

    pick = partial(_pick, index)
    t0, t1 = pick(trace.times, 0), pick(trace.times, 1)
    h = t1 - t0
    s = (time - t0) / h
    left = pick(values, 0) * (1 + 2 * s) + h * pick(slopes, 0) * s
    right = pick(values, 1) * (3 - 2 * s) + h * pick(slopes, 1) * (s - 1)
    return (1 - s) ** 2 * left + s**2 * right


def _first(true: Any) -> Any:
    """Return where a condition first holds along the first axis, its length if nowhere.

    Several times faster here than jnp.argmax.
    """
    n = true.shape[0]
    places = jnp.arange(n).reshape(n, *[1] * (true.ndim - 1))
    return jnp.min(jnp.where(true, places, n), 0)


def _peak(times: Any, values: Any) -> Any:
    """Return the maximum of the parabola through the largest value and its neighbours."""
    index = jnp.clip(_first(values == jnp.max(values, 0)), 1, values.shape[0] - 2)[None]

    pick = partial(_pick, index)
    before = pick(times, 0) - pick(times, -1)
    after = pick(times, 1) - pick(times, 0)
    middle = pick(values, 0)
    rise, fall = (middle - pick(values, -1)) / before, (pick(values, 1) - middle) / after
    curvature = (fall - rise) / (before + after)
    slope = (rise * after + fall * before) / (before + after)
    gain = jnp.where(curvature < 0, -(slope**2) / jnp.where(curvature < 0, 4 * curvature, 1.0), 0.0)
    # At an end of the beat the parabola's top may lie outside: then the value itself counts.
    top = middle + jnp.where((rise >= 0) & (fall <= 0), gain, 0.0)
    return jnp.maximum(top, jnp.max(values, 0))


def _diastolic(trace: Trace, over: Any) -> Any:
    """Return the smallest aortic pressure.

    It has a kink there, where the aortic valve opens within a step: until then it falls as in the
    step before, and the opening is where the pressure over the valve, extrapolated, is zero.
    """
    aortic = trace.states[3]
    lowest = jnp.min(aortic, 0)
    opens = (over[1:] > 0) & (over[:-1] <= 0)
    index = jnp.clip(_first(opens), 1, over.shape[0] - 2)[None]

    pick = partial(_pick, index)
    back = pick(trace.times, 0) - pick(trace.times, -1)
    step = pick(trace.times, 1) - pick(trace.times, 0)
    closing = (pick(over, 0) - pick(over, -1)) / back
    wait = jnp.where(closing > 0, -pick(over, 0) / jnp.where(closing > 0, closing, 1.0), 0.0)
    fall = (pick(aortic, 0) - pick(aortic, -1)) / back
    foot = pick(aortic, 0) + fall * jnp.clip(wait, 0.0, step)
    return jnp.minimum(lowest, jnp.where(jnp.any(opens, 0) & (fall < 0), foot, lowest))
