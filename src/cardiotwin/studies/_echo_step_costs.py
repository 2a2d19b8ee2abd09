"""How costs of methods grow; those of networks that are trained once for all patients."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..echo import PaperNetwork, TwinModel
from ..echo._twin_losses import Trained, TwinLosses, n_quantities
from ..echo._twin_network import TwinHead
from ..echo._twin_physics import SurrogatePhysics
from ..echo._twin_training import BATCH, FIRST_NOISE
from ..hemodynamics import ADULT_BOX, Unknowns, train_surrogate
from ._echo_speed import BATCH as VIDEO_BATCH
from ._echo_speed import N_FRAMES, video_losses
from ._patient_costs import program_mb
from ._timing import median_seconds

SIDE = 112
"""Pixels of a side of the frames of the video network, as in the reference."""


class Law(NamedTuple):
    """How costs grow, in words of `SYMBOLS`.

    Attributes:
        time: of training and evaluation.
        memory: besides clips and libraries.
    """

    time: str
    memory: str


SYMBOLS = (
    "N patients, L steps of a patient or epochs of all; C segmenting and encoding a clip, H "
    "weights of networks that read encodings, S a beat (by the surrogate or simulated) in d "
    "unknowns, F operations of the 3-D network, m instants of the equations, n volumes, W weights "
    "of a network of one patient, K evaluations of a solve, D draws (a round), B clips of a batch, "
    "G patients of a group, A numbers kept of one evaluation"
)

LAWS = {
    "P-SSL": Law("N C + L N (H + d S) once, then C + H, and D S for EF", "H + B A"),
    "supervised": Law("N C + L N H once, then C + H", "H + B A"),
    "video": Law("L N F once, then F", "weights + B A"),
    "disks": Law("N C", "one clip"),
    "PINN": Law("N (C + L (m + n) W)", "N (W + (m + n) A)"),
    "Neural ODE": Law("N (C + L K W)", "N (W + K A)"),
    "mode": Law("N (C + L (d + 1) S)", "G (d + 1) A + N d²"),
    "posterior": Law("N (C + L D S)", "G A + N L D d"),
}
"""By kind of method. "Once" is paid for the patients of the training, the rest by a new one."""


class Compiled(NamedTuple):
    """What a compiled program costs.

    Attributes:
        seconds: median of a call.
        megabytes: see `program_mb`.
    """

    seconds: float
    megabytes: float


class StepCosts(NamedTuple):
    """Of a network that is trained once on all patients.

    Attributes:
        step: forward and backward of a batch, without the update.
        clips: of the batch.
        evaluation: of one clip, forward.
        numbers: that are trained.
    """

    step: Compiled
    clips: int
    evaluation: Compiled
    numbers: int

    def epoch_s(self, n_clips: int) -> float:
        """Return the seconds in which every one of some clips is in one batch."""
        return n_clips / self.clips * self.step.seconds


def compiled_costs(work: Callable[..., Any], *arrays: Any, times: int = 20) -> Compiled:
    """Return what a function of arrays costs once it is compiled.

    Args:
        work: pure function.
        arrays: that it is given.
        times: calls that count.
    """
    program = jax.jit(work).lower(*arrays).compile()
    seconds = median_seconds(lambda: jax.block_until_ready(program(*arrays)), times)
    return Compiled(seconds, program_mb(program))


def twin_costs(model: TwinModel, labels: str, *, through_physics: bool, seed: int) -> StepCosts:
    """Return what networks that read encodings cost, as they are trained.

    Args:
        model: whose networks are as large.
        labels: that are taught.
        through_physics: through the frozen surrogate (P-SSL), or the labels directly.
        seed: of weights and numbers, which change no cost.
    """
    physics, n = None, n_quantities(labels)
    if through_physics:
        # What a surrogate has learned does not change how long it takes.
        few = train_surrogate(ADULT_BOX, n_train=64, n_held_out=32, steps=2, quiet=True)
        physics = SurrogatePhysics(few, Unknowns.of())
    key = jax.random.key(seed)
    head = _blank(model, n if physics is None else len(physics.names), key)
    noise = jnp.full(n, np.log(FIRST_NOISE), jnp.float32)
    learned, rest = eqx.partition(Trained(head, noise), eqx.is_array)
    frozen, held = eqx.partition(physics, eqx.is_array)
    rng = np.random.default_rng(seed)
    batch = (
        jnp.asarray(rng.standard_normal((BATCH, len(model.inputs.middle))), jnp.float32),
        jnp.full(BATCH, 0.85, jnp.float32),
        jnp.zeros((BATCH, n), jnp.float32),
    )

    def total(learned: Any, frozen: Any, batch: Any) -> Any:
        losses = TwinLosses(eqx.combine(frozen, held), labels)
        return sum(losses(eqx.combine(learned, rest), batch, key).values())

    heads, bones = eqx.partition((head,) * len(model.heads), eqx.is_array)

    def read(heads: Any, numbers: Any) -> Any:
        return [own(numbers) for own in eqx.combine(heads, bones)]

    return StepCosts(
        compiled_costs(jax.value_and_grad(total), learned, frozen, batch),
        BATCH,
        compiled_costs(read, heads, batch[0][0]),
        _count(learned),
    )


def untrained_twins(model: TwinModel, labels: str, seed: int) -> TwinModel:
    """Return as many networks that would be taught labels directly, to take the time of a read."""
    keys = jax.random.split(jax.random.key(seed), len(model.heads))
    heads = tuple(_blank(model, n_quantities(labels), key) for key in keys)
    return TwinModel(heads, model.inputs, None, labels, {})


def video_costs(*, quick: bool, seed: int) -> StepCosts:
    """Return what five layers of 3-D convolutions cost, with random weights on random frames.

    Args:
        quick: two clips of 32 × 32 in place of a batch of the reference's size.
        seed: of weights and frames.
    """
    n, side = (2, 32) if quick else (VIDEO_BATCH, SIDE)
    network = PaperNetwork(2, key=jax.random.key(seed))
    learned, rest = eqx.partition(network, eqx.is_array)
    grey = np.random.default_rng(seed).random((n, N_FRAMES, side, side), np.float32)
    clips, truth = jnp.asarray(grey), jnp.zeros((n, 2), jnp.float32)

    def total(learned: Any, clips: Any, truth: Any) -> Any:
        return video_losses(eqx.combine(learned, rest), (clips, truth), None)["volumes"]

    def forward(learned: Any, clip: Any) -> Any:
        return eqx.combine(learned, rest)(clip)

    return StepCosts(
        compiled_costs(jax.value_and_grad(total), learned, clips, truth, times=3),
        n,
        compiled_costs(forward, learned, clips[:1], times=3),
        _count(learned),
    )


def _blank(model: TwinModel, n_out: int, key: Any) -> TwinHead:
    """Return a network with random weights, as large as those of a model."""
    layers = model.heads[0].layers
    return TwinHead(
        int(layers[0].in_features),
        n_out,
        width=int(layers[0].out_features),
        depth=len(layers) - 1,
        key=key,
    )


def _count(learned: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(learned))
