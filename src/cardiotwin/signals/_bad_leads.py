"""Bad leads: found by what they show and by what their neighbors say; repaired on the surface."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.distance import cdist

from .._checks import check_number
from .._errors import InputError
from .._types import ArrayLike
from ..geometry import Surface
from ._electrodes import Electrodes
from ._interpolation import LaplacianOperator, as_electrodes, constrained
from ._recording import Recording

_SATURATED_RUN = 5
_SATURATED_SHARE = 0.02
_NEIGHBORS = 6


@dataclass(frozen=True)
class BadLeads:
    """Leads that should not be trusted, with the reasons.

    Args:
        reasons: name of each bad lead to its reasons, in the order of the recording.
        correlations: name of each lead compared with its neighbors to its correlation with what
            they predict; empty where no electrodes were given.
    """

    reasons: Mapping[str, tuple[str, ...]]
    correlations: Mapping[str, float] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bad leads."""
        return tuple(self.reasons)

    def mask(self, recording: Recording) -> Bool[np.ndarray, " n_channels"]:
        """(n_channels,) whether each channel of a recording is bad."""
        return np.isin(np.array(recording.names), list(self.reasons))

    def __str__(self) -> str:
        if not self.reasons:
            return "no bad leads"
        return "\n".join(f"{name}: {'; '.join(why)}" for name, why in self.reasons.items())


def find_bad_leads(
    recording: Recording,
    electrodes: Electrodes | None = None,
    surface: Surface | None = None,
    *,
    flat_fraction: float = 0.02,
    noise_ratio: float = 5.0,
    min_correlation: float = 0.3,
    laplacian: LaplacianOperator | None = None,
) -> BadLeads:
    """Find leads that are absent, flat, saturated, noisy, or contradict their neighbors.

    Spread and noise (median absolute second difference) are compared with the median lead. With
    electrodes every remaining lead is predicted from the others: on a surface by the smoothest
    potential through them (leave-one-out of `interpolate_on_surface`, in closed form
    −Σ_{j≠i} K_ij y_j / K_ii), otherwise by the six nearest electrodes weighted 1/d². The worst
    lead goes first and no longer predicts others.

    Args:
        recording: potentials, one channel an electrode.
        electrodes: places of the channels, same order and number.
        surface: the surface that carries them.
        flat_fraction: flat means a spread below this fraction of the median spread.
        noise_ratio: noisy means noise above this many times the median, both in absolute terms
            and (three fifths of it) relative to the lead's own spread.
        min_correlation: smallest accepted correlation with the prediction.
        laplacian: operator of the prediction; the cotangent Laplacian when left out.

    Returns:
        The bad leads with their reasons.

    Raises:
        InputError: electrodes that do not fit the recording or the surface.

    >>> rows = [np.sin(np.arange(500) / 20 + 0.1 * k) for k in range(5)] + [np.zeros(500)]
    >>> print(find_bad_leads(Recording(rows, 1000, "mV")))
    6: flat (spread 0 of the median)
    """
    check_number(flat_fraction, "flat_fraction", at_least=0)
    check_number(noise_ratio, "noise_ratio", above=0)
    check_number(min_correlation, "min_correlation", at_least=-1, at_most=1)
    samples = recording.samples
    spread = samples.std(axis=1)
    typical = float(np.median(spread)) or float(spread.max())
    flat = spread <= flat_fraction * typical
    noise = _noise(samples)
    relative = np.divide(noise, spread, out=np.zeros_like(noise), where=spread > 0)
    noisy = ~flat & (noise > noise_ratio * np.median(noise[~flat])) if (~flat).any() else flat
    if noisy.any():
        noisy &= relative > 0.6 * noise_ratio * np.median(relative[~flat])
    reasons: dict[int, list[str]] = {i: [] for i in range(recording.n_channels)}
    for i, name in enumerate(recording.names):
        if name in recording.missing:
            reasons[i].append("absent, wholly or in part, in the source")
        if flat[i]:
            share = spread[i] / typical if typical else 0.0
            reasons[i].append(f"flat (spread {share:.2g} of the median)")
        elif share := _saturated_share(samples[i]):
            reasons[i].append(f"saturated ({100 * share:.0f} % of the samples at a limit)")
        if noisy[i]:
            reasons[i].append(f"noisy ({noise[i] / np.median(noise[~flat]):.3g} × the median)")

    correlations: dict[str, float] = {}
    if electrodes is not None:
        good = np.array([i for i, why in reasons.items() if not why], dtype=np.int64)
        weights = _predictor(recording, electrodes, surface, laplacian)
        # Spatial mean removed: it is the reference's, not the lead's.
        for i, value in _compare(
            samples - samples[good].mean(axis=0), weights, good, min_correlation
        ):
            correlations[recording.names[i]] = value
            if value < min_correlation:
                reasons[i].append(f"correlation {value:.2f} with its neighbors")
    found = {recording.names[i]: tuple(why) for i, why in reasons.items() if why}
    return BadLeads(found, correlations)


def interpolate_bad_leads(
    recording: Recording,
    bad: BadLeads | ArrayLike | Sequence[str],
    surface: Surface,
    electrodes: Electrodes | ArrayLike,
    *,
    laplacian: LaplacianOperator | None = None,
) -> Recording:
    """Replace bad leads by the smoothest surface potential through the good ones.

    Args:
        recording: potentials, one channel an electrode.
        bad: what `find_bad_leads` returned, or names, indices or a mask.
        surface: the surface that carries the electrodes.
        electrodes: `Electrodes` or node numbers, in the order of the channels.
        laplacian: operator to minimize; the cotangent Laplacian when left out.

    Returns:
        The recording with the bad leads replaced; good leads keep their samples.

    Raises:
        InputError: electrodes that do not fit, or no good lead left.

    References:
        Oostendorp TF, van Oosterom A, Huiskamp G. J Comput Phys 1989;80:331.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(162, 50.0)
    >>> whole = Recording(ball.vertices_mm, 1000, "mV")
    >>> broken = whole.with_samples(np.where(np.arange(162)[:, None] == 7, 0.0, whole.samples))
    >>> repaired = interpolate_bad_leads(broken, ["8"], ball, np.arange(162))
    >>> bool(np.abs(repaired.samples - whole.samples).max() < 1.0)
    True
    """
    leads = as_electrodes(surface, electrodes)
    _check_fit(recording, leads)
    if isinstance(bad, BadLeads):
        if not bad.names:
            return recording
        bad = list(bad.names)
    rows = np.unique(recording.indices(bad))
    good = np.setdiff1d(np.arange(recording.n_channels), rows)
    if not good.size:
        raise InputError("bad", found="all leads", expected="at least one good lead")
    nodes = constrained(surface, leads.select(good), laplacian).potentials(recording.samples[good])
    samples = recording.samples.copy()
    samples[rows] = leads.interpolation_matrix[rows] @ nodes
    repaired = {recording.names[i] for i in rows}
    return recording.with_samples(
        samples, missing=[name for name in recording.missing if name not in repaired]
    )


def _noise(samples: Float[np.ndarray, "n_channels n_samples"]) -> Float[np.ndarray, " n_channels"]:
    if samples.shape[1] < 3:
        return np.zeros(len(samples))
    # White noise of deviation σ has second differences of deviation σ√6; 0.6745 σ is their median.
    return np.median(np.abs(np.diff(samples, n=2, axis=1)), axis=1) / (0.6745 * np.sqrt(6))


def _saturated_share(row: Float[np.ndarray, " n_samples"]) -> float:
    for limit in (row.max(), row.min()):
        at = np.concatenate([[False], row == limit, [False]])
        edges = np.flatnonzero(np.diff(at))
        runs = edges[1::2] - edges[::2]
        share = runs[runs >= _SATURATED_RUN].sum() / len(row)
        if share >= _SATURATED_SHARE:
            return float(share)
    return 0.0


def _check_fit(recording: Recording, electrodes: Electrodes) -> None:
    if electrodes.n_leads != recording.n_channels:
        raise InputError(
            "electrodes",
            found=f"{electrodes.n_leads} electrodes for {recording.n_channels} channels",
            expected="one electrode a channel, in the same order",
        )


def _predictor(
    recording: Recording,
    electrodes: Electrodes,
    surface: Surface | None,
    laplacian: LaplacianOperator | None,
) -> Float[np.ndarray, "n_leads n_leads"]:
    """Precision matrix K: lead i is predicted as −Σ_{j≠i} K_ij y_j / K_ii."""
    _check_fit(recording, electrodes)
    if surface is not None:
        return constrained(surface, as_electrodes(surface, electrodes), laplacian).energy_matrix()
    distance = cdist(electrodes.positions_mm, electrodes.positions_mm)
    np.fill_diagonal(distance, np.inf)
    reach = np.sort(distance, axis=1)[:, min(_NEIGHBORS, len(distance)) - 1, None]
    near = np.where(distance <= reach, 1 / np.maximum(distance, 1e-6) ** 2, 0.0)
    near[~np.isfinite(distance)] = 0.0
    near = np.maximum(near, near.T)
    return np.diag(np.maximum(near.sum(axis=1), 1e-300)) - near


def _compare(
    samples: Float[np.ndarray, "n_leads n_times"],
    precision: Float[np.ndarray, "n_leads n_leads"],
    good: Int[np.ndarray, " n_good"],
    min_correlation: float,
) -> list[tuple[int, float]]:
    judged: list[tuple[int, float]] = []
    bad = np.setdiff1d(np.arange(len(samples)), good)
    kept = good
    matrix = _without(precision, good, bad)
    while len(kept) > 2:
        diagonal = np.diag(matrix)[:, None]
        predicted = samples[kept] - (matrix @ samples[kept]) / diagonal
        values = _correlation(predicted, samples[kept])
        worst = int(np.argmin(values))
        if values[worst] >= min_correlation:
            judged += [(int(i), float(v)) for i, v in zip(kept, values, strict=True)]
            break
        judged.append((int(kept[worst]), float(values[worst])))
        left = np.delete(np.arange(len(kept)), worst)
        matrix = _without(matrix, left, np.array([worst]))
        kept = kept[left]
    return sorted(judged)


def _without(
    matrix: Float[np.ndarray, "n n"], kept: Int[np.ndarray, " k"], dropped: Int[np.ndarray, " d"]
) -> Float[np.ndarray, "k k"]:
    """Precision of the kept leads once the dropped ones are free (Schur complement)."""
    block = matrix[np.ix_(kept, kept)]
    if not dropped.size:
        return block
    cross = matrix[np.ix_(kept, dropped)]
    return block - cross @ np.linalg.solve(matrix[np.ix_(dropped, dropped)], cross.T)


def _correlation(
    a: Float[np.ndarray, "n t"], b: Float[np.ndarray, "n t"]
) -> Float[np.ndarray, " n"]:
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.divide((a * b).sum(axis=1), scale, out=np.zeros(len(a)), where=scale > 0)
