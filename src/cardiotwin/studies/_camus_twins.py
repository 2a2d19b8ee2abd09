"""Med-Real2Sim, Table 1, on frames of patients: EF supervised, and through the physics."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .._progress import track
from .._types import PathLike
from ..echo import (
    EncodedClips,
    Encoding,
    SegmentationModel,
    TwinModel,
    find_disks,
    shipped_model,
    train_twins,
)
from ..echo._encoding import frame_numbers
from ..echo._twin_losses import (
    EF_SCALE,
    Known,
    Trained,
    label_noise,
    meant_by,
    predicted_of_clips,
)
from ..echo._twin_physics import SurrogatePhysics
from ..hemodynamics import ADULT_BOX, Surrogate, Unknowns, train_surrogate
from ._camus_frames import QUICK, FineTuning, patients_of_folds, trained_on
from ._camus_masks import FOLDER, AnnotatedFrames, read_camus_frames
from ._camus_table import agreement
from ._data import dataset
from ._resume import FinishedParts, Rows
from ._table import StudyTable

PERIOD_S = 0.85
"""Of every patient: the frames have no times."""

HELD_OUT = 24
"""Training patients of a fold by which weights are chosen."""

MEMBERS = 3

N_COMPONENTS = 8

METHODS = ("supervised, EF", "P-SSL, EF")


def camus_twins(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Learn EF from four frames of each patient, in five folds by patient, in two ways.

    Args:
        data: folder of measured data sets.
        quick: two folds of 20 patients and few steps, which show the form and no result.
        seed: of folds and weights.
        parts: folds that an interrupted run has finished.

    Raises:
        InputError: the data set is not there.
    """
    folder, recipe = dataset(data, FOLDER), QUICK if quick else FineTuning()
    parts = FinishedParts() if parts is None else parts
    start = shipped_model()
    given = read_camus_frames(folder, start.size, recipe.patients)
    truth = given.ef[:, 0]
    folds = patients_of_folds(given, recipe.folds, seed)
    surrogate = train_surrogate(ADULT_BOX, steps=200 if quick else 8000, quiet=True)
    steps = 40 if quick else 400
    weights = start.card.get("provenance", {}).get("created", "unknown")
    found = np.full((len(METHODS), len(truth), 2), np.nan)
    for fold, test in enumerate(track(folds, "folds", lambda test: f"({len(test)} patients)")):
        own = recipe.folds * seed + fold
        compute = partial(_tested, start, given, np.array(test), surrogate, steps, recipe, own)
        rows = np.array(parts.rows(f"fold {fold + 1}, {recipe}, {weights}", compute))
        found[:, rows[:, 0].astype(int)] = np.moveaxis(rows[:, 1:].reshape(len(rows), -1, 2), 1, 0)
    table: list[list[Any]] = []
    for name, own in zip(METHODS, found, strict=True):
        held = np.abs(own[:, 0] - truth) <= 1.645 * own[:, 1]
        table.append([name, len(truth), *agreement(own[:, 0], truth), 100.0 * held.mean()])
    mean = np.full(len(truth), np.nan)
    for test in folds:
        mean[test] = np.delete(truth, test).mean()
    errors = agreement(mean, truth)[:4]
    table.append(["mean EF of the other folds", len(truth), *errors, None, None])
    return StudyTable(
        "EF of CAMUS patients from four frames",
        [
            "method, labels",
            "patients",
            "EF MAE (points)",
            "bias",
            "limits from",
            "to",
            "correlation",
            "90 % intervals hold (%)",
        ],
        table,
        [
            "EF of the labels and of the test: biplane, by our disks from the masks of an expert",
            f"{len(folds)} folds by patient, each tested once; {HELD_OUT} training patients "
            "of a fold choose among the weights; same inputs, networks and steps for both",
            "inputs: lengths and areas in the ED and ES frames of both views, as segmentation "
            f"networks see them that were fine-tuned ({recipe.steps} steps) on the masks of one "
            "half of the training patients each: those of a half are read by the network of the "
            "other, those of the test by both, whose answers are averaged",
            "there are no times, no heart rate and no pixel size, so that every beat is taken to "
            f"last {PERIOD_S:g} s",
            "labels of EF alone leave the size of the heart to the prior: its volumes mean nothing "
            "here",
            "the fine-tuned weights are not kept: CAMUS is for non-commercial research "
            "(CC BY-NC-SA)",
        ],
    )


def encoded_frames(
    model: SegmentationModel, given: AnnotatedFrames, typical: Int[np.ndarray, " n_typical"]
) -> EncodedClips:
    """Return four frames of each patient as an encoding, with the expert's EF.

    Args:
        model: of the segmentation.
        given: the frames.
        typical: patients whose mean stands for what was not found in a frame.
    """
    n, n_views, side, _ = given.frames.shape
    look = model.look(given.frames.reshape(-1, side, side))
    disks = find_disks(look.masks)
    frames = frame_numbers(disks, look.areas).reshape(n, n_views, -1)
    frames = np.where(np.isfinite(frames), frames, np.nanmean(frames[typical], 0))
    # ED and ES stand in turns: what changes between them is what EF is about.
    numbers = np.concatenate([frames[:, ::2], frames[:, 1::2] - frames[:, ::2]], 1).reshape(n, -1)
    # What channels mean differs between networks; how sure they are does not.
    looks = look.doubt.reshape(n, -1)
    encoding = Encoding(
        numbers,
        np.zeros(numbers.shape[1]),
        looks,
        np.full(n, np.nan),
        np.full(n, PERIOD_S),
    )
    whole = np.full(n, 100.0)
    return EncodedClips(encoding, Known(whole, whole - given.ef[:, 0], None), {})


def _tested(
    start: SegmentationModel,
    given: AnnotatedFrames,
    test: Int[np.ndarray, " n_test"],
    surrogate: Surrogate,
    steps: int,
    recipe: FineTuning,
    seed: int,
) -> Rows:
    """Return rows of test patients: number, EF and its standard deviation by each method."""
    others = np.setdiff1d(np.arange(len(given.patients)), test)
    order = np.random.default_rng(seed).permutation(others)
    halves = order[::2], order[1::2]
    seen = []
    for number, half in enumerate(halves):
        # Who chose a network is read by the other, as those are who trained it.
        chose = min(recipe.held_out // 2, len(half) // 4)
        model = trained_on(start, given, half[chose:], half[:chose], recipe, 2 * seed + number)
        seen.append(encoded_frames(model, given, order))
    own = np.isin(np.arange(len(given.patients)), halves[0])[:, None]
    first, second = (one.encoding for one in seen)
    encoding = first._replace(
        numbers=np.where(own, second.numbers, first.numbers),
        looks=np.where(own, second.looks, first.looks),
    )
    every = EncodedClips(encoding, seen[0].known, {})
    held_out = min(HELD_OUT, len(order) // 4)
    answers = []
    for physics in (None, surrogate):
        model, training = train_twins(
            every[order[held_out:]],
            every[order[:held_out]],
            physics=physics,
            labels="ef",
            members=MEMBERS,
            steps=steps,
            n_components=N_COMPONENTS,
            seed=seed,
            quiet=True,
        )
        noises = [one.parameters.noise for one in training]
        both = np.stack([_ef(model, physics, noises, one[test]) for one in seen])
        spread = np.sqrt(np.mean(both[..., 1] ** 2, 0) + np.var(both[..., 0], 0))
        answers.append(np.stack([both[..., 0].mean(0), spread], -1))
    return np.concatenate([test[:, None], *answers], 1).tolist()


def _ef(
    model: TwinModel, surrogate: Surrogate | None, noises: Sequence[Any], clips: EncodedClips
) -> Float[np.ndarray, "n 2"]:
    """Return EF and its standard deviation: of the networks, and of what they leave out."""
    physics = None if surrogate is None else SurrogatePhysics(surrogate, Unknowns.of())
    inputs = model.inputs(clips.encoding).astype(np.float32)
    period = np.full(len(inputs), PERIOD_S, np.float32)
    means, variances = [], []
    for head, noise in zip(model.heads, noises, strict=True):
        _, seen = predicted_of_clips(head, physics, "ef", inputs, period)
        spread = np.sqrt(np.sum(np.asarray(seen.root) ** 2, -1))
        means.append(meant_by(np.asarray(seen.mean), "ef")[0])
        left_out = float(label_noise(Trained(head, noise), physics)[0])
        variances.append(EF_SCALE**2 * (spread[:, 0] ** 2 + left_out**2))
    mean = np.mean(means, 0)
    return np.stack([mean, np.sqrt(np.mean(variances, 0) + np.var(means, 0))], -1)
