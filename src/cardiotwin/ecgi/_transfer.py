"""Epicardial potentials → body-surface potentials, by boundary elements (Barr et al. 1977)."""

from collections.abc import Sequence

import numpy as np

from .._errors import GeometryError
from .._types import Matrix
from ..geometry import Surface
from ._boundary_elements import double_layer_weights, layer_integrals
from ._conductor import (
    Conductor,
    Inclusion,
    check_heart_and_torso,
    check_inclusions,
    lies_within,
    require_inside,
    solve,
    surface_labels,
)
from ._corner import with_corner
from ._operator import ObservationOperator, Source


def transfer_matrix(
    heart: Surface, torso: Surface, inclusions: Sequence[Inclusion] = ()
) -> ObservationOperator:
    """Compute the map from potentials on the heart surface to potentials on the torso.

    Between heart and torso ∇·(σ∇φ) = 0, and no current leaves the torso. With Ω, S the double
    and single layer integrals, φ_O the potentials on the torso and around inclusions, φ_H those
    on the heart and q = ∂φ_H/∂n, Green's identity at the nodes of both reads

        K φ_O                    − σ Ω_OH φ_H − σ S_OH q = 0
        (σ_in − σ_out) Ω_HO φ_O − σ P_HH φ_H − σ S_HH q = 0

    and eliminating q and the inclusions leaves φ_torso = R φ_H. A constant on the heart gives
    the same constant on the torso. Potentials are linear on triangles, equations hold at nodes,
    and all integrals are exact; what flat triangles hide from their own corners is shared between
    the corner and its ring (measured: second order on spheres).

    Args:
        heart: closed, outward surface in mm around all current sources.
        torso: closed, outward surface in mm.
        inclusions: homogeneous regions between the two, such as lungs; they may be nested, and
            may surround the heart, but none may lie inside it (what is inside is not seen).

    Returns:
        The operator (torso nodes × heart nodes, dimensionless) for `Source.EPICARDIAL`.

    Raises:
        GeometryError: open, inward, faulty, crossing or misplaced surfaces.
        UnitError: a heart smaller than 20 mm: metres or centimetres taken for mm.
        NumericsError: a system too singular to solve.

    Source:
        Barr, Ramsey and Spach, IEEE Trans Biomed Eng 1977;24:1, with linear triangles after
        de Munck, IEEE Trans Biomed Eng 1992;39:986.

    >>> from cardiotwin.geometry import zoo
    >>> case = zoo.human(heart_nodes=100, torso_nodes=100)
    >>> operator = transfer_matrix(case.heart, case.torso)
    >>> bool(abs(operator.matrix.sum(axis=1) - 1).max() < 1e-12)
    True
    """
    check_heart_and_torso(heart, torso)
    inclusions = check_inclusions(inclusions)
    body = Conductor.of(torso, inclusions)
    around_heart, seen_by_heart = _place_heart(heart, body, inclusions)

    own = layer_integrals(heart)
    heart_double = with_corner(own.double, heart)
    heart_double[np.diag_indices_from(heart_double)] += 4 * np.pi - heart_double.sum(axis=1)
    double, single = _heart_seen_from(body, heart, inclusions)

    # X = S_OH S_HH⁻¹ carries the normal current from the heart's rows into the others.
    carry = solve(own.single.T, single.T, "transfer_matrix").T
    system = body.system()
    system -= carry @ (seen_by_heart * np.repeat(body.jumps, body.sizes))
    right = double
    right -= carry @ heart_double
    right *= around_heart
    matrix = solve(system, right, "transfer_matrix")[: torso.n_nodes]
    return ObservationOperator(
        matrix,
        Source.EPICARDIAL,
        heart=heart,
        observed=torso,
        description=f"boundary elements, {len(inclusions)} inclusions",
    )


def _place_heart(
    heart: Surface, body: Conductor, inclusions: Sequence[Inclusion]
) -> tuple[float, Matrix]:
    """Return the conductivity around the heart and the weights that its nodes see."""
    labels = surface_labels(body.surfaces[0], inclusions)
    name = heart.name or "heart"
    seen = [double_layer_weights(surface, heart.vertices_mm) for surface in body.surfaces]
    containing = np.array(
        [lies_within(weights, name, label) for weights, label in zip(seen, labels, strict=True)]
    )
    require_inside(bool(containing[0]), name, labels[0])
    return body.around(containing), np.hstack(seen)


def _heart_seen_from(
    body: Conductor, heart: Surface, inclusions: Sequence[Inclusion]
) -> tuple[Matrix, Matrix]:
    """Return the double and single layer of the heart seen from all other surfaces."""
    seen = [layer_integrals(heart, surface.vertices_mm) for surface in body.surfaces]
    name = heart.name or "heart"
    for layers, label in zip(seen, surface_labels(body.surfaces[0], inclusions), strict=True):
        if lies_within(layers.double, label, name):
            raise GeometryError(
                label,
                found=f"a surface inside {name}",
                expected="inclusions outside the heart",
                advice="Epicardial potentials already contain what lies inside the heart; "
                "blood cavities belong to double_layer_matrix.",
            )
    return np.vstack([s.double for s in seen]), np.vstack([s.single for s in seen])
