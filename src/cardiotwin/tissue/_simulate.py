"""One heartbeat on a surface: from stimuli to potentials at every node."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_count, check_indices, check_number, freeze
from .._errors import InputError, NumericsError
from .._precision import double_precision
from .._provenance import Provenance, make_provenance
from .._types import ArrayLike, Potentials
from ..geometry import PaperLaplacian, Surface
from ._diffusion import SurfaceLaplacian, diffusion_matrix, diffusion_rate
from ._implicit import SparsePropagator
from ._models import MS_PER_TU, AlievPanfilov, IonicModel
from ._rollout import Drive, compiled_rollout, rollout_by_steps, set_potentials
from ._steppers import RungeKutta4, State, Stepper
from ._stimuli import Excitation, Stimulus

_MODEL = AlievPanfilov()
_LAPLACIAN = PaperLaplacian()
_STEPPER = RungeKutta4()


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulated beat.

    Attributes:
        potentials: (n_nodes, n_times) normalized potential u (0 rest, 1 peak).
        recovery_variable: (n_nodes, n_times) second variable of the model.
        times_tu: (n_times,) instants in time units.
        laplacian_name: which Laplacian made it ("eq15" or "cotangent"): always say so.
        model: the ionic model with its parameters.
        diffusion: D in mm² per time unit, a number or one value a node.
        step_tu: time step that was used, time units.
        provenance: version and settings, with the mesh's resolution of the front.
        surface: the surface.
    """

    potentials: Potentials
    recovery_variable: Potentials
    times_tu: Float[np.ndarray, " n_times"]
    laplacian_name: str
    model: IonicModel
    diffusion: float | Float[np.ndarray, " n_nodes"]
    step_tu: float
    provenance: Provenance
    surface: Surface

    @cached_property
    def times_ms(self) -> Float[np.ndarray, " n_times"]:
        """(n_times,) instants in ms, 12.9 ms a time unit."""
        return self.times_tu * MS_PER_TU

    @property
    def mean_square(self) -> float:
        """Mean of u² over nodes and instants (0.316 in the reference of the EAND-ARN paper)."""
        return float(np.mean(self.potentials**2))


@double_precision
def simulate_beat(
    surface: Surface,
    *,
    model: IonicModel = _MODEL,
    diffusion: ArrayLike = 10.0,
    stimuli: Sequence[Stimulus | Excitation] = (),
    laplacian: SurfaceLaplacian = _LAPLACIAN,
    n_times: int = 661,
    sample_step_tu: float = 0.1,
    stepper: Stepper = _STEPPER,
    initial: tuple[ArrayLike, ArrayLike] | None = None,
) -> Simulation:
    """Simulate reaction and diffusion on a surface.

    du/dt = ∇·(D∇u) + f(u, v) + stimuli,  dv/dt = g(u, v),  no flux across an open rim

    With D = 10 mm² per time unit the front of the default model is 7 mm thick: on edges of
    5.9 mm it is under-resolved, and about 16 % too slow in one dimension. The provenance states
    the ratio. The first call for a number of nodes, samples and stimuli compiles (about half a
    second); other geometries of that size and other values of D or of the parameters do not.

    Args:
        surface: closed or open, nodes in mm.
        model: ionic model.
        diffusion: D in mm² per time unit, a number or (n_nodes,) values, whose mean over the two
            ends of an edge acts along it.
        stimuli: currents and excitations; several in space and time. None leaves it at rest.
        laplacian: `PaperLaplacian()` (Eq. 15, as the paper's inversion uses) or
            `CotangentLaplacian()` (convergent).
        n_times: number of instants, the first included.
        sample_step_tu: distance of the instants, time units.
        stepper: `RungeKutta4()` (on the paper-like mesh as fast as Heun and sixty times more
            exact), `ExplicitHeun()`, `ExplicitEuler()`, or `ImplicitDiffusion()` for fine
            meshes, where the explicit limit shrinks with the square of the edge.
        initial: (u, v) at the first instant, each (n_nodes,); None for the resting state.

    Returns:
        The `Simulation`.

    Raises:
        InputError: an argument out of range, or a step that would be unstable.
        NumericsError: the solution left the numbers all the same.

    Source: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, Eq. 1-3 and 15.

    >>> from cardiotwin.geometry import zoo
    >>> heart = zoo.sphere(162, radius_mm=20.0)
    >>> pacing = Excitation.near(heart, [0, 0, -20], n_nodes=8)
    >>> beat = simulate_beat(heart, stimuli=[pacing], n_times=201)
    >>> beat.potentials.shape, bool((beat.potentials.max(axis=1) > 0.9).all())
    ((162, 201), True)
    """
    n_times = check_count(n_times, "n_times", at_least=2)
    sample_step_tu = check_number(sample_step_tu, "sample_step_tu", above=0)
    _check_nodes_of_model(model, surface.n_nodes)
    matrix = diffusion_matrix(surface, diffusion, laplacian)
    spread = diffusion_rate(matrix, laplacian.mass(surface))
    steps = stepper.steps_per_sample(
        sample_step_tu, diffusion_rate=spread, reaction_rate=model.fastest_rate()
    )
    step_tu = sample_step_tu / steps
    drive, excited = make_drive(
        stimuli, n_nodes=surface.n_nodes, n_steps=(n_times - 1) * steps, step_tu=step_tu
    )
    start = _initial_state(model, initial, surface.n_nodes)
    start = State(np.asarray(set_potentials(start.u, *excited)), start.v)
    operator = stepper.prepare(matrix, step_tu)
    run = rollout_by_steps if isinstance(operator, SparsePropagator) else compiled_rollout
    beat = run(
        model,
        operator,
        start,
        stepper=stepper.recipe(),
        step_tu=step_tu,
        n_times=n_times,
        steps_per_sample=steps,
        drive=drive,
    )
    potentials, recovery = (np.ascontiguousarray(np.asarray(part).T) for part in beat)
    if not (np.isfinite(potentials).all() and np.isfinite(recovery).all()):
        first = int(np.flatnonzero(~np.isfinite(potentials).all(axis=0))[:1].sum())
        raise NumericsError(
            f"The simulated potentials stop being finite at t = {first * sample_step_tu:g} time "
            f"units (step {step_tu:g}). Check the stimulus amplitudes and the initial state, or "
            "take a shorter step."
        )
    values = np.asarray(diffusion, dtype=np.float64)
    settings = {
        "model": model,
        "diffusion": values if values.ndim else float(values),
        "stimuli": list(stimuli),
        "laplacian": laplacian.name,
        "stepper": stepper,
        "n_times": n_times,
        "sample_step_tu": sample_step_tu,
        "step_tu": step_tu,
        "surface": surface.name,
        "n_nodes": surface.n_nodes,
        "mean_edge_mm": surface.mean_edge_mm,
        "front_thickness_mm": model.front_thickness(float(values.mean())),
    }
    return Simulation(
        potentials=freeze(potentials),
        recovery_variable=freeze(recovery),
        times_tu=freeze(np.arange(n_times) * sample_step_tu),
        laplacian_name=laplacian.name,
        model=model,
        diffusion=freeze(values.copy()) if values.ndim else float(values),
        step_tu=step_tu,
        provenance=make_provenance(settings),
        surface=surface,
    )


def make_drive(
    stimuli: Sequence[Stimulus | Excitation], *, n_nodes: int, n_steps: int, step_tu: float
) -> tuple[Drive | None, tuple[np.ndarray, np.ndarray]]:
    """Lay out stimuli for `rollout`.

    Args:
        stimuli: currents and excitations.
        n_nodes: number of nodes.
        n_steps: number of time steps of the whole run.
        step_tu: time step, time units.

    Returns:
        The `Drive` (None if nothing acts after the first instant), and the potentials that are
        set at the first instant as (values, hits), like the last two fields of `Drive`.

    Raises:
        InputError: a stimulus on a node that does not exist, or of another type.

    >>> drive, _ = make_drive([Stimulus([1], 0.1, 0.15, 2.0)], n_nodes=3, n_steps=4, step_tu=0.1)
    >>> [round(float(share), 6) for share in drive.shares[:, 0]]
    [0.0, 1.0, 0.5, 0.0]
    """
    for number, stimulus in enumerate(stimuli):
        if not isinstance(stimulus, (Stimulus, Excitation)):
            raise InputError(
                f"stimuli[{number}]",
                found=type(stimulus).__name__,
                expected="a Stimulus or an Excitation",
            )
        check_indices(stimulus.nodes, f"stimuli[{number}].nodes", upper=n_nodes)
    flows = [one for one in stimuli if isinstance(one, Stimulus)]
    sets = [one for one in stimuli if isinstance(one, Excitation)]
    edges = np.arange(n_steps + 1) * step_tu
    currents, shares = np.zeros((len(flows), n_nodes)), np.zeros((n_steps, len(flows)))
    for row, flow in enumerate(flows):
        currents[row, flow.nodes] = flow.amplitude
        covered = np.clip(edges, flow.start_tu, flow.start_tu + flow.duration_tu)
        shares[:, row] = np.diff(covered) / step_tu
    values = np.full((len(sets), n_nodes), np.nan)
    hits = np.zeros((n_steps + 1, len(sets)))
    for row, one in enumerate(sets):
        values[row, one.nodes] = one.value
        instant = int(np.ceil(one.start_tu / step_tu - 1e-9))
        if instant <= n_steps:
            hits[instant, row] = 1.0
    later = hits[1:].any(axis=0)
    first = (values, hits[0])
    if not flows and not later.any():
        return None, first
    return Drive(currents, shares, values[later], hits[1:, later]), first


def _initial_state(
    model: IonicModel, initial: tuple[ArrayLike, ArrayLike] | None, n_nodes: int
) -> State:
    if initial is None:
        return State(*(np.full(n_nodes, float(value)) for value in model.rest))
    if len(initial) != 2:
        raise InputError(
            "initial",
            found=f"{len(initial)} arrays",
            expected="two, the potential and the recovery variable",
        )
    u, v = (
        check_array(part, name, shape=(n_nodes,))
        for part, name in zip(initial, ("initial[0] (u)", "initial[1] (v)"), strict=True)
    )
    return State(u, v)


def _check_nodes_of_model(model: IonicModel, n_nodes: int) -> None:
    for name, value in vars(model).items():
        if jnp.ndim(value) == 1 and len(value) != n_nodes:
            raise InputError(
                f"model.{name}",
                found=f"{len(value)} values",
                expected=f"one number, or one value for each of the {n_nodes} nodes",
            )
