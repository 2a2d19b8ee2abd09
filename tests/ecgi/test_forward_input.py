"""Operators made from given matrices, and what is refused."""

import numpy as np
import pytest
import scipy.sparse as sp

from cardiotwin._errors import GeometryError, InputError, UnitError
from cardiotwin.ecgi import (
    Inclusion,
    ObservationOperator,
    Source,
    double_layer_matrix,
    transfer_matrix,
)
from cardiotwin.ecgi._conductor import check_inclusions
from cardiotwin.geometry import Surface, icosphere
from cardiotwin.signals import Electrodes

HEART, TORSO = icosphere(1, radius_mm=40), icosphere(1, radius_mm=120)
FORWARDS = [transfer_matrix, lambda heart, torso: double_layer_matrix(heart, torso, torso)]


def test_given_matrix_needs_no_surfaces(rng):
    matrix = rng.normal(size=(5, 7))
    operator = ObservationOperator(matrix, Source.TRANSMEMBRANE)
    potentials = rng.normal(size=(7, 4))
    np.testing.assert_array_equal(operator.apply(potentials), matrix @ potentials)
    assert (operator.n_observed, operator.n_sources) == (5, 7)
    with pytest.raises(ValueError, match="read-only"):
        operator.matrix[0, 0] = 1


def test_leads_are_rows_or_interpolated_rows():
    operator = transfer_matrix(HEART, TORSO)
    rows = operator.observe([4, 2])
    np.testing.assert_array_equal(rows.matrix, operator.matrix[[4, 2]])
    again = rows.observe([1])
    np.testing.assert_array_equal(again.matrix, operator.matrix[[2]])
    assert again.leads.indices.tolist() == [2] and again.observed is TORSO
    leads = Electrodes.project(TORSO, [[0, 0, 130], [90, 0, 90]])
    np.testing.assert_allclose(
        operator.observe(leads).matrix, leads.interpolation_matrix @ operator.matrix
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, np.nan]], Source.EPICARDIAL), "matrix.*NaN"),
        (([1.0, 2.0], Source.EPICARDIAL), "matrix.*shape"),
        ((np.ones((42, 3)), Source.EPICARDIAL, HEART), "heart.*42 nodes.*3 columns.*transposed"),
        ((np.ones((3, 42)), Source.EPICARDIAL, HEART, TORSO), "observed.*42 nodes.*3 rows"),
        ((np.ones((0, 42)), Source.EPICARDIAL), "matrix.*entries"),
    ],
)
def test_wrong_matrices_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        ObservationOperator(*arguments)


def test_wrong_leads_and_potentials_are_refused():
    operator = ObservationOperator(np.ones((3, 4)), Source.EPICARDIAL)
    with pytest.raises(InputError, match="1-based"):
        operator.observe([1, 2, 3])
    with pytest.raises(InputError, match="3 columns"):
        operator.observe(sp.csr_array(np.ones((2, 5))))
    with pytest.raises(InputError, match=r"potentials.*\(3, 9\).*4"):
        operator.apply(np.ones((3, 9)))


def _without_first_face(surface):
    return Surface(surface.vertices_mm, surface.faces[1:])


def _with_idle_node(surface):
    return Surface(np.vstack([surface.vertices_mm, [[0, 0, 1]]]), surface.faces)


@pytest.mark.parametrize("forward", FORWARDS, ids=["epicardial", "transmembrane"])
@pytest.mark.parametrize(
    ("heart", "torso", "error", "message"),
    [
        (_without_first_face(HEART), TORSO, GeometryError, "heart|sphere.*rim.*cap"),
        (HEART, _without_first_face(TORSO), GeometryError, "3 rim edges"),
        (HEART.flipped(), TORSO, GeometryError, "inward.*flipped"),
        (_with_idle_node(HEART), TORSO, GeometryError, "1 nodes that no triangle uses"),
        (HEART, icosphere(1, radius_mm=30), GeometryError, "0 nodes inside|outside"),
        (HEART.moved([300, 0, 0]), TORSO, GeometryError, "outside.*frame"),
        (HEART.moved([100, 0, 0]), TORSO, GeometryError, "nodes inside.*outside.*cross"),
        (icosphere(1, radius_mm=0.04), icosphere(1, radius_mm=0.12), UnitError, "metres.*1000"),
        (HEART, icosphere(1, radius_mm=120_000), UnitError, "micrometres"),
    ],
)
def test_misplaced_and_faulty_surfaces_are_refused(forward, heart, torso, error, message):
    with pytest.raises(error, match=message):
        forward(heart, torso)


@pytest.mark.parametrize(
    ("centre", "radius", "message"),
    [
        ((0, 0, 0), 20, "inside.*outside the heart.*double_layer_matrix"),
        ((40, 0, 0), 20, "cross or touch"),
        ((120, 0, 0), 20, "cross or touch"),
        ((300, 0, 0), 20, "outside"),
    ],
)
def test_misplaced_inclusions_are_refused(centre, radius, message):
    lung = Inclusion(icosphere(1, radius_mm=radius, centre_mm=centre), 0.2)
    with pytest.raises(GeometryError, match=message):
        transfer_matrix(HEART, TORSO, [lung])


def test_inclusions_that_cross_or_have_no_conductivity_are_refused():
    lungs = [Inclusion(icosphere(1, radius_mm=20, centre_mm=(x, 0, 0)), 0.2) for x in (75, 85)]
    with pytest.raises(GeometryError, match="cross"):
        transfer_matrix(HEART, TORSO, lungs)
    with pytest.raises(InputError, match=r"conductivity_ratio.*-1.*≥ 0"):
        Inclusion(HEART, -1)
    with pytest.raises(GeometryError, match="rim"):
        Inclusion(_without_first_face(HEART), 0.2)
    with pytest.raises(InputError, match=r"inclusions\[0\].*Surface.*Inclusion\("):
        check_inclusions([HEART])


@pytest.mark.parametrize(
    ("observed", "message"),
    [
        ([[0.0, 0, 0]], "wall.*number 0.*heart surface itself"),
        ([[0.0, 0, 80], [0, 0, 500]], "outside the torso.*number 1.*Electrodes"),
        ([[0.0, 0]], r"observed.*\(1, 2\)"),
        ([[np.nan, 0, 0]], "observed.*NaN"),
    ],
)
def test_points_in_the_wrong_place_are_refused(observed, message):
    with pytest.raises(InputError, match=message):
        double_layer_matrix(HEART, observed, TORSO)


def test_electrodes_of_another_surface_are_refused():
    stranger = Electrodes.on_nodes(icosphere(1, radius_mm=60), [0, 1])
    with pytest.raises(GeometryError, match=r"another surface.*Electrodes.project\(torso"):
        double_layer_matrix(HEART, stranger, TORSO)
