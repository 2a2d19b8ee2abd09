"""The shipped segmentation on frames of patients: as it is, and fine-tuned in five folds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt8

from .._progress import track
from .._types import PathLike
from ..echo import SegmentationModel, dice, shipped_model, train_segmentation
from ..echo._labels import LABELS
from ..echo._segmentation_network import N_SEEN, SegmentationNetwork
from ..echo.datasets._records import fold_names
from ._camus_masks import (
    FOLDER,
    PLANES,
    VIEWS,
    AnnotatedFrames,
    ejection_fractions,
    read_camus_frames,
)
from ._camus_table import camus_table
from ._data import dataset
from ._resume import FinishedParts, Rows
from ._table import StudyTable


@dataclass(frozen=True)
class FineTuning:
    """How the folds are trained; no test fold had a part in choosing it.

    Attributes:
        folds: parts of the patients, each tested once.
        steps: of each training.
        batch: frames a step.
        learning_rate: largest.
        networks: of a fold, which vote.
        held_out: training patients whom a network does not see: by them its weights are chosen,
            and on them its EF is compared with the truth.
        patients: how many are read, all if None.
    """

    folds: int = 5
    steps: int = 800
    batch: int = 8
    learning_rate: float = 2e-3
    networks: int = 2
    held_out: int = 20
    patients: int | None = None


QUICK = FineTuning(folds=2, steps=20, held_out=2, patients=20)

EVEN_PATIENTS = 5
"""Patients, spread as widely in EF as is usual, whose weight the line of slope 1 has."""

USUAL_SPREAD = 12.0
"""Of EF among patients, points."""


def camus_frames(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Segment ED and ES frames of CAMUS patients; Dice and EF against the masks of an expert.

    Args:
        data: folder of measured data sets.
        quick: two short folds of 20 patients, which show the form and no result.
        seed: of the folds and the trainings.
        parts: folds that an interrupted run has finished.

    Raises:
        InputError: the data set is not there.
    """
    folder, recipe = dataset(data, FOLDER), QUICK if quick else FineTuning()
    start = shipped_model()
    given = read_camus_frames(folder, start.size, recipe.patients)
    before, after = cross_validated(start, given, recipe, seed=seed, parts=parts)
    how = [
        f"{recipe.folds} folds by patient, each tested once by a network that never saw its "
        f"patients: {recipe.steps} steps of {recipe.batch} frames from the weights of the package, "
        f"learning rate {recipe.learning_rate:g}; {recipe.networks} networks a fold vote, each "
        f"with {recipe.held_out} training patients held out, by whom its weights are chosen",
        "corrected: along a line of each fold, fitted to its training patients as the network "
        "sees them that did not train on them",
        f"the weights of the package were trained on: {start.card.get('trained_on', 'unknown')}",
    ]
    return camus_table(given, before, after, how)


def cross_validated(
    start: SegmentationModel,
    given: AnnotatedFrames,
    recipe: FineTuning,
    *,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> tuple[Rows, list[Rows]]:
    """Return `scores` of all patients by the model as it is, and of each fold by its own.

    Args:
        start: the model that is fine-tuned.
        given: frames and masks.
        recipe: of the trainings.
        seed: of the folds and the trainings.
        parts: folds that an interrupted run has finished.
    """
    parts = FinishedParts() if parts is None else parts
    # Parts that other weights have made are not these.
    weights = start.card.get("provenance", {}).get("created", "unknown")
    everyone = partial(scores, [start], given, list(range(len(given.patients))))
    before = parts.rows(f"as shipped, weights {weights}", everyone)
    after = []
    for test in track(
        patients_of_folds(given, recipe.folds, seed),
        "folds",
        lambda test: f"({len(test)} patients)",
    ):
        compute = partial(fine_tuned, start, given, test, recipe, recipe.folds * seed + len(after))
        part = f"fold {len(after) + 1}, {recipe}, weights {weights}"
        after.append(parts.rows(part, compute))
    return before, after


def patients_of_folds(given: AnnotatedFrames, folds: int, seed: int) -> list[list[int]]:
    """Return the numbers of the patients that each fold is tested on."""
    numbers = {name: k for k, name in enumerate(given.patients)}
    return [sorted(numbers[n] for n in part) for part in fold_names(given.patients, folds, seed)]


def fine_tuned(
    start: SegmentationModel,
    given: AnnotatedFrames,
    test: list[int],
    recipe: FineTuning,
    seed: int,
) -> Rows:
    """Train on all patients but those of the test, and score the test, EF corrected beside.

    Networks vote, each of which has training patients of its own held out.
    """
    others = np.setdiff1d(np.arange(len(given.patients)), test)
    order = np.random.default_rng(seed).permutation(others)
    models, seen, true = [], [], []
    for number in range(recipe.networks):
        held_out = order[number * recipe.held_out : (number + 1) * recipe.held_out]
        own = recipe.networks * seed + number
        model = trained_on(start, given, np.setdiff1d(order, held_out), held_out, recipe, own)
        models.append(model)
        seen.append(ejection_fractions(voted([model], given.frames[held_out]))[:, 0])
        true.append(given.ef[held_out, 0])
    offset, slope = correction(np.concatenate(seen), np.concatenate(true))
    rows = scores(models, given, test)
    return [[*row, offset + slope * row[-len(PLANES)]] for row in rows]


def trained_on(
    start: SegmentationModel,
    given: AnnotatedFrames,
    patients: Int[np.ndarray, " n"],
    held_out: Int[np.ndarray, " n_held_out"],
    recipe: FineTuning,
    seed: int,
) -> SegmentationModel:
    """Return the model trained further on the frames of some patients.

    Args:
        start: the model as it is.
        given: frames and masks.
        patients: to learn from.
        held_out: by whose frames weights are chosen.
        recipe: of the training.
        seed: of its batches.
    """
    frames, masks = (_joined(images[patients]) for images in (given.frames, given.masks))
    model, _ = train_segmentation(
        steps=recipe.steps,
        seed=seed,
        learning_rate=recipe.learning_rate,
        start=start,
        batches=shuffled(frames, masks, recipe.batch, seed),
        validation=(_seen(_joined(given.frames[held_out])), _joined(given.masks[held_out])),
        quiet=True,
    )
    return model


def correction(seen: Float[np.ndarray, " n"], true: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Return offset and slope of the line from seen to true EF, of slope 1 where little is known.

    >>> correction(np.array([50.0, 50.0]), np.array([54.0, 56.0]))
    (5.0, 1.0)
    """
    known = np.isfinite(seen) & np.isfinite(true)
    if not known.any():
        return 0.0, 1.0
    x, y = seen[known], true[known]
    across = x - x.mean()
    weight = EVEN_PATIENTS * USUAL_SPREAD**2
    slope = float((across @ y + weight) / (across @ across + weight))
    return float(y.mean() - slope * x.mean()), slope


def shuffled(
    frames: UInt8[np.ndarray, "n h w"], masks: UInt8[np.ndarray, "n h w"], size: int, seed: int
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Return batches of ``size``: no frame twice in a round, in an order of its own."""
    a_round = max(1, len(frames) // size)

    def batch(step: int) -> tuple[np.ndarray, np.ndarray]:
        number, place = divmod(step, a_round)
        order = np.random.default_rng([seed, number]).permutation(len(frames))
        chosen = np.resize(order, max(len(order), size))[place * size : (place + 1) * size]
        return _seen(frames[chosen]), masks[chosen]

    return batch


def scores(
    models: Sequence[SegmentationModel], given: AnnotatedFrames, patients: list[int]
) -> Rows:
    """Return a row a patient: number, Dice of every label and view, ejection fractions."""
    rows = []
    truth = given.masks[patients]
    found = voted(models, given.frames[patients])
    for number, mine, theirs, ef in zip(
        patients, found, truth, ejection_fractions(found), strict=True
    ):
        each = [dice(mine[[k]], theirs[[k]]) for k in range(len(VIEWS))]
        by_label = [float(one[label]) for label in LABELS[1:] for one in each]
        rows.append([int(number), *by_label, *map(float, ef)])
    return rows


def voted(
    models: Sequence[SegmentationModel], frames: UInt8[np.ndarray, "n v h w"]
) -> UInt8[np.ndarray, "n v h w"]:
    """Return the labels that are most probable in the mean of several networks."""
    found = []
    for patient in frames:
        shown = jnp.asarray(_seen(patient), jnp.float32)
        mean = sum(np.asarray(_probabilities(model.network, shown)) for model in models)
        found.append(np.argmax(mean, -1))
    return np.array(found, np.uint8)


@eqx.filter_jit
def _probabilities(network: SegmentationNetwork, frames: Any) -> Any:
    return jax.nn.softmax(network(frames))


def _seen(frames: UInt8[np.ndarray, "n h w"]) -> UInt8[np.ndarray, "n h w seen"]:
    """Return stills as the network sees them, each as its own neighbour."""
    return np.repeat(frames[..., None], N_SEEN, -1)


def _joined(images: UInt8[np.ndarray, "n v h w"]) -> UInt8[np.ndarray, "m h w"]:
    return images.reshape(-1, *images.shape[-2:])
