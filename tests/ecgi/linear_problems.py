"""Small seeded problems for the tests of the linear methods."""

import numpy as np

from cardiotwin.ecgi import AsRecorded, InverseProblem, ObservationOperator, Source
from cardiotwin.geometry import Surface, zoo


def smoothing_problem(
    rng: np.random.Generator,
    *,
    n_leads: int = 30,
    n_times: int = 12,
    noise: float = 0.01,
    reference=None,
    heart_nodes: int = 42,
) -> tuple[InverseProblem, np.ndarray, Surface]:
    """Leads around a ball that see its potentials through a Poisson-like kernel."""
    heart = zoo.sphere(heart_nodes, radius_mm=30.0)
    directions = rng.standard_normal((n_leads, 3))
    places = 75.0 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    distance = np.linalg.norm(places[:, None] - heart.vertices_mm, axis=2)
    matrix = distance**-3.0
    matrix /= matrix.sum(axis=1, keepdims=True)
    x, y, z = heart.vertices_mm.T / 30.0
    modes = np.stack([x, y, z, x * y, y * z, x**2 - y**2])
    truth = modes.T @ rng.standard_normal((len(modes), n_times))
    data = matrix @ truth + noise * rng.standard_normal((n_leads, n_times))
    operator = ObservationOperator(matrix, Source.EPICARDIAL, heart)
    reference = AsRecorded() if reference is None else reference
    return InverseProblem(operator, data, reference=reference), truth, heart
