"""Figures of in-silico trials: before and after, speed sweep, loops with and without a pump."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from .._checks import check_array, check_choice
from .._errors import InputError
from .._types import ArrayLike
from ..circulation import Beat, Lvad, steady_state
from ..hemodynamics import FixedSpeed, TrialResult, transform
from ._beat_labels import index_label, with_unit
from ._families import plot_sweep
from ._loops import plot_pv_loop
from ._template import BLUE, GREY, make_template

FIVE = (5, 25, 50, 75, 95)
"""Percentiles of a box: nine of ten patients, half of them, the median."""

LEVELS = {"low": 5, "medium": 50, "high": 95}
"""Percentile of the ejection fraction of the patients whose loops are shown."""


def plot_before_after(
    before: ArrayLike, after: ArrayLike, arms: Sequence[str], label: str, *, title: str = ""
) -> go.Figure:
    """Draw how patients spread before a trial and in each arm: nine of ten, half, the median.

    Args:
        before: (n_patients,) values before.
        after: (n_arms, n_patients) values in each arm, NaN where there is none.
        arms: their names.
        label: of the axis, with unit.
        title: heading.

    Raises:
        InputError: arrays that do not fit, or an arm without any value.

    >>> figure = plot_before_after([3.0, 4.0], [[4.0, 5.0]], ["pump"], "CO (L/min)")
    >>> [box.median for box in figure.data]
    [(3.5,), (4.5,)]
    """
    first = check_array(before, "before", shape=("n_patients",), finite=False)
    values = check_array(after, "after", shape=(len(arms), len(first)), finite=False)
    figure = go.Figure()
    for name, own in zip(["before", *arms], [first, *values], strict=True):
        low, quarter, middle, most, high = box_of(own, name)
        color = GREY if name == "before" else BLUE
        figure.add_box(
            x=[name],
            lowerfence=[low],
            q1=[quarter],
            median=[middle],
            q3=[most],
            upperfence=[high],
            name=name,
            marker={"color": color},
            showlegend=False,
        )
    figure.update_layout(template=make_template(), title=title, height=440)
    figure.update_yaxes(title=label)
    return figure


def plot_trial_before_after(result: TrialResult, index: str = "co_l_min") -> go.Figure:
    """Draw an index before a trial and in every arm.

    Args:
        result: of `run_trial`.
        index: cardiac output by default; the ejection fraction says little under a pump.

    Raises:
        InputError: no such index, or an arm without any result.
    """
    label = index_label(index)
    after, names = result.values(index), [arm.name for arm in result.trial.arms]
    before = result.trial.cohort.baseline[index]
    axis = with_unit(label.label, label.unit)
    return plot_before_after(before, after, names, axis, title=f"{label.label} before and after")


def plot_trial_sweep(result: TrialResult, names: Sequence[str] | None = None) -> go.Figure:
    """Draw medians of the arms at a fixed speed against the speed, with nine of ten patients.

    Args:
        result: of `run_trial`.
        names: indices; those of the trial by default.

    Raises:
        InputError: fewer than two arms at a fixed speed, or no such index.
    """
    speeds, arms = fixed_speeds(result)
    if len(speeds) < 2:
        raise InputError(
            "result", found=f"{len(speeds)} arms at a fixed speed", expected="at least two"
        )
    chosen = list(result.trial.outcomes if names is None else names)
    every = {name: result.values(name)[arms] for name in chosen}
    figure = plot_sweep(
        speeds,
        {name: np.nanmedian(own, axis=1) for name, own in every.items()},
        label="pump speed (rpm)",
        draws={name: own.T for name, own in every.items()},
        title="Median and nine of ten patients",
    )
    figure.for_each_trace(lambda own: own.update(showlegend=False))
    return figure


class Supported(NamedTuple):
    """Patients of low, medium and high ejection fraction, without and with a pump.

    Attributes:
        names: low, medium, high, with the ejection fraction before the trial.
        arm: whose pump it is.
        without: their beats, (3,).
        supported: their beats under the pump, (3,).
    """

    names: tuple[str, ...]
    arm: str
    without: Beat
    supported: Beat


def supported_patients(result: TrialResult, arm: str | None = None) -> Supported:
    """Return the beats of patients of low, medium and high EF, without a pump and in an arm.

    Args:
        result: of `run_trial`.
        arm: its name; the middle one of those with a pump by default.

    Raises:
        InputError: no such arm with a pump, or one without any result.
    """
    pumps = {own.name: place for place, own in enumerate(result.trial.arms) if own.has_pump}
    if not pumps:
        raise InputError("arm", found="no arm with a pump", expected="one")
    chosen = list(pumps)[len(pumps) // 2] if arm is None else check_choice(arm, "arm", pumps)
    cohort, own = result.trial.cohort, result.trial.arms[pumps[chosen]]
    fraction, speed = cohort.baseline["ef_percent"], result.values("speed_rpm")[pumps[chosen]]
    known = np.flatnonzero(np.isfinite(speed))
    if not len(known):
        raise InputError("arm", found=f"nobody with a result in {chosen!r}", expected="some")
    order = known[np.argsort(fraction[known])]
    rows = [int(order[round(own * (len(order) - 1) / 100)]) for own in LEVELS.values()]
    patients = cohort.circulation[rows]
    changed, lvad = transform(patients, *own.transformations)
    coefficients = own.coefficients if lvad is None else lvad.coefficients
    names = tuple(
        f"{name} EF, {value:.0f} %" for name, value in zip(LEVELS, fraction[rows], strict=True)
    )
    return Supported(
        names,
        chosen,
        steady_state(patients),
        steady_state(changed, Lvad(speed[rows], coefficients)),
    )


def plot_trial_loops(result: TrialResult, arm: str | None = None) -> go.Figure:
    """Draw loops of patients of low, medium and high EF, without a pump and in an arm.

    Args:
        result: of `run_trial`.
        arm: its name; the middle one of those with a pump by default.

    Raises:
        InputError: no such arm with a pump, or one without any result.
    """
    found = supported_patients(result, arm)
    beats, names = [], []
    for number, name in enumerate(found.names):
        beats += [found.without[number], found.supported[number]]
        names += [name, f"{name}, {found.arm}"]
    title = f"Patients of low, medium and high EF, without a pump and with {found.arm}"
    return plot_pv_loop(beats, names, espvr=False, title=title)


def fixed_speeds(result: TrialResult) -> tuple[Float[np.ndarray, " n"], list[int]]:
    """Return speeds and places of the arms that differ in nothing but a fixed speed."""
    found: list[tuple[float, int]] = []
    alike = None
    for place, arm in enumerate(result.trial.arms):
        if isinstance(arm.speed, FixedSpeed) and result.accounting.arms[place].analysed:
            alike = arm.transformations if alike is None else alike
            if arm.transformations == alike:
                found.append((arm.speed.speed_rpm, place))
    found.sort()
    return np.array([speed for speed, _ in found], float), [place for _, place in found]


def box_of(values: Any, where: str) -> list[float]:
    """Return the percentiles of a box.

    Raises:
        InputError: no value.
    """
    known = np.asarray(values)[np.isfinite(values)]
    if not len(known):
        raise InputError(where, found="no value", expected="some")
    return np.percentile(known, FIVE).tolist()
