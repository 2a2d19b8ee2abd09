"""Derivatives of a network's (u, v): automatic, numerical, or numerical in space only."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from .._errors import InputError
from .._types import ArrayLike
from ..geometry import PaperLaplacian, Surface
from ..tissue import SurfaceLaplacian, diffusion_matrix, edge_diffusion
from ._collocation import Batch, PointBatch, WindowBatch
from ._network_inputs import PreparedInputs
from ._tangent_frames import TangentFrames, tangent_frames
from ._time_stencils import N_POINTS, REACH, STENCILS, stencil_of, time_derivative

Field = Callable[[Any], Any]
"""(n_inputs, n_points) -> (2, n_points): a network, or any function in its place."""

BLOCK = 1024
"""Points that go through the network together: a block's layers stay in the cache.

NN6, float32, one Zen 4 core, nanoseconds of CPU time a point, forward and backward:

    all points at once              1240
    blocks that keep every layer    1500   (stacking what is kept costs more than it saves)
    blocks that keep tanh only       930
    blocks of 256 / 512 / 1024 / 2048, computed again in the backward pass   520 / 460 / 420 / 415
    the same, points first          1200
    the same, width 16 for 15        460
    the same, rational tanh         1100   (XLA's own is vectorized: 6 of 20 ns a layer)
    the same, no tanh at all         310

Forward alone takes 98 (dot products 61); the sum of what the single operations cost is 375.
"""


class Fields(NamedTuple):
    """Values and derivatives at the collocation points, and the maps to compare with data.

    ``u`` … ``diffusion`` are (n_nodes, n_windows, length) for windows and (n_points,) for points.
    """

    u: Float[Array, "*points"]
    v: Float[Array, "*points"]
    u_rate: Float[Array, "*points"]
    v_rate: Float[Array, "*points"]
    diffusion: Float[Array, "*points"]
    maps: Float[Array, "n_nodes n_maps"]


class PreparedDerivatives(eqx.Module):
    """A scheme on one surface and one set of instants: arrays ready for the compiled step.

    Attributes:
        inputs: what the network is told.
        neighbors, weights: (n_rows, n_nodes) table of ∇·(D∇), None where space is automatic.
        frames: tangent directions, None where space is numerical.
        diffusion: D where space is automatic (1 otherwise: the table holds it).
        step_tu: interval between instants.
        automatic_time: whether ∂/∂t is exact.
    """

    inputs: PreparedInputs
    neighbors: Int[Array, "n_rows n_nodes"] | None
    weights: Float[Array, "n_rows n_nodes"] | None
    frames: TangentFrames | None
    diffusion: float
    step_tu: float = eqx.field(static=True)
    automatic_time: bool = eqx.field(static=True)

    @property
    def halo(self) -> int:
        """Instants to either side of a window that its time stencils need."""
        return 0 if self.automatic_time else REACH

    @property
    def n_nodes(self) -> int:
        """Number of heart nodes."""
        return self.inputs.space.shape[1]

    @property
    def n_times(self) -> int:
        """Number of instants."""
        return self.inputs.time.shape[0]

    def __call__(self, network: Field, batch: Batch) -> Fields:
        """Return the fields of a network at a batch."""
        scheme = self._told(network)
        if isinstance(batch, WindowBatch):
            return scheme._windows(network, batch)
        return scheme._points(network, batch)

    def maps(
        self, network: Field, instants: Int[Array, " n_maps"]
    ) -> Float[Array, "2 n_nodes n_maps"]:
        """Return (u, v) at all nodes and some instants."""
        return self._told(network)._maps(network, instants)

    def _told(self, network: Field) -> "PreparedDerivatives":
        # A network may carry inputs of its own that are trained with it (`TravelingNetwork`).
        told = getattr(network, "told", None)
        return self if told is None else replace(self, inputs=told(self.inputs))

    def _maps(
        self, network: Field, instants: Int[Array, " n_maps"]
    ) -> Float[Array, "2 n_nodes n_maps"]:
        nodes = jnp.repeat(jnp.arange(self.n_nodes), len(instants))
        inputs = self.inputs.at(nodes, jnp.tile(instants, self.n_nodes))
        return _in_blocks(network, inputs).reshape(2, self.n_nodes, -1)

    def _windows(self, network: Field, batch: WindowBatch) -> Fields:
        n_windows, n_evaluated, length = *batch.instants.shape, batch.length
        shape = (self.n_nodes, n_windows, n_evaluated)
        instants = batch.instants.ravel()
        if self.automatic_time:
            nodes = jnp.repeat(jnp.arange(self.n_nodes), len(instants))
            jets = self._jets(network, nodes, jnp.tile(instants, self.n_nodes))
            # The last entry is None where Δu comes from neighbors, and stays so.
            u, v, u_rate, v_rate, diffusion = jax.tree.map(lambda part: part.reshape(shape), jets)
            maps = u.reshape(self.n_nodes, -1)
        else:
            values = self._maps(network, instants)
            maps, diffusion = values[0], None
            u, v = values.reshape(2, *shape)
            if length == n_evaluated:
                u_rate, v_rate = (time_derivative(part, self.step_tu) for part in (u, v))
            else:
                # Selection and derivative of each window as one small matrix.
                both = jnp.concatenate(
                    [jnp.eye(n_evaluated), _window_stencils(n_evaluated) / self.step_tu], axis=1
                ).astype(u.dtype)
                both = both.reshape(n_evaluated, 2, n_evaluated)
                rows = jax.vmap(lambda k: jax.lax.dynamic_slice_in_dim(both, k, length))(
                    batch.offsets
                )
                u, u_rate = jnp.einsum("nwe,wlse->snwl", u, rows)
                v, v_rate = jnp.einsum("nwe,wlse->snwl", v, rows)
        if diffusion is None:
            diffusion = self._spread(u.reshape(self.n_nodes, -1)).reshape(u.shape)
        return Fields(u, v, u_rate, v_rate, diffusion, maps)

    def _points(self, network: Field, batch: PointBatch) -> Fields:
        nodes, instants = batch.nodes, batch.instants
        around: Any = None
        diffusion: Any = None
        if self.neighbors is not None and self.weights is not None:
            around = self.neighbors[:, nodes]
        if self.automatic_time:
            u, v, u_rate, v_rate, diffusion = self._jets(network, nodes, instants)
        else:
            base, row = stencil_of(instants, self.n_times)
            steps = base + jnp.arange(N_POINTS)[:, None]
            places = jnp.broadcast_to(nodes, steps.shape)
            values = _in_blocks(network, self.inputs.at(places.ravel(), steps.ravel()))
            values = values.reshape(2, *steps.shape)
            weights = jnp.asarray(STENCILS / self.step_tu, values.dtype)[row].T
            u_rate, v_rate = (values * weights).sum(axis=1)
            u, v = jnp.take_along_axis(values, row[None, None], axis=1)[:, 0]
        if around is not None and self.weights is not None:
            when = jnp.broadcast_to(instants, around.shape)
            there = _in_blocks(network, self.inputs.at(around.ravel(), when.ravel()))[0]
            there = there.reshape(around.shape)
            diffusion = (self.weights[:, nodes] * (there - u)).sum(axis=0)
        maps = self._maps(network, batch.data_instants)[0]
        return Fields(u, v, u_rate, v_rate, diffusion, maps)

    def _spread(self, u: Float[Array, "n_nodes n_columns"]) -> Float[Array, "n_nodes n_columns"]:
        # Row after row of the table: 0.7 ms forward and backward for 1094 x 96 in float32 on one
        # core; one gather of all rows 17 ms (its transpose is a scatter), a dense product 6 ms.
        assert self.neighbors is not None and self.weights is not None
        total = jnp.zeros_like(u)
        for k in range(self.neighbors.shape[0]):
            there = u.at[self.neighbors[k]].get(mode="promise_in_bounds")
            total = total + self.weights[k][:, None] * (there - u)
        return total

    def _jets(
        self, network: Field, nodes: Int[Array, " n_points"], instants: Int[Array, " n_points"]
    ) -> tuple[Any, Any, Any, Any, Any]:
        x = self.inputs.at(nodes, instants)
        zero = jnp.zeros((1, x.shape[1]), x.dtype)
        forward = jnp.zeros_like(x).at[-1].set(self.inputs.per_tu)
        if self.frames is None:
            out = _in_blocks(lambda x, t: jnp.concatenate(jax.jvp(network, (x,), (t,))), x, forward)
            return *out, None
        directions = [
            jnp.concatenate([part[:, nodes], zero])
            for part in (self.frames.first, self.frames.second, self.frames.curvature)
        ]

        def jets(x: Array, t: Array, a: Array, b: Array, c: Array) -> Array:
            def along(d: Array) -> Array:
                return jax.jvp(lambda y: jax.jvp(network, (y,), (d,))[1], (x,), (d,))[1]

            value, rate = jax.jvp(network, (x,), (t,))
            laplacian = along(a) + along(b) + jax.jvp(network, (x,), (c,))[1]
            return jnp.concatenate([value, rate, laplacian[:1]])

        u, v, u_rate, v_rate, laplacian = _in_blocks(jets, x, forward, *directions)
        return u, v, u_rate, v_rate, self.diffusion * laplacian


@runtime_checkable
class DerivativeScheme(Protocol):
    """A frozen choice of how derivatives are taken."""

    def prepare(
        self, surface: Surface, inputs: PreparedInputs, step_tu: float, diffusion: ArrayLike = 1.0
    ) -> PreparedDerivatives:
        """Return the scheme on one surface and one set of instants."""
        ...


@dataclass(frozen=True)
class NumericalDerivatives:
    """Take all derivatives from neighbors: EP-DL_ND and EAND-ARN.

    Δu by Eq. 15 (or another operator), ∂/∂t by Eqs. 17 and 18.

    Args:
        laplacian: `PaperLaplacian()` as in the paper, or `CotangentLaplacian()`, which converges.

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, section III-D.

    >>> NumericalDerivatives().laplacian.name
    'eq15'
    """

    laplacian: SurfaceLaplacian = field(default_factory=PaperLaplacian)

    def prepare(
        self, surface: Surface, inputs: PreparedInputs, step_tu: float, diffusion: ArrayLike = 1.0
    ) -> PreparedDerivatives:
        """Return the scheme on one surface and one set of instants."""
        table = _table(surface, self.laplacian, diffusion, inputs.space.dtype)
        return PreparedDerivatives(inputs, *table, None, 1.0, step_tu, False)


@dataclass(frozen=True)
class MixedDerivatives:
    """Take Δu from neighbors and ∂/∂t automatically: EP-DL_ΔND.

    Args:
        laplacian: `PaperLaplacian()` as in the paper, or `CotangentLaplacian()`, which converges.

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, section IV-A.

    >>> MixedDerivatives().laplacian.name
    'eq15'
    """

    laplacian: SurfaceLaplacian = field(default_factory=PaperLaplacian)

    def prepare(
        self, surface: Surface, inputs: PreparedInputs, step_tu: float, diffusion: ArrayLike = 1.0
    ) -> PreparedDerivatives:
        """Return the scheme on one surface and one set of instants."""
        table = _table(surface, self.laplacian, diffusion, inputs.space.dtype)
        return PreparedDerivatives(inputs, *table, None, 1.0, step_tu, True)


@dataclass(frozen=True, eq=False)
class AutomaticDerivatives:
    """Take all derivatives automatically: EP-DL_AD.

    A network is a function of the space around the heart, and its Laplacian there is not that of
    the heart's surface. With an orthonormal frame a, b of the tangent plane, the unit normal n and
    the mean curvature κ (1/r on a sphere of radius r),

        Δ_Γ u = aᵀHa + bᵀHb − 2κ ∂u/∂n,

    where H holds the second derivatives. The last term is there because a curve on the surface
    bends away from the tangent plane; −2κn is the surface Laplacian of the position, so that the
    cotangent operator applied to the coordinates gives κ, and the nodes' normals give the plane.
    aᵀHa is a derivative of a derivative, both in forward mode, for all points at once. Neighbors
    enter only through n and κ.

    Args:
        normals: (n_nodes, 3) unit normals, where better ones than the mesh gives are known.
        mean_curvature_per_mm: (n_nodes,) κ, where known.

    Raises:
        InputError: (when used) features without coordinates, a D that varies, or arrays of the
            wrong shape.

    Source: the paper says only that derivatives are automatic; formula: Xu and Zhao, J Sci Comput
    2003;19:573, Eq. 4.

    >>> AutomaticDerivatives().normals is None
    True
    """

    normals: ArrayLike | None = None
    mean_curvature_per_mm: ArrayLike | None = None

    def prepare(
        self, surface: Surface, inputs: PreparedInputs, step_tu: float, diffusion: ArrayLike = 1.0
    ) -> PreparedDerivatives:
        """Return the scheme on one surface and one set of instants."""
        if inputs.per_mm is None:
            raise InputError(
                "inputs",
                found="features that are no functions of the coordinates",
                expected="coordinates",
                advice="Use NumericalDerivatives or MixedDerivatives with features.",
            )
        values = np.asarray(diffusion, dtype=float)
        if np.ptp(values) > 0:
            raise InputError(
                "diffusion",
                found="values that differ between nodes",
                expected="one number",
                advice="Use NumericalDerivatives or MixedDerivatives where D varies.",
            )
        frames = tangent_frames(surface, self.normals, self.mean_curvature_per_mm)
        scaled = frames.scaled(inputs.per_mm, inputs.space.dtype)
        constant = float(values.ravel()[0])
        return PreparedDerivatives(inputs, None, None, scaled, constant, step_tu, True)


def _table(
    surface: Surface, laplacian: SurfaceLaplacian, diffusion: ArrayLike, dtype: Any
) -> tuple[Int[Array, "n_rows n_nodes"], Float[Array, "n_rows n_nodes"]]:
    table = edge_diffusion(diffusion_matrix(surface, diffusion, laplacian))
    return jnp.asarray(table.neighbors), jnp.asarray(np.asarray(table.weights), dtype)


def _window_stencils(n_evaluated: int) -> Float[np.ndarray, "n n"]:
    return time_derivative(np.eye(n_evaluated), 1.0).T


def _in_blocks(function: Callable[..., Array], *arrays: Array) -> Array:
    """Apply a function of points block by block; the backward pass computes a block again."""
    n_points = arrays[0].shape[1]
    if n_points <= BLOCK:
        return function(*arrays)
    n_blocks = -(-n_points // BLOCK)
    blocks = [
        jnp.pad(part, ((0, 0), (0, n_blocks * BLOCK - n_points)))
        .reshape(-1, n_blocks, BLOCK)
        .swapaxes(0, 1)
        for part in arrays
    ]
    out = jax.lax.map(jax.checkpoint(lambda parts: function(*parts)), blocks)
    return out.swapaxes(0, 1).reshape(out.shape[1], -1)[:, :n_points]
