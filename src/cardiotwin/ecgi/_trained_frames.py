"""A trained network of frames: an inverse method that takes milliseconds, and its file."""

import json
import zipfile
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_array, check_file
from .._errors import FileFormatError, InputError
from .._files import atomic_path
from .._types import ArrayLike, PathLike, Potentials
from ..tissue import MS_PER_TU
from ._frame_library import Boxes, Encoding
from ._frame_objective import FrameLayers
from ._networks import Layer
from ._problem import InverseProblem
from ._reconstruction import NINETY_PERCENT, Solution, Uncertainty
from ._spatiotemporal import sampling_interval

FORMAT = "cardiotwin frame network 1"

SLOPES_PER_TU = (-1.0, -0.3, -0.1, -0.03, 0.03, 0.1, 0.3, 1.0)
"""Limits of the classes of ∂û/∂t within which errors are taken to be alike."""


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
    """A trained network of frames: an inverse method for one patient, one set of leads, one σ.

    A recording is taken to rest before it begins and to stay as it ends; answers within the reach
    of the ends depend on that. Everywhere else shifting the recording shifts the answer.

    Attributes:
        network: the weights.
        encoding: from leads to its inputs, from its outputs to the heart.
        matrix: (n_leads, n_nodes) the operator that it was trained for.
        noise_sd: σ that it was trained for.
        step_tu: sampling interval that it was trained for.
        errors: how large its errors are.
        summary: settings and the end of the training, ready for JSON.
    """

    network: FrameLayers = field(repr=False)
    encoding: Encoding = field(repr=False)
    matrix: Float[np.ndarray, "n_leads n_nodes"] = field(repr=False)
    noise_sd: float
    step_tu: float
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
            stored: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
            stored |= {"matrix": self.matrix, "head": np.array(json.dumps(head))}
            np.savez_compressed(handle, **stored)

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
                    **{name: arrays[f"encoding_{name}"] for name in _ENCODING},
                    boxes=Boxes(*(tuple(head["boxes"][name]) for name in Boxes._fields)),
                ),
                arrays["matrix"],
                float(head["noise_sd"]),
                float(head["step_tu"]),
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
