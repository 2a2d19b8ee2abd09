"""How long a training step and a prediction take, beside the paper's video network."""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._types import PathLike
from ..echo import (
    EchoClip,
    PaperNetwork,
    Phantom,
    SegmentationModel,
    TwinModel,
    crop_to_sector,
    encode,
    predict,
    resize,
    segment,
    shipped_model,
    shipped_twins,
)
from ..echo._segmentation_network import with_neighbours
from ..echo._twin_losses import (
    Known,
    Trained,
    TwinLosses,
    known_quantities,
    meant_by,
    n_quantities,
)
from ..echo._twin_physics import SurrogatePhysics
from ..hemodynamics import ADULT_BOX, Unknowns, train_surrogate
from ..learning import Adam, CosineDecay, train_on_stream
from ._echo_phantom import TEST_SEED
from ._table import StudyTable
from ._timing import median_seconds

BATCH, N_FRAMES = 8, 16
"""Clips of a batch and frames of a clip, as in the reference: 16 frames of 112 × 112."""

TRAINING_SEED = 1_000_021


def echo_speed(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Time training steps of both networks on the same clips, and predictions; test the other one.

    Args:
        data: folder in which the training of the paper's network is kept and resumed.
        quick: two steps of the paper's network instead of 300, and eight test clips.
        seed: of weights and clips.
    """
    phantom = Phantom(views=("A4C", "A2C"), n_frames=N_FRAMES)
    steps, n_test = (2, BATCH) if quick else (300, 200)
    source = VideoBatches(phantom, TRAINING_SEED + seed)
    network = PaperNetwork(2, key=jax.random.key(seed))
    found = train_on_stream(
        video_losses,
        network,
        Adam(CosineDecay(1e-3, warmup_steps=min(20, steps)), weight_decay=1e-4),
        source,
        steps=steps,
        seed=seed,
        average=0.98,
        checkpoint=data,
        label="3-D convolutions",
    )
    ef, edv = _tested(found.parameters, phantom, n_test, seed)
    clips, truth = source(0)
    step = paper_step(network, jnp.asarray(clips), jnp.asarray(truth))
    rows: list[list[Any]] = [
        ["five layers of 3-D convolutions", median_seconds(step, 3), BATCH * steps, ef, edv]
    ]
    model = shipped_model()
    look, kept = twin_steps(model, shipped_twins(), phantom, seed)
    before, later = median_seconds(look, 3), median_seconds(kept, 20)
    whole = "twins: frames through the frozen network, then a step"
    rows.append([whole, before + later, None, None, None])
    rows.append(["twins: a step on encodings that are kept", later, None, None, None])
    notes = [
        f"a step has {BATCH} clips of {N_FRAMES} frames of 112 × 112; forward and backward, "
        "without the update, compiling, and making the clips; median of several steps",
        f"the paper's network was trained on {BATCH * steps} clips, {steps} steps, and tested on "
        f"{n_test} clips with the frames of its own training; errors of the twins on unseen clips "
        "are in the study echo-twins",
        *_prediction_notes(seed),
    ]
    columns = ["network", "s a step", "clips trained on", "EF MAE (points)", "EDV MAE (mL)"]
    return StudyTable("Speed of video networks", columns, rows, notes)


@dataclass(frozen=True)
class VideoBatches:
    """Clips as the paper's network reads them, with logarithms of both volumes."""

    phantom: Phantom
    seed: int

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch number ``step``."""
        made = [self.phantom.clip(step * BATCH + k, self.seed) for k in range(BATCH)]
        grey = np.stack([_frames(one.clip) for one in made])
        edv, esv = np.array([[own.edv_ml, own.esv_ml] for own in made]).T
        truth = known_quantities(Known(edv, esv, None), "volumes")
        return grey.astype(np.float32) / 255.0, truth.astype(np.float32)


def video_losses(network: PaperNetwork, batch: Any, key: Any) -> dict[str, Any]:
    """Return the squared error of both volumes' logarithms."""
    del key
    return {"volumes": jnp.mean((network(batch[0]) - batch[1]) ** 2)}


def _frames(clip: EchoClip) -> np.ndarray:
    return resize(crop_to_sector(clip), 112).frames


def _tested(network: PaperNetwork, phantom: Phantom, n: int, seed: int) -> tuple[float, float]:
    """Return mean absolute errors of EF and EDV on test clips."""
    forward = eqx.filter_jit(network)
    source = VideoBatches(phantom, TEST_SEED + seed)
    errors = []
    for step in range(n // BATCH):
        clips, truth = source(step)
        seen, true = (
            meant_by(np.asarray(own), "volumes") for own in (forward(jnp.asarray(clips)), truth)
        )
        errors.append([np.abs(a - b) for a, b in zip(seen[:2], true[:2], strict=True)])
    ef, edv = np.concatenate(errors, axis=1).mean(1)
    return float(ef), float(edv)


def paper_step(network: PaperNetwork, clips: Any, truth: Any) -> Callable[[], Any]:
    """Return what takes the gradient of the paper's network for a batch of clips."""

    @eqx.filter_jit
    def step(network: PaperNetwork) -> Any:
        return eqx.filter_value_and_grad(
            lambda own: video_losses(own, (clips, truth), None)["volumes"]
        )(network)

    return lambda: jax.block_until_ready(step(network))


def twin_steps(
    model: SegmentationModel, twins: TwinModel, phantom: Phantom, seed: int
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return what looks at the frames of a batch, and what takes the gradient on its encodings."""
    made = [phantom.clip(k, TRAINING_SEED + seed) for k in range(BATCH)]
    frames = np.concatenate([with_neighbours(_frames(one.clip)) for one in made])
    encodings = [encode(segment(one.clip, model)) for one in made]
    numbers = np.stack([twins.inputs(own) for own in encodings])
    period = np.stack([own.period_s for own in encodings])
    # What a surrogate has learned does not change how long it takes.
    surrogate = train_surrogate(ADULT_BOX, n_train=64, n_held_out=32, steps=2, quiet=True)
    losses = TwinLosses(SurrogatePhysics(surrogate, Unknowns.of()), "curve")
    n = n_quantities("curve")
    batch = tuple(
        jnp.asarray(part, jnp.float32) for part in (numbers, period, np.zeros((BATCH, n)))
    )

    @eqx.filter_jit
    def head_step(trained: Trained) -> Any:
        def total(own: Trained) -> Any:
            return sum(losses(own, batch, jax.random.key(seed)).values())

        return eqx.filter_value_and_grad(total)(trained)

    trained = Trained(twins.heads[0], jnp.full(n, -1.5, jnp.float32))
    return partial(model.look, frames), lambda: jax.block_until_ready(head_step(trained))


def _prediction_notes(seed: int) -> list[str]:
    phantom = Phantom(views=("A4C",))
    clips = [phantom.clip(k, TEST_SEED + seed).clip for k in range(6)]
    predict(clips[0])
    spent = [predict(clip).seconds for clip in clips]
    total = np.median([sum(own.values()) for own in spent])
    parts = {name: float(np.median([own[name] for own in spent])) for name in spent[0]}
    told = ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in parts.items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [
        f"a prediction takes {total:.2f} s ({told}; medians of {len(clips)} clips of "
        f"{np.mean([len(clip.frames) for clip in clips]):.0f} frames, compiled before)",
        f"largest memory of the process: {peak:.1f} GiB",
    ]
