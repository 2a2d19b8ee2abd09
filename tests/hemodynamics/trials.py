"""A cohort with heart failure, and a treatment that some patients cannot get."""

from dataclasses import dataclass

import numpy as np

from cardiotwin import InputError
from cardiotwin.hemodynamics import (
    Between,
    Cohort,
    DiastolicFailure,
    SystolicFailure,
    Vasopressor,
    VolumeLoading,
)

FAILURE = (
    SystolicFailure(0.4, dilation_ml=50.0),
    DiastolicFailure(1.2),
    Vasopressor(1.2),
    VolumeLoading(60.0),
)
CRITERIA = (
    Between("ef_percent", at_most=35.0),
    Between("mean_arterial_mmhg", 50.0, 130.0),
    Between("lvedp_mmhg", at_least=10.0),
)


@dataclass(frozen=True)
class Intolerable:
    """A drug that patients of a high heart rate cannot get."""

    fastest_bpm: float

    def apply(self, circulation, lvad):
        rate = float(circulation.heart_rate_bpm.max())
        if rate > self.fastest_bpm:
            raise InputError("rate", found="a heart too fast", expected="a slower one")
        return circulation, lvad


def failing_hearts(n, seed=0, **options):
    return Cohort.from_priors(n, seed, condition=FAILURE, eligibility=CRITERIA, **options)


def assert_same_rows(one, other):
    assert list(one.table.columns) == list(other.table.columns)
    for name, values in one.table.columns.items():
        np.testing.assert_array_equal(values, other.table[name], err_msg=name)
