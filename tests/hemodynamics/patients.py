"""Helpers of these tests: patients side by side, so that little is compiled."""

import numpy as np

from cardiotwin.circulation import Circulation


def side_by_side(patients: list[Circulation]) -> Circulation:
    """Return single patients as one batch."""
    return Circulation(
        **{
            name: np.array([own.values()[name] for own in patients])
            for name in Circulation().values()
        }
    )
