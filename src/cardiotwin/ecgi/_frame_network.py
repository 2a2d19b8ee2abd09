"""A network that takes no coordinates: body-surface frames in, maps of the heart out."""

from dataclasses import dataclass, field, fields
from typing import Any

import jax
import numpy as np

from .._checks import check_count, check_number
from .._errors import InputError
from .._types import ArrayLike
from ..geometry import Surface
from ..learning import Adam, CosineDecay, Optimizer, TrainingResult, train
from ..tissue import MS_PER_TU, diffusion_matrix
from ._beat_library import RandomBeats
from ._frame_library import make_boxes, make_library
from ._frame_objective import FrameLayers, FrameObjective
from ._initializations import Xavier
from ._networks import Layer, _draw_layers
from ._operator import ObservationOperator
from ._problem import InverseProblem
from ._spatiotemporal import sampling_interval
from ._trained_frames import TrainedFrameNetwork

NOISE_SAMPLES = 2**16
"""White noise that is kept to cut windows from."""


def _default_optimizer() -> Optimizer:
    return Adam(learning_rate=CosineDecay(2e-3))


@dataclass(frozen=True, eq=False)
class FrameNetwork:
    """Train once a patient, then read the heart off the leads instant by instant.

    The network is told the leads around an instant t and answers (u, v) at all nodes at t:

        (u, v)(·, t) = B g(z(t + τ₁), …, z(t + τ_m)).

    z are the leads' components that stand out of the noise, averaged over boxes of time around
    t + τ that widen with |τ|; B is a basis of maps. It knows neither coordinates nor the time, so
    that automatic derivatives with respect to them do not exist. The physics enters through
    derivatives taken from neighbors in the network's own output: Eq. 15 over the nodes, Eqs. 17
    and 18 over windows of consecutive instants. That is the use for numerical derivatives which the
    source paper names at the end of its section III-D.

    It learns from simulated beats on the patient's own heart, whose leads the patient's own
    operator makes. Three losses can be combined: L_D (data) and L_EP (physics), which look at the
    leads only, and the simulated potentials themselves (supervision).

    Measured on the paper-like case, no pacing site within 20 mm of the true one, supervision only:
    RE 0.218 at σ = 0.01 (192 beats, 1500 steps, held-out beats 0.191) and 0.256 at σ = 0.1
    (96 beats, 700 steps), where `TravelingWave` has 0.164 and 0.224; 45 ms of CPU time a beat. The
    training had not converged. Use it where speed matters more.

    Args:
        width: neurons of a layer.
        layers: layers, the output layer included.
        reach_tu: how far to either side of t it looks, time units (about an action potential).
        finest_tu: width of the box around t.
        growth: factor from one box to the next one farther away.
        truncation: RE that the basis leaves.
        beats: what beats it learns from.
        data_weight: weight of L_D.
        physics_weight: weight of L_EP.
        supervision_weight: weight of the simulated truth; 0 to learn from data and physics only.
        optimizer: how it is trained.
        steps: training steps.
        windows: windows a step.
        physics_windows: how many of them the physics looks at.
        length: consecutive instants of a window.
        lead_in_tu: rest before the beat that a recording may begin with, time units.
        quiet: show no progress.

    Raises:
        InputError: a setting out of range, or no loss at all.

    Source: own; its physics: Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, section III-D.

    >>> from cardiotwin import ecgi
    >>> case = ecgi.zoo.paper_like(heart_nodes=60, torso_nodes=40, n_times=60)
    >>> settings = FrameNetwork(width=8, layers=2, windows=4, steps=3, reach_tu=2.0, quiet=True)
    >>> trained = settings.train(case.operator, beats=4, noise_sd=0.01, n_times=60, seed=0)
    >>> ecgi.reconstruct(case.problem(0.01, seed=0), trained).heart_potentials.shape
    (60, 60)
    """

    width: int = 256
    layers: int = 4
    reach_tu: float = 24.0
    finest_tu: float = 0.5
    growth: float = 1.6
    truncation: float = 0.03
    beats: RandomBeats = field(default_factory=RandomBeats)
    data_weight: float = 1.0
    physics_weight: float = 0.1
    supervision_weight: float = 1.0
    optimizer: Optimizer = field(default_factory=_default_optimizer)
    steps: int = 3000
    windows: int = 48
    physics_windows: int = 12
    length: int = 5
    lead_in_tu: float = 5.0
    quiet: bool = False

    def __post_init__(self):
        for name in ("width", "steps", "windows", "physics_windows"):
            check_count(getattr(self, name), name)
        check_count(self.layers, "layers", at_least=2)
        check_count(self.length, "length", at_least=5)
        check_number(self.finest_tu, "finest_tu", above=0)
        check_number(self.reach_tu, "reach_tu", at_least=self.finest_tu)
        check_number(self.growth, "growth", at_least=1)
        check_number(self.truncation, "truncation", above=0, below=1)
        check_number(self.lead_in_tu, "lead_in_tu", at_least=0)
        weights = [
            check_number(getattr(self, name), name, at_least=0)
            for name in ("data_weight", "physics_weight", "supervision_weight")
        ]
        if not any(weights):
            raise InputError("weights", found="all zero", expected="something to learn from")

    def train(
        self,
        operator: ObservationOperator | InverseProblem,
        *,
        noise_sd: float,
        beats: int = 256,
        validation_beats: int = 16,
        n_times: int = 661,
        sample_step_tu: float = 0.1,
        seed: int = 0,
    ) -> TrainedFrameNetwork:
        """Simulate beats, train, and measure the errors on beats that were held out.

        Args:
            operator: the patient's operator with its heart surface, or a problem, whose leads,
                reference and sampling are taken.
            noise_sd: σ of one lead.
            beats: beats to learn from.
            validation_beats: beats that are held out, for the uncertainty.
            n_times: samples of a simulated beat; recordings may be shorter or longer.
            sample_step_tu: distance of the samples, time units (taken from a problem).
            seed: of the beats, the weights and the batches.

        Raises:
            InputError: no heart surface, or numbers out of range.
        """
        check_count(beats, "beats")
        check_count(validation_beats, "validation_beats")
        check_count(n_times, "n_times", at_least=3 * self.length)
        check_count(seed, "seed", at_least=0)
        sigma = check_number(noise_sd, "noise_sd", above=0)
        step = check_number(sample_step_tu, "sample_step_tu", above=0)
        heart, matrix = operator.heart, np.asarray(operator.matrix)
        if isinstance(operator, InverseProblem):
            step = sampling_interval(operator.times_ms) / MS_PER_TU
        if heart is None:
            raise InputError(
                "operator",
                found="no heart surface",
                expected="a surface, to simulate beats on",
                advice="Give ObservationOperator(..., heart=surface).",
            )
        objective = self.objective(
            heart, matrix, sigma, beats=beats, n_times=n_times, step_tu=step, seed=seed
        )
        encoding = objective.encoding
        sizes = [encoding.n_inputs, *[self.width] * (self.layers - 1), len(encoding.sizes)]
        *hidden, last = _draw_layers(jax.random.key(seed), sizes, Xavier(), "float32")
        # Near rest, where the physics is nearly satisfied.
        last = Layer(0.1 * last.weight, last.bias)
        network = FrameLayers((*hidden, last))
        result = train(
            objective,
            network,
            self.optimizer,
            steps=self.steps,
            seed=seed,
            weights=self._weights(),
            quiet=self.quiet,
            label="network of frames",
        )
        trained = TrainedFrameNetwork(
            result.parameters, encoding, matrix, sigma, step, None, _summary(self, result)
        )
        held = self.beats.draw(
            heart, validation_beats, n_times=n_times, seed=_held_seed(seed), sample_step_tu=step
        )
        rng = np.random.default_rng(_held_seed(seed))
        leads = np.einsum("ln,bnt->blt", matrix, held.potentials, optimize=True)
        noisy = leads + sigma * rng.normal(size=leads.shape)
        found = np.stack([trained.predict(one) for one in noisy])
        return trained.calibrated(found, held.potentials.astype(float))

    def objective(
        self,
        heart: Surface,
        matrix: ArrayLike,
        noise_sd: float,
        *,
        beats: int,
        n_times: int,
        step_tu: float,
        seed: int,
    ) -> FrameObjective:
        """Return the loss that is minimized, with its simulated beats."""
        boxes = make_boxes(self.reach_tu, self.finest_tu, self.growth, step_tu)
        whitened = np.asarray(matrix) / noise_sd
        library, encoding = make_library(
            self.beats,
            heart,
            whitened,
            beats,
            n_times=n_times,
            step_tu=step_tu,
            boxes=boxes,
            truncation=self.truncation,
            seed=seed,
        )
        shape = (len(encoding.leads), NOISE_SAMPLES)
        noise = np.random.default_rng([seed, 2]).standard_normal(shape, dtype=np.float32)
        spread = diffusion_matrix(heart, self.beats.diffusion, self.beats.laplacian)
        return FrameObjective(
            encoding,
            library,
            np.asarray(spread @ np.asarray(encoding.potential), dtype=np.float32),
            self.beats.model,
            noise_sd,
            step_tu,
            len(whitened),
            self.windows,
            self.length,
            min(self.physics_windows, self.windows),
            round(self.lead_in_tu / step_tu),
            tuple(name for name, weight in self._weights().items() if weight > 0),
            noise,
        )

    def _weights(self) -> dict[str, float]:
        weights = {
            "data": self.data_weight,
            "potential": self.physics_weight,
            "recovery": self.physics_weight,
            "supervision": self.supervision_weight,
        }
        return {name: weight for name, weight in weights.items() if weight > 0}


def _held_seed(seed: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, 1])


def _summary(settings: FrameNetwork, result: TrainingResult) -> dict[str, Any]:
    last = {
        name: float(np.mean(values[-50:]))
        for name, values in result.history.items()
        if values.ndim == 1
    }
    simple = (int, float, str, bool)
    chosen = {f.name: getattr(settings, f.name) for f in fields(settings)}
    return {
        "settings": {name: value for name, value in chosen.items() if isinstance(value, simple)},
        "optimizer": type(settings.optimizer).__name__,
        "steps": result.step,
        "stopped": result.stopped,
        "seconds_training": result.seconds,
        "losses": last,
    }
