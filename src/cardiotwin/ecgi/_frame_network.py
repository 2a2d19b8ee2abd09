"""A network that takes no coordinates: body-surface frames in, maps of the heart out."""

import json
import zipfile
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_count, check_file, check_number
from .._errors import FileFormatError, InputError
from .._files import atomic_path
from .._types import ArrayLike, PathLike, Potentials
from ..geometry import Surface
from ..learning import Adam, CosineDecay, Optimizer, TrainingResult, train
from ..tissue import MS_PER_TU, diffusion_matrix
from ._beat_library import RandomBeats
from ._frame_library import Boxes, Encoding, make_boxes, make_library
from ._frame_objective import FrameLayers, FrameObjective
from ._initializations import Xavier
from ._networks import Layer, _draw_layers
from ._operator import ObservationOperator
from ._problem import InverseProblem
from ._reconstruction import NINETY_PERCENT, Solution, Uncertainty
from ._spatiotemporal import sampling_interval

FORMAT = "cardiotwin frame network 1"

NOISE_SAMPLES = 2**16
"""White noise that is kept to cut windows from."""

SLOPES_PER_TU = (-1.0, -0.3, -0.1, -0.03, 0.03, 0.1, 0.3, 1.0)
"""Limits of the classes of ∂û/∂t within which errors are taken to be alike."""


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
    ) -> "TrainedFrameNetwork":
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
            result.parameters, encoding, matrix, sigma, step, heart, None, _summary(self, result)
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


class ErrorTable(NamedTuple):
    """How large errors are, from held-out beats: sd = node · slope class.

    Attributes:
        nodes: (n_nodes,) factor of the node.
        classes: (n_classes,) SD by the slope ∂û/∂t, see `SLOPES_PER_TU`.
    """

    nodes: Float[np.ndarray, " n_nodes"]
    classes: Float[np.ndarray, " n_classes"]

    def at(self, potentials: Potentials, step_tu: float) -> Potentials:
        """Return the SD of every potential."""
        slopes = np.gradient(potentials, step_tu, axis=-1)
        return self.classes[np.digitize(slopes, SLOPES_PER_TU)] * self.nodes[:, None]


@dataclass(frozen=True, eq=False)
class TrainedFrameNetwork:
    """A trained `FrameNetwork`: an inverse method for one patient, one set of leads, one σ.

    A recording is taken to rest before it begins and to stay as it ends; answers within the reach
    of the ends depend on that. Everywhere else shifting the recording shifts the answer.

    Attributes:
        network: the weights.
        encoding: from leads to its inputs, from its outputs to the heart.
        matrix: (n_leads, n_nodes) the operator that it was trained for.
        noise_sd: σ that it was trained for.
        step_tu: sampling interval that it was trained for.
        heart: surface, None after loading.
        errors: how large its errors are.
        summary: settings and the end of the training, ready for JSON.
    """

    network: FrameLayers = field(repr=False)
    encoding: Encoding = field(repr=False)
    matrix: Float[np.ndarray, "n_leads n_nodes"] = field(repr=False)
    noise_sd: float
    step_tu: float
    heart: Surface | None
    errors: ErrorTable | None = field(repr=False)
    summary: dict[str, Any]

    def solve(self, problem: InverseProblem) -> Solution:
        """Return u at all nodes and instants, with the errors of held-out beats as uncertainty.

        Args:
            problem: leads and sampling as trained for; any number of instants.

        Raises:
            InputError: other leads, another operator, or another sampling interval.
        """
        self._check(problem)
        potentials = self.predict(problem.data)
        uncertainty = None
        if self.errors is not None:
            uncertainty = Uncertainty(
                standard_deviation=self.errors.at(potentials, self.step_tu),
                kind="errors on simulated beats that were held out, by node and slope",
                assumptions=(
                    "the beat is like the simulated ones (same tissue model, surface and kind of "
                    "start), the operator is exact, the noise white and as large as trained for"
                ),
            )
        return Solution(potentials, uncertainty=uncertainty)

    def predict(self, leads: ArrayLike) -> Float[np.ndarray, "n_nodes n_times"]:
        """Return u for leads (n_leads, n_times) that are referenced as in training."""
        array = check_array(leads, "leads", shape=(len(self.matrix), "n_times"))
        whitened = np.asarray(array / self.noise_sd, dtype=np.float32)
        return np.asarray(_predict(self.network, self.encoding, whitened)[0], dtype=np.float64)

    def calibrated(
        self,
        found: Float[np.ndarray, "n_beats n_nodes n_times"],
        truth: Float[np.ndarray, "n_beats n_nodes n_times"],
    ) -> "TrainedFrameNetwork":
        """Return the same network with errors measured on these beats."""
        sizes = abs(found - truth)
        which = np.digitize(np.gradient(found, self.step_tu, axis=-1), SLOPES_PER_TU)
        overall = _ninety(sizes)
        classes = np.array(
            [
                _ninety(sizes[which == k]) if (which == k).sum() > 50 else overall
                for k in range(len(SLOPES_PER_TU) + 1)
            ]
        )
        ratio = (sizes / classes[which]).swapaxes(0, 1).reshape(len(self.matrix[0]), -1)
        nodes = np.quantile(ratio, 0.9, axis=1) / NINETY_PERCENT
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        error = float(np.linalg.norm(found - truth) / np.linalg.norm(truth))
        summary = {**self.summary, "held_out_relative_error": error}
        return TrainedFrameNetwork(
            **{**values, "errors": ErrorTable(nodes, classes), "summary": summary}
        )

    def save(self, path: PathLike) -> None:
        """Write everything but the surface to one npz file, with the settings in it as JSON."""
        head = {
            "format": FORMAT,
            "noise_sd": self.noise_sd,
            "step_tu": self.step_tu,
            "boxes": self.encoding.boxes._asdict(),
            "n_layers": len(self.network.layers),
            "summary": self.summary,
        }
        arrays = {f"encoding_{name}": getattr(self.encoding, name) for name in _ENCODING}
        for k, layer in enumerate(self.network.layers):
            arrays |= {f"weight_{k}": layer.weight, f"bias_{k}": layer.bias}
        if self.errors is not None:
            arrays |= {f"errors_{name}": part for name, part in self.errors._asdict().items()}
        with atomic_path(path) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(
                handle,
                matrix=self.matrix,
                head=np.array(json.dumps(head)),
                **{name: np.asarray(array) for name, array in arrays.items()},
            )

    @classmethod
    def load(cls, path: PathLike) -> "TrainedFrameNetwork":
        """Read what `save` has written.

        Raises:
            FileFormatError: another file, or a damaged one.
        """
        file = check_file(path)
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            head = json.loads(str(arrays["head"]))
            if head["format"] != FORMAT:
                raise ValueError(head["format"])
            layers = tuple(
                Layer(jnp.asarray(arrays[f"weight_{k}"]), jnp.asarray(arrays[f"bias_{k}"]))
                for k in range(head["n_layers"])
            )
            errors = None
            if "errors_nodes" in arrays:
                errors = ErrorTable(arrays["errors_nodes"], arrays["errors_classes"])
            return cls(
                FrameLayers(layers),
                Encoding(
                    *(arrays[f"encoding_{name}"] for name in _ENCODING),
                    Boxes(*(tuple(head["boxes"][name]) for name in Boxes._fields)),
                ),
                arrays["matrix"],
                float(head["noise_sd"]),
                float(head["step_tu"]),
                None,
                errors,
                head["summary"],
            )
        except (KeyError, ValueError, TypeError, OSError, zipfile.BadZipFile) as problem:
            raise FileFormatError(
                str(file),
                found=f"{type(problem).__name__}: {problem}",
                expected="a network of frames written by TrainedFrameNetwork.save",
            ) from None

    def _check(self, problem: InverseProblem) -> None:
        n_leads, n_nodes = self.matrix.shape
        if problem.matrix.shape != (n_leads, n_nodes):
            leads, nodes = problem.matrix.shape
            raise InputError(
                "problem",
                found=f"{leads} leads and {nodes} heart nodes",
                expected=f"{n_leads} leads and {n_nodes} nodes, which the network was trained for",
                advice="Train a network for these leads: FrameNetwork().train(problem, ...).",
            )
        gap = float(abs(problem.matrix - self.matrix).max() / abs(self.matrix).max())
        if gap > 1e-6:
            raise InputError(
                "problem",
                found=f"an operator that differs by {gap:.2g} of its largest entry",
                expected="the operator that the network was trained for",
                advice="Train it for this patient, these leads and this reference.",
            )
        step = sampling_interval(problem.times_ms) / MS_PER_TU
        if abs(step / self.step_tu - 1) > 1e-3:
            raise InputError(
                "times_ms",
                found=f"an interval of {step * MS_PER_TU:.4g} ms",
                expected=f"{self.step_tu * MS_PER_TU:.4g} ms, which the network was trained for",
                advice="Resample the recording, or train with train(problem, ...).",
            )


_ENCODING = ("leads", "seen", "scale", "potential", "recovery", "sizes")


@eqx.filter_jit
def _predict(
    network: FrameLayers, encoding: Encoding, whitened: Any
) -> Float[jax.Array, "2 n_nodes n_times"]:
    components = jnp.asarray(encoding.leads) @ whitened
    reach, n_last = encoding.boxes.reach, min(5, whitened.shape[1])
    last = components[:, -n_last:].mean(axis=1, keepdims=True)
    padded = jnp.concatenate(
        [
            jnp.zeros((len(components), reach), components.dtype),
            components,
            jnp.broadcast_to(last, (len(components), reach)),
        ],
        axis=1,
    )
    found = network(encoding.features(padded)) * jnp.asarray(encoding.sizes)[:, None]
    n_u = encoding.potential.shape[1]
    return jnp.stack([encoding.potential @ found[:n_u], encoding.recovery @ found[n_u:]])


def _ninety(sizes: Float[np.ndarray, "..."]) -> float:
    return float(np.quantile(sizes, 0.9) / NINETY_PERCENT)


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
