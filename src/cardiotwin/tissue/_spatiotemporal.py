"""Activation times that listen to the neighbors, so that noise makes no lines of block."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from .._checks import check_array, check_count, check_number
from .._errors import InputError
from .._types import Potentials
from ..geometry import Surface, nodal_gradient
from ._activation import Deflection, SteepestDownstroke, SteepestUpstroke, peak_times

_UPSTROKE = SteepestUpstroke()


@dataclass(frozen=True, eq=False)
class SpatioTemporalDeflection:
    """Activation where the potential changes fast in time and in space at once.

    T_i = argmax_t  max(±dV_i/dt, 0) · |∇V_i|

    A passing front is steep in both; drift and far-field deflections are steep only in time.

    Args:
        surface: surface of the nodes.
        temporal: `SteepestUpstroke` (transmembrane) or `SteepestDownstroke` (electrograms), with
            its smoothing.

    Source: Erem, Brooks, van Dam, Stinstra and MacLeod, Conf Proc IEEE Eng Med Biol Soc
    2011:5884, doi 10.1109/IEMBS.2011.6091455.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(162, radius_mm=30.0)
    >>> arrival, t = (ball.vertices_mm[:, 2] + 40) / 5, np.linspace(0, 20, 201)
    >>> found = SpatioTemporalDeflection(ball).estimate(np.tanh(t - arrival[:, None]), t)
    >>> bool(np.median(abs(found - arrival)) < 0.2)
    True
    """

    surface: Surface
    temporal: SteepestUpstroke | SteepestDownstroke = _UPSTROKE

    def score(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, "n_nodes n_times"]:
        """Return max(±dV/dt, 0) · |∇V|."""
        values = _on_surface(potentials, self.surface)
        slopes = (nodal_gradient(self.surface) @ values).reshape(3, *values.shape)
        rise = np.maximum(self.temporal.score(values, times), 0)
        return rise * np.sqrt(np.einsum("xnt,xnt->nt", slopes, slopes))

    def estimate(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, " n_nodes"]:
        """Return the instant of the largest product at every node."""
        return peak_times(self.score(potentials, times), times, 0.0)


@dataclass(frozen=True, eq=False)
class SpatioTemporal:
    """Activation times that fit the delays between neighboring nodes and the local deflections.

    1. A deflection signal s_i(t) a node (dV/dt, −dV/dt, or its product with |∇V|).
    2. For every pair of nodes within ``rings`` edges, the delay δ_ij that maximizes their
       normalized cross-correlation Σ_t s_i(t) s_j(t + δ), and its peak ρ_ij.
    3. Times up to a constant: min_τ Σ_ij ρ_ij² φ(τ_j − τ_i − δ_ij).
    4. The constant: the peak of Σ_i s_i(t + τ_i), all signals laid over each other, in which
       noise averages out; then each node's own deflection T⁰_i, the peak of s_i within the
       longest delay around that prediction.
    5. min_T Σ_ij ρ_ij² φ(T_j − T_i − δ_ij) + anchor · Σ_i φ(T_i − T⁰_i).

    φ(r) = log(1 + (r/s)²) with s = 1.48 × the median of the residuals' size, solved by
    reweighted least squares, so that a few wrong delays or deflections do not matter.

    A delay uses the whole shape of two similar signals, a deflection one sample of a noisy
    derivative: noise moves single nodes less, and artificial lines of block disappear. True
    lines of block are somewhat blurred as well: look at `SpatioTemporalDeflection` beside it.
    Steps 1, 2, 3 and 5 are those of the sources; step 4 is ours.

    Args:
        surface: surface of the nodes.
        deflection: gives s_i; None takes `SpatioTemporalDeflection(surface)`, the product with
            |∇V|, which stays usable in noise that buries dV/dt alone. Smooth it where the
            potentials are noisy (by a third of the rise time or so).
        longest_delay: bound of |δ_ij| in the unit of the times, the distance of a pair over the
            slowest conduction to be believed. With low signal-to-noise ratio this is the most
            important setting. None takes a quarter of the record.
        rings: how far pairs reach: 1 for edges, 2 for neighbors of neighbors too.
        anchor: weight of the node's own deflection against its (about 18) delays.

    Raises:
        InputError: a number out of range; times that are not equally spaced.

    Source: Dubois et al., Comput Cardiol 2012;39:389 (delays solved on a graph); Duchateau et
    al., IEEE Trans Biomed Eng 2017;64:1149, doi 10.1109/TBME.2016.2593003 (delays and
    deflections together); Schuler et al., IEEE Trans Biomed Eng 2022;69:2041, doi
    10.1109/TBME.2021.3135154 (comparison; lines of block).

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(162, radius_mm=30.0)
    >>> arrival, t = (ball.vertices_mm[:, 2] + 40) / 5, np.linspace(0, 20, 201)
    >>> found = SpatioTemporal(ball).estimate(np.tanh(t - arrival[:, None]), t)
    >>> bool(abs(found - arrival).max() < 0.3)
    True
    """

    surface: Surface
    deflection: Deflection | None = None
    longest_delay: float | None = None
    rings: int = 2
    anchor: float = 0.05

    def __post_init__(self):
        check_count(self.rings, "rings")
        check_number(self.anchor, "anchor", above=0)
        if self.longest_delay is not None:
            check_number(self.longest_delay, "longest_delay", above=0)

    def estimate(
        self, potentials: Potentials, times: Float[np.ndarray, " n_times"]
    ) -> Float[np.ndarray, " n_nodes"]:
        """Return the fitted time of every node; NaN on parts of the surface without signal."""
        values = _on_surface(potentials, self.surface)
        step = _equal_step(times)
        longest = (len(times) - 1) // 4
        if self.longest_delay is not None:
            longest = min(len(times) - 1, round(self.longest_delay / step))
        longest = max(1, longest)
        deflection = self.deflection or SpatioTemporalDeflection(self.surface)
        signals = deflection.score(values, times)
        pairs = node_pairs(self.surface, self.rings)
        delays, likeness = pair_delays(signals, pairs, longest)
        graph = _DelayGraph(pairs, delays, likeness**2, len(values))
        relative = graph.fit(np.zeros(len(values)), np.full(len(values), 1e-9))
        predicted = relative + _offset_of_parts(signals, relative, graph.parts())
        own = _peak_near(signals, predicted, longest)
        fitted = graph.fit(own, np.full(len(values), self.anchor), robust_nodes=True)
        silent = np.bincount(graph.parts(), np.abs(signals).max(axis=1)) == 0
        return np.where(silent[graph.parts()], np.nan, times[0] + step * fitted)


def node_pairs(surface: Surface, rings: int) -> Int[np.ndarray, "n_pairs 2"]:
    """Return the pairs of nodes at most ``rings`` edges apart, each once."""
    edges, n = surface.edges, surface.n_nodes
    joined = sp.csr_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    one_ring = sp.csr_array(joined + joined.T)
    reach = one_ring
    for _ in range(rings - 1):
        reach = sp.csr_array(reach + reach @ one_ring)
    upper = sp.coo_array(sp.triu(reach, k=1))
    return np.stack([upper.row, upper.col], axis=1).astype(np.int64)


def pair_delays(
    signals: Float[np.ndarray, "n_nodes n_times"],
    pairs: Int[np.ndarray, "n_pairs 2"],
    longest: int,
) -> tuple[Float[np.ndarray, " n_pairs"], Float[np.ndarray, " n_pairs"]]:
    """Return the delay of the second node behind the first in samples, and the correlation."""
    size = 1 << (2 * signals.shape[1] - 1).bit_length()
    norm = np.linalg.norm(signals, axis=1, keepdims=True)
    spectra = np.fft.rfft(signals / np.where(norm > 0, norm, 1.0), size, axis=1)
    lags = np.arange(-longest, longest + 1, dtype=np.float64)
    delays, likeness = np.empty(len(pairs)), np.empty(len(pairs))
    for start in range(0, len(pairs), 256):  # blocks keep the correlations in the cache
        block = slice(start, start + 256)
        product = spectra[pairs[block, 0]].conj() * spectra[pairs[block, 1]]
        circular = np.fft.irfft(product, size, axis=1)
        correlation = np.concatenate(
            [circular[:, size - longest :], circular[:, : longest + 1]], axis=1
        )
        delays[block] = peak_times(correlation, lags)
        likeness[block] = np.maximum(correlation.max(axis=1), 0)
    return delays, likeness


@dataclass(frozen=True, eq=False)
class _DelayGraph:
    pairs: Int[np.ndarray, "n_pairs 2"]
    delays: Float[np.ndarray, " n_pairs"]
    weights: Float[np.ndarray, " n_pairs"]
    n_nodes: int

    def fit(
        self,
        target: Float[np.ndarray, " n_nodes"],
        anchors: Float[np.ndarray, " n_nodes"],
        *,
        robust_nodes: bool = False,
    ) -> Float[np.ndarray, " n_nodes"]:
        row = np.repeat(np.arange(len(self.pairs)), 2)
        sign = np.tile([-1.0, 1.0], len(self.pairs))
        difference = sp.csr_array(
            (sign, (row, self.pairs.ravel())), shape=(len(self.pairs), self.n_nodes)
        )
        trust_pairs, trust_nodes = self.weights, anchors
        times = target
        for _ in range(12):
            left = difference.T @ sp.diags_array(trust_pairs) @ difference
            left = left + sp.diags_array(trust_nodes)
            right = difference.T @ (trust_pairs * self.delays) + trust_nodes * target
            times = np.asarray(spsolve(sp.csc_array(left), right))
            trust_pairs = self.weights * _robust_weight(difference @ times - self.delays)
            if robust_nodes:
                trust_nodes = anchors * _robust_weight(times - target)
        return times

    def parts(self) -> Int[np.ndarray, " n_nodes"]:
        used = self.pairs[self.weights > 0]
        graph = sp.coo_array(
            (np.ones(len(used)), (used[:, 0], used[:, 1])), shape=(self.n_nodes, self.n_nodes)
        )
        return connected_components(graph, directed=False)[1].astype(np.int64)


def _offset_of_parts(
    signals: Float[np.ndarray, "n_nodes n_times"],
    relative: Float[np.ndarray, " n_nodes"],
    part: Int[np.ndarray, " n_nodes"],
) -> Float[np.ndarray, " n_nodes"]:
    """Lay the signals of each connected part over each other and return where the sum peaks."""
    n_times = signals.shape[1]
    size = 1 << (3 * n_times - 1).bit_length()  # room for shifts to both sides
    early = float(relative.min())
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(size)[None] * (relative[:, None] - early - n_times))
    shifted = np.fft.rfft(signals, size, axis=1) * turn
    gather = sp.csr_array((np.ones(len(part)), (part, np.arange(len(part)))))
    stacked = np.fft.irfft(gather @ shifted, size, axis=1)
    return (peak_times(stacked, np.arange(size, dtype=np.float64)) - early - n_times)[part]


def _peak_near(
    signals: Float[np.ndarray, "n_nodes n_times"],
    predicted: Float[np.ndarray, " n_nodes"],
    width: int,
) -> Float[np.ndarray, " n_nodes"]:
    samples = np.arange(signals.shape[1], dtype=np.float64)
    inside = np.clip(predicted, 0, len(samples) - 1)
    near = np.abs(samples - inside[:, None]) <= width
    return peak_times(np.where(near, signals, -np.inf), samples)


def _on_surface(potentials: Potentials, surface: Surface) -> Potentials:
    return check_array(
        potentials,
        "potentials",
        shape=(surface.n_nodes, "n_times"),
        advice="Give the surface on which these potentials live.",
    )


def _robust_weight(residual: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    size = np.abs(residual)
    # The scale is bounded below so that exact data keep finite weights.
    return 1 / (1 + (size / max(1.48 * float(np.median(size)), 1e-9)) ** 2)


def _equal_step(times: Float[np.ndarray, " n_times"]) -> float:
    steps = np.diff(times)
    step = float(steps.mean())
    if np.abs(steps - step).max() > 1e-6 * step:
        raise InputError(
            "times",
            found=f"steps from {steps.min():.6g} to {steps.max():.6g}",
            expected="equally spaced instants, which cross-correlation needs",
            advice="Resample the potentials first.",
        )
    return step
