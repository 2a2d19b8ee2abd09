"""A clinical index within bounds: who is admitted to a trial, what a pump must respect."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from .._checks import check_choice, check_number
from .._errors import InputError
from ..circulation import INDEX_NAMES
from ._what_if import LABELS


@dataclass(frozen=True)
class Between:
    """Bounds of one clinical index, at_least ≤ index ≤ at_most; NaN is outside.

    Attributes:
        index: a field of `Indices`.
        at_least: lower bound in the index's unit, −∞ without one.
        at_most: upper bound, ∞ without one.

    Raises:
        InputError: no such index, no bound at all, or bounds that leave nothing.

    >>> Between("ef_percent", at_most=35.0).text
    'ejection fraction ≤ 35 %'
    """

    index: str
    at_least: float = -math.inf
    at_most: float = math.inf

    def __post_init__(self):
        check_choice(self.index, "index", INDEX_NAMES)
        for name in ("at_least", "at_most"):
            value = getattr(self, name)
            if value not in (-math.inf, math.inf):
                object.__setattr__(self, name, check_number(value, f"{self.index}.{name}"))
        unbounded = self.at_least == -math.inf and self.at_most == math.inf
        if unbounded or not self.at_least < self.at_most:
            raise InputError(
                self.index,
                found=f"{self.at_least:g} to {self.at_most:g}",
                expected="at_least below at_most, at least one of them given",
            )

    @property
    def text(self) -> str:
        """The bounds in words, with unit."""
        label, unit = label_of(self.index), LABELS.get(self.index, ("", ""))[1]
        unit = f" {unit}" if unit else ""
        if self.at_least == -math.inf:
            return f"{label} ≤ {self.at_most:g}{unit}"
        if self.at_most == math.inf:
            return f"{label} ≥ {self.at_least:g}{unit}"
        return f"{label} {self.at_least:g} to {self.at_most:g}{unit}"

    def met(self, indices: Mapping[str, np.ndarray]) -> Bool[np.ndarray, "..."]:
        """Return where the index lies within the bounds."""
        value = indices[self.index]
        return np.asarray((value >= self.at_least) & (value <= self.at_most))


def label_of(index: str) -> str:
    """Return what a clinician calls an index, without its unit.

    >>> label_of("co_l_min"), label_of("lv_min_mmhg")
    ('cardiac output', 'lowest LV pressure')
    """
    extra = {
        "lv_min_mmhg": "lowest LV pressure",
        "valve_flow_ml_s": "mean flow through the aortic valve",
        "pump_flow_min_ml_s": "smallest pump flow",
        "speed_rpm": "pump speed",
    }
    return extra.get(index) or LABELS.get(index, (index.replace("_", " "), ""))[0]
