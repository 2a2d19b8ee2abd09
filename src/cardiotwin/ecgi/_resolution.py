"""What the leads can tell apart: resolution matrix, point spread, blind spots."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_number
from .._errors import InputError
from .._types import Matrix, Vector
from ..geometry import Surface, geodesic_distance
from ._problem import InverseProblem
from ._reconstruction import InverseMethod
from ._regularizers import Magnitude, Regularizer
from ._standard_form import PenaltyFactors, StandardForm


def resolution_matrix(
    problem: InverseProblem,
    method: float | InverseMethod,
    *,
    regularizer: Regularizer | None = None,
) -> Float[np.ndarray, "n_nodes n_nodes"]:
    """Return K with û = K u for data without noise: K = (RᵀR + λ²ΓᵀΓ)⁻¹RᵀR.

    Column j is what becomes of a unit potential at node j (its point spread), row i says from
    where the estimate at node i is averaged. The identity would be perfect resolution.

    Args:
        problem: operator, leads and reference; its data do not count.
        method: λ of Tikhonov regularization, or a method whose parameters are fixed; it is
            applied to the potentials of every node, and must be linear.
        regularizer: Γ where ``method`` is a number; magnitude by default.

    Returns:
        (n_nodes, n_nodes) K.

    Raises:
        InputError: λ not positive, or a method that is not linear in the data (for instance
            because a rule chooses λ from them).

    Source: Backus and Gilbert, Geophys J R Astron Soc 1968;16:169; Hansen, Rank-Deficient and
    Discrete Ill-Posed Problems (1998), section 4.2.

    >>> problem = InverseProblem([[1.0, 0.0], [0.0, 0.5]], [[0.0], [0.0]])
    >>> resolution_matrix(problem, 0.5).round(3).tolist()
    [[0.8, 0.0], [0.0, 0.5]]
    """
    if isinstance(method, (int, float, np.floating)):
        lam = check_number(method, "method", above=0, advice="Give λ > 0, or a method.")
        gamma = (regularizer or Magnitude()).matrix(problem.heart, problem.n_nodes)
        form = StandardForm.of(problem.matrix, PenaltyFactors.of(gamma))
        return form.solution(problem.matrix, form.tikhonov_filters(np.array([lam])))
    return _by_applying(problem, method)


@dataclass(frozen=True, eq=False)
class PointSpread:
    """How a unit potential at each node comes back.

    Attributes:
        peak_node: (n_nodes,) where the image of each node is largest in size.
        localization_error_mm: (n_nodes,) distance from the node to that peak.
        spread_mm: (n_nodes,) root mean square distance of the image from the node, weighted with
            image² × area.
        width_mm: (n_nodes,) diameter of the disc with the area where the image exceeds half its
            peak (full width at half maximum).
        amplitude: (n_nodes,) share of the unit that comes back at the node itself.
    """

    peak_node: Int[np.ndarray, " n_nodes"]
    localization_error_mm: Float[np.ndarray, " n_nodes"]
    spread_mm: Float[np.ndarray, " n_nodes"]
    width_mm: Float[np.ndarray, " n_nodes"]
    amplitude: Float[np.ndarray, " n_nodes"]


def point_spread(resolution: Matrix, heart: Surface, *, along_surface: bool = False) -> PointSpread:
    """Measure the point spreads, the columns of a resolution matrix.

    Args:
        resolution: (n_nodes, n_nodes) K of `resolution_matrix`.
        heart: surface of the nodes.
        along_surface: whether distances are measured along the surface (slower) or straight.

    Returns:
        Localization error, spread, width and amplitude of every node.

    Raises:
        InputError: K and the surface do not fit.

    Source: Peralta-Menendez et al., Electroencephalogr Clin Neurophysiol 1998;107:326; Hauk,
    Stenroos and Treder, NeuroImage 2022;255:119177.

    >>> from cardiotwin.geometry import zoo
    >>> perfect = point_spread(np.eye(42), zoo.sphere(42))
    >>> float(perfect.localization_error_mm.max()), float(perfect.spread_mm.max())
    (0.0, 0.0)
    """
    n = heart.n_nodes
    if resolution.shape != (n, n):
        raise InputError(
            "resolution", found=f"shape {resolution.shape}", expected=f"({n}, {n}), one a node"
        )
    if along_surface:
        distance = np.stack([geodesic_distance(heart, [node]) for node in range(n)])
    else:
        points = heart.vertices_mm
        distance = np.linalg.norm(points[:, None] - points, axis=2)
    size, area = np.abs(resolution), heart.node_areas_mm2
    peak, nodes = size.argmax(axis=0), np.arange(n)
    weights = area[:, None] * size**2
    total = np.maximum(weights.sum(axis=0), np.finfo(float).tiny)
    wide = size >= 0.5 * size[peak, nodes]
    return PointSpread(
        peak_node=peak,
        localization_error_mm=distance[peak, nodes],
        spread_mm=np.sqrt((weights * distance**2).sum(axis=0) / total),
        width_mm=2 * np.sqrt(area @ wide / np.pi),
        amplitude=np.diag(resolution).copy(),
    )


def blind_spots(
    problem: InverseProblem,
    noise_sd: float,
    signal_sd: float,
    *,
    regularizer: Regularizer | None = None,
) -> Vector:
    """Map what the electrodes cannot see: the share of each node's variance left unknown.

    With a Gaussian prior of covariance C and noise of variance σ² in every lead the posterior is
    C − CRᵀ(RCRᵀ + σ²I)⁻¹RC; its diagonal over that of C is 1 where the leads tell nothing and 0
    where they tell everything. It depends on where the leads are, not on what they measured.

    Args:
        problem: operator, leads and reference; its data do not count.
        noise_sd: σ of one lead, in the unit of the potentials.
        signal_sd: standard deviation of the heart potentials a priori, in the same unit (root
            mean square over the nodes).
        regularizer: what C is like: C ∝ (ΓᵀΓ)⁻¹; by default independent nodes. What Γ does not
            punish (the constant) is taken as known.

    Returns:
        (n_nodes,) shares between 0 and 1.

    Raises:
        InputError: a standard deviation that is not positive.

    Source: Tarantola, Inverse Problem Theory (2005), section 3.2.

    >>> seen_and_unseen = InverseProblem([[1.0, 0.0], [1.0, 0.0]], [[0.0], [0.0]])
    >>> blind_spots(seen_and_unseen, noise_sd=0.1, signal_sd=1.0).round(3).tolist()
    [0.005, 1.0]
    """
    noise = check_number(noise_sd, "noise_sd", above=0)
    signal = check_number(signal_sd, "signal_sd", above=0)
    gamma = (regularizer or Magnitude()).matrix(problem.heart, problem.n_nodes)
    factors = PenaltyFactors.of(gamma)
    back = np.eye(problem.n_nodes) if factors.inverse is None else factors.inverse
    prior = (back**2).sum(axis=1)
    # Scaled so that the mean prior variance is that of the signal.
    scale = signal / np.sqrt(prior.mean())
    # A reference mixes the noise of the leads, P σ²I Pᵀ; the rows of P that survive carry it.
    whiten = _whitening(problem.projection)
    seen = whiten @ problem.matrix @ back * (scale / noise)
    _, values, right = np.linalg.svd(seen, full_matrices=False)
    told = ((back @ right.T) ** 2) @ (values**2 / (1 + values**2))
    return np.clip(1 - told / np.maximum(prior, np.finfo(float).tiny), 0.0, 1.0)


def _whitening(
    projection: Float[np.ndarray, "n_leads n_leads"],
) -> Float[np.ndarray, "n_free n_leads"]:
    left, values, _ = np.linalg.svd(projection)
    kept = values > 1e-10 * values[0]
    return left[:, kept].T / values[kept, None]


def _by_applying(
    problem: InverseProblem, method: InverseMethod
) -> Float[np.ndarray, "n_nodes n_nodes"]:
    # Through lead potentials of one node each; excluded leads stay in place, unread.
    observed = np.zeros((problem.n_leads, problem.n_nodes))
    observed[problem.kept] = problem.lead_matrix
    resolution = method.solve(problem.with_data(observed)).heart_potentials
    twice = 2 * observed[:, ::-1]
    twice[:, 0] += observed[:, 0]
    expected = 2 * resolution[:, ::-1]
    expected[:, 0] += resolution[:, 0]
    found = method.solve(problem.with_data(twice)).heart_potentials
    if np.abs(found - expected).max() > 1e-6 * max(np.abs(expected).max(), 1e-300):
        raise InputError(
            "method",
            found=f"{type(method).__name__}, which is not linear in the data of one instant",
            expected="a linear method with fixed parameters",
            advice="Fix its parameters (rule=Fixed(λ)); methods that couple instants or limit "
            "potentials have no resolution matrix.",
        )
    return resolution
