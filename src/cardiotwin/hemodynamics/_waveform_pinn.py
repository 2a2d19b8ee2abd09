"""A physics-informed network for each patient: volumes, five equations, unknown parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import check_count, check_number
from .._errors import InputError
from .._precision import double_precision
from .._provenance import make_provenance
from ..circulation import Circulation
from ..circulation._circulation import Circuit
from ..learning import SOAP, CosineDecay, Optimizer, TrainingResult, train
from ._measurements import Measurements
from ._priors import ADULT, Unknowns
from ._waveform_network import PeriodicNetwork, PinnObjective, as_kind
from ._waveform_physics import residuals, scaled_residuals
from ._waveforms import CUFF, N_PHASES, STATES, WaveformData, WaveformFit

SOUGHT = tuple(name for name in ADULT if name != "period_s")
"""Unknown by default: everything that `identify` seeks but the period, which is measured."""


@dataclass(frozen=True)
class WaveformPinn:
    """Train a network t ↦ five states on one patient's volumes and on the circulation's equations.

    Minimized over the weights w of the network and the parameters θ of the circulation::

        1/n Σ ((V_w(tᵢ) − yᵢ)/σᵢ)² + λ Σ_equations mean r² + prior_weight/n |z(θ)|²

    and 1/n Σ ((P_Ao − p)/σ)² of cuff pressures where there are any, with n volumes and z the
    standard normal coordinates of the prior: as λ grows and r falls, the minimum goes to that of
    `MaximumAPosteriori`. The parameters are unknown. Inputs are harmonics of the known period, so
    the beat is exactly periodic; the stressed volume is conserved exactly; r are the
    `scaled_residuals`, at instants that move from step to step.

    The training has three stages. In two quarters of the steps λ is a hundredth, then a tenth of
    its final value and the valves are softened over `softness` mmHg, so that the network finds the
    volumes first; then λ is whole and the valves are ideal. With λ large at once, or raised in one
    step, some patients end in a false beat, far from their volumes and from the equations.

    Where we depart from Med-Real2Sim's own network (five layers of 256, 50,000 steps of Adam): it
    was given the true parameters; its derivative was taken per sample, at one instant; its
    elastance divided by 0.2 only; here every residual is that of its instant, per second, with
    Tmax = 0.2 + 0.15 Tc, and Vd is in the volume once.

    Attributes:
        steps: of the training, all stages.
        harmonics: K of the input.
        width: neurons a hidden layer.
        depth: hidden layers.
        points: instants of the equations at a step.
        physics_weight: λ.
        prior_weight: of the prior; 0 leaves only the bounds, four standard deviations.
        first_share: share of λ in the first stage; its square root in the second.
        softness: of the valves in the first two stages, mmHg.
        optimizer: of all stages; SOAP, its rate falling along a cosine from 0.005, by default.
            Adam needs two to three times as long for a somewhat larger error.
        unknowns: parameters that are sought, by name; the others have reference values.
        largest_misfit: criterion of convergence: misfit in errors.
        largest_residual: criterion of convergence: root mean square of the scaled residuals.

    Raises:
        InputError: a number out of range, or unknowns that are none.

    >>> WaveformPinn().uses
    ('systolic_mmhg', 'diastolic_mmhg', 'mean_pressure_mmhg')
    """

    steps: int = 4000
    harmonics: int = 8
    width: int = 32
    depth: int = 3
    points: int = 128
    physics_weight: float = 30.0
    prior_weight: float = 1.0
    first_share: float = 0.01
    softness: float = 0.5
    optimizer: Optimizer = field(default_factory=lambda: SOAP(CosineDecay(5e-3)))
    unknowns: tuple[str, ...] = SOUGHT
    largest_misfit: float = 1.3
    largest_residual: float = 0.05

    uses: ClassVar[tuple[str, ...]] = CUFF

    def __post_init__(self):
        for name in ("harmonics", "width", "depth", "points"):
            check_count(getattr(self, name), name)
        check_count(self.steps, "steps", at_least=4)
        check_number(self.physics_weight, "physics_weight", above=0)
        check_number(self.prior_weight, "prior_weight", at_least=0)
        check_number(self.first_share, "first_share", above=0, at_most=1)
        check_number(self.softness, "softness", at_least=0)
        check_number(self.largest_misfit, "largest_misfit", above=0)
        check_number(self.largest_residual, "largest_residual", above=0)
        Unknowns.of(self.unknowns)
        if "period_s" in self.unknowns:
            raise InputError(
                "unknowns", found="period_s", expected="parameters other than the measured period"
            )

    @double_precision
    def fit(
        self, patients: Sequence[Measurements], data: WaveformData, seed: int, quiet: bool
    ) -> list[WaveformFit]:
        """Return the beats of all patients, trained side by side."""
        n = len(patients)
        objective = self.objective(data)
        network = PeriodicNetwork.make(
            self.harmonics, self.width, self.depth, len(self.unknowns), jax.random.key(seed)
        )
        # The same first weights for everybody: a patient alone is trained as in a batch.
        arrays, rest = eqx.partition(network, eqx.is_array)
        many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape)), arrays)
        many = eqx.combine(many, rest)
        many = eqx.tree_at(lambda tree: tree.patient, many, jnp.arange(n, dtype=jnp.int32))
        first = self.steps // 4
        middle = self.first_share**0.5
        stages = [
            (first, self.first_share, self.softness),
            (first, middle, self.softness),
            (self.steps - 2 * first, 1.0, 0.0),
        ]
        told: list[TrainingResult] = []
        for number, (steps, share, softness) in enumerate(stages):
            own = eqx.tree_at(lambda tree: tree.softness, objective, jnp.float32(softness))
            weights = {"physics": share * self.physics_weight, "prior": self.prior_weight}
            found = train(
                own, many, self.optimizer, steps=steps, seed=[seed + number] * n, n_runs=n,
                weights=weights, quiet=quiet, report_every=min(250, first),
                label=f"waveforms of {n} patients, stage {number + 1} of 3",
            )  # fmt: skip
            many = found.parameters
            told.append(found)
        return self._assemble(patients, objective, many, told)

    def objective(self, data: WaveformData) -> PinnObjective:
        """Return what is minimized, with ideal valves."""
        arrays = PinnObjective(
            data=data._replace(states=None),
            fixed=Circuit(**Circulation().values()),
            softness=0.0,
            mean_ml=data.mean_ml,
            spread_ml=data.spread_ml,
            counts=data.counts * 1.0,
            priors=tuple(Unknowns.of(self.unknowns).priors.items()),
            points=self.points,
            cuff=bool((data.cuff_weights > 0).any()),
        )
        return as_kind(arrays, jnp.float32)

    def _assemble(
        self,
        patients: Sequence[Measurements],
        objective: PinnObjective,
        networks: PeriodicNetwork,
        told: list[TrainingResult],
    ) -> list[WaveformFit]:
        exact, many = as_kind(objective, jnp.float64), as_kind(networks, jnp.float64)
        circuits, states, raw, scaled, misfit = jax.tree.map(np.asarray, _told(exact, many))
        count = sum(result.step for result in told)
        weights = sum(leaf[0].size for leaf in jax.tree.leaves(many) if eqx.is_inexact_array(leaf))
        found = []
        for row, own in enumerate(patients):
            fine = bool(misfit[row] <= self.largest_misfit and scaled[row] <= self.largest_residual)
            curves = dict(zip(STATES, states[row], strict=True))
            period = float(circuits.period_s[row])
            found.append(
                WaveformFit(
                    measurements=own,
                    times_s=np.linspace(0, period, N_PHASES),
                    **curves,
                    next_volume_ml=curves["volume_ml"],
                    circulation=Circulation(
                        **{name: own[row] for name, own in circuits._asdict().items()}
                    ),
                    misfit=float(misfit[row]),
                    equations=dict(zip(STATES, map(float, raw[row]), strict=True)),
                    scaled_residual=float(scaled[row]),
                    history={
                        name: np.concatenate([result.history[name][:, row] for result in told])
                        for name in told[0].history
                    },
                    evaluations=count * (self.points + int(exact.counts[row])),
                    n_weights=weights,
                    converged=fine,
                    status=f"{'converged' if fine else 'did not converge'}: misfit "
                    f"{misfit[row]:.2f} errors ({self.largest_misfit:g} allowed), scaled "
                    f"residuals {scaled[row]:.3f} ({self.largest_residual:g} allowed)",
                    seconds=sum(result.seconds for result in told) / len(patients),
                    seconds_compiling=sum(result.seconds_compiling for result in told),
                    provenance=make_provenance(self),
                )
            )
        return found


@eqx.filter_jit
def _told(objective: PinnObjective, networks: PeriodicNetwork) -> Any:
    """Return circuits, states, residuals and misfits of all patients."""

    def one(network: PeriodicNetwork) -> Any:
        circuit = objective.circuit(network)
        times = jnp.linspace(0.0, 1.0, N_PHASES) * circuit.period_s
        waves, rates = objective.waves_and_rates(network, circuit, times)
        states = jnp.stack([waves.stressed + circuit.v0_ml, *waves[1:]])
        # Both ends are the same instant, which counts once.
        left = residuals(times, waves, rates, circuit)
        scaled = scaled_residuals(times, waves, rates, circuit, objective.scales(network))
        raw = jnp.sqrt(jnp.mean(jnp.stack(left)[:, :-1] ** 2, -1))
        total = jnp.sqrt(jnp.mean(jnp.stack(scaled)[:, :-1] ** 2))
        misfit = objective.residuals(network, times[:1] / circuit.period_s)["data"]
        return circuit, states, raw, total, jnp.sqrt(jnp.sum(misfit**2))

    return eqx.filter_vmap(one)(networks)
