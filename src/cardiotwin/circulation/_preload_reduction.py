"""End-systolic elastance and V0 from a family of loops, as in the catheter laboratory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_choice
from .._errors import InputError
from ._beat import Beat
from ._circulation import Circulation
from ._elastance import PEAK, contraction_time
from ._lvad import Lvad
from ._steady_state import CycleSolver, steady_state

POINTS = ("iterative", "peak-elastance", "end-ejection")
"""Where end systole is taken to be."""

FRACTIONS = tuple(np.linspace(1.0, 0.6, 9).tolist())
"""Stressed volumes of an occlusion of the caval vein, relative to before."""

MAX_ITERATIONS = 50

SETTLED_ML = 1e-9


@dataclass(frozen=True, eq=False)
class EndSystolicLine:
    """The end-systolic pressure–volume relation P = Ees (V − V0) through a family of loops.

    Attributes:
        ees_mmhg_ml: slope, of the shape of the batch.
        v0_ml: where the line meets the axis of volumes, of the shape of the batch.
        volume_ml: end-systolic volumes, (…, n_loops).
        pressure_mmhg: end-systolic pressures, (…, n_loops).
        rms_mmhg: root mean square distance of the points from the line, in pressure.
        iterations: how often V0 was improved.
        family: the loops, (…, n_loops).
    """

    ees_mmhg_ml: Float[np.ndarray, "*batch"]
    v0_ml: Float[np.ndarray, "*batch"]
    volume_ml: Float[np.ndarray, "*batch n_loops"]
    pressure_mmhg: Float[np.ndarray, "*batch n_loops"]
    rms_mmhg: Float[np.ndarray, "*batch"]
    iterations: int
    family: Beat


def preload_reduction(
    circulation: Circulation,
    lvad: Lvad | None = None,
    *,
    fractions: Any = FRACTIONS,
    points: str = "iterative",
    solver: CycleSolver | None = None,
) -> EndSystolicLine:
    """Return Ees and V0 as an occlusion of the caval vein shows them.

    The steady states of the patient with less and less stressed volume, and the line through
    their end-systolic points, see `end_systolic_line`.

    Args:
        circulation: one patient or a batch.
        lvad: a pump that keeps its speed.
        fractions: stressed volumes relative to the patient's own, at least two.
        points: what counts as end systole, one of `POINTS`.
        solver: of the steady states.

    Raises:
        InputError: fewer than two fractions, or no such kind of points.
        NumericsError: a steady state was not found.

    >>> found = preload_reduction(Circulation())
    >>> print(f"{found.ees_mmhg_ml:.2f} mmHg/mL, {found.v0_ml:.1f} mL")
    1.99 mmHg/mL, 10.0 mL
    """
    fractions = np.asarray(fractions, float)
    values = {name: own[..., None] for name, own in circulation.values().items()}
    values["stressed_volume_ml"] = values["stressed_volume_ml"] * fractions
    if lvad is not None:
        lvad = Lvad(np.asarray(lvad.speed_rpm)[..., None], lvad.coefficients)
    family = steady_state(Circulation(**values), lvad, solver=solver)
    return end_systolic_line(family, points=points)


def end_systolic_line(family: Beat, *, points: str = "iterative") -> EndSystolicLine:
    """Return the line through the end-systolic points of a family of loops, by least squares.

    End systole of a loop is one of

    - ``"iterative"``: where P/(V − V0) is largest, with V0 of the line through the points found
      with the V0 before, until it stays; 0 to begin with (Kono et al. 1984);
    - ``"peak-elastance"``: when the ventricle is stiffest, which only a model can tell;
    - ``"end-ejection"``: where the volume is smallest, as long as nothing better is recorded.

    In this circuit P = E(t) (V − Vd), so that the first two give Vd exactly, whatever is changed
    from loop to loop, as long as the ventricle and the duration of the beat are the same. The
    last is late by the more, the lower the afterload.

    Args:
        family: beats (…, n_loops), at least two.
        points: one of `POINTS`.

    Raises:
        InputError: fewer than two loops, or no such kind of points.
    """
    check_choice(points, "points", POINTS)
    shape = family.status.shape
    if not shape or shape[-1] < 2:
        raise InputError("family", found=f"beats of shape {shape}", expected="two loops or more")
    volume, pressure = family.volume_ml, family.lv_mmhg
    if points == "peak-elastance":
        peak = PEAK * contraction_time(np.broadcast_to(family.circulation.period_s, shape))
        index = np.argmin(np.abs(family.times_s - peak[..., None]), axis=-1)
        return _line(family, index, 1)
    if points == "end-ejection":
        return _line(family, np.argmin(volume, axis=-1), 1)
    v0 = np.zeros(shape[:-1])
    for iteration in range(1, MAX_ITERATIONS + 1):
        found = _line(family, np.argmax(pressure / (volume - v0[..., None, None]), -1), iteration)
        # Below every volume, or the ratio changes its sign within a loop.
        improved = np.minimum(found.v0_ml, 0.95 * volume.min(axis=(-2, -1)))
        if np.abs(improved - v0).max() < SETTLED_ML:
            break
        v0 = improved
    return found


def _line(family: Beat, index: Int[np.ndarray, "*batch n_loops"], count: int) -> EndSystolicLine:
    """Return the line through one instant of each loop."""
    volume = np.take_along_axis(family.volume_ml, index[..., None], -1)[..., 0]
    pressure = np.take_along_axis(family.lv_mmhg, index[..., None], -1)[..., 0]
    centered = volume - volume.mean(-1, keepdims=True)
    slope = np.sum(centered * pressure, -1) / np.sum(centered**2, -1)
    v0 = volume.mean(-1) - pressure.mean(-1) / slope
    missed = pressure - slope[..., None] * (volume - v0[..., None])
    return EndSystolicLine(
        ees_mmhg_ml=np.asarray(slope),
        v0_ml=np.asarray(v0),
        volume_ml=volume,
        pressure_mmhg=pressure,
        rms_mmhg=np.asarray(np.sqrt(np.mean(missed**2, -1))),
        iterations=count,
        family=family,
    )
