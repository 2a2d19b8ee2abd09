"""Training of the segmentation network on synthetic clips, or on any frames with masks."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from .._checks import check_count
from .._errors import InputError
from .._provenance import make_provenance
from .._types import PathLike
from ..learning import Adam, CosineDecay, StreamResult, train_on_stream
from ._augmentation import augmented
from ._clip import SMALLEST_SIDE
from ._labels import CAVITY, LABELS, NOT_CAVITY
from ._phantom import Phantom
from ._phantom_patients import Patient
from ._segmentation_model import SegmentationModel
from ._segmentation_network import N_SEEN, SegmentationNetwork

Frames = tuple[UInt8[np.ndarray, "n h w seen"], UInt8[np.ndarray, "n h w"]]
"""Frames with their neighbours, and masks, in which a pixel may be `NOT_CAVITY`."""

INSTANTS = 8
"""Of each beat."""

VALIDATION_CLIPS = 64
TRAINING_SEED, VALIDATION_SEED = 1_000_001, 1_000_002
"""Seeds of the phantom: those of a test must be others."""

NOT_VALIDATED = (
    "Trained on synthetic clips alone. Not validated on patients, not on any scanner, not on "
    "children, not on congenital disease, not on contrast echo. Research software, not for "
    "clinical use."
)


@dataclass(frozen=True)
class PhantomFrames:
    """Batches of synthetic frames: a few instants of each of several hearts.

    Attributes:
        phantom: generator of the clips.
        clips: in a batch.
        seed: of the phantom.
    """

    phantom: Phantom
    clips: int = 4
    seed: int = TRAINING_SEED

    def __call__(self, step: int) -> Frames:
        """Return batch number ``step``."""
        first = step * self.clips
        made = [
            self.phantom.clip_at(first + k, self.seed, instants_with_neighbours)
            for k in range(self.clips)
        ]
        frames = np.concatenate([one.clip.frames for one in made])
        masks = np.concatenate([one.masks for one in made])
        seen = frames.reshape(-1, N_SEEN, *frames.shape[1:])
        return np.moveaxis(seen, 1, -1), masks[1::N_SEEN]


def instants_with_neighbours(
    patient: Patient, rng: np.random.Generator
) -> tuple[Float[np.ndarray, " n_frames"], Float[np.ndarray, " n_beats"]]:
    """Return times of eight instants of a beat, each with one before and one after.

    The neighbours are 12 to 40 ms away, as at 25 to 80 frames a second.
    """
    period = float(patient.circulation.period_s)
    apart = rng.uniform(0.012, min(0.04, 0.05 * period))
    middle = (np.arange(INSTANTS) + rng.uniform(0.4, 0.6, INSTANTS)) / INSTANTS * period
    times = (middle[:, None] + apart * np.array([-1.0, 0.0, 1.0])).ravel()
    return times + period * rng.random(), np.full(3, period)


def train_segmentation(
    *,
    steps: int = 3000,
    seed: int = 0,
    size: int = 112,
    widths: tuple[int, ...] = (16, 32, 64, 96),
    learning_rate: float = 2e-3,
    start: SegmentationModel | None = None,
    batches: Callable[[int], Frames] | None = None,
    validation: Frames | None = None,
    checkpoint: PathLike | None = None,
    log: PathLike | None = None,
    quiet: bool = False,
) -> tuple[SegmentationModel, StreamResult]:
    """Train a network to label cavity, wall and atrium; return it and how the training went.

    Loss: cross entropy, half of 1 − Dice of the three labels, and the squared error of the
    logarithm of the cavity's area, on which volumes depend. The weights that are returned
    are the running average with the best Dice of the cavity on the validation frames.

    Args:
        steps: batches.
        seed: of weights and augmentation.
        size: pixels of a side, 32 at least, a multiple of 2^len(widths).
        widths: channels from fine to coarse.
        learning_rate: largest; it rises over 100 steps and falls along a cosine.
        start: a model to go on from, instead of random weights.
        batches: from a step to frames and masks; synthetic ones by default. A mask may hold
            `NOT_CAVITY` where only the cavity was traced.
        validation: frames and masks to choose by; synthetic ones of other hearts by default.
        checkpoint: folder from which an interrupted training with the same settings is resumed.
        log: JSONL file of losses and validations.
        quiet: show no progress.

    Raises:
        InputError: a size that does not fit the levels of the network, or the phantom where its
            frames are needed; or a checkpoint of another training.
    """
    steps = check_count(steps, "steps")
    if start is not None:
        network, widths, size = start.network, start.widths, start.size
    else:
        network = SegmentationNetwork(widths, key=jax.random.key(seed))
    if check_count(size, "size", at_least=SMALLEST_SIDE) % network.multiple:
        raise InputError("size", found=str(size), expected=f"a multiple of {network.multiple}")

    def phantom() -> Phantom:
        # Made where it is needed only: frames of the user may be larger than its largest.
        return Phantom(views=("A4C", "A2C"), size=size)

    source = PhantomFrames(phantom()) if batches is None else batches
    if validation is None:
        validation = PhantomFrames(phantom(), VALIDATION_CLIPS, VALIDATION_SEED)(0)

    def validate(network: SegmentationNetwork) -> dict[str, float]:
        scores = dice(
            SegmentationModel(network, widths, size, {}).masks(validation[0]), validation[1]
        )
        return {**scores, "missed": 1.0 - scores["cavity"]}

    found = train_on_stream(
        segmentation_losses,
        network,
        Adam(CosineDecay(learning_rate, warmup_steps=min(100, steps // 4)), weight_decay=1e-4),
        source,
        steps=steps,
        seed=seed,
        average=0.995,
        validate=validate,
        validate_every=min(250, steps),
        select="missed",
        checkpoint=checkpoint,
        log=log,
        quiet=quiet,
        label="segmentation",
        # Weights are convolutions: their shapes would fit frames of any size.
        recipe={"size": size, "widths": widths},
    )
    card = {
        "what": "U-net for apical views: " + ", ".join(LABELS),
        "trained_on": "cardiotwin.echo.Phantom" if batches is None else "frames of the user",
        "steps": found.step,
        "seed": seed,
        "seconds": round(found.seconds),
        "validation_dice": dict(found.validation).get(found.best_step, {}),
        "not_validated_on": NOT_VALIDATED if batches is None else "nothing but these frames",
        "provenance": asdict(make_provenance({"verb": "train_segmentation", "steps": steps})),
    }
    return SegmentationModel(found.parameters, widths, size, card), found


def segmentation_losses(network: Any, batch: Any, key: Any) -> dict[str, Any]:
    """Return the `label_losses` of a network on augmented frames."""
    frames, masks = augmented(batch[0].astype(jnp.float32) / 255.0, batch[1].astype(jnp.int32), key)
    return label_losses(jax.nn.log_softmax(network(frames)), masks)


def label_losses(
    logarithms: Float[Array, "n h w n_labels"], masks: Int[Array, "n h w"]
) -> dict[str, Any]:
    """Return cross entropy, squared relative error of the cavity's area, half of 1 − Dice.

    The entropy of a pixel is −log Σ p over the labels that it may have: one, or at `NOT_CAVITY`
    all but the cavity. In frames with such pixels wall and atrium are not known, and their
    Dice counts as 1; that of the cavity weighs as much as in other frames.

    Args:
        logarithms: of the probability of each label.
        masks: labels, or `NOT_CAVITY`.
    """
    truth = jax.nn.one_hot(masks, len(LABELS))  # Nothing at pixels that may be several.
    partly = masks == NOT_CAVITY
    others = jax.nn.logsumexp(logarithms, -1, where=jnp.arange(len(LABELS)) != CAVITY)
    allowed = jnp.where(partly, others, jnp.sum(truth * logarithms, -1))
    both = (jnp.exp(logarithms) * truth).sum((1, 2))
    each = (jnp.exp(logarithms) + truth).sum((1, 2))
    overlap = (2.0 * both + 1.0) / (each + 1.0)
    unknown = partly.any((1, 2))[:, None] & (jnp.arange(len(LABELS)) > CAVITY)
    # Pixels count alike in the others, so that small ventricles would be overrated.
    grey, true = jnp.exp(logarithms[..., CAVITY]).sum((1, 2)), truth[..., CAVITY].sum((1, 2))
    return {
        "entropy": -jnp.mean(allowed),
        "area": jnp.mean(jnp.log((grey + 10.0) / (true + 10.0)) ** 2),
        "dice": 0.5 - 0.5 * jnp.mean(jnp.where(unknown, 1.0, overlap)[:, 1:]),
    }


def dice(found: Any, truth: Any) -> dict[str, float]:
    """Return the mean over frames of 2|A∩B| / (|A|+|B|) by label.

    Frames in which a label is not known (`NOT_CAVITY` in the truth) have no part in its mean, and
    a label that no frame knows is left out.

    >>> one = np.array([[[1, 1, 0]]])
    >>> dice(one, np.array([[[1, 0, 0]]]))["cavity"].round(3).item()
    0.667
    >>> list(dice(one, np.array([[[1, 255, 255]]])))
    ['cavity']
    """
    scores = {}
    whole = ~np.equal(truth, NOT_CAVITY).any((1, 2))
    for label, name in enumerate(LABELS[1:], start=1):
        known = np.ones_like(whole) if label == CAVITY else whole
        if not known.any():
            continue
        here, there = np.equal(found, label)[known], np.equal(truth, label)[known]
        total = here.sum((1, 2)) + there.sum((1, 2))
        both = 2.0 * (here & there).sum((1, 2))
        scores[name] = np.mean(np.where(total > 0, both / np.maximum(total, 1), 1.0))
    return scores
