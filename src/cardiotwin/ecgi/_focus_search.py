"""A first estimate of activation times: a few foci from which fronts spread at one velocity."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .._types import Vector
from ._upstroke import UpstrokeFit, Upstrokes

_DELAYS_MS = np.array([-5.0, 0.0, 5.0, 10.0, 20.0])
"""First focus, from the onset of the potentials."""

_EARLINESS = np.array([0.0, 0.3, 0.6, 0.8, 0.9])
"""Time of a further focus, as a share of the time at which fronts would reach it anyway."""

_TUNING = np.array([0.8, 0.9, 0.95, 1.05, 1.1, 1.25])


@dataclass(frozen=True, eq=False)
class Foci:
    """τ_i = min_k (τ_k + d_ki / v) over foci k, and how well it explains the data.

    Attributes:
        nodes: (n_foci,) where.
        onsets_ms: (n_foci,) τ_k.
        velocity: v in mm/ms (m/s).
        times_ms: (n_nodes,) τ.
        correlation: of measured with simulated body potentials.
    """

    nodes: tuple[int, ...]
    onsets_ms: tuple[float, ...]
    velocity: float
    times_ms: Float[np.ndarray, " n_nodes"]
    correlation: float


def search_foci(
    fit: UpstrokeFit,
    routes_mm: Float[np.ndarray, "n_nodes n_nodes"],
    *,
    width_ms: float,
    velocities: Vector,
    max_foci: int,
) -> Foci:
    """Add foci greedily as long as the correlation of the body potentials rises.

    Every node is tried as the first focus with every velocity. Further foci start before the
    front of the others reaches them; after each the velocity is tuned. The correlation does not
    depend on the gain.

    Args:
        fit: the data.
        routes_mm: shortest ways between all nodes.
        width_ms: w of the upstrokes during the search.
        velocities: in mm/ms.
        max_foci: at most so many.

    Source: van Dam, Oostendorp, Linnenbank and van Oosterom, Ann Biomed Eng 2009;37:1739.
    """
    score = _Correlation(fit, width_ms)
    start = onset(fit)
    best = Foci((), (), 1.0, np.empty(0), -np.inf)
    for velocity in velocities:
        for delay in _DELAYS_MS:
            times = start + delay + routes_mm / velocity
            values = score(times)
            k = int(values.argmax())
            if values[k] > best.correlation:
                own = float(start + delay)
                best = Foci((k,), (own,), float(velocity), times[k], float(values[k]))
    while len(best.nodes) < max_foci:
        better = _tuned(_one_more(best, routes_mm, score), routes_mm, score)
        if better.correlation <= best.correlation + 1e-4:
            break
        best = better
    return best


def onset(fit: UpstrokeFit) -> float:
    """Return the first instant at which the potentials exceed a tenth of their peak (RMS)."""
    size = np.sqrt((fit.data**2).sum(axis=0))
    return float(fit.instants_ms[np.argmax(size > 0.1 * size.max())])


class _Correlation:
    """Correlation of the data, thinned out in time, with simulated potentials of many maps."""

    def __init__(self, fit: UpstrokeFit, width_ms: float):
        # About one instant each upstroke width is enough to rank maps.
        count = fit.data.shape[1]
        span = float(fit.instants_ms[-1] - fit.instants_ms[0])
        step = max(1, round(count * width_ms / max(span, width_ms)))
        self.instants, self.width = fit.instants_ms[::step], width_ms
        self.operator, self.data = fit.operator, fit.data[:, ::step]
        self.size = float(np.linalg.norm(self.data))

    def __call__(self, times_ms: Float[np.ndarray, "n_maps n_nodes"]) -> Vector:
        # In blocks: all maps at once would fill memory on fine meshes.
        block = max(1, 4_000_000 // (times_ms.shape[1] * len(self.instants)))
        starts = range(0, len(times_ms), block)
        return np.concatenate([self._some(times_ms[k : k + block]) for k in starts])

    def _some(self, times_ms: Float[np.ndarray, "n_maps n_nodes"]) -> Vector:
        maps, nodes = times_ms.shape
        potentials = Upstrokes(times_ms.ravel(), 1.0, self.width).at(self.instants)
        seen = self.operator @ potentials.reshape(maps, nodes, -1)
        norm = np.sqrt(np.einsum("mlt,mlt->m", seen, seen)) * self.size
        product = np.einsum("mlt,lt->m", seen, self.data)
        return np.divide(product, norm, out=np.full(maps, -1.0), where=norm > 0)


def _one_more(
    foci: Foci, routes_mm: Float[np.ndarray, "n_nodes n_nodes"], score: _Correlation
) -> Foci:
    first = min(foci.onsets_ms)
    best = foci
    for share in _EARLINESS:
        own = first + share * (foci.times_ms - first)
        times = np.minimum(foci.times_ms, own[:, None] + routes_mm / foci.velocity)
        values = score(times)
        k = int(values.argmax())
        if values[k] > best.correlation:
            nodes, onsets = (*foci.nodes, k), (*foci.onsets_ms, float(own[k]))
            best = Foci(nodes, onsets, foci.velocity, times[k], float(values[k]))
    return best


def _tuned(
    foci: Foci, routes_mm: Float[np.ndarray, "n_nodes n_nodes"], score: _Correlation
) -> Foci:
    onsets = np.array(foci.onsets_ms)[:, None]
    velocities = foci.velocity * _TUNING
    times = np.stack([(onsets + routes_mm[list(foci.nodes)] / v).min(axis=0) for v in velocities])
    values = score(times)
    k = int(values.argmax())
    if values[k] <= foci.correlation:
        return foci
    return Foci(foci.nodes, foci.onsets_ms, float(velocities[k]), times[k], float(values[k]))
