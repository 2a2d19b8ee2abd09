"""Where a beat may have begun: simulated waves from many places, scored by the leads."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from .._checks import check_count, check_number
from ..geometry import Surface
from ._tissue_leads import TissueLeads, chunk_size, simulated_leads

SHORT_TU = 1.0
"""A delay below this is none: a smaller patch at the first sample does the same."""

Logits = Float[np.ndarray, "n_candidates n_nodes"]


@dataclass(frozen=True, eq=False)
class BeatStart:
    """A guess of how the beat began.

    Attributes:
        logit: (n_nodes,) of the initial potential.
        onset: sample at which it was so.
        log_diffusion: ln of the factor on D.
        misfit: ‖y − g h‖² with the best gain.
        gain: that gain.
        sites: nodes at the centers of its patches.
    """

    logit: Float[np.ndarray, " n_nodes"]
    onset: int
    log_diffusion: float
    misfit: float
    gain: float
    sites: tuple[int, ...]


@dataclass(frozen=True)
class PacingSearch:
    """Simulate waves from patches spread over the heart and keep those that fit the leads best.

    Every wave is compared with the data at all delays at once (a correlation by FFT), so that the
    beat may begin anywhere in the record. The nodes around the best patches are tried next, then
    smaller and larger patches, then a further patch beside the best one. One patch is a logit that
    falls linearly with the distance along the edges, so it can be blurred or moved afterwards.

    Args:
        n_sites: patches of the first round, spread evenly.
        n_refined: nodes tried in each of the two rounds of refinement.
        n_starts: different starts that are handed over.
        max_sites: patches of one start at most.
        gain_of_site: a further patch must lower the misfit by this share.
        radius: of a patch, in thicknesses of the front.
        diffusion_factors: factors on D that are tried where D is unknown.
        search_onset: whether the beat may begin after the first sample.

    >>> PacingSearch().n_sites
    64
    """

    n_sites: int = 64
    n_refined: int = 64
    n_starts: int = 2
    max_sites: int = 2
    gain_of_site: float = 0.02
    radius: float = 1.4
    diffusion_factors: tuple[float, ...] = (0.4, 0.6, 1.0, 1.6)
    search_onset: bool = True

    def __post_init__(self):
        for name in ("n_sites", "n_refined", "n_starts", "max_sites"):
            check_count(getattr(self, name), name)
        check_number(self.gain_of_site, "gain_of_site", at_least=0, below=1)
        check_number(self.radius, "radius", above=0)
        for factor in self.diffusion_factors:
            check_number(factor, "diffusion_factors", above=0)

    def starts(
        self, tissue: TissueLeads, surface: Surface, front_mm: float, gain: float | None
    ) -> list[BeatStart]:
        """Return the best starts, the best first.

        Args:
            tissue: the simulated leads and the data.
            surface: heart.
            front_mm: thickness of the front.
            gain: known gain, or None.
        """
        score = _Scores(tissue, gain, self.search_onset)
        graph = edge_graph(surface)
        radius = max(self.radius * front_mm, 0.8 * surface.mean_edge_mm)
        rim = front_mm / 4

        def patches(nodes: Int[np.ndarray, " n"], radius_mm: float) -> Logits:
            distance = dijkstra(graph, directed=False, indices=nodes)
            return np.clip((radius_mm - distance) / rim, -8.0, 6.0)

        nodes = spread_nodes(graph, self.n_sites)
        unknown_diffusion = "diffusion" in tissue.names
        factors = self.diffusion_factors if unknown_diffusion else (1.0,)
        found = [
            start
            for factor in factors
            for start in score(patches(nodes, radius), nodes, np.log(factor))
        ]
        spacing = float(np.sqrt(surface.area_mm2 / len(nodes)))
        for reach in (1.0, 0.4):
            best = _distinct(found, 3, graph, 0.5 * spacing)
            around = _around(graph, best, reach * spacing, self.n_refined)
            for start, near in around:
                if unknown_diffusion:
                    steps = np.log(1.26) * np.array([-1.0, 0.0, 1.0]) * reach
                else:
                    steps = np.zeros(1)
                for step in steps:
                    found += score(patches(near, radius), near, start.log_diffusion + step)
        best = _distinct(found, self.n_starts, graph, 0.5 * spacing)
        improved = []
        for start in best:
            sizes = radius * np.array([0.75, 0.87, 1.15, 1.3, 1.6])
            several = np.concatenate([patches(np.array(start.sites), size) for size in sizes])
            tried = score(several, np.repeat(start.sites, len(sizes)), start.log_diffusion)
            improved.append(min([start, *tried], key=lambda one: one.misfit))
        improved.sort(key=lambda one: one.misfit)
        more = improved[0]
        for _ in range(self.max_sites - 1):
            union = np.maximum(more.logit, patches(nodes, radius))
            tried = score(union, nodes, more.log_diffusion, more.sites)
            candidate = min(tried, key=lambda one: one.misfit)
            last = np.array(candidate.sites[-1:])
            close = np.flatnonzero(
                dijkstra(graph, directed=False, indices=last[0]) < 0.6 * spacing
            )[: self.n_refined]
            union = np.maximum(more.logit, patches(close, radius))
            tried += score(union, close, more.log_diffusion, more.sites)
            candidate = min(tried, key=lambda one: one.misfit)
            if candidate.misfit > (1 - self.gain_of_site) * more.misfit:
                break
            more = candidate
            improved.insert(0, more)
        return improved


class _Scores:
    """Simulate candidates, and compare each with the data at its best delay and gain."""

    def __init__(self, tissue: TissueLeads, gain: float | None, search_onset: bool):
        self.tissue, self.gain = tissue, gain
        self.data = np.asarray(tissue.data)
        self.sample_tu = float(tissue.step_tu) * tissue.steps_per_sample
        self.energy = float((self.data.astype(np.float64) ** 2).sum())
        self.n_delays = tissue.n_times - max(tissue.n_times // 4, 2) if search_onset else 1
        self.length = 1 << (2 * tissue.n_times - 1).bit_length()
        self.spectrum = np.fft.rfft(self.data, self.length, axis=0)

    def __call__(
        self,
        logits: Logits,
        nodes: Int[np.ndarray, " n"],
        log_diffusion: float,
        before: tuple[int, ...] = (),
    ) -> list[BeatStart]:
        tissue = self.tissue
        size = chunk_size(tissue)
        xi = np.zeros(tissue.n_coefficients, np.float32)
        if "diffusion" in tissue.names:
            basis = tissue.bases[tissue.names.index("diffusion")]
            # The first mode is constant: its coefficient alone is a factor on D everywhere.
            xi[tissue.slices["diffusion"].start] = log_diffusion / float(basis[0, 0])
        starts = (1 / (1 + np.exp(-logits))).astype(np.float32)
        found = []
        for first in range(0, len(starts), size):
            part = starts[first : first + size]
            padded = np.concatenate([part, np.zeros((size - len(part), part.shape[1]), np.float32)])
            series = simulated_leads(tissue, jnp.asarray(padded), jnp.tile(xi, (size, 1)))
            for number, leads in enumerate(np.asarray(series)[: len(part)]):
                onset, misfit, gain = self._compare(leads)
                where = (*before, int(nodes[first + number]))
                logit = logits[first + number]
                found.append(BeatStart(logit, onset, float(log_diffusion), misfit, gain, where))
        return found

    def _compare(self, leads: Float[np.ndarray, "n_times n_leads"]) -> tuple[int, float, float]:
        """Return the best delay in samples, the misfit and the gain there."""
        if not np.isfinite(leads).all():
            return 0, np.inf, 0.0
        power = np.cumsum((leads.astype(np.float64) ** 2).sum(axis=1))[::-1][: self.n_delays]
        if self.n_delays == 1:
            product = np.array([float((self.data.astype(np.float64) * leads).sum())])
        else:
            conjugate = np.fft.rfft(leads, self.length, axis=0).conj()
            products = (self.spectrum * conjugate).sum(axis=1)
            product = np.fft.irfft(products, self.length)[: self.n_delays]
        if self.gain is None:
            gains = np.maximum(product, 0) / np.maximum(power, 1e-30)
        else:
            gains = np.full(len(power), self.gain)
        misfit = self.energy - 2 * gains * product + gains**2 * power
        best = int(misfit.argmin())
        if best * self.sample_tu < SHORT_TU:
            best = 0
        return best, float(misfit[best]), float(gains[best])


def edge_graph(surface: Surface) -> sparse.csr_array:
    """Return the graph of the edges with their lengths in mm."""
    i, j = surface.edges.T
    lengths = np.maximum(surface.edge_lengths_mm, 1e-9)
    return sparse.csr_array((lengths, (i, j)), shape=(surface.n_nodes,) * 2)


def spread_nodes(graph: sparse.csr_array, n_nodes: int) -> Int[np.ndarray, " n_chosen"]:
    """Choose nodes one after the other, each the farthest from those before."""
    n_all = len(graph.indptr) - 1
    chosen = [0]
    distance = dijkstra(graph, directed=False, indices=0)
    chosen = [int(np.where(np.isfinite(distance), distance, -1).argmax())]
    distance = dijkstra(graph, directed=False, indices=chosen[0])
    while len(chosen) < min(n_nodes, n_all):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, dijkstra(graph, directed=False, indices=chosen[-1]))
    return np.array(chosen)


def _distinct(
    found: list[BeatStart], count: int, graph: sparse.csr_array, distance_mm: float
) -> list[BeatStart]:
    """Return the best starts that are this far from each other."""
    kept: list[BeatStart] = []
    for start in sorted(found, key=lambda one: one.misfit):
        if len(kept) == count or not np.isfinite(start.misfit):
            break
        away = dijkstra(graph, directed=False, indices=start.sites[0], limit=distance_mm)
        if not any(np.isfinite(away[other.sites[0]]) for other in kept):
            kept.append(start)
    return kept


def _around(
    graph: sparse.csr_array, starts: list[BeatStart], reach_mm: float, count: int
) -> list[tuple[BeatStart, Int[np.ndarray, " n"]]]:
    """Return for each start the nodes within reach, ``count`` in all, most for the best."""
    shares = [max(count // 2 ** (rank + 1), 1) for rank in range(len(starts))]
    around = []
    for start, share in zip(starts, shares, strict=True):
        distance = dijkstra(graph, directed=False, indices=start.sites[0], limit=reach_mm)
        near = np.flatnonzero(np.isfinite(distance) & (distance > 0))
        if not len(near):
            near = np.array(start.sites[:1])
        pick = np.unique(np.linspace(0, len(near) - 1, min(share, len(near))).round().astype(int))
        order = near[np.argsort(distance[near], kind="stable")]
        around.append((start, order[pick]))
    return around
