"""What a network is told about a point: scaled coordinates, or other features of the node."""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int
from scipy.sparse import diags_array
from scipy.sparse.linalg import eigsh

from .._checks import check_array, check_count, check_number
from .._errors import InputError
from .._types import ArrayLike
from ..geometry import CotangentLaplacian, Surface


class PreparedInputs(eqx.Module):
    """Inputs of all nodes and instants, ready for a network.

    Attributes:
        space: (n_features, n_nodes) features of the nodes.
        time: (n_times,) scaled instants.
        per_mm: d(feature)/d(coordinate in mm), None where features are no coordinates.
        per_tu: d(scaled time)/d(time unit).
    """

    space: Float[Array, "n_features n_nodes"]
    time: Float[Array, " n_times"]
    per_mm: float | None = eqx.field(static=True)
    per_tu: float = eqx.field(static=True)

    @property
    def n_inputs(self) -> int:
        """Number of inputs of the network: the features and the time."""
        return self.space.shape[0] + 1

    def at(
        self, nodes: Int[Array, " n_points"], instants: Int[Array, " n_points"]
    ) -> Float[Array, "n_inputs n_points"]:
        """Return the inputs at pairs of node and instant."""
        return jnp.concatenate([self.space[:, nodes], self.time[None, instants]])


@runtime_checkable
class NetworkInputs(Protocol):
    """A frozen rule that turns nodes and instants into inputs of a network."""

    def prepare(
        self, surface: Surface, times_tu: Float[np.ndarray, " n_times"], dtype: Any = "float32"
    ) -> PreparedInputs:
        """Return the inputs of all nodes and instants."""
        ...


@dataclass(frozen=True)
class ScaledCoordinates:
    """Tell the network x, y, z and t.

    The coordinates are centered and divided by half the largest extent of the surface, the time
    goes from −1 to 1; then both are multiplied by the stretches. Stretching made a short training
    worse (see facts: RE 0.23 against 0.17), so both are 1.

    Args:
        space_stretch: factor on the coordinates.
        time_stretch: factor on the time.

    Raises:
        InputError: a stretch that is not positive.

    >>> from cardiotwin.geometry import zoo
    >>> inputs = ScaledCoordinates().prepare(zoo.sphere(42, radius_mm=30.0), np.arange(5.0))
    >>> inputs.n_inputs, float(abs(inputs.space).max()), inputs.time.tolist()
    (4, 1.0, [-1.0, -0.5, 0.0, 0.5, 1.0])
    """

    space_stretch: float = 1.0
    time_stretch: float = 1.0

    def __post_init__(self):
        check_number(self.space_stretch, "space_stretch", above=0)
        check_number(self.time_stretch, "time_stretch", above=0)

    def prepare(
        self, surface: Surface, times_tu: Float[np.ndarray, " n_times"], dtype: Any = "float32"
    ) -> PreparedInputs:
        """Return the inputs of all nodes and instants."""
        low, high = surface.vertices_mm.min(axis=0), surface.vertices_mm.max(axis=0)
        per_mm = 2 * self.space_stretch / float((high - low).max())
        space = (surface.vertices_mm - (low + high) / 2).T * per_mm
        return _prepared(space, times_tu, per_mm, self.time_stretch, dtype)


@dataclass(frozen=True, eq=False)
class GivenFeatures:
    """Tell the network t and any features of the node in place of x, y, z.

    Features are not functions of the coordinates: they go with derivatives that are numerical in
    space.

    Args:
        values: (n_features, n_nodes) features, best of order one.
        time_stretch: factor on the time, which goes from −1 to 1.

    Raises:
        InputError: not numbers, or (when used) not one value a node.

    >>> from cardiotwin.geometry import zoo
    >>> GivenFeatures(np.ones((6, 42))).prepare(zoo.sphere(42), np.arange(5.0)).n_inputs
    7
    """

    values: ArrayLike
    time_stretch: float = 1.0

    def __post_init__(self):
        values = check_array(self.values, "values", shape=("n_features", "n_nodes"))
        object.__setattr__(self, "values", values)
        check_number(self.time_stretch, "time_stretch", above=0)

    def prepare(
        self, surface: Surface, times_tu: Float[np.ndarray, " n_times"], dtype: Any = "float32"
    ) -> PreparedInputs:
        """Return the inputs of all nodes and instants."""
        values = check_array(self.values, "values", shape=("n_features", surface.n_nodes))
        return _prepared(values, times_tu, None, self.time_stretch, dtype)


@dataclass(frozen=True)
class LaplacianModes:
    """Tell the network t and the smoothest eigenfunctions of the surface's Laplacian.

    Each eigenfunction of the cotangent Laplacian but the constant has mean square one over the
    surface, divided by the square root of 3 so that three of them are like x, y, z on a sphere.

    Args:
        n_modes: how many eigenfunctions.
        time_stretch: factor on the time, which goes from −1 to 1.

    Raises:
        InputError: no modes, or (when used) more than the surface has.

    >>> from cardiotwin.geometry import zoo
    >>> LaplacianModes(8).prepare(zoo.sphere(162), np.arange(5.0)).n_inputs
    9
    """

    n_modes: int = 12
    time_stretch: float = 1.0
    laplacian: CotangentLaplacian = field(default_factory=CotangentLaplacian)

    def __post_init__(self):
        check_count(self.n_modes, "n_modes")
        check_number(self.time_stretch, "time_stretch", above=0)

    def prepare(
        self, surface: Surface, times_tu: Float[np.ndarray, " n_times"], dtype: Any = "float32"
    ) -> PreparedInputs:
        """Return the inputs of all nodes and instants."""
        if self.n_modes > surface.n_nodes - 2:
            raise InputError(
                "n_modes", found=str(self.n_modes), expected=f"at most {surface.n_nodes - 2}"
            )
        mass = self.laplacian.mass(surface)
        stiffness = -(diags_array(mass) @ self.laplacian.matrix(surface))
        _, modes = eigsh(
            0.5 * (stiffness + stiffness.T),
            k=self.n_modes + 1,
            M=diags_array(mass).tocsc(),
            sigma=-1e-3 / float(mass.sum()),
            v0=np.random.default_rng(0).standard_normal(surface.n_nodes),
        )
        values = modes[:, 1:].T * np.sqrt(mass.sum() / 3)
        # The sign of an eigenvector is arbitrary: fix it, so that equal seeds give equal runs.
        largest = np.take_along_axis(values, abs(values).argmax(axis=1)[:, None], axis=1)
        return _prepared(values * np.sign(largest), times_tu, None, self.time_stretch, dtype)


def _prepared(
    space: Float[np.ndarray, "n_features n_nodes"],
    times_tu: Float[np.ndarray, " n_times"],
    per_mm: float | None,
    time_stretch: float,
    dtype: Any,
) -> PreparedInputs:
    half = float(times_tu[-1] - times_tu[0]) / 2
    per_tu = time_stretch / half if half > 0 else time_stretch
    time = (times_tu - (times_tu[0] + times_tu[-1]) / 2) * per_tu
    return PreparedInputs(jnp.asarray(space, dtype), jnp.asarray(time, dtype), per_mm, per_tu)
