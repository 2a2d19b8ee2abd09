"""Where, when and how the tissue is excited from outside."""

from dataclasses import dataclass

import numpy as np

from .._checks import check_array, check_count, check_indices, check_number, freeze
from .._errors import InputError
from .._types import ArrayLike, Indices
from ..geometry import Surface


@dataclass(frozen=True, eq=False)
class Stimulus:
    """A current into some nodes for some time: du/dt gains ``amplitude`` there.

    The charge is exact for any step length: a step that the stimulus covers in part receives
    the covered part.

    Args:
        nodes: node numbers that receive the current.
        start_tu: when it begins, time units.
        duration_tu: how long it lasts, time units.
        amplitude: current, potential per time unit (1 time unit at 1.0 lifts u from 0 to about 1).

    Raises:
        InputError: no nodes, negative node numbers or times.

    >>> Stimulus([3, 4], start_tu=5.0).duration_tu
    1.0
    """

    nodes: Indices
    start_tu: float = 0.0
    duration_tu: float = 1.0
    amplitude: float = 1.5

    def __init__(
        self,
        nodes: ArrayLike,
        start_tu: float = 0.0,
        duration_tu: float = 1.0,
        amplitude: float = 1.5,
    ):
        object.__setattr__(self, "nodes", _nodes(nodes))
        object.__setattr__(self, "start_tu", check_number(start_tu, "start_tu", at_least=0))
        object.__setattr__(self, "duration_tu", check_number(duration_tu, "duration_tu", above=0))
        object.__setattr__(self, "amplitude", check_number(amplitude, "amplitude"))

    @classmethod
    def near(
        cls,
        surface: Surface,
        point_mm: ArrayLike,
        *,
        radius_mm: float | None = None,
        n_nodes: int | None = None,
        start_tu: float = 0.0,
        duration_tu: float = 1.0,
        amplitude: float = 1.5,
    ) -> "Stimulus":
        """Stimulate the nodes near a point; the choice of nodes is that of `nearest_nodes`."""
        nodes = nearest_nodes(surface, point_mm, radius_mm=radius_mm, n_nodes=n_nodes)
        return cls(nodes, start_tu, duration_tu, amplitude)


@dataclass(frozen=True, eq=False)
class Excitation:
    """Nodes that are set to an excited potential at one instant (u = 1 at the start of a beat).

    Args:
        nodes: node numbers.
        start_tu: when, time units; rounded up to the end of a time step.
        value: potential they are set to, dimensionless.

    Raises:
        InputError: no nodes, negative node numbers or time.

    >>> Excitation([0, 1, 2]).value
    1.0
    """

    nodes: Indices
    start_tu: float = 0.0
    value: float = 1.0

    def __init__(self, nodes: ArrayLike, start_tu: float = 0.0, value: float = 1.0):
        object.__setattr__(self, "nodes", _nodes(nodes))
        object.__setattr__(self, "start_tu", check_number(start_tu, "start_tu", at_least=0))
        object.__setattr__(self, "value", check_number(value, "value"))

    @classmethod
    def near(
        cls,
        surface: Surface,
        point_mm: ArrayLike,
        *,
        radius_mm: float | None = None,
        n_nodes: int | None = None,
        start_tu: float = 0.0,
        value: float = 1.0,
    ) -> "Excitation":
        """Excite the nodes near a point; the choice of nodes is that of `nearest_nodes`."""
        nodes = nearest_nodes(surface, point_mm, radius_mm=radius_mm, n_nodes=n_nodes)
        return cls(nodes, start_tu, value)


def nearest_nodes(
    surface: Surface,
    point_mm: ArrayLike,
    *,
    radius_mm: float | None = None,
    n_nodes: int | None = None,
) -> Indices:
    """Find the nodes of a surface near a point, by straight distance.

    Args:
        surface: any surface.
        point_mm: (3,) a point in mm, on the surface or not.
        radius_mm: take all nodes within this distance; or
        n_nodes: take this many nearest nodes (give exactly one of the two).

    Returns:
        Node numbers, the nearest first.

    Raises:
        InputError: both or none of the two given, more nodes asked for than there are, or no
            node within the radius.

    >>> square = Surface([[0, 0, 0], [9, 0, 0], [9, 9, 0], [0, 9, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> nearest_nodes(square, [8, 2, 0], n_nodes=2)
    array([1, 2])
    """
    point = check_array(point_mm, "point_mm", shape=(3,))
    if (radius_mm is None) == (n_nodes is None):
        raise InputError(
            "radius_mm, n_nodes",
            found="both" if radius_mm is not None else "neither",
            expected="exactly one of the two",
            advice="Say how far around the point, or how many nodes.",
        )
    distance = np.linalg.norm(surface.vertices_mm - point, axis=1)
    order = np.argsort(distance, kind="stable")
    if n_nodes is not None:
        count = check_count(n_nodes, "n_nodes")
        if count > surface.n_nodes:
            raise InputError(
                "n_nodes", found=str(count), expected=f"at most {surface.n_nodes}, all there are"
            )
    else:
        radius = check_number(radius_mm, "radius_mm", above=0)
        count = int((distance <= radius).sum())
        if count == 0:
            raise InputError(
                "radius_mm",
                found=f"no node within {radius:g} mm of {point.tolist()}",
                expected="at least one node",
                advice=f"The nearest node is {distance.min():.3g} mm away.",
            )
    return order[:count]


def _nodes(nodes: ArrayLike) -> Indices:
    numbers = check_indices(nodes, "nodes", upper=np.iinfo(np.int64).max)
    if numbers.size == 0:
        raise InputError("nodes", found="no nodes", expected="at least one node number")
    return freeze(np.unique(numbers))
