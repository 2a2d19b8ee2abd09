"""Where the heart lies in the torso, estimated from the beat together with its start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from .._checks import check_count, check_number
from .._errors import InputError
from .._threads import map_threads
from ..geometry import Surface
from ._operator import ObservationOperator, Source
from ._problem import InverseProblem
from ._tissue_leads import ARRAYS, SETTINGS, TissueLeads
from ._transfer import transfer_matrix

N_POSE = 6
"""Three numbers for the shift, three for the turn."""

STEP = 0.02
"""Step of the differences, in prior standard deviations."""

SETTLED = 0.1
"""Change of the pose, in prior standard deviations, below which the operator is not made anew."""

FARTHEST = 3.0
"""Pose, in prior standard deviations, about which an operator is made at most."""

Pose = Float[np.ndarray, " 6"]


@dataclass(frozen=True)
class UnknownPose:
    """Let the heart lie elsewhere: shifted by a few mm, turned by some degrees about its centroid.

    R(θ) = R(θ₀) + Σ_k (θ_k − θ₀_k) ∂R/∂θ_k within a descent, with θ₀ the pose of the last one:
    the operator and its six derivatives (differences) are computed anew for every descent. Nodes
    move with the heart, so that potentials are returned at the same nodes.

    Args:
        shift_sd_mm: prior standard deviation of the shift, along each axis.
        turn_sd_degrees: prior standard deviation of the turn, about each axis.
        rounds: most descents, each about the pose of the one before.
        forward: from a heart surface to the operator; `transfer_matrix` to the torso of the
            problem's operator by default (a torso without lungs, epicardial potentials).

    Raises:
        InputError: a setting out of range; when used: an operator that ``forward`` does not make.

    Source: own.

    >>> UnknownPose().name
    'pose'
    """

    shift_sd_mm: float = 5.0
    turn_sd_degrees: float = 5.0
    rounds: int = 4
    forward: Callable[[Surface], ObservationOperator] | None = None

    name = "pose"

    def __post_init__(self):
        check_number(self.shift_sd_mm, "shift_sd_mm", above=0)
        check_number(self.turn_sd_degrees, "turn_sd_degrees", above=0)
        check_count(self.rounds, "rounds")

    def told(self, pose: Pose) -> dict[str, float]:
        """Return shift in mm and turn (rotation vector) in degrees."""
        shift, turn = self.shift_sd_mm * pose[:3], self.turn_sd_degrees * pose[3:]
        found = {f"shift_{axis}_mm": float(v) for axis, v in zip("xyz", shift, strict=True)}
        return found | {
            f"turn_{axis}_degrees": float(v) for axis, v in zip("xyz", turn, strict=True)
        }

    def moved(self, problem: InverseProblem, found: Mapping[str, float]) -> InverseProblem:
        """Return the problem with the heart where it was found, for other methods.

        Args:
            problem: that was solved.
            found: diagnostics of the solution, or shifts and turns named like these.
        """
        names = list(self.told(np.zeros(N_POSE)))
        values = np.array([check_number(found.get(name), f"found[{name!r}]") for name in names])
        sds = np.repeat([self.shift_sd_mm, self.turn_sd_degrees], 3)
        return self.at(problem, values / sds)

    def at(self, problem: InverseProblem, pose: Pose) -> InverseProblem:
        """Return the problem with the heart at a pose in prior units."""
        heart, old = problem.heart, problem.operator
        if heart is None or (self.forward is None and old.observed is None):
            raise InputError(
                "problem",
                found="an operator without heart and torso",
                expected="surfaces, so that it can be computed with the heart elsewhere",
                advice="Use transfer_matrix(heart, torso), or give UnknownPose(forward=...).",
            )
        turn = Rotation.from_rotvec(self.turn_sd_degrees * pose[3:], degrees=True).as_matrix()
        moved = heart.moved(self.shift_sd_mm * pose[:3], turn)
        if self.forward is not None:
            matrix = self.forward(moved).matrix
        else:
            assert old.observed is not None
            matrix = transfer_matrix(moved, old.observed).matrix
        if old.leads is not None and matrix.shape != old.matrix.shape:
            matrix = old.leads @ matrix
        return problem.with_operator(
            ObservationOperator(
                np.asarray(matrix), old.source, moved, old.observed, old.description, old.leads
            )
        )

    def check_operator(self, problem: InverseProblem) -> None:
        """Refuse an operator that is not what ``forward`` makes of the heart where it is."""
        if self.forward is None and problem.operator.source is not Source.EPICARDIAL:
            raise InputError(
                "problem",
                found=f"an operator of the {problem.operator.source.value}",
                expected="epicardial potentials, for which the way from elsewhere is known",
                advice="Give UnknownPose(forward=...) what made the operator.",
            )
        made = self.at(problem, np.zeros(N_POSE)).matrix
        off = np.linalg.norm(made - problem.matrix) / np.linalg.norm(problem.matrix)
        if off > 0.01:
            raise InputError(
                "problem",
                found=f"an operator that differs by {off:.1%} from the one computed for its heart",
                expected="the same, so that it can be computed with the heart elsewhere",
                advice="Give UnknownPose(forward=...) what made the operator.",
            )

    def linearized(
        self, problem: InverseProblem, pose: Pose
    ) -> tuple[Float[np.ndarray, "n_kept n_nodes"], Float[np.ndarray, "6 n_kept n_nodes"]]:
        """Return R₀ and ∂R/∂θ with R(θ) ≈ R₀ + Σ θ_k ∂R/∂θ_k about a pose, θ in prior units."""
        poses = [pose, *(pose + STEP * np.eye(N_POSE))]
        here, *there = map_threads(lambda one: self.at(problem, one).matrix, poses)
        changes = np.stack([(one - here) / STEP for one in there])
        return here - np.tensordot(pose, changes, axes=1), changes


@partial(jax.tree_util.register_dataclass, data_fields=[*ARRAYS, "changes"], meta_fields=SETTINGS)
@dataclass(frozen=True, eq=False)
class MovedTissue(TissueLeads):
    """The map ξ ↦ leads of a heart whose pose is among the coefficients.

    The further coefficients are the pose; ``leads`` is R₀.

    Attributes:
        changes: (6, n_leads, n_nodes) ∂R/∂θ.
    """

    changes: Float[Array | np.ndarray, "6 n_leads n_nodes"]

    @classmethod
    def of(
        cls, tissue: TissueLeads, unknown: UnknownPose, problem: InverseProblem, pose: Pose
    ) -> "MovedTissue":
        """Let the heart of a tissue move; all leads count, in single precision."""
        start, changes = unknown.linearized(problem, pose)
        parts = tissue.parts | {
            "leads": jnp.asarray(start, jnp.float32),
            "data": jnp.asarray(problem.data.T, jnp.float32),
        }
        return cls(**parts, changes=jnp.asarray(changes, jnp.float32))

    @property
    def n_further(self) -> int:
        """Number of coefficients of the pose."""
        return N_POSE

    def pose(self, xi: Any) -> Any:
        """Return θ in prior units."""
        return self.further(xi)

    def predict(self, xi: Any) -> Any:
        """Return h(ξ), (n_times, n_leads)."""
        leads = self.leads + jnp.tensordot(self.pose(xi), self.changes, axes=1)
        return TissueLeads.predict(replace(self, leads=leads), xi)
