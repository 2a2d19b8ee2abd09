"""What a surrogate's network predicts, and how all clinical indices follow from it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..circulation import Indices, contraction_time, elastance
from ..circulation._circulation import Circuit
from ..circulation._elastance import PEAK
from ..circulation._indices import GORLIN_AORTIC, GORLIN_MITRAL, ML_S_TO_L_MIN
from ..circulation._integrate import BLOCKS, BORDERS, N_BLOCKS, SHORTEST

PRIMARIES = {
    "edv": 1,
    "sv": 1,
    "paper_edv": 1,
    "paper_esv": 1,
    "volume_at_peak": 1,
    "stroke_work": 2,
    "lv_peak": 1,
    "lv_min": 1,
    "systolic": 1,
    "diastolic": 1,
    "mean_atrial": 1,
    "dpdt_max": 1,
    "dpdt_fall": 1,
    "mitral_mean": 1,
    "mitral_peak": 1,
    "aortic_mean": 1,
    "aortic_peak": 1,
}
"""What the network predicts → power of the stressed volume that it is proportional to.

All are positive, volumes above Vd: the network predicts the logarithm per that power, so that
errors are relative ones. The stroke volume is among them in place of the smallest volume, because
the difference of two volumes would say little of a weak heart."""

N_PHASES = 64
"""Instants of a predicted loop, the last is the first of the next beat."""


def primaries(found: Indices, circuit: Circuit) -> Float[np.ndarray, "n n_primaries"]:
    """Return the logarithm of each of `PRIMARIES` per power of the stressed volume."""
    v0, total = circuit.v0_ml, circuit.stressed_volume_ml
    own = {
        "edv": found.edv_ml - v0,
        "sv": found.sv_ml,
        "paper_edv": found.paper_edv_ml - v0,
        "paper_esv": found.paper_esv_ml - v0,
        "volume_at_peak": found.end_systolic_mmhg / found.ees_mmhg_ml,
        "stroke_work": found.stroke_work_mmhg_ml,
        "lv_peak": found.lv_peak_mmhg,
        "lv_min": found.lv_min_mmhg,
        "systolic": found.systolic_mmhg,
        "diastolic": found.diastolic_mmhg,
        "mean_atrial": found.mean_atrial_mmhg,
        "dpdt_max": found.dpdt_max_mmhg_s,
        "dpdt_fall": -found.dpdt_min_mmhg_s,
        "mitral_mean": found.mitral_mean_gradient_mmhg,
        "mitral_peak": found.mitral_peak_gradient_mmhg,
        "aortic_mean": found.aortic_mean_gradient_mmhg,
        "aortic_peak": found.aortic_peak_gradient_mmhg,
    }
    return np.stack([np.log(own[name] / total**power) for name, power in PRIMARIES.items()], -1)


def indices_from(logarithms: Float[Any, "n n_primaries"], circuit: Circuit) -> Indices:
    """Return all indices of tight valves without a pump.

    Exact consequences of the equations, with q = SV/Tc the mean flow everywhere::

        P_LV(0) = Emin (V(0) − Vd)        mean P_A  = mean P_LA + Rs q
        CO = 0.06 q                       mean P_Ao = mean P_A + Rc q
        mean gradient = R · mean flow while open, hence Gorlin's area = √gradient/(R · constant)
    """
    total, v0, period = circuit.stressed_volume_ml, circuit.v0_ml, circuit.period_s
    own = {
        name: jnp.exp(logarithms[..., k]) * total**power
        for k, (name, power) in enumerate(PRIMARIES.items())
    }
    edv, sv, work = own["edv"] + v0, own["sv"], own["stroke_work"]
    flow = sv / period
    arterial = own["mean_atrial"] + circuit.systemic_resistance * flow
    ees = elastance(PEAK * contraction_time(period), period, circuit.emin, circuit.emax)
    end_systolic = ees * own["volume_at_peak"]
    potential = 0.5 * end_systolic * (own["edv"] - sv)
    paper_edv, paper_esv = own["paper_edv"] + v0, own["paper_esv"] + v0
    nothing = jnp.zeros_like(sv)
    return Indices(
        edv_ml=edv,
        esv_ml=edv - sv,
        sv_ml=sv,
        ef_percent=100 * sv / edv,
        paper_edv_ml=paper_edv,
        paper_esv_ml=paper_esv,
        paper_ef_percent=100 * (paper_edv - paper_esv) / paper_edv,
        co_l_min=ML_S_TO_L_MIN * flow,
        stroke_work_mmhg_ml=work,
        lvedp_mmhg=circuit.emin * own["paper_edv"],
        lv_peak_mmhg=own["lv_peak"],
        lv_min_mmhg=own["lv_min"],
        systolic_mmhg=own["systolic"],
        diastolic_mmhg=own["diastolic"],
        mean_aortic_mmhg=arterial + circuit.characteristic_resistance * flow,
        mean_arterial_mmhg=arterial,
        mean_atrial_mmhg=own["mean_atrial"],
        dpdt_max_mmhg_s=own["dpdt_max"],
        dpdt_min_mmhg_s=-own["dpdt_fall"],
        end_systolic_mmhg=end_systolic,
        ees_mmhg_ml=ees,
        ea_mmhg_ml=end_systolic / sv,
        pva_mmhg_ml=work + potential,
        efficiency=work / (work + potential),
        mitral_mean_gradient_mmhg=own["mitral_mean"],
        mitral_peak_gradient_mmhg=own["mitral_peak"],
        aortic_mean_gradient_mmhg=own["aortic_mean"],
        aortic_peak_gradient_mmhg=own["aortic_peak"],
        mitral_area_cm2=jnp.sqrt(own["mitral_mean"]) / (GORLIN_MITRAL * circuit.mitral_resistance),
        aortic_area_cm2=jnp.sqrt(own["aortic_mean"])
        / (GORLIN_AORTIC * circuit.aortic_valve_resistance),
        mitral_regurgitant_ml=nothing,
        aortic_regurgitant_ml=nothing,
        valve_flow_ml_s=flow,
        pump_flow_ml_s=nothing,
        pump_flow_min_ml_s=nothing,
        pump_flow_max_ml_s=nothing,
    )


def loop_times(period_s: Any) -> Any:
    """Return the instants (…, `N_PHASES`) of a loop, s, dense where valves move.

    >>> loop_times(np.array(1.0))[[0, -1]].tolist()
    [0.0, 1.0]
    """
    xp = jnp if isinstance(period_s, jax.Array) else np
    tmax = contraction_time(period_s)
    squeeze = xp.minimum(1.0, period_s / tmax / SHORTEST)
    ends = [0 * tmax, *(border * squeeze * tmax for border in BORDERS), period_s]
    steps = N_PHASES - 1
    counts = [round(blocks * steps / N_BLOCKS) for blocks in BLOCKS[:-1]]
    counts.append(steps - sum(counts))
    parts = [
        ends[k][..., None] + (ends[k + 1] - ends[k])[..., None] * (np.arange(count) / count)
        for k, count in enumerate(counts)
    ]
    return xp.concatenate([*parts, period_s[..., None]], -1)
