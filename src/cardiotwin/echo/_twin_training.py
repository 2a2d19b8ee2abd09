"""Training of twins: clips in, parameters of a circulation out, with no parameter ever shown."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_choice, check_count
from .._errors import InputError
from .._provenance import make_provenance
from .._types import PathLike
from ..hemodynamics import Surrogate, Unknowns
from ..learning import Adam, CosineDecay, StreamResult, train_on_stream
from ._encoded_clips import EncodedClips
from ._segmentation_model import SegmentationModel
from ._twin_inputs import TwinInputs
from ._twin_losses import (
    LABELS,
    Trained,
    TwinLosses,
    known_quantities,
    label_noise,
    n_quantities,
    predicted,
)
from ._twin_model import TwinModel
from ._twin_network import TwinHead, negative_log_density
from ._twin_physics import SurrogatePhysics, TwinPhysics
from ._twin_simulation import CirculationPhysics

BATCH = 256

CIRCULATION = "circulation"
"""Stands for the circuit itself where physics is asked for."""

WITHOUT_SIZE = 0.2
"""Share of the clips of a batch whose pixel size is hidden, so that such clips can be read too."""

INPUT_NOISE = 0.05
"""Added to encodings in training, in standard deviations among clips."""

FIRST_NOISE = 0.2
"""Of the labels, in units of the losses, before training."""

NOT_VALIDATED = (
    "Trained on synthetic clips alone. Not validated on patients. Parameters of which a clip "
    "tells nothing have the intervals of the prior. Research software, not for clinical use."
)


@dataclass(frozen=True, eq=False)
class _Batches:
    """Random clips by the number of the step."""

    clips: EncodedClips
    truth: Float[np.ndarray, "n n_quantities"]
    inputs: TwinInputs
    seed: int

    def __call__(self, step: int) -> tuple[Any, Any, Any]:
        rng = np.random.default_rng([self.seed, step])
        chosen = rng.integers(0, len(self.clips), BATCH)
        own = self.clips[chosen].encoding
        numbers = self.inputs(own, rng.random(BATCH) > WITHOUT_SIZE)
        numbers += INPUT_NOISE * rng.standard_normal(numbers.shape)
        period = self.clips.encoding.period_s[chosen]
        return np.float32(numbers), np.float32(period), np.float32(self.truth[chosen])


def train_twins(
    clips: EncodedClips,
    validation: EncodedClips,
    *,
    physics: Surrogate | str | None,
    labels: str = "curve",
    unknowns: Unknowns | None = None,
    segmentation: SegmentationModel | None = None,
    members: int = 4,
    steps: int = 1000,
    width: int = 96,
    n_components: int = 24,
    learning_rate: float = 1e-3,
    seed: int = 0,
    checkpoint: PathLike | None = None,
    quiet: bool = False,
) -> tuple[TwinModel, list[StreamResult]]:
    """Train networks to read parameters from encodings through frozen physics (P-SSL).

    No parameter is shown: the labels are what echo tells of every patient, EF, volumes, or the
    volume through the beat, and the physics says what parameters mean for them. Without it the
    same networks are taught the labels directly, the supervised way.

    Where Med-Real2Sim gives a point, every clip gets a distribution: parameters that decide the
    labels are as uncertain as the clip leaves them, the others stay as uncertain as the prior.

    Args:
        clips: to learn from.
        validation: of other patients; chooses among the weights of the training.
        physics: frozen: a surrogate in whose box the priors lie, or "circulation", the circuit
            itself, which is simulated for every clip of every batch; None for the supervised way.
        labels: "ef", "volumes" or "curve" (which includes the volumes).
        unknowns: priors of the parameters; those of adults by default.
        segmentation: whose encodings these are; `predict` then refuses those of another.
        members: networks from different random weights; they vote.
        steps: batches a network.
        width: units of the hidden layers.
        n_components: of what the segmentation network saw that are read.
        learning_rate: largest; it falls along a cosine.
        seed: of weights and batches.
        checkpoint: folder from which an interrupted training on the same clips, with the same
            physics and settings, is resumed.
        quiet: show no progress.

    Returns:
        The model, and how each training went; one that was interrupted has fewer steps and is the
        last.

    Raises:
        InputError: clips without the labels that are asked for, physics of another kind, a
            surrogate whose box does not hold the priors, or a checkpoint of another training.

    Source: Med-Real2Sim (Kuang et al. 2024), physics-guided fine-tuning.
    """
    check_choice(labels, "labels", LABELS)
    members, steps = check_count(members, "members"), check_count(steps, "steps")
    width, n_components = check_count(width, "width"), check_count(n_components, "n_components")
    unknowns = Unknowns.of() if unknowns is None else unknowns
    frozen = _frozen(physics, unknowns)
    truth = _labels_of(clips, labels)
    inputs = TwinInputs.fitted(clips.encoding, min(n_components, len(clips)))
    held_out = (
        np.float32(inputs(validation.encoding)),
        np.float32(validation.encoding.period_s),
        np.float32(_labels_of(validation, labels)),
    )
    n_out = n_quantities(labels) if frozen is None else len(frozen.names)
    # What batches are made of, which a checkpoint must agree in.
    recipe = {"clips": inputs(clips.encoding), "labels": truth, "validation": held_out}
    folder = None if checkpoint is None else Path(checkpoint)
    found: list[StreamResult] = []
    for member in range(members):
        if found and found[-1].step < steps:
            break
        own = seed * 1000 + member
        head = TwinHead(len(inputs.middle), n_out, width=width, key=jax.random.key(own))
        noise = jnp.full(n_quantities(labels), np.log(FIRST_NOISE), jnp.float32)
        found.append(
            train_on_stream(
                TwinLosses(frozen, labels),
                Trained(head, noise),
                Adam(CosineDecay(learning_rate, warmup_steps=min(50, steps)), weight_decay=0.1),
                _Batches(clips, truth, inputs, own),
                steps=steps,
                seed=own,
                average=0.99,
                validate=lambda trained: {
                    "density": float(_density(trained, frozen, labels, held_out))
                },
                validate_every=min(100, steps),
                select="density",
                checkpoint=folder and folder / f"network-{member + 1}",
                recipe=recipe,
                quiet=quiet,
                label=f"{'P-SSL' if frozen is not None else 'supervised'} {member + 1}/{members}",
            )
        )
    card = {
        "what": "parameters of a circulation from a clip" if frozen is not None else "volumes",
        "physics": "surrogate" if isinstance(physics, Surrogate) else physics,
        "clips": len(clips),
        "steps": steps,
        "seed": seed,
        "seconds": round(sum(one.seconds for one in found), 1),
        "best_steps": [one.best_step for one in found],
        "not_validated_on": NOT_VALIDATED,
        "provenance": asdict(make_provenance({"verb": "train_twins", "labels": labels})),
    }
    if segmentation is not None:
        card["segmentation"] = segmentation.digest
    model = TwinModel(
        heads=tuple(one.parameters.head for one in found),
        inputs=inputs,
        unknowns=unknowns if frozen is not None else None,
        labels=labels,
        card=card,
    )
    return model, found


def _frozen(physics: Surrogate | str | None, unknowns: Unknowns) -> TwinPhysics | None:
    """Return what stands between the networks and the labels, None where nothing does."""
    if physics is None:
        return None
    if isinstance(physics, Surrogate):
        return SurrogatePhysics(physics, unknowns)
    check_choice(physics, "physics", [CIRCULATION])
    return CirculationPhysics(unknowns)


def _labels_of(clips: EncodedClips, labels: str) -> Float[np.ndarray, "n n_quantities"]:
    """Return what is known of clips, in units of the losses; all of it must be."""
    with np.errstate(divide="ignore", invalid="ignore"):
        truth = known_quantities(clips.known, labels)
    missing = int((~np.isfinite(truth)).any(1).sum())
    if missing:
        raise InputError(
            "labels",
            found=f"{missing} of {len(truth)} clips without {labels}",
            expected="it to be known of every clip",
            advice="Train with labels='volumes', or leave these clips out.",
        )
    return truth


@eqx.filter_jit
def _density(trained: Trained, physics: Any, labels: str, batch: Any) -> Any:
    """Return the mean negative log density of the labels of clips."""
    noise = label_noise(trained, physics)

    def one(numbers: Any, period: Any, truth: Any) -> Any:
        _, seen = predicted(trained.head, physics, labels, numbers, period)
        return negative_log_density(truth, seen, noise)

    return jnp.mean(jax.vmap(one)(*batch))
