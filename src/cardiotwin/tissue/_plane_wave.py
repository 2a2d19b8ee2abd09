"""The shape of a wave that travels along a straight line: one front, one action potential."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from .._checks import check_number, freeze
from .._errors import NumericsError
from .._precision import double_precision
from ._diffusion import edge_diffusion
from ._models import IonicModel
from ._rollout import compiled_rollout
from ._steppers import ExplicitHeun, State

NODES_PER_FRONT = 14
"""Nodes within the 10 to 90 % thickness of the front; with 28 the shape moves by less than 1 %."""

N_NODES = 200


@dataclass(frozen=True, eq=False)
class PlaneWave:
    """What one node sees of a plane wave, against the time since its front arrived.

    Attributes:
        elapsed_tu: (n_samples,) time since u rose through one half of its peak, time units.
        potential: (n_samples,) u.
        recovery_variable: (n_samples,) v.
        rest: (u, v) before the wave.
    """

    elapsed_tu: Float[np.ndarray, " n_samples"]
    potential: Float[np.ndarray, " n_samples"]
    recovery_variable: Float[np.ndarray, " n_samples"]
    rest: tuple[float, float]

    def at(
        self, elapsed_tu: Float[np.ndarray, "*shape"]
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        """Return (u, v) at given times since arrival: at rest before, as at last known after."""
        u = np.interp(elapsed_tu, self.elapsed_tu, self.potential, left=self.rest[0])
        v = np.interp(elapsed_tu, self.elapsed_tu, self.recovery_variable, left=self.rest[1])
        return u, v


@double_precision
def plane_wave(model: IonicModel, *, diffusion: float, duration_tu: float = 80.0) -> PlaneWave:
    """Simulate a wave along a cable and return what a node far from the stimulus sees.

    Args:
        model: ionic model with one value of each parameter for all nodes.
        diffusion: D in mm² per time unit.
        duration_tu: how long the node is followed after the front, time units.

    Raises:
        InputError: a number out of range.
        NumericsError: no wave reaches the node: the tissue does not conduct.

    >>> from cardiotwin.tissue import AlievPanfilov
    >>> wave = plane_wave(AlievPanfilov(), diffusion=10.0, duration_tu=40.0)
    >>> u, v = wave.at(np.array([-20.0, 0.0, 10.0]))
    >>> u.round(1).tolist()
    [0.0, 0.5, 1.0]
    """
    spread = check_number(diffusion, "diffusion", above=0)
    duration = check_number(duration_tu, "duration_tu", above=0)
    spacing = model.front_thickness(spread) / NODES_PER_FRONT
    sides = np.full(N_NODES - 1, spread / spacing**2)
    matrix = sp.diags_array([sides, sides], offsets=[-1, 1], shape=(N_NODES, N_NODES)).tocsr()
    matrix = sp.csr_array(matrix - sp.diags_array(matrix.sum(axis=1)))
    rest_u, rest_v = model.rest
    # A tenth of the cable is excited: about one and a half front thicknesses.
    start = np.where(np.arange(N_NODES) < N_NODES // 10, 1.0, rest_u)
    sample, stepper = 0.1, ExplicitHeun()
    steps = stepper.steps_per_sample(
        sample, diffusion_rate=4 * spread / spacing**2, reaction_rate=model.fastest_rate()
    )
    # A front of usual shape passes in 1.4 time units; this is enough for one four times slower.
    travel = 4.0 * N_NODES / NODES_PER_FRONT
    beat = compiled_rollout(
        model,
        edge_diffusion(matrix),
        State(start, np.full(N_NODES, rest_v)),
        stepper=stepper.recipe(),
        step_tu=sample / steps,
        n_times=int((duration + travel) / sample),
        steps_per_sample=steps,
        drive=None,
    )
    place = 2 * N_NODES // 3
    u, v = (np.asarray(part)[:, place] for part in beat)
    half = 0.5 * (rest_u + u.max())
    rise = int(np.argmax(u > half))
    if u.max() < 0.5 or rise == 0:
        raise NumericsError(
            f"No wave crosses a cable of {N_NODES * spacing:.0f} mm with D = {spread:g} mm² per "
            "time unit: the tissue does not conduct. Check the ionic model's parameters."
        )
    arrival = rise - (u[rise] - half) / (u[rise] - u[rise - 1])
    elapsed = (np.arange(len(u)) - arrival) * sample
    return PlaneWave(freeze(elapsed), freeze(u.copy()), freeze(v.copy()), model.rest)
