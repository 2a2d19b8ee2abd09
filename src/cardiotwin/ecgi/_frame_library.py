"""What a network of frames learns from: beats as coefficients, leads as components."""

import math
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from ..geometry import Surface
from ._beat_library import RandomBeats

BASIS_BEATS = 64
"""Beats whose principal components are the basis; more are only projected."""

AT_ONCE = 32
"""Beats in memory at full size."""

FAINTEST = 0.15
"""Components of the leads with a smaller SD over the beats, in units of noise, are left out."""


class Boxes(NamedTuple):
    """Stretches of time, relative to now, over which the leads are averaged.

    Attributes:
        starts: (n_frames,) first sample of each.
        ends: (n_frames,) sample after the last of each.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def reach(self) -> int:
        """Samples to either side that are looked at."""
        return -self.starts[0]

    @property
    def widths(self) -> Float[np.ndarray, " n_frames"]:
        """Samples in each."""
        return np.subtract(self.ends, self.starts).astype(float)


def make_boxes(reach_tu: float, finest_tu: float, growth: float, step_tu: float) -> Boxes:
    """Return boxes around now that are wider the farther away they are, without gaps.

    >>> make_boxes(4.0, 0.5, 2.0, 0.1)
    Boxes(starts=(-37, -17, -7, -2, 3, 8, 18), ends=(-17, -7, -2, 3, 8, 18, 38))
    """
    half = max(round(finest_tu / step_tu / 2 - 0.25), 0)
    edges, width = [half + 1], finest_tu
    while edges[-1] + max(round(width / step_tu), 1) <= max(reach_tu / step_tu, half + 2):
        edges.append(edges[-1] + max(round(width / step_tu), 1))
        width *= growth
    bounds = [1 - edge for edge in edges[::-1]] + edges
    return Boxes(tuple(bounds[:-1]), tuple(bounds[1:]))


class Encoding(eqx.Module):
    """From leads to what the network is told, and from what it says to the heart.

    Attributes:
        leads: (n_components, n_leads) whitened leads → components, each with noise of SD 1.
        seen: (n_components, n_u) the components of a map of the basis.
        scale: (n_frames, n_components) 1 / SD of a component's mean over a box.
        potential: (n_nodes, n_u) orthonormal basis of u.
        recovery: (n_nodes, n_v) orthonormal basis of v.
        sizes: (n_u + n_v,) SD of the coefficients over the beats.
        boxes: see `Boxes`.
    """

    leads: Float[Array | np.ndarray, "n_components n_leads"]
    seen: Float[Array | np.ndarray, "n_components n_u"]
    scale: Float[Array | np.ndarray, "n_frames n_components"]
    potential: Float[Array | np.ndarray, "n_nodes n_u"]
    recovery: Float[Array | np.ndarray, "n_nodes n_v"]
    sizes: Float[Array | np.ndarray, " n_coefficients"]
    boxes: Boxes = eqx.field(static=True)

    @property
    def n_inputs(self) -> int:
        """Numbers that the network is told about an instant."""
        return self.scale.shape[0] * self.scale.shape[1]

    def features(
        self, components: Float[Array, "n_components n_padded"]
    ) -> Float[Array, "n_inputs n_times"]:
        """Return the means over the boxes around each instant but the first and last ``reach``."""
        reach = self.boxes.reach
        n_times = components.shape[1] - 2 * reach
        total = jnp.pad(jnp.cumsum(components, axis=1), ((0, 0), (1, 0)))
        means = [
            (total[:, reach + end :][:, :n_times] - total[:, reach + start :][:, :n_times])
            / (end - start)
            for start, end in zip(*self.boxes, strict=True)
        ]
        return (jnp.stack(means) * self.scale[:, :, None]).reshape(self.n_inputs, n_times)


class Library(eqx.Module):
    """Simulated beats, compressed.

    Attributes:
        coefficients: (n_beats, n_u + n_v, n_times) of u and v on their bases.
        components: (n_beats, n_components, n_times) of the leads, without noise.
        factors: (n_beats,) D over the usual D.
    """

    coefficients: Float[Array | np.ndarray, "n_beats n_coefficients n_times"]
    components: Float[Array | np.ndarray, "n_beats n_components n_times"]
    factors: Float[Array | np.ndarray, " n_beats"]


def make_library(
    beats: RandomBeats,
    heart: Surface,
    whitened: Float[np.ndarray, "n_leads n_nodes"],
    n_beats: int,
    *,
    n_times: int,
    step_tu: float,
    boxes: Boxes,
    truncation: float,
    seed: int,
) -> tuple[Library, Encoding]:
    """Simulate beats and compress them.

    The bases are the principal components of the beats, not centered, so that rest is zero; they
    leave ``truncation`` of RE. The components of the leads are the left singular vectors of
    operator × basis × SD / σ.
    """
    sizes = [AT_ONCE] * (n_beats // AT_ONCE) + [n_beats % AT_ONCE] * (n_beats % AT_ONCE > 0)
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))

    def draw(k: int):
        return beats.draw(heart, sizes[k], n_times=n_times, seed=seeds[k], sample_step_tu=step_tu)

    n_first = min(math.ceil(BASIS_BEATS / AT_ONCE), len(sizes))
    first = [draw(k) for k in range(n_first)]
    (potential, u_sd), (recovery, v_sd) = (
        _principal_maps([part[field] for part in first], truncation) for field in (0, 1)
    )
    left, sd, _ = np.linalg.svd((whitened @ potential) * u_sd, full_matrices=False)
    chosen = sd > FAINTEST
    chosen[:2] = True
    leads, sd = left[:, chosen].T, sd[chosen]
    encoding = Encoding(
        leads=_single(leads),
        seen=_single(leads @ whitened @ potential),
        scale=_single(1 / np.sqrt(sd**2 + 1 / boxes.widths[:, None])),
        potential=_single(potential),
        recovery=_single(recovery),
        sizes=_single(np.concatenate([u_sd, v_sd])),
        boxes=boxes,
    )
    found = []
    for k in range(len(sizes)):
        u, v, factors = first[k] if k < n_first else draw(k)
        if k < n_first:
            first[k] = None  # pyright: ignore[reportArgumentType, reportCallIssue]
        found.append((*compress(encoding, whitened, u, v), factors))
    return Library(*(np.concatenate(parts) for parts in zip(*found, strict=True))), encoding


def compress(
    encoding: Encoding,
    whitened: Float[np.ndarray, "n_leads n_nodes"],
    u: Float[np.ndarray, "n_beats n_nodes n_times"],
    v: Float[np.ndarray, "n_beats n_nodes n_times"],
) -> tuple[
    Float[np.ndarray, "n_beats n_coefficients n_times"],
    Float[np.ndarray, "n_beats n_components n_times"],
]:
    """Return coefficients of (u, v), and components of the leads of all of u."""
    potential, recovery = np.asarray(encoding.potential), np.asarray(encoding.recovery)
    coefficients = np.concatenate([potential.T @ u, recovery.T @ v], axis=1)
    return coefficients, _single(np.asarray(encoding.leads) @ whitened) @ u


def _principal_maps(
    parts: list[Float[np.ndarray, "n_beats n_nodes n_times"]], truncation: float
) -> tuple[Float[np.ndarray, "n_nodes n_kept"], Float[np.ndarray, " n_kept"]]:
    count = sum(part[:, 0, ::4].size for part in parts)
    scatter = sum(
        np.einsum("bnt,bmt->nm", p, p, optimize=True) for p in (q[..., ::4] for q in parts)
    )
    power, maps = np.linalg.eigh(np.asarray(scatter, dtype=np.float64) / count)
    power, maps = np.maximum(power[::-1], 0.0), maps[:, ::-1]
    left = 1 - np.cumsum(power) / power.sum()
    n_kept = int(np.argmax(left <= truncation**2)) + 1
    return maps[:, :n_kept], np.sqrt(power[:n_kept])


def _single(values: np.ndarray) -> Float[np.ndarray, "..."]:
    return np.ascontiguousarray(values, dtype=np.float32)
