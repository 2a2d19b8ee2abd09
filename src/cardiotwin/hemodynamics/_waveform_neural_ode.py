"""A neural ordinary differential equation for each patient: a beat without a circulation."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_choice, check_count, check_number
from .._errors import InputError
from .._precision import double_precision
from .._provenance import make_provenance
from ..learning import SOAP, CosineDecay, Optimizer, TrainingResult, train
from ._measurements import Measurements
from ._waveform_network import as_kind
from ._waveforms import N_PHASES, STATES, WaveformData, WaveformFit

STAGES = 6
"""Evaluations of the vector field in a step of Tsitouras's method (the last is the next first)."""

MAX_STEPS = 512
"""Steps of the solver in a beat after which the training of a patient ends."""

TOLD_TOLERANCE = 1e-6
"""Of the solver for the waveforms and the misfit that are told, in normalized states."""

SLOPE = 5.0
"""Unit of dy/dφ: a normalized volume goes through its range, 1.5, in a third of the beat."""


class VectorField(eqx.Module):
    """dy/dφ = f(y, phase of the beat), and the state where the beat starts.

    The phase enters as cos and sin of 2πkφ: without time, a network cannot contract by itself.

    Attributes:
        layers: multilayer perceptron with tanh.
        start: (5,) state at φ = 0.
        patient: whose network it is: row of the data.
        harmonics: number of them.
    """

    layers: eqx.nn.MLP
    start: Any
    patient: Any
    harmonics: int = eqx.field(static=True)

    @classmethod
    def make(cls, harmonics: int, width: int, depth: int, key: Any) -> "VectorField":
        """Return a field with random weights that starts at the middle of all states."""
        n = len(STATES)
        layers = eqx.nn.MLP(
            n + 2 * harmonics, n, width, depth, activation=jnp.tanh, key=key, dtype=jnp.float32
        )
        return cls(layers, jnp.zeros(n, jnp.float32), jnp.int32(0), harmonics)

    def __call__(self, phase: Float[Any, ""], state: Float[Any, "5"], args: Any) -> Any:
        """Return dy/dφ."""
        del args
        angle = 2 * jnp.pi * jnp.arange(1, self.harmonics + 1) * phase
        inputs = jnp.concatenate([state, jnp.cos(angle), jnp.sin(angle)])
        return SLOPE * self.layers(inputs.astype(state.dtype))

    def solve(
        self, phases: Float[Any, " n"], start: Any, tolerance: float
    ) -> tuple[Float[Any, "n 5"], Any]:
        """Return states at increasing phases from 0 on, and the steps that were tried.

        Where `MAX_STEPS` do not reach the last phase, states are infinite from there on.
        """
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(self),
            diffrax.Tsit5(),
            t0=jnp.zeros((), phases.dtype),
            t1=phases[-1],
            dt0=jnp.asarray(1 / 60, phases.dtype),
            y0=start,
            saveat=diffrax.SaveAt(ts=phases),
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
            max_steps=MAX_STEPS,
            throw=False,
        )
        return found.ys, found.stats["num_steps"]


class NeuralOdeObjective(eqx.Module):
    """Squares of misfit and of the gap between end and start of the beat.

    Attributes:
        phases: (n_patients, n_volumes + 1) of the measurements, then 1, the end of the beat.
        counts: (n_patients,) volumes measured.
        middle: (n_patients, 5) what zero means in units of each state.
        unit: (n_patients, 5) what one means.
        weights: (n_patients, 5, n_volumes) of the differences, in normalized states.
        targets: (n_patients, 5, n_volumes) normalized states.
        fixed_start: whether the beat starts at the first targets.
        tolerance: of the solver.
    """

    phases: Any
    counts: Any
    middle: Any
    unit: Any
    weights: Any
    targets: Any
    fixed_start: bool = eqx.field(static=True)
    tolerance: float = eqx.field(static=True)

    def draw(self, key: Any) -> None:
        """Return nothing: the batch is the beat."""
        del key

    def start(self, field: VectorField) -> Any:
        """Return the state at the start of the beat."""
        if not self.fixed_start:
            return field.start
        known = self.weights[field.patient, :, 0] > 0
        return jnp.where(known, self.targets[field.patient, :, 0], field.start)

    def residuals(self, parameters: VectorField, batch: Any) -> dict[str, Any]:
        """Return misfits, the gap of the period, and the steps of the solver (of no weight)."""
        del batch
        row = parameters.patient
        start = self.start(parameters)
        states, steps = parameters.solve(self.phases[row], start, self.tolerance)
        misfit = (states[:-1].T - self.targets[row]) * self.weights[row]
        known = (self.weights[row] > 0).any(-1).sum()
        return {
            "data": misfit / jnp.sqrt(self.counts[row] * known),
            "period": (states[-1] - start) / jnp.sqrt(jnp.asarray(start.size, start.dtype)),
            "solver_steps": jnp.sqrt(jax.lax.stop_gradient(steps).astype(start.dtype)),
        }


@dataclass(frozen=True)
class WaveformNeuralOde:
    """Learn one patient's beat as the solution of an ODE whose right-hand side is a network.

    dy/dφ = f_w(y, cos 2πkφ, sin 2πkφ), y(0) learned; minimized are the squares of the misfit and
    of periodicity_weight · (y(1) − y(0)). It finds no parameters, no pressures unless all states
    are given to it, and answers no question about another beat than this one: there are no
    equations of a circulation in it.

    Where we depart from Med-Real2Sim's own (autonomous, two linear layers and one ReLU, RMSprop,
    all five true states given): its field has no time, so it cannot know when to contract; its
    ejection fraction left out Vd on one side; the beat need not close. ``observed="states"`` gives
    all five states as it does, which no patient's echo can.

    Attributes:
        steps: of the training.
        harmonics: of the phase in the input.
        width: neurons a hidden layer.
        depth: hidden layers.
        observed: "volume", or "states" for all five, which `fit_waveforms` must then be given.
        learn_start: whether the state at the start is learned, or the first measured one, which
            must then be at 0 s.
        periodicity_weight: of the gap between end and start.
        tolerance: of the solver in the training, in units of the normalized states; waveforms are
            told with `TOLD_TOLERANCE`.
        optimizer: SOAP, its rate falling along a cosine from 0.005, by default.
        state_error: with all states, error of each but the volume, over its spread in the beat.
        largest_misfit: criterion of convergence: misfit in errors.
        largest_gap: criterion of convergence: |V(Tc) − V(0)| over the stroke volume.

    Raises:
        InputError: a number out of range.

    Chen et al. 2018, "Neural ordinary differential equations"; Kidger 2022 (diffrax).

    >>> WaveformNeuralOde(observed="states").uses
    ()
    """

    steps: int = 500
    harmonics: int = 2
    width: int = 16
    depth: int = 2
    observed: str = "volume"
    learn_start: bool = True
    periodicity_weight: float = 100.0
    tolerance: float = 1e-3
    optimizer: Optimizer = field(default_factory=lambda: SOAP(CosineDecay(5e-3, warmup_steps=20)))
    state_error: float = 0.05
    largest_misfit: float = 1.3
    largest_gap: float = 0.05

    uses: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        for name in ("steps", "harmonics", "width", "depth"):
            check_count(getattr(self, name), name)
        check_choice(self.observed, "observed", ["volume", "states"])
        check_number(self.periodicity_weight, "periodicity_weight", at_least=0)
        check_number(self.tolerance, "tolerance", at_least=1e-6, at_most=0.1)
        check_number(self.state_error, "state_error", above=0)
        check_number(self.largest_misfit, "largest_misfit", above=0)
        check_number(self.largest_gap, "largest_gap", above=0)

    @double_precision
    def fit(
        self, patients: Sequence[Measurements], data: WaveformData, seed: int, quiet: bool
    ) -> list[WaveformFit]:
        """Return the beats of all patients, trained side by side."""
        n = len(patients)
        objective = self.objective(data)
        network = VectorField.make(self.harmonics, self.width, self.depth, jax.random.key(seed))
        arrays, rest = eqx.partition(network, eqx.is_array)
        many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape)), arrays)
        many = eqx.combine(many, rest)
        many = eqx.tree_at(lambda tree: tree.patient, many, jnp.arange(n, dtype=jnp.int32))
        told = train(
            objective, many, self.optimizer, steps=self.steps, seed=[seed] * n, n_runs=n,
            weights={"period": self.periodicity_weight, "solver_steps": 0.0}, quiet=quiet,
            report_every=min(100, self.steps), label=f"neural ODEs of {n} patients",
        )  # fmt: skip
        return self._assemble(patients, data, objective, told)

    def objective(self, data: WaveformData) -> NeuralOdeObjective:
        """Return what is minimized."""
        n, length = data.volumes_ml.shape
        everything = self.observed == "states"
        if everything != (data.states is not None):
            raise InputError(
                "states",
                found="none" if everything else "states",
                expected="all five states with observed='states', and only then",
            )
        late = np.max(data.times_s[:, 0])
        if not self.learn_start and late > 0:
            raise InputError(
                "volume_curve",
                found=f"a first volume at {late:g} s",
                expected="one at 0 s with learn_start=False, where it is the start of the beat",
                advice="Learn the start: learn_start=True.",
            )
        middle, unit = np.zeros((n, len(STATES))), np.ones((n, len(STATES)))
        targets, weights = np.zeros((2, n, len(STATES), length))
        middle[:, 0], unit[:, 0] = data.mean_ml, 2 * data.spread_ml
        targets[:, 0], weights[:, 0] = data.volumes_ml, data.volume_weights
        if everything:
            own = np.where(data.volume_weights[:, None] > 0, data.states, np.nan)
            middle[:, 1:] = np.nanmean(own, -1)[:, 1:]
            unit[:, 1:] = 2 * np.nanstd(own, -1)[:, 1:] + 1e-6
            targets[:, 1:] = data.states[:, 1:]
            known = data.volume_weights[:, None] > 0
            weights[:, 1:] = known * 2 / self.state_error / unit[:, 1:, None]
        normalized = (targets - middle[..., None]) / unit[..., None]
        # Appended here: appended in the compiled code, XLA's simplifier runs in circles.
        phases = np.minimum(data.times_s / data.period_s[:, None], 1.0)
        phases = np.concatenate([phases, np.ones((n, 1))], -1)
        arrays = (phases, data.counts * 1.0, middle, unit, weights * unit[..., None], normalized)
        phases, counts, middle, unit, scaled, normalized = as_kind(arrays, jnp.float32)
        return NeuralOdeObjective(
            phases, counts, middle, unit, scaled, normalized, not self.learn_start, self.tolerance
        )

    def _assemble(
        self,
        patients: Sequence[Measurements],
        data: WaveformData,
        objective: NeuralOdeObjective,
        told: TrainingResult,
    ) -> list[WaveformFit]:
        exact = replace(as_kind(objective, jnp.float64), tolerance=TOLD_TOLERANCE)
        many = as_kind(told.parameters, jnp.float64)
        states, misfit = jax.tree.map(np.asarray, _told(exact, many))
        arrays = [leaf for leaf in jax.tree.leaves(many) if eqx.is_inexact_array(leaf)]
        found = []
        for row, own in enumerate(patients):
            first, later = states[row, :, :N_PHASES], states[row, :, N_PHASES - 1 :]
            curves: dict[str, Any] = dict.fromkeys(STATES, None)
            named = dict(zip(STATES, first, strict=True))
            curves |= named if self.observed == "states" else {STATES[0]: first[0]}
            gap = abs(first[0, -1] - first[0, 0]) / max(np.ptp(first[0]), 1e-9)
            fine = bool(misfit[row] <= self.largest_misfit and gap <= self.largest_gap)
            history = {name: values[:, row] for name, values in told.history.items()}
            found.append(
                WaveformFit(
                    measurements=own,
                    times_s=np.linspace(0, data.period_s[row], N_PHASES),
                    **curves,
                    next_volume_ml=later[0],
                    circulation=None,
                    misfit=float(misfit[row]),
                    equations={},
                    scaled_residual=None,
                    history=history,
                    evaluations=int(STAGES * np.nansum(history["solver_steps"])),
                    n_weights=sum(leaf[0].size for leaf in arrays),
                    converged=fine,
                    status=f"{'converged' if fine else 'did not converge'}: misfit "
                    f"{misfit[row]:.2f} errors ({self.largest_misfit:g} allowed), the beat ends "
                    f"{100 * gap:.1f} % of its stroke from its start "
                    f"({100 * self.largest_gap:g} allowed)",
                    seconds=told.seconds / len(patients),
                    seconds_compiling=told.seconds_compiling,
                    provenance=make_provenance(self),
                )
            )
        return found


@eqx.filter_jit
def _told(objective: NeuralOdeObjective, fields: VectorField) -> Any:
    """Return the states of two beats (n_patients, 5, 2 N_PHASES − 1) and the misfits."""

    def one(field: VectorField) -> Any:
        phases = jnp.linspace(0.0, 2.0, 2 * N_PHASES - 1)
        states = field.solve(phases, objective.start(field), objective.tolerance)[0].T
        physical = states * objective.unit[field.patient, :, None]
        misfit = objective.residuals(field, None)["data"]
        return physical + objective.middle[field.patient, :, None], jnp.sqrt(jnp.sum(misfit**2))

    return eqx.filter_vmap(one)(fields)
