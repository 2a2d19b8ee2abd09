"""What a condition or an intervention is: a change of a patient's parameters, and only that.

The circuit has no reflexes: heart rate, resistance and volume stay as they are unless a
transformation changes them. Compensation is one more transformation beside the first.
"""

import math
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from .._checks import show_bounds
from .._errors import InputError
from ..circulation import PARAMETERS, Circulation, Lvad


@runtime_checkable
class Transformation(Protocol):
    """A condition or an intervention: one patient, or a batch, becomes another.

    Own ones need nothing but this method; severities may be arrays that broadcast with the batch.
    """

    def apply(self, circulation: Circulation, lvad: Lvad | None) -> tuple[Circulation, Lvad | None]:
        """Return patient and pump after the change.

        Args:
            circulation: the patient, or a batch.
            lvad: the pump, None without one.
        """
        ...


def transform(
    circulation: Circulation, *transformations: Transformation, lvad: Lvad | None = None
) -> tuple[Circulation, Lvad | None]:
    """Return patient and pump after some transformations, (Tn ∘ … ∘ T1)(patient, pump).

    Args:
        circulation: the patient, or a batch.
        transformations: in the order in which they happen.
        lvad: the pump, None without one.

    Raises:
        InputError: a transformation that this patient cannot undergo.

    >>> from cardiotwin.hemodynamics import HeartRate, Inotrope
    >>> patient, _ = transform(Circulation(), HeartRate(75.0), Inotrope(1.5))
    >>> patient
    Circulation(period_s=0.8, emax=3)
    """
    for transformation in transformations:
        circulation, lvad = transformation.apply(circulation, lvad)
    return circulation, lvad


def check_values(
    value: Any,
    where: str,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    below: float = math.inf,
    at_most: float = math.inf,
    advice: str = "",
) -> Float[np.ndarray, "..."]:
    """Return a number or an array of any shape, finite and inside the bounds, as float64.

    Raises:
        InputError: not numbers, not finite, or out of bounds.

    >>> check_values([0.3, 0.5], "fraction", at_least=0, below=1).tolist()
    [0.3, 0.5]
    """
    expected = f"finite numbers {show_bounds(above, at_least, below, at_most)}".rstrip()
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(where, found=repr(value), expected=expected, advice=advice) from None
    inside = (array > above) & (array >= at_least) & (array < below) & (array <= at_most)
    wrong = ~(inside & np.isfinite(array))
    if wrong.any():
        raise InputError(where, found=at(array, wrong), expected=expected, advice=advice)
    array.flags.writeable = False
    return array


def check_either(first: tuple[str, Any], second: tuple[str, Any]) -> None:
    """Refuse both and neither of two ways to say the same.

    Raises:
        InputError: not exactly one of them is given.
    """
    given = [name for name, value in (first, second) if value is not None]
    if len(given) != 1:
        raise InputError(
            f"{first[0]}, {second[0]}",
            found="both" if given else "neither",
            expected="exactly one of them",
        )


def changed(circulation: Circulation, where: str, **parameters: Any) -> Circulation:
    """Return the circulation with other parameters, and errors that name the cause.

    Raises:
        InputError: the change leads outside the limits of a parameter, or to another shape.
    """
    try:
        return circulation.replace(**parameters)
    except InputError as error:
        plain = error.where in PARAMETERS and error.where not in error.found
        raise InputError(
            where,
            found=f"a severity that gives {error.where} = {error.found}" if plain else error.found,
            expected=error.expected,
            advice=error.advice,
        ) from None


def at(array: Float[np.ndarray, "..."], mask: Any) -> str:
    """Return the first masked value, with its index in an array."""
    first = tuple(int(i) for i in np.argwhere(mask)[0])
    return f"{array[first]:g}" + (f" at index {first}" if first else "")
