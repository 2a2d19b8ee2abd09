"""The method of fundamental solutions: no mesh integrals, only points."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from .._checks import check_number
from .._errors import GeometryError, InputError
from ..geometry import Surface
from ._operator import ObservationOperator, Source
from ._path import tikhonov_path
from ._problem import InverseProblem
from ._reconstruction import Solution
from ._rules import CheckedGCV, Rule, advice, choose_parameter
from ._standard_form import PenaltyFactors, StandardForm


@dataclass(frozen=True, eq=False)
class FundamentalSolutions:
    """Write the potential as φ(x) = a₀ + Σ_j a_j/|x − s_j| with sources outside the volume.

    Every such φ is harmonic between heart and torso. The sources s_j lie on the torso, inflated
    about its centroid, and on the heart, deflated. Two conditions make the rows: φ is what the
    leads measured, and no current leaves the torso, ∂φ/∂n = 0 at its nodes. Tikhonov
    regularization of order zero gives the coefficients, and the sum is evaluated on the heart.

    Both kinds of rows are divided by their root mean square, so that potentials and fluxes weigh
    the same per row whatever the units; the flux rows are then weighted by ``flux_weight``.

    Args:
        rule: how λ, on the coefficients, is chosen.
        inflation: factor on the distance of the torso nodes from their centroid.
        deflation: factor on the distance of the heart nodes from their centroid.
        flux_weight: weight of the flux rows.

    Raises:
        InputError: a factor on the wrong side of one; when used: an operator that does not know
            both surfaces, or transmembrane potentials.
        GeometryError: when used: sources that lie inside the volume.

    Source: Wang and Rudy, Ann Biomed Eng 2006;34:1272.

    >>> from cardiotwin.ecgi import transfer_matrix
    >>> from cardiotwin.geometry import zoo
    >>> case = zoo.concentric_spheres(42)
    >>> problem = InverseProblem(transfer_matrix(case.heart, case.torso), np.ones((42, 1)))
    >>> found = FundamentalSolutions().solve(problem).heart_potentials
    >>> bool(abs(found - 1).max() < 0.05)
    True
    """

    rule: Rule = field(default_factory=CheckedGCV)
    inflation: float = 1.2
    deflation: float = 0.8
    flux_weight: float = 1.0

    def __post_init__(self):
        check_number(self.inflation, "inflation", above=1)
        check_number(self.deflation, "deflation", above=0, below=1)
        check_number(self.flux_weight, "flux_weight", above=0)

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the heart potentials of the regularized coefficients."""
        heart, torso = _surfaces(problem)
        sources = self.sources(heart, torso)
        seen = _at_leads(problem, _potential_rows(torso.vertices_mm, sources))
        flux = _flux_rows(torso, sources)
        # Per row: the root mean square over the sources (a₀ has no flux).
        scale = np.sqrt((seen[:, 1:] ** 2).mean())
        flux_scale = np.sqrt((flux[:, 1:] ** 2).mean()) / self.flux_weight
        rows = np.vstack([seen / scale, flux / flux_scale])
        data = np.vstack([problem.data / scale, np.zeros((len(flux), problem.n_times))])
        # a₀ is not punished: no constant is, in a potential.
        factors = PenaltyFactors.of(np.eye(rows.shape[1])[1:])
        form = StandardForm.of(rows, factors)
        # From here on the coefficients are expressed by what they make on the heart.
        back = _potential_rows(heart.vertices_mm, sources)
        form = replace(
            form,
            basis=back @ form.basis,
            null_basis=back @ form.null_basis,
            prior_variance=((back @ factors.inverse) ** 2).sum(axis=1),
        )
        static = InverseProblem(ObservationOperator(rows, Source.EPICARDIAL), data)
        choice = choose_parameter(tikhonov_path(form, static), self.rule)
        return Solution(
            heart_potentials=form.solution(data, form.tikhonov_filters(choice.value)),
            status=advice(choice, "λ"),
            parameter=choice,
            diagnostics={"n_sources": float(len(sources))},
        )

    def sources(self, heart: Surface, torso: Surface) -> Float[np.ndarray, "n_sources 3"]:
        """Return the (n_sources, 3) places of the sources, the torso's first.

        Where a surface is not star-shaped a few nodes may move to the wrong side of it; they are
        left out.

        Raises:
            GeometryError: more than a tenth of them between heart and torso, where φ would not
                be harmonic.
        """
        outer = torso.centroid_mm + self.inflation * (torso.vertices_mm - torso.centroid_mm)
        inner = heart.centroid_mm + self.deflation * (heart.vertices_mm - heart.centroid_mm)
        outer_fits, inner_fits = ~torso.contains(outer), heart.contains(inner)
        for name, fits in (("torso", outer_fits), ("heart", inner_fits)):
            if fits.mean() < 0.9:
                raise GeometryError(
                    name,
                    found=f"{int((~fits).sum())} of {len(fits)} sources between heart and torso",
                    expected="sources inside the heart or outside the torso",
                    advice="The surface is far from star-shaped: bring inflation and deflation "
                    "closer to 1, or use Tikhonov with a transfer matrix.",
                )
        return np.vstack([outer[outer_fits], inner[inner_fits]])


def _surfaces(problem: InverseProblem) -> tuple[Surface, Surface]:
    operator = problem.operator
    if operator.source is not Source.EPICARDIAL:
        raise InputError(
            "problem",
            found=f"an operator from {operator.source.value}s",
            expected="epicardial potentials, which are harmonic between heart and torso",
        )
    if operator.heart is None or operator.observed is None:
        raise InputError(
            "problem",
            found="an operator without its surfaces",
            expected="heart and torso surfaces",
            advice="Make it with transfer_matrix(heart, torso), or give heart= and observed=.",
        )
    return operator.heart.require_closed("heart"), operator.observed.require_closed("torso")


def _at_leads(
    problem: InverseProblem, at_nodes: Float[np.ndarray, "n_points n_coefficients"]
) -> Float[np.ndarray, "n_kept n_coefficients"]:
    """Take rows at torso nodes to the kept, referenced leads, as the problem does its operator."""
    if problem.operator.leads is not None:
        at_nodes = problem.operator.leads @ at_nodes
    stand_in = InverseProblem(
        ObservationOperator(at_nodes, Source.EPICARDIAL),
        problem.body_potentials,
        leads=problem.rows,
        reference=problem.reference,
        exclude=np.setdiff1d(np.arange(problem.n_leads), problem.kept).tolist(),
    )
    return stand_in.matrix


def _potential_rows(
    points: Float[np.ndarray, "n_points 3"], sources: Float[np.ndarray, "n_sources 3"]
) -> Float[np.ndarray, "n_points n_coefficients"]:
    distance = np.linalg.norm(points[:, None] - sources, axis=2)
    return np.hstack([np.ones((len(points), 1)), 1 / distance])


def _flux_rows(
    torso: Surface, sources: Float[np.ndarray, "n_sources 3"]
) -> Float[np.ndarray, "n_points n_coefficients"]:
    away = torso.vertices_mm[:, None] - sources
    along = np.einsum("psx,px->ps", away, torso.node_normals)
    flux = -along / np.linalg.norm(away, axis=2) ** 3
    return np.hstack([np.zeros((torso.n_nodes, 1)), flux])
