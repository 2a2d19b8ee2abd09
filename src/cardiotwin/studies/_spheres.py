"""The transfer matrix against the exact solution between two spheres."""

import numpy as np
from jaxtyping import Float
from scipy.special import sph_harm_y

from .. import ecgi, geometry
from .._types import PathLike
from ._table import StudyTable

RADIUS_RATIO = 0.4
TORSO_RADIUS_MM = 100.0


def spheres(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Compare boundary elements with closed forms on concentric and eccentric spheres.

    A heart potential that is a spherical harmonic of degree l reaches the torso multiplied by
    (1 + l/(l+1)) / (q^l + l/(l+1) q^−(l+1)), q = a/b = 0.4. The eccentric case is the field of a
    source and a sink inside the heart sphere, 20 mm off center.

    Args:
        data: not used, the answers are exact.
        quick: 162 and 642 nodes only, otherwise 2562 too.
        seed: not used.
    """
    del data, seed
    sizes = [162, 642] if quick else [162, 642, 2562]
    rows, errors = [], {}
    for n_nodes in sizes:
        for name, error in {**_concentric(n_nodes), "eccentric": _eccentric(n_nodes)}.items():
            before = errors.get(name)
            # Icospheres halve their edges from one size to the next.
            order = None if before is None else float(np.log2(before / error))
            errors[name] = error
            rows.append([name, n_nodes, 100 * error, order])
    rows.sort(key=lambda row: (row[0], row[1]))
    return StudyTable(
        "Transfer matrix against exact spheres, a/b = 0.4",
        ["case", "nodes a sphere", "torso RE (%)", "order"],
        rows,
    )


def concentric_gain(degree: int, ratio: float) -> float:
    """Return what a harmonic of the heart sphere is multiplied by on its way to the torso."""
    part = degree / (degree + 1)
    return (1 + part) / (ratio**degree + part * ratio ** -(degree + 1))


def neumann_field(
    points_mm: Float[np.ndarray, "n_points 3"], source_mm: Float[np.ndarray, " 3"], radius_mm: float
) -> Float[np.ndarray, " n_points"]:
    """Potential of a unit source in an insulated sphere, up to the uniform sink that balances it.

    1/|r−s| + 1/D + (1/b) ln(2b² / (b² − r·s + b D)) with D = |r − s b²/|s|²| |s|/b.
    """
    size = np.linalg.norm(source_mm)
    mirrored = source_mm * (radius_mm / size) ** 2
    direct = np.linalg.norm(points_mm - source_mm, axis=1)
    image = np.linalg.norm(points_mm - mirrored, axis=1) * size / radius_mm
    inner = radius_mm**2 - points_mm @ source_mm + radius_mm * image
    return 1 / direct + 1 / image + np.log(2 * radius_mm**2 / inner) / radius_mm


def _concentric(n_nodes: int) -> dict[str, float]:
    heart = geometry.zoo.sphere(n_nodes, RADIUS_RATIO * TORSO_RADIUS_MM)
    torso = geometry.zoo.sphere(n_nodes, TORSO_RADIUS_MM)
    matrix = ecgi.transfer_matrix(heart, torso).matrix
    x, y, z = heart.vertices_mm.T / (RADIUS_RATIO * TORSO_RADIUS_MM)
    found = {}
    for degree in (1, 2, 3):
        harmonics = np.stack(
            [
                part(sph_harm_y(degree, order, np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)))
                for order in range(degree + 1)
                for part in (np.real, np.imag)[: 1 + (order > 0)]
            ],
            axis=1,
        )
        exact = concentric_gain(degree, RADIUS_RATIO) * harmonics
        error = np.linalg.norm(matrix @ harmonics - exact) / np.linalg.norm(exact)
        found[f"concentric, l = {degree}"] = float(error)
    return found


def _eccentric(n_nodes: int) -> float:
    center = np.array([20.0, 0.0, 0.0])
    heart = geometry.zoo.sphere(n_nodes, RADIUS_RATIO * TORSO_RADIUS_MM, center)
    torso = geometry.zoo.sphere(n_nodes, TORSO_RADIUS_MM)
    matrix = ecgi.transfer_matrix(heart, torso).matrix
    ends = center + np.array([[0.0, 0.0, 15.0], [10.0, 5.0, -10.0]])

    def field(points: Float[np.ndarray, "n_points 3"]) -> Float[np.ndarray, " n_points"]:
        return neumann_field(points, ends[0], TORSO_RADIUS_MM) - neumann_field(
            points, ends[1], TORSO_RADIUS_MM
        )

    exact = field(torso.vertices_mm)
    found = matrix @ field(heart.vertices_mm)
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))
