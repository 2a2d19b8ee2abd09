"""How fast and where to the activation travels."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .._checks import check_array
from .._types import ArrayLike
from ..geometry import Surface, surface_gradient


@dataclass(frozen=True, eq=False)
class ConductionVelocity:
    """Speed and direction of the front on every triangle.

    Attributes:
        speed: (n_faces,) mm per unit of the activation times; infinite where the triangle is
            activated at one instant (a breakthrough or a collision), NaN where a corner has no
            activation time.
        direction: (n_faces, 3) unit vectors along the surface; zero where the speed is infinite.
    """

    speed: Float[np.ndarray, " n_faces"]
    direction: Float[np.ndarray, "n_faces 3"]

    @property
    def velocity(self) -> Float[np.ndarray, "n_faces 3"]:
        """(n_faces, 3) speed times direction; NaN where the speed is not finite."""
        finite = np.where(np.isfinite(self.speed), self.speed, np.nan)
        return finite[:, None] * self.direction


def conduction_velocity(surface: Surface, activation_times: ArrayLike) -> ConductionVelocity:
    """Compute the conduction velocity from activation times.

    speed = 1 / |∇T|, direction = ∇T / |∇T|, with T linear on each triangle (exact for a plane
    wave). Average `1/speed`, not the speed, over regions: slowness adds along a path.

    Args:
        surface: any surface with triangles of positive area.
        activation_times: (n_nodes,) T; NaN where there is none.

    Returns:
        The `ConductionVelocity`, in mm per unit of T.

    Raises:
        InputError: not one time a node.
        GeometryError: a triangle without area.

    >>> square = Surface([[0, 0, 0], [9, 0, 0], [9, 9, 0], [0, 9, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> conduction_velocity(square, square.vertices_mm[:, 0] / 3.0).speed
    array([3., 3.])
    """
    times = check_array(
        activation_times, "activation_times", shape=(surface.n_nodes,), finite=False
    )
    missing = np.isnan(times)[surface.faces].any(axis=1)
    slopes = (surface_gradient(surface) @ np.nan_to_num(times)).reshape(3, -1).T
    slowness = np.linalg.norm(slopes, axis=1)
    with np.errstate(divide="ignore"):
        speed = 1 / slowness
        direction = slopes / np.where(slowness > 0, slowness, 1.0)[:, None]
    speed[missing], direction[missing] = np.nan, np.nan
    return ConductionVelocity(speed, direction)
