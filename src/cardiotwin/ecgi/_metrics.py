"""How good a reconstruction is: every number of the tables, defined once."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from .._checks import check_array
from .._errors import InputError
from .._types import ArrayLike, Potentials, Vector
from ..geometry import Surface, geodesic_distance


@dataclass(frozen=True, eq=False)
class Metrics:
    """Numbers that compare reconstructed with true heart potentials; see `evaluate`.

    Attributes:
        relative_error: RE = ‖û − u‖_F / ‖u‖_F (Eq. 19).
        mse: mean of (û − u)², in the unit squared.
        correlation: CC of Eq. 20: all nodes pooled after removing each node's own time mean;
            NaN where one of the two never changes.
        spatial_correlation: (n_times,) Pearson correlation of the two maps at every instant.
        temporal_correlation: (n_nodes,) Pearson correlation of the two electrograms of a node.
        activation_error_ms: mean absolute error of the activation times, None without times.
        activation_correlation: Pearson correlation of the activation times, None without times.
        earliest_distance_mm: straight line from the reconstructed to the true earliest
            activation, None without times or surface.
        earliest_geodesic_mm: the same along the surface.
    """

    relative_error: float
    mse: float
    correlation: float
    spatial_correlation: Float[np.ndarray, " n_times"]
    temporal_correlation: Float[np.ndarray, " n_nodes"]
    activation_error_ms: float | None = None
    activation_correlation: float | None = None
    earliest_distance_mm: float | None = None
    earliest_geodesic_mm: float | None = None

    @property
    def spatial_correlation_quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile over the instants where it is defined."""
        return _quartiles(self.spatial_correlation)

    @property
    def temporal_correlation_quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile over the nodes where it is defined."""
        return _quartiles(self.temporal_correlation)

    def as_dict(self) -> dict[str, float]:
        """Return one number a name, for tables; what was not computed is left out."""
        row = {
            "relative_error": self.relative_error,
            "mse": self.mse,
            "correlation": self.correlation,
        }
        for name in ("spatial_correlation", "temporal_correlation"):
            low, median, high = _quartiles(getattr(self, name))
            row |= {f"{name}_median": median, f"{name}_q1": low, f"{name}_q3": high}
        for name in (
            "activation_error_ms",
            "activation_correlation",
            "earliest_distance_mm",
            "earliest_geodesic_mm",
        ):
            if getattr(self, name) is not None:
                row[name] = getattr(self, name)
        return row


def evaluate(
    estimate: ArrayLike,
    truth: ArrayLike,
    *,
    surface: Surface | None = None,
    times_ms: ArrayLike | None = None,
    activation_ms: tuple[ArrayLike, ArrayLike] | None = None,
    activation_method: Any = None,
    remove_mean: bool = False,
) -> Metrics:
    """Compare reconstructed with true heart potentials.

    RE = ‖û − u‖_F / ‖u‖_F and CC = Σ_s ûᶜ_s·uᶜ_s / sqrt(Σ_s ‖ûᶜ_s‖² Σ_s ‖uᶜ_s‖²), where ᶜ
    removes the mean over time of every node.

    Args:
        estimate: (n_nodes, n_times) reconstructed potentials û.
        truth: (n_nodes, n_times) true potentials u, in the same unit.
        surface: heart surface, for the distance between the earliest activations.
        times_ms: (n_times,) instants; given without ``activation_ms``, the activation times of
            both are found by `tissue.activation_times`.
        activation_ms: activation times (n_nodes,) of the estimate and of the truth, where they
            are known already; nodes that are NaN in either are left out.
        activation_method: of `tissue.activation_times`; by default the steepest upstroke, right
            for transmembrane potentials (epicardial ones fall: `tissue.SteepestDownstroke`).
        remove_mean: whether the spatial mean is removed from both at every instant: needed when
            the two are measured against different references.

    Returns:
        The metrics.

    Raises:
        InputError: different shapes, values that are not finite, or a truth that is zero.

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, Eq. 19 and 20.

    >>> truth = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> evaluate(0.9 * truth, truth).as_dict()["relative_error"]
    0.09999999999999998
    """
    true = check_array(truth, "truth", shape=("n_nodes", "n_times"))
    found = check_array(estimate, "estimate", shape=true.shape)
    if remove_mean:
        true, found = (values - values.mean(axis=0) for values in (true, found))
    size = np.linalg.norm(true)
    if not size > 0:
        raise InputError(
            "truth",
            found="zero everywhere" + (" after removing the mean" if remove_mean else ""),
            expected="potentials with something to find",
        )
    error = found - true
    return Metrics(
        relative_error=float(np.linalg.norm(error) / size),
        mse=float(np.mean(error**2)),
        correlation=_pooled_correlation(found, true),
        spatial_correlation=_correlations(found.T, true.T),
        temporal_correlation=_correlations(found, true),
        **_activation(
            surface,
            _activation_times(found, true, times_ms, activation_ms, activation_method),
            true.shape,
        ),
    )


def evaluate_zero(truth: ArrayLike, *, remove_mean: bool = False) -> Metrics:
    """Score the zero solution: the row that says what doing nothing would cost.

    Its relative error is 1 by definition and its correlations are undefined (NaN).

    Args:
        truth: (n_nodes, n_times) true potentials.
        remove_mean: as in `evaluate`.

    Returns:
        The metrics of û = 0.

    Raises:
        InputError: as `evaluate`.

    >>> evaluate_zero([[0.0, 2.0], [1.0, 0.0]]).relative_error
    1.0
    """
    true = check_array(truth, "truth", shape=("n_nodes", "n_times"))
    return evaluate(np.zeros_like(true), true, remove_mean=remove_mean)


def rdm_star(estimate: ArrayLike, truth: ArrayLike, *, axis: int | None = None) -> Vector | float:
    """Relative difference measure: how much two patterns differ apart from their size.

    RDM* = ‖â/‖â‖ − a/‖a‖‖, between 0 (same shape) and 2 (opposite).

    Args:
        estimate: pattern, or matrix such as a forward matrix.
        truth: the same shape.
        axis: None for one number over everything; 0 for one a column, 1 for one a row.

    Returns:
        One number, or (n_columns,) or (n_rows,).

    Raises:
        InputError: different shapes, or a pattern that is zero.

    Source: Meijs et al., IEEE Trans Biomed Eng 1989;36:1038.

    >>> rdm_star([[1.0, 0.0]], [[2.0, 0.0]])
    0.0
    """
    found, true, sizes = _two_patterns(estimate, truth, axis)
    difference = np.linalg.norm(found / sizes[0] - true / sizes[1], axis=axis)
    return float(difference) if axis is None else difference


def magnitude_ratio(
    estimate: ArrayLike, truth: ArrayLike, *, axis: int | None = None
) -> Vector | float:
    """Return MAG = ‖â‖ / ‖a‖: how much larger one pattern is than another.

    Args:
        estimate: pattern, or matrix such as a forward matrix.
        truth: the same shape.
        axis: None for one number over everything; 0 for one a column, 1 for one a row.

    Returns:
        One number, or (n_columns,) or (n_rows,); 1 where the sizes agree.

    Raises:
        InputError: different shapes, or a pattern that is zero.

    Source: Meijs et al., IEEE Trans Biomed Eng 1989;36:1038.

    >>> magnitude_ratio([[1.0, 0.0]], [[2.0, 0.0]])
    0.5
    """
    _, _, (found, true) = _two_patterns(estimate, truth, axis)
    ratio = found / true
    return float(ratio.item()) if axis is None else ratio.ravel()


def _two_patterns(estimate: ArrayLike, truth: ArrayLike, axis: int | None):
    dimensions = np.ndim(truth)
    names = tuple(f"n_{k}" for k in range(dimensions))
    true = check_array(truth, "truth", shape=names)
    found = check_array(estimate, "estimate", shape=true.shape)
    if axis is not None and not (dimensions == 2 and axis in (0, 1)):
        raise InputError(
            "axis", found=f"{axis} of {dimensions}-dimensional patterns", expected="None, 0 or 1"
        )
    sizes = [np.linalg.norm(v.ravel() if axis is None else v, axis=axis) for v in (found, true)]
    sizes = [np.expand_dims(s, axis) if axis is not None else np.asarray(s) for s in sizes]
    for name, size in zip(("estimate", "truth"), sizes, strict=True):
        if not np.all(size > 0):
            raise InputError(name, found="a pattern of zeros", expected="patterns with a direction")
    return found, true, sizes


def _pooled_correlation(found: Potentials, true: Potentials) -> float:
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (found, true))
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    varies = scale > _ROUNDING * np.linalg.norm(found) * np.linalg.norm(true)
    return float(np.sum(a * b) / scale) if varies else math.nan


# Below this share of the signal what is left after removing the mean is rounding.
_ROUNDING = 1e-20


def _correlations(
    found: Float[np.ndarray, "n_rows n_columns"], true: Float[np.ndarray, "n_rows n_columns"]
) -> Float[np.ndarray, " n_rows"]:
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (found, true))
    size_a, size_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    defined = (size_a > 1e-12 * np.linalg.norm(found, axis=1)) & (
        size_b > 1e-12 * np.linalg.norm(true, axis=1)
    )
    scale = np.where(defined, size_a * size_b, 1.0)
    scale = np.where(scale > 0, scale, 1.0)
    return np.where(defined, np.einsum("ij,ij->i", a, b) / scale, np.nan)


def _quartiles(values: Float[np.ndarray, " n"]) -> tuple[float, float, float]:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return math.nan, math.nan, math.nan
    low, median, high = np.percentile(defined, [25, 50, 75])
    return float(low), float(median), float(high)


def _activation_times(
    found: Potentials,
    true: Potentials,
    times_ms: ArrayLike | None,
    activation_ms: tuple[ArrayLike, ArrayLike] | None,
    method: Any,
) -> tuple[ArrayLike, ArrayLike] | None:
    if activation_ms is not None or times_ms is None:
        return activation_ms
    from ..tissue import activation_times

    times = check_array(times_ms, "times_ms", shape=(true.shape[1],))
    options = {} if method is None else {"method": method}
    return activation_times(found, times, **options), activation_times(true, times, **options)


def _activation(
    surface: Surface | None,
    activation_ms: tuple[ArrayLike, ArrayLike] | None,
    shape: tuple[int, ...],
) -> dict[str, float]:
    if activation_ms is None:
        return {}
    found, true = (
        check_array(values, "activation_ms", shape=(shape[0],), finite=False)
        for values in activation_ms
    )
    both = np.flatnonzero(np.isfinite(found) & np.isfinite(true))
    if not len(both):
        return {}
    row = {
        "activation_error_ms": float(np.abs(found - true)[both].mean()),
        "activation_correlation": float(_correlations(found[None, both], true[None, both])[0]),
    }
    if surface is None:
        return row
    if surface.n_nodes != shape[0]:
        raise InputError(
            "surface",
            found=f"{surface.n_nodes} nodes",
            expected=f"{shape[0]}, one a row of the potentials",
        )
    # Several nodes may be stimulated at once: the nearest of them counts.
    here = both[np.argmin(found[both])]
    there = both[true[both] == true[both].min()]
    straight = np.linalg.norm(surface.vertices_mm[there] - surface.vertices_mm[here], axis=1)
    row["earliest_distance_mm"] = float(straight.min())
    row["earliest_geodesic_mm"] = float(geodesic_distance(surface, [here])[there].min())
    return row
