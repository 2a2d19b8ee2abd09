"""End-systolic elastance and V0 from a family of loops, as in the catheter laboratory."""

from collections.abc import Sequence
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

LEAST_SPREAD = 1e-3
"""End-systolic volumes that differ by less, relative to their mean, have no line."""


@dataclass(frozen=True, eq=False)
class EndSystolicLine:
    """The end-systolic pressure–volume relation P = Ees (V − V0) through a family of loops.

    Attributes:
        ees_mmhg_ml: slope, of the shape of the batch; NaN where the points are too close together.
        v0_ml: where the line meets the axis of volumes, of the shape of the batch; NaN likewise.
        volume_ml: end-systolic volumes, (…, n_loops).
        pressure_mmhg: end-systolic pressures, (…, n_loops).
        rms_mmhg: root mean square distance of the points from the line, in pressure.
        iterations: how often V0 was improved.
        family: the loops, (…, n_loops), as they were given.
    """

    ees_mmhg_ml: Float[np.ndarray, "*batch"]
    v0_ml: Float[np.ndarray, "*batch"]
    volume_ml: Float[np.ndarray, "*batch n_loops"]
    pressure_mmhg: Float[np.ndarray, "*batch n_loops"]
    rms_mmhg: Float[np.ndarray, "*batch"]
    iterations: int
    family: Beat | Sequence[Beat]


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


def end_systolic_line(
    family: Beat | Sequence[Beat], *, points: str = "iterative"
) -> EndSystolicLine:
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
        family: beats (…, n_loops), at least two, or a sequence of single beats, which may have
            different times, and a pump or none.
        points: one of `POINTS`.

    Raises:
        InputError: fewer than two loops, or no such kind of points.

    >>> loads = steady_state(Circulation(stressed_volume_ml=[220.0, 280.0, 340.0]))
    >>> found = end_systolic_line([loads[0], loads[2]])
    >>> print(f"{found.ees_mmhg_ml:.2f} mmHg/mL, {found.v0_ml:.1f} mL")
    1.99 mmHg/mL, 10.0 mL
    """
    check_choice(points, "points", POINTS)
    times, volume, pressure, period = _waveforms(family)
    if points == "peak-elastance":
        peak = PEAK * contraction_time(period)
        index = np.argmin(np.abs(times - peak[..., None]), axis=-1)
        return _line(family, volume, pressure, index, 1)
    if points == "end-ejection":
        return _line(family, volume, pressure, np.argmin(volume, axis=-1), 1)
    v0 = np.zeros(volume.shape[:-2])
    for iteration in range(1, MAX_ITERATIONS + 1):
        index = np.argmax(pressure / (volume - v0[..., None, None]), -1)
        found = _line(family, volume, pressure, index, iteration)
        # Below every volume, or the ratio changes its sign within a loop.
        improved = np.minimum(found.v0_ml, 0.95 * volume.min(axis=(-2, -1)))
        # Where there is no line, none is looked for any more.
        improved = np.where(np.isnan(improved), v0, improved)
        if np.abs(improved - v0).max() < SETTLED_ML:
            break
        v0 = improved
    return found


def _waveforms(family: Beat | Sequence[Beat]) -> tuple[np.ndarray, ...]:
    """Return times, volume and pressure (…, n_loops, n_times), and period (…, n_loops)."""
    if isinstance(family, Beat):
        shape = family.status.shape
        if not shape or shape[-1] < 2:
            raise InputError(
                "family", found=f"beats of shape {shape}", expected="two loops or more"
            )
        period = np.broadcast_to(family.circulation.period_s, shape)
        return family.times_s, family.volume_ml, family.lv_mmhg, period
    shapes = [beat.status.shape for beat in family]
    if len(shapes) < 2 or any(shapes):
        raise InputError(
            "family",
            found=f"a sequence of beats of shapes {shapes}",
            expected="two loops or more, each a single beat",
        )
    longest = max(len(beat.times_s) for beat in family)
    # Repeated last samples change neither the largest nor the smallest of a loop.
    waves = [
        np.stack([np.pad(own, (0, longest - len(own)), mode="edge") for own in every])
        for every in zip(*((b.times_s, b.volume_ml, b.lv_mmhg) for b in family), strict=True)
    ]
    return *waves, np.array([float(beat.circulation.period_s) for beat in family])


def _line(
    family: Beat | Sequence[Beat],
    volume: Float[np.ndarray, "*batch n_loops n_times"],
    pressure: Float[np.ndarray, "*batch n_loops n_times"],
    index: Int[np.ndarray, "*batch n_loops"],
    count: int,
) -> EndSystolicLine:
    """Return the line through one instant of each loop."""
    volume = np.take_along_axis(volume, index[..., None], -1)[..., 0]
    pressure = np.take_along_axis(pressure, index[..., None], -1)[..., 0]
    middle = volume.mean(-1)
    centered = volume - middle[..., None]
    apart = np.ptp(volume, -1) >= LEAST_SPREAD * middle
    spread = np.where(apart, np.sum(centered**2, -1), np.nan)
    slope = np.sum(centered * pressure, -1) / spread
    v0 = middle - pressure.mean(-1) / slope
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
