"""Eq. 15 beside the cotangent Laplacian: which of them converges."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from .. import geometry
from .._types import PathLike
from ..report import make_template
from ._table import StudyTable


def laplacians(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Apply both surface Laplacians to the first spherical harmonic on finer and finer spheres.

    Exact: Δz = −2 z / r². Eq. 15 is exact where the unit edge vectors of a node cancel, which
    they do not around the twelve 5-valent nodes and wherever triangles are unequal; its error grows
    with refinement. The cotangent operator converges in the mean.

    Args:
        data: not used.
        quick: leaves out the finest sphere.
        seed: not used.
    """
    del data, seed
    # The icosahedron's own 42-node child is so regular that both are exact on it.
    sizes = [162, 642, 2562] + ([] if quick else [10242])
    operators = {
        "Eq. 15": geometry.PaperLaplacian(),
        "cotangent": geometry.CotangentLaplacian(),
    }
    rows = []
    for n_nodes in sizes:
        sphere = geometry.zoo.sphere(n_nodes, 50.0)
        errors = [_error(operator.matrix(sphere), sphere) for operator in operators.values()]
        rows.append([n_nodes, sphere.mean_edge_mm, *(100 * error for error in errors)])
    table = StudyTable(
        "RMS error of the surface Laplacian of the first spherical harmonic",
        ["nodes", "mean edge (mm)", "Eq. 15 (%)", "cotangent (%)"],
        rows,
        notes=[
            "Eq. 15 is not consistent on these meshes: its error grows as the mesh is refined.",
            "A truth made with one operator and inverted with the other is a different problem; "
            "every simulated table says which operator made its truth.",
        ],
    )
    table.figures["convergence"] = _figure(table)
    return table


def _error(matrix: object, sphere: geometry.Surface) -> float:
    z = sphere.vertices_mm[:, 2]
    exact: Float[np.ndarray, " n_nodes"] = -2 * z / 50.0**2
    return float(np.linalg.norm(matrix @ z - exact) / np.linalg.norm(exact))


def _figure(table: StudyTable) -> go.Figure:
    figure = go.Figure()
    for name, symbol in (("Eq. 15 (%)", "circle"), ("cotangent (%)", "square")):
        figure.add_scatter(
            x=table.column("mean edge (mm)"),
            y=table.column(name),
            name=name.removesuffix(" (%)"),
            mode="lines+markers",
            marker={"symbol": symbol, "size": 9},
        )
    edges = table.column("mean edge (mm)")
    figure.update_xaxes(
        type="log",
        title="mean edge (mm)",
        autorange="reversed",
        tickvals=edges,
        ticktext=[f"{edge:.1f}" for edge in edges],
    )
    figure.update_yaxes(
        type="log", title="RMS error of Δz (%)", tickvals=[0.1, 1, 10, 100], range=[-1.5, 2.5]
    )
    figure.update_layout(
        title="Surface Laplacian of the first harmonic: refinement helps only one operator",
        template=make_template(),
    )
    return figure
