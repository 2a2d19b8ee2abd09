"""What an in-silico trial is."""

from dataclasses import dataclass, field

import numpy as np

from .._checks import check_choice
from .._errors import InputError
from ..circulation import FAST, INDEX_NAMES, CycleSolver
from ._arms import Arm, Design, Paired
from ._cohort import Cohort
from ._subgroups import Strata, Subgroups
from ._trial_statistics import check_confidence

OUTCOMES = (
    "co_l_min",
    "mean_arterial_mmhg",
    "mean_atrial_mmhg",
    "lvedp_mmhg",
    "stroke_work_mmhg_ml",
    "edv_ml",
    "esv_ml",
    "sv_ml",
    "ef_percent",
)
"""What the tables show unless asked otherwise; the rows have every index."""


@dataclass(frozen=True, eq=False)
class Trial:
    """An in-silico trial: who, what, and what is looked at.

    Attributes:
        cohort: the virtual patients.
        arms: the first is the one that others are compared with.
        design: who gets which arm; everybody every arm by default.
        primary: index of the main outcome. Cardiac output by default: under a pump the ejection
            fraction says little, because the ventricle empties into the pump all the time.
        outcomes: indices that the tables show.
        subgroups: by indices before the trial (`Strata`) or patient by patient (`ByPatient`).
        solver: of the beats.
        title: heading of the report.
        confidence: of all intervals, above 0 and below 1.

    Raises:
        InputError: no arm, two of one name, no such index, no allocation of an arm, or a
            confidence out of range.

    >>> from cardiotwin.circulation import Circulation
    >>> from cardiotwin.hemodynamics import FixedSpeed
    >>> cohort = Cohort.from_circulation(Circulation(emax=[0.5, 0.7, 0.9]))
    >>> trial = Trial(cohort, (Arm("no pump"), Arm("pump", speed=FixedSpeed(10000.0))))
    >>> [arm.name for arm in trial.arms]
    ['no pump', 'pump']
    """

    cohort: Cohort
    arms: tuple[Arm, ...]
    design: Design = field(default_factory=Paired)
    primary: str = "co_l_min"
    outcomes: tuple[str, ...] = OUTCOMES
    subgroups: tuple[Subgroups, ...] = (Strata("ef_percent", (30.0, 40.0)),)
    solver: CycleSolver = FAST
    title: str = "In-silico trial"
    confidence: float = 0.95

    def __post_init__(self):
        object.__setattr__(self, "arms", tuple(self.arms))
        object.__setattr__(self, "confidence", check_confidence(self.confidence))
        names = [arm.name for arm in self.arms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names or twice:
            raise InputError(
                "arms", found=f"{twice[0]!r} twice" if twice else "none", expected="named arms"
            )
        for name in (self.primary, *self.outcomes):
            check_choice(name, "outcomes", INDEX_NAMES)
        if self.primary not in self.outcomes:
            object.__setattr__(self, "outcomes", (self.primary, *self.outcomes))
        people = len(np.unique(self.cohort.patient))
        if people < len(names) and not isinstance(self.design, Paired):
            raise InputError(
                "cohort",
                found=f"{people} patients",
                expected=f"≥ {len(names)}, one an arm",
            )
