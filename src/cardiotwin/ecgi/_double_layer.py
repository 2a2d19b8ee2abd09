"""Transmembrane potentials → body potentials: the equivalent double layer."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_number
from .._errors import GeometryError
from .._types import ArrayLike, Matrix
from ..geometry import Surface
from ..signals import Electrodes
from ._boundary_elements import double_layer_weights
from ._conductor import (
    Conductor,
    Inclusion,
    area_weights,
    check_heart_and_torso,
    check_inclusions,
    lies_within,
    require_inside,
    solve,
    surface_labels,
)
from ._corner import with_corner
from ._operator import ObservationOperator, Source


def double_layer_matrix(
    heart: Surface,
    observed: Surface | Electrodes | ArrayLike,
    torso: Surface,
    *,
    inclusions: Sequence[Inclusion] = (),
    heart_ratio: float | None = None,
    source_ratio: float = 1.0,
) -> ObservationOperator:
    """Compute the map from the transmembrane potential on the heart to potentials in the body.

    A transmembrane potential u on the closed surface H of the myocardium acts, seen from
    outside, as a double layer of strength proportional to u. In an unbounded medium

        φ_∞(r) = (σ_i / 4πσ) Σ_j u_j Ω_j(r),

    Ω_j the solid angle weights (positive where the outward normal of H points away from r, so
    that excited tissue facing r gives a negative potential). The torso's insulated surface, the
    inclusions and a heart of its own conductivity are accounted for by one boundary-element
    solve. A uniform u is invisible, so rows add up to 0, and potentials are relative to their
    mean over the area of the torso (the constant that the equations leave open; remove the mean
    or Wilson's terminal of both sides before comparing with a recording).

    Args:
        heart: closed, outward surface in mm of the ventricular muscle: epicardium alone, or
            epicardium and endocardium in one.
        observed: where: the torso itself; the heart itself, for the potential just outside its
            surface (the outer limit, which is the extracellular potential on it); another
            surface; `Electrodes` on the torso; or (n_points, 3) points in mm inside the torso
            and outside the heart.
        torso: closed, outward surface in mm.
        inclusions: regions of another conductivity: lungs, blood in the cavities. They lie
            wholly inside or outside of each other and of the heart.
        heart_ratio: conductivity of the heart as a whole (σ_i + σ_e) over the torso's; None for
            that of its surroundings.
        source_ratio: intracellular conductivity σ_i over the torso's: a factor for the whole.

    Returns:
        The operator for `Source.TRANSMEMBRANE`, dimensionless.

    Raises:
        GeometryError: open, inward, faulty, crossing or misplaced surfaces or points.
        InputError: points that are not (n_points, 3), ratios out of range.
        UnitError: a heart smaller than 20 mm: metres or centimetres taken for mm.
        NumericsError: a system too singular to solve.

    Source:
        Geselowitz, IEEE Trans Biomed Eng 1989;36:93 (double layer on the closed surface);
        van Oosterom and Oostendorp, Heart 2004;90:165 (ECGSIM).

    >>> from cardiotwin.geometry import zoo
    >>> case = zoo.human(heart_nodes=100, torso_nodes=100)
    >>> operator = double_layer_matrix(case.heart, case.torso, case.torso)
    >>> bool(abs(operator.matrix.sum(axis=1)).max() < 1e-12)
    True
    """
    check_heart_and_torso(heart, torso)
    inclusions = check_inclusions(inclusions)
    source_ratio = check_number(source_ratio, "source_ratio", above=0)
    if isinstance(observed, Electrodes):
        _check_electrodes(observed, torso)
        on_torso = double_layer_matrix(
            heart,
            torso,
            torso,
            inclusions=inclusions,
            heart_ratio=heart_ratio,
            source_ratio=source_ratio,
        )
        return on_torso.observe(observed)
    body = _body(heart, torso, inclusions, heart_ratio)
    source = _Source(heart, source_ratio)
    potentials = _boundary_potentials(body, source)
    matrix, surface = _observe(observed, body, source, potentials)
    return ObservationOperator(
        matrix,
        Source.TRANSMEMBRANE,
        heart=heart,
        observed=surface,
        description=f"equivalent double layer, boundary elements, {len(inclusions)} inclusions",
    )


class _Source:
    """The double layer on the heart as other surfaces see it: 4πσ φ_∞ = σ_i Σ_j u_j Ω_j."""

    def __init__(self, heart: Surface, strength: float):
        self.heart, self.strength = heart, strength

    def seen_from(self, points_mm: np.ndarray) -> Matrix:
        return self.strength * double_layer_weights(self.heart, points_mm)

    def just_outside(self) -> Matrix:
        """Return the limit from outside at the nodes: each own corner angle is taken off."""
        weights = with_corner(double_layer_weights(self.heart), self.heart)
        weights[np.diag_indices_from(weights)] -= weights.sum(axis=1)
        return self.strength * weights


def _body(
    heart: Surface, torso: Surface, inclusions: tuple[Inclusion, ...], heart_ratio: float | None
) -> Conductor:
    name = heart.name or "heart"
    labels = surface_labels(torso, inclusions)
    for surface, label in zip((torso, *(r.surface for r in inclusions)), labels, strict=True):
        inside = lies_within(double_layer_weights(surface, heart.vertices_mm), name, label)
        if surface is torso:
            require_inside(inside, name, label)
    if heart_ratio is None:
        return Conductor.of(torso, inclusions)
    ratio = check_number(heart_ratio, "heart_ratio", above=0)
    return Conductor.of(torso, inclusions, (Inclusion(heart, ratio),))


def _boundary_potentials(body: Conductor, source: _Source) -> Matrix:
    """Return potentials on all surfaces, one column a heart node, torso mean 0."""
    sources = [
        source.just_outside() if surface is source.heart else source.seen_from(surface.vertices_mm)
        for surface in body.surfaces
    ]
    heart = source.heart.name or "heart"
    for surface, seen in zip(body.surfaces, sources, strict=True):
        if surface is not source.heart:
            lies_within(seen / source.strength, surface.name or "inclusion", heart)
    mean = np.zeros(sum(body.sizes))
    mean[: body.sizes[0]] = area_weights(body.surfaces[0])
    system = body.system()
    # Constants solve the homogeneous system. Adding their mean to every equation (deflation)
    # fixes the constant and moves no other eigenvalue.
    system -= 4 * np.pi * mean
    potentials = solve(system, -np.vstack(sources), "double_layer_matrix")
    return potentials - mean @ potentials


def _observe(
    observed: Surface | ArrayLike, body: Conductor, source: _Source, potentials: Matrix
) -> tuple[Float[np.ndarray, "n_observed m"], Surface | None]:
    surface = observed if isinstance(observed, Surface) else None
    torso = body.surfaces[0]
    if surface is not None and _same(surface, torso):
        return potentials[: torso.n_nodes], surface
    parts = np.split(potentials, np.cumsum(body.sizes)[:-1])
    just_outside = surface is not None and _same(surface, source.heart)
    if just_outside and source.heart in body.surfaces:
        return parts[body.surfaces.index(source.heart)], surface
    if surface is not None:
        points = surface.vertices_mm
    else:
        points = check_array(
            observed,
            "observed",
            shape=("n_points", 3),
            advice="Give a Surface, Electrodes on the torso, or points in mm.",
        )
    weights, conductivity = body.seen_from(points)
    if just_outside:
        total = source.just_outside()
    else:
        total = source.seen_from(points)
        _require_outside_heart(total / source.strength, points)
    _require_conducting(conductivity, points)
    for jump, seen, part in zip(body.jumps, weights, parts, strict=True):
        total += jump * (seen @ part)
    return total / (4 * np.pi * conductivity[:, None]), surface


def _same(one: Surface, other: Surface) -> bool:
    return one is other or np.array_equal(one.vertices_mm, other.vertices_mm)


def _require_outside_heart(weights: Matrix, points: np.ndarray) -> None:
    bad = np.flatnonzero(np.abs(weights.sum(axis=1)) > 4e-6 * np.pi)
    if bad.size:
        raise GeometryError(
            "observed",
            found=f"{bad.size} points in or on the heart's wall, the first is number {bad[0]} at "
            f"{points[bad[0]].round(3).tolist()} mm",
            expected="points outside the muscle",
            advice="Pass the heart surface itself for the potential just outside it.",
        )


def _require_conducting(conductivity: np.ndarray, points: np.ndarray) -> None:
    bad = np.flatnonzero(conductivity <= 0)
    if bad.size:
        raise GeometryError(
            "observed",
            found=f"{bad.size} points inside an insulating inclusion, the first at "
            f"{points[bad[0]].round(3).tolist()} mm",
            expected="points where current flows",
            advice="Move these points, or give the inclusion a conductivity above 0.",
        )


def _check_electrodes(electrodes: Electrodes, torso: Surface) -> None:
    fits = electrodes.n_nodes == torso.n_nodes
    if fits:
        there = electrodes.interpolation_matrix @ torso.vertices_mm
        fits = np.abs(there - electrodes.positions_mm).max() <= 1e-6 * torso.extent_mm
    if not fits:
        raise GeometryError(
            "observed",
            found=f"electrodes of another surface ({electrodes.n_nodes} nodes)",
            expected=f"electrodes on the torso ({torso.n_nodes} nodes)",
            advice="Make them with Electrodes.project(torso, positions).",
        )
