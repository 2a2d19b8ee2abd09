"""The measured tank and the measured patient, each seen in three ways."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .. import ecgi
from .._types import Matrix, PathLike
from ..geometry import Surface, icosphere, read_surface
from ..tissue import MS_PER_TU, SteepestDownstroke, activation_times
from ._data import dataset
from ._sock128 import FOLDER as SOCK128
from ._sock128 import read_sock128
from ._subject1 import FOLDER as SUBJECT1
from ._subject1 import read_subject1

QRS = slice(150, 210)
"""Samples of the tank's first QRS, seen in the leads: silent before 155, steady after 200."""

DOG_MS_PER_TU = 6.3
"""The leads' T wave peaks 158 ms after the QRS (samples 338 and 180); the model's action potential
lasts 25 time units at half its height."""

FALLING = SteepestDownstroke(smoothing=2.0)
Scores = list[float]


@dataclass(frozen=True, eq=False)
class View:
    """One way to look at the heart.

    Attributes:
        name: of the operator.
        problem: leads and operator; its clock makes 12.9 ms of a time unit, as the methods with a
            tissue model expect.
        heart: (n_scored, n_nodes) from what the method finds to heart potentials.
    """

    name: str
    problem: ecgi.InverseProblem
    heart: Float[np.ndarray, "n_scored n_nodes"]


class Tank:
    """Dog's heart in a tank, atrial drive: the measured sock is the truth."""

    name = "sock128"
    ms_per_tu = DOG_MS_PER_TU
    speeds = (0.6, 2.0)

    def __init__(self, data: PathLike | None):
        path = dataset(data, SOCK128) / "sock128_tank192.npz"
        case = read_sock128(data)
        times = np.arange(QRS.start, QRS.stop) * MS_PER_TU / self.ms_per_tu
        self.supplied = ecgi.InverseProblem(
            case.problem.operator,
            case.problem.body_potentials[:, QRS],
            leads=case.problem.rows,
            reference=case.problem.reference,
            times_ms=times,
        )
        self.truth = case.truth[:, QRS]
        self.heart = read_surface(path, name="heart")
        self.torso = read_surface(path, name="torso")

    def views(self) -> Iterator[View]:
        """Yield the three views, on the given and on the refined sock."""
        n = self.heart.n_nodes
        fine = refined(self.heart)
        epicardium = ecgi.transfer_matrix(fine, self.torso)
        layer = ecgi.double_layer_matrix(fine, self.torso, self.torso)
        outside = ecgi.double_layer_matrix(fine, fine, self.torso).matrix
        yield View("heart potentials", self.supplied, np.eye(n))
        falling = _with(self.supplied, -epicardium.matrix, fine)
        yield View("u as heart potential", falling, -np.eye(fine.n_nodes)[:n])
        yield View("double layer", _with(self.supplied, layer.matrix, fine), outside[:n])

    def score(self, view: View, method: ecgi.InverseMethod) -> tuple[Scores, ecgi.Solution]:
        """Return RE, CC, electrogram CC and activation CC against the sock."""
        found = method.solve(view.problem)
        return self.scores(view.heart @ found.heart_potentials), found

    def scores(self, potentials: Matrix) -> Scores:
        """Score some heart potentials."""
        times = np.arange(float(QRS.start), QRS.stop)
        centered = [values - values.mean(axis=0) for values in (potentials, self.truth)]
        activation = [activation_times(one, times, method=FALLING) for one in centered]
        found = ecgi.evaluate(
            potentials, self.truth, remove_mean=True, activation_ms=(activation[0], activation[1])
        )
        electrogram = found.temporal_correlation_quartiles[1]
        late = found.activation_correlation
        last = np.nan if late is None else late
        return [found.relative_error, found.correlation, electrogram, last]


class Patient:
    """A patient paced in the left ventricle: left-out leads are the truth."""

    name = "subject1"
    ms_per_tu = MS_PER_TU
    speeds = (0.6,)

    def __init__(self, data: PathLike | None, n_folds: int):
        problem = read_subject1(data)
        self.supplied = ecgi.InverseProblem(
            problem.operator,
            problem.body_potentials[:, ::4],
            reference=ecgi.CommonAverage(),
            times_ms=problem.times_ms[::4],
        )
        heart = read_surface(dataset(data, SUBJECT1) / "subject1.npz", name="heart")
        self.heart = Surface(heart.vertices_mm, heart.faces, "heart")
        self.folds = [list(range(k, problem.n_leads, 5)) for k in range(n_folds)]

    def views(self) -> Iterator[View]:
        """Yield the three views."""
        matrix, heart = self.supplied.operator.matrix, self.heart
        identity = np.eye(heart.n_nodes)
        yield View("heart potentials", self.supplied, identity)
        yield View("u as heart potential", _with(self.supplied, -matrix, heart), -identity)
        # So far away that it reflects nothing.
        far = icosphere(2, radius_mm=800.0, centre_mm=heart.centroid_mm)
        outside = ecgi.double_layer_matrix(heart, heart, far).matrix
        yield View("double layer", _with(self.supplied, matrix @ outside, heart), outside)

    def score(self, view: View, method: ecgi.InverseMethod) -> tuple[Scores, ecgi.Solution]:
        """Return RE, CC and median lead CC of the left-out leads."""
        predicted, measured_leads = [], []
        found = ecgi.Solution(np.zeros((0, 0)))
        for fold in self.folds:
            kept = view.problem.excluding(fold)
            found = method.solve(kept)
            leads = view.problem.lead_matrix @ found.heart_potentials
            data = view.problem.body_potentials
            for values, into in ((leads, predicted), (data, measured_leads)):
                into.append(values[fold] - values[kept.kept].mean(axis=0))
        score = ecgi.evaluate(np.concatenate(predicted), np.concatenate(measured_leads))
        lead = score.temporal_correlation_quartiles[1]
        return [score.relative_error, score.correlation, lead, np.nan], found


def refined(surface: Surface) -> Surface:
    """Cut every triangle in four; the nodes there were come first."""
    sides = np.sort(surface.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, which = np.unique(sides, axis=0, return_inverse=True)
    ab, bc, ca = (which.reshape(-1, 3) + surface.n_nodes).T
    a, b, c = surface.faces.T
    quarters = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return Surface(
        np.concatenate([surface.vertices_mm, surface.vertices_mm[edges].mean(axis=1)]),
        np.concatenate([np.stack(corners, axis=1) for corners in quarters]),
        surface.name,
    )


def _with(problem: ecgi.InverseProblem, matrix: Matrix, heart: Surface) -> ecgi.InverseProblem:
    """Return the same leads with u on the heart as what is looked for."""
    return ecgi.InverseProblem(
        ecgi.ObservationOperator(matrix, ecgi.Source.TRANSMEMBRANE, heart),
        problem.body_potentials,
        leads=problem.rows,
        reference=problem.reference,
        times_ms=problem.times_ms,
    )
