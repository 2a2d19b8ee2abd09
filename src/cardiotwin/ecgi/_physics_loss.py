"""The loss of physics-informed ECG imaging (Eqs. 4 to 9) in named parts, for `learning.train`."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from .._errors import InputError
from .._types import ArrayLike
from ..geometry import Surface, nodal_gradient
from ..tissue import MS_PER_TU, AlievPanfilov, IonicModel
from ._collocation import Batch, Collocation, PointBatch, RandomPoints, WindowBatch
from ._derivatives import DerivativeScheme, Field, Fields, NumericalDerivatives, PreparedDerivatives
from ._network_inputs import NetworkInputs, ScaledCoordinates
from ._problem import InverseProblem
from ._spatiotemporal import sampling_interval

PHYSICS = ("potential", "recovery", "boundary")
"""Names of the parts that together are L_EP (Eq. 9)."""

LARGEST_IMBALANCE = 1.0
"""`imbalance` above which an initialization is called bad."""

CHUNK = 24
"""Instants of the full grid that are evaluated together."""


class PhysicsObjective(eqx.Module):
    """Data and electrophysiology as residuals of a network (a `learning.Objective`).

    L_D = mean (y − R û)² over leads and instants (Eq. 5),
    L_EP = mean r_u² + mean r_v² + mean r_b² (Eq. 9), with
    r_u = ∂û/∂t − D Δû − f(û, v̂),  r_v = ∂v̂/∂t − g(û, v̂)  (Eqs. 6, 7),
    r_b = n·∇û at the rim of an open surface (Eq. 8); a closed surface has no such part.

    The parts are "data", "potential" (r_u), "recovery" (r_v) and "boundary" (r_b). Time is in
    time units of the tissue model. Make one with `physics_objective`.

    Attributes:
        derivatives: the scheme on this heart.
        operator: (n_leads, n_nodes) R.
        data: (n_leads, n_times) y.
        rim: (n_rim, n_nodes) matrix of n·∇ at the rim, None on closed surfaces.
        model: ionic model of f and g.
        collocation: what one step looks at.
    """

    derivatives: PreparedDerivatives
    operator: Float[Array, "n_leads n_nodes"]
    data: Float[Array, "n_leads n_times"]
    rim: Float[Array, "n_rim n_nodes"] | None
    model: IonicModel
    collocation: Collocation = eqx.field(static=True)

    def draw(self, key: Array) -> Batch:
        """Return a random batch."""
        d = self.derivatives
        return self.collocation.draw(key, d.n_nodes, d.n_times, d.halo)

    def residuals(self, parameters: Field, batch: Batch) -> dict[str, Float[Array, "..."]]:
        """Return the parts, divided so that the sum of squares of each is its mean square."""
        fields = self.derivatives(parameters, batch)
        r_u, r_v = self._electrophysiology(fields, batch)
        if isinstance(batch, WindowBatch):
            instants = batch.instants.ravel()
            root = jnp.sqrt(batch.weights).astype(r_u.dtype)
            r_u, r_v = r_u * root, r_v * root
        else:
            instants = batch.data_instants
        misfit = self.data[:, instants] - self.operator @ fields.maps
        parts = {
            "data": misfit / np.sqrt(misfit.size),
            "potential": r_u / np.sqrt(r_u.size),
            "recovery": r_v / np.sqrt(r_v.size),
        }
        if self.rim is not None:
            slope = self.rim @ fields.maps
            parts["boundary"] = slope / np.sqrt(slope.size)
        return parts

    def split(self, batch: Batch, n_pieces: int | None = None) -> Batch | None:
        """Cut a batch into equal pieces (a leading axis on every leaf).

        The loss of the batch is the mean of the pieces' losses, part by part. Without a number,
        windows are cut into single windows, and points are one piece.
        """
        if n_pieces is None:
            n_pieces = len(batch.starts) if isinstance(batch, WindowBatch) else 1
        if any(len(leaf) % n_pieces for leaf in jax.tree.leaves(batch)):
            return None
        return jax.tree.map(lambda leaf: leaf.reshape(n_pieces, -1, *leaf.shape[1:]), batch)

    def _electrophysiology(
        self, fields: Fields, batch: Batch
    ) -> tuple[Float[Array, "*points"], Float[Array, "*points"]]:
        model = _at_points(self.model, self.derivatives.n_nodes, batch)
        du, dv = model.reaction(fields.u, fields.v)
        return fields.u_rate - fields.diffusion - du, fields.v_rate - dv


def physics_objective(
    problem: InverseProblem,
    *,
    derivatives: DerivativeScheme | None = None,
    collocation: Collocation | None = None,
    inputs: NetworkInputs | None = None,
    model: IonicModel | None = None,
    diffusion: ArrayLike = 10.0,
    dtype: Any = "float32",
) -> PhysicsObjective:
    """Make the loss of a problem.

    Args:
        problem: operator with its heart surface, data, evenly spaced instants in ms.
        derivatives: scheme of derivatives; numerical by default.
        collocation: what one step looks at; 1000 random points by default.
        inputs: what the network is told; scaled coordinates by default.
        model: ionic model; Aliev–Panfilov by default.
        diffusion: D in mm² per time unit, one number or (n_nodes,).
        dtype: precision of the arrays.

    Raises:
        InputError: an operator without a heart surface, unevenly spaced or too few instants.

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, Eqs. 4 to 9.

    >>> from cardiotwin import ecgi
    >>> case = ecgi.zoo.paper_like(heart_nodes=100, torso_nodes=60, n_times=16)
    >>> windows = ecgi.Windows(2, 4)
    >>> objective = physics_objective(case.problem(0.01, seed=0), collocation=windows)
    >>> network = ecgi.AdaptiveResNet().initialize(jax.random.key(0), 4)
    >>> residuals = eqx.filter_jit(objective.residuals)
    >>> parts = residuals(network, objective.draw(jax.random.key(1)))
    >>> {name: part.shape for name, part in parts.items()}
    {'data': (60, 16), 'potential': (100, 2, 4), 'recovery': (100, 2, 4)}
    """
    heart = problem.heart
    if heart is None:
        raise InputError(
            "problem",
            found="an operator without a heart surface",
            expected="a surface, for coordinates and derivatives",
            advice="Give ObservationOperator(..., heart=surface).",
        )
    step_tu = sampling_interval(problem.times_ms) / MS_PER_TU
    times_tu = np.asarray(problem.times_ms) / MS_PER_TU
    told = (ScaledCoordinates() if inputs is None else inputs).prepare(heart, times_tu, dtype)
    scheme = NumericalDerivatives() if derivatives is None else derivatives
    return PhysicsObjective(
        scheme.prepare(heart, told, step_tu, diffusion),
        jnp.asarray(problem.matrix, dtype),
        jnp.asarray(problem.data, dtype),
        None if heart.is_closed else jnp.asarray(rim_slope(heart), dtype),
        jax.tree.map(
            lambda leaf: jnp.asarray(leaf, dtype) if np.ndim(leaf) else leaf,
            AlievPanfilov() if model is None else model,
        ),
        RandomPoints() if collocation is None else collocation,
    )


def predict(objective: PhysicsObjective, network: Field) -> Float[np.ndarray, "2 n_nodes n_times"]:
    """Return (u, v) at all nodes and instants, in float64."""
    n_times = objective.derivatives.n_times
    maps = eqx.filter_jit(PreparedDerivatives.maps)
    found = maps(objective.derivatives, network, jnp.arange(n_times))
    return np.asarray(found, dtype=np.float64)


def full_grid_losses(objective: PhysicsObjective, network: Field) -> tuple[float, float]:
    """Return (L_D, L_EP), without weights, over all nodes and instants.

    >>> from cardiotwin import ecgi
    >>> case = ecgi.zoo.paper_like(heart_nodes=100, torso_nodes=60, n_times=16)
    >>> objective = physics_objective(case.problem(0.01, seed=0))
    >>> network = ecgi.AdaptiveResNet().initialize(jax.random.key(0), 4)
    >>> data, physics = full_grid_losses(objective, network)
    >>> data > 0, physics > 0
    (True, True)
    """
    parts = _grid_squares(objective, network)
    data = float(parts["data"].mean())
    return data, sum(float(parts[name].mean()) for name in PHYSICS if name in parts)


def imbalance(objective: PhysicsObjective, network: Field) -> float:
    """Return how far one part of the loss dominates the other: |log10 (L_EP / L_D)|, no weights.

    An initialization is called bad above `LARGEST_IMBALANCE`: L_EP / L_D outside [0.1, 10]. That
    is ours: the paper counts bad ones (Table II) without giving one. Mostly it is the pole of the
    recovery rate at u = −μ₂ that makes L_EP large; a training that starts there seldom comes back.

    >>> from cardiotwin import ecgi
    >>> case = ecgi.zoo.paper_like(heart_nodes=100, torso_nodes=60, n_times=16)
    >>> objective = physics_objective(case.problem(0.01, seed=0))
    >>> network = ecgi.AdaptiveResNet().initialize(jax.random.key(0), 4)
    >>> 0 < imbalance(objective, network) < 10
    True
    """
    data, physics = full_grid_losses(objective, network)
    if not (data > 0 and physics > 0 and np.isfinite(data) and np.isfinite(physics)):
        return np.inf
    return abs(float(np.log10(physics / data)))


def off_collocation_residual(
    objective: PhysicsObjective,
    network: Field,
    chosen: Bool[np.ndarray, "n_nodes n_times"],
    *,
    derivatives: PreparedDerivatives | None = None,
) -> tuple[float, float]:
    """Return the mean of r_u² + r_v² on and off the collocation points.

    Args:
        objective: the loss that was trained.
        network: after training.
        chosen: which pairs of node and instant were collocation points; see `FixedPoints.chosen`.
        derivatives: another scheme to measure with, so that methods can be compared; by default
            the one that was trained with.

    Returns:
        (on, off); NaN where there are no such points.
    """
    if derivatives is not None:
        objective = eqx.tree_at(lambda o: o.derivatives, objective, derivatives)
    parts = _grid_squares(objective, network)
    squares = parts["potential"] + parts["recovery"]
    means = [squares[mask].mean() if mask.any() else np.nan for mask in (chosen, ~chosen)]
    return float(means[0]), float(means[1])


def rim_slope(surface: Surface) -> Float[np.ndarray, "n_rim n_nodes"]:
    """Return the matrix of n·∇u at the nodes of the rim, in 1/mm (Eq. 8).

    n lies in the surface and points out of it across the rim; ∇u is the mean over the triangles
    around the node, in all schemes.

    >>> from cardiotwin.geometry import Surface
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> (rim_slope(square) @ [0.0, 1.0, 1.0, 0.0]).round(6).tolist()
    [-0.707107, 0.707107, 0.707107, -0.707107]
    """
    sides = surface.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    keys = np.sort(sides, axis=1) @ [surface.n_nodes, 1]
    _, where, counts = np.unique(keys, return_index=True, return_counts=True)
    alone = where[counts == 1]
    ends = surface.vertices_mm[sides[alone]]
    # Counterclockwise around the outward normal, the outside lies to the right of a side.
    outward = np.cross(ends[:, 1] - ends[:, 0], surface.face_normals[alone // 3])
    total = np.zeros((surface.n_nodes, 3))
    for end in range(2):
        np.add.at(total, sides[alone, end], outward)
    rim: Int[np.ndarray, " n_rim"] = np.unique(sides[alone])
    normal = total[rim] / np.linalg.norm(total[rim], axis=1, keepdims=True)
    gradient = nodal_gradient(surface)
    rows = [gradient[axis * surface.n_nodes + rim].toarray() for axis in range(3)]
    return np.einsum("rx,xrn->rn", normal, np.stack(rows))


@eqx.filter_jit
def _grid_chunk(
    objective: PhysicsObjective, network: Field, batch: WindowBatch
) -> dict[str, Float[Array, "..."]]:
    parts = objective.residuals(network, batch)
    return {name: jnp.square(part) * part.size for name, part in parts.items()}


def _grid_squares(
    objective: PhysicsObjective, network: Field
) -> dict[str, Float[np.ndarray, "n_rows n_times"]]:
    """Squares of all residuals at all nodes and instants, chunk by chunk."""
    d = objective.derivatives
    length = min(CHUNK, d.n_times - 2 * d.halo)
    found: dict[str, list[np.ndarray]] = {}
    done = 0
    while done < d.n_times:
        # The last chunk starts earlier and repeats some instants, which are cut off again.
        start = min(max(done - d.halo, 0), d.n_times - length - 2 * d.halo)
        offset = min(done - start, 2 * d.halo)
        batch = WindowBatch(
            jnp.array([start]), jnp.array([offset]), jnp.ones((1, length)), length + 2 * d.halo
        )
        squares = _grid_chunk(objective, network, batch)
        first, last = done - start, min(start + length + offset, d.n_times)
        for name, part in squares.items():
            columns = np.asarray(part, np.float64).reshape(len(part), -1)
            begin = first if name in ("data", "boundary") else first - offset
            found.setdefault(name, []).append(columns[:, begin : begin + last - done])
        done = last
    return {name: np.concatenate(parts, axis=1) for name, parts in found.items()}


def _at_points(model: IonicModel, n_nodes: int, batch: Batch) -> Any:
    """Give parameters of one value a node the shape of the fields."""

    def fit(leaf: Any) -> Any:
        if np.ndim(leaf) != 1 or len(leaf) != n_nodes:
            return leaf
        return leaf[batch.nodes] if isinstance(batch, PointBatch) else leaf[:, None, None]

    return jax.tree.map(fit, model)
