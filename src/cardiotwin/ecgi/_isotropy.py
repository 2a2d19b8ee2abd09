"""Prewhitening over time under the isotropy assumption (Greensite)."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float
from scipy import linalg

from .._checks import check_count
from .._errors import InputError
from .._types import Vector
from ..geometry import CotangentLaplacian, PaperLaplacian
from ._path import tikhonov_path
from ._penalty import check_order, penalty_factors
from ._problem import InverseProblem
from ._reconstruction import ParameterChoice, Solution
from ._regularizers import Regularizer
from ._rules import CheckedGCV, Fixed, Oracle, Rule
from ._standard_form import StandardForm


@dataclass(frozen=True, eq=False)
class IsotropyPrewhitening:
    """Solve for the temporal singular vectors of the data, each with its own λ.

    If the covariance of the heart potentials is a product of one over space and one over time
    (isotropy), the eigenvectors b_k of the covariance over time are those of the data:
    Py = Σ_k a_k s_k b_kᵀ. The components Py b_k are uncorrelated, each is a static problem
    min ‖Py b_k − PR v_k‖² + λ_k²‖Γv_k‖², and u = Σ_k v_k b_kᵀ. Components below the noise are left
    out: that is where the gain over Tikhonov comes from.

    Args:
        order: 0 magnitude, 1 surface gradient, 2 surface Laplacian.
        rule: how λ is chosen for every component (one value a component). `CheckedGCV` looks at
            the whole beat first: if the errors look white over the leads, its robust GCV chooses
            for each component, but no less than a third of its choice for the beat; if not, the
            corner of the L-curve of the beat serves all.
        n_components: how many components are kept; None keeps those above the noise, by the
            threshold of Gavish and Donoho for white noise of unknown size.
        regularizer: Γ, instead of ``order``.
        laplacian: of order 2.

    Raises:
        InputError: another order or no components; when used: more components than there are.

    Source: Greensite and Huiskamp, IEEE Trans Biomed Eng 1998;45:98; Greensite, IEEE Trans Biomed
    Eng 2003;50:1152; threshold: Gavish and Donoho, IEEE Trans Inf Theory 2014;60:5040, Eq. 5.

    >>> from cardiotwin.ecgi import Fixed, InverseProblem, reconstruct
    >>> problem = InverseProblem([[1.0, 0.0], [0.0, 0.5]], [[2.0, 4.0], [1.0, 2.0]])
    >>> method = IsotropyPrewhitening(rule=Fixed(0.5), n_components=1)
    >>> reconstruct(problem, method).heart_potentials.round(3).tolist()
    [[1.6, 3.2], [1.0, 2.0]]
    """

    order: int = 0
    rule: Rule = field(default_factory=CheckedGCV)
    n_components: int | None = None
    regularizer: Regularizer | None = None
    laplacian: PaperLaplacian | CotangentLaplacian = field(default_factory=PaperLaplacian)

    def __post_init__(self):
        check_order(self.order)
        if self.n_components is not None:
            check_count(self.n_components, "n_components")

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the sum over the kept components."""
        _, sizes, right = linalg.svd(problem.data, full_matrices=False)
        n_kept = self._n_kept(sizes, problem)
        series = right[:n_kept]
        static = problem.with_data(problem.body_potentials @ series.T)
        factors = penalty_factors(problem, self.order, self.regularizer, self.laplacian)
        form = StandardForm.of(problem.matrix, factors)
        rule, floor = self._trusted_rule(form, problem)
        choices = [_choose(rule, form, static, series, k) for k in range(n_kept)]
        values = np.maximum([choice.value[0] for choice in choices], floor)
        maps = form.solution(static.data, form.tikhonov_filters(values))
        first = choices[0]
        lost = [choice for choice in choices if choice.at_edge]
        status = "solved"
        if lost:
            status = (
                f"{first.rule} found no optimum for {len(lost)} of {n_kept} components: look at "
                "parameter.value, keep fewer components, or use another rule"
            )
        return Solution(
            heart_potentials=maps @ series,
            status=status,
            parameter=replace(
                first,
                value=values,
                interval=(float(values.min()), float(values.max())),
                at_edge=bool(lost),
            ),
            diagnostics={
                "n_components": float(n_kept),
                "share_of_data_kept": float((sizes[:n_kept] ** 2).sum() / (sizes**2).sum()),
            },
        )

    def _trusted_rule(self, form: StandardForm, problem: InverseProblem) -> tuple[Rule, float]:
        if not isinstance(self.rule, CheckedGCV):
            return self.rule, 0.0
        path = tikhonov_path(form, problem)
        whole = replace(self.rule, per_instant=False).choose(path).value[0]
        validated = replace(self.rule.cross_validation, per_instant=False)
        if whole != validated.choose(path).value[0]:
            return Fixed(float(whole)), 0.0
        # One component is few data: cross-validation now and then finds a λ of almost nothing.
        return validated, float(whole) / 3

    def _n_kept(self, sizes: Vector, problem: InverseProblem) -> int:
        if sizes[0] == 0:
            raise InputError(
                "body_potentials", found="zero everywhere", expected="potentials to explain"
            )
        if self.n_components is None:
            return int((sizes > noise_edge(sizes, problem.data.shape)).sum()) or 1
        if self.n_components > len(sizes):
            raise InputError(
                "n_components",
                found=str(self.n_components),
                expected=f"at most {len(sizes)}, for {len(problem.data)} leads and "
                f"{problem.n_times} instants",
            )
        return self.n_components


def _choose(
    rule: Rule,
    form: StandardForm,
    static: InverseProblem,
    series: Float[np.ndarray, "n_kept n_times"],
    k: int,
) -> ParameterChoice:
    if isinstance(rule, Oracle):
        rule = replace(rule, truth=(np.asarray(rule.truth) @ series[k])[:, None])
    return rule.choose(tikhonov_path(form, static.with_data(static.body_potentials[:, [k]])))


def noise_edge(sizes: Vector, shape: tuple[int, ...]) -> float:
    """Return the singular value under which a component is noise: ω(β) × the median.

    ω(β) ≈ 0.56β³ − 0.95β² + 1.82β + 1.43 for a matrix of aspect β ≤ 1 in white noise of unknown
    size (Gavish and Donoho 2014, Eq. 5).

    >>> rng = np.random.default_rng(0)
    >>> sizes = np.linalg.svd(rng.normal(size=(40, 90)), compute_uv=False)
    >>> int((sizes > noise_edge(sizes, (40, 90))).sum())
    0
    """
    # A reference projection leaves one singular value at zero: it says nothing about the noise.
    real = sizes[sizes > 1e-10 * sizes[0]]
    aspect = min(shape) / max(shape)
    return float(np.polyval([0.56, -0.95, 1.82, 1.43], aspect) * np.median(real))
