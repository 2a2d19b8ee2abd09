"""The parameter that the user gives."""

from dataclasses import dataclass

import numpy as np

from ..._checks import check_array
from ..._errors import InputError
from ..._types import ArrayLike
from .._path import RegularizationPath
from .._reconstruction import ParameterChoice


@dataclass(frozen=True, eq=False)
class Fixed:
    """Use a given λ (or rank, or number of iterations): one number, or one an instant.

    Args:
        value: λ > 0 in the cost ‖y − Ru‖² + λ²‖Γu‖².

    Raises:
        InputError: a value ≤ 0 or not finite; when used: neither one value nor one an instant.

    >>> Fixed(0.1)
    Fixed(value=0.1)
    """

    value: float | ArrayLike

    def __post_init__(self):
        values = check_array(np.atleast_1d(self.value), "value", shape=("n_values",))
        if len(values) == 0 or values.min() <= 0:
            raise InputError(
                "value",
                found=f"{values.min(initial=0.0):g}",
                expected="a parameter > 0",
                advice="λ is not squared: the cost is ‖y − Ru‖² + λ²‖Γu‖².",
            )

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the given value."""
        values = np.atleast_1d(np.asarray(self.value, dtype=float))
        if len(values) not in (1, path.n_times):
            raise InputError(
                "value", found=f"{len(values)} values", expected=f"1 or {path.n_times}"
            )
        return ParameterChoice(
            rule="Fixed",
            value=values,
            candidates=path.parameters,
            criterion=np.zeros(len(path.parameters)),
            interval=(float(values.min()), float(values.max())),
        )
