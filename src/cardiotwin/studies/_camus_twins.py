"""Med-Real2Sim, Table 1, on frames of patients: EF supervised, and through the physics."""

from typing import Any

import numpy as np
from jaxtyping import Float

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
from ..echo._twin_losses import EF_SCALE, Known, meant_by, predicted_of_clips
from ..echo._twin_physics import TwinPhysics
from ..hemodynamics import ADULT_BOX, Surrogate, Unknowns, train_surrogate
from ._camus_frames import FineTuning, patients_of_folds
from ._camus_masks import FOLDER, AnnotatedFrames, read_camus_frames
from ._camus_table import agreement
from ._data import dataset
from ._table import StudyTable

PERIOD_S = 0.85
"""Of every patient: the frames have no times."""

HELD_OUT = 24
"""Training patients of a fold by which weights are chosen."""

MEMBERS = 3

N_COMPONENTS = 8


def camus_twins(data: PathLike | None = None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Learn EF from four frames of each patient, in five folds by patient, in two ways.

    Args:
        data: folder of measured data sets.
        quick: two folds of 40 patients and few steps, which show the form and no result.
        seed: of folds and weights.

    Raises:
        InputError: the data set is not there.
    """
    folder = dataset(data, FOLDER)
    model = shipped_model()
    given = read_camus_frames(folder, model.size, 40 if quick else None)
    every, truth = encoded_frames(model, given), given.ef[:, 0]
    folds = patients_of_folds(given, 2 if quick else FineTuning().folds, seed)
    surrogate = train_surrogate(ADULT_BOX, steps=200 if quick else 8000, quiet=True)
    steps = 40 if quick else 400
    rows: list[list[Any]] = []
    for name, physics in (("supervised, EF", None), ("P-SSL, EF", surrogate)):
        found = np.full((len(truth), 2), np.nan)
        for fold, test in enumerate(track(folds, name, lambda test: f"({len(test)} patients)")):
            own = len(folds) * seed + fold
            found[test] = _tested(every, np.array(test), physics, steps, own)
        held = np.abs(found[:, 0] - truth) <= 1.645 * found[:, 1]
        rows.append([name, len(truth), *agreement(found[:, 0], truth), 100.0 * held.mean()])
    mean = np.full(len(truth), np.nan)
    for test in folds:
        mean[test] = np.delete(truth, test).mean()
    rows.append(["mean EF of the other folds", len(truth), *agreement(mean, truth)[:4], None, None])
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
        rows,
        [
            "EF of the labels and of the test: biplane, by our disks from the masks of an expert",
            f"{len(folds)} folds by patient, each tested once; {HELD_OUT} training patients "
            "of a fold choose among the weights; same inputs, networks and steps for both",
            "inputs: what the segmentation of the package, which saw no patient, makes of the ED "
            "and ES frames of both views; there are no times, no heart rate and no pixel size, so "
            f"that every beat is taken to last {PERIOD_S:g} s",
            "labels of EF alone leave the size of the heart to the prior: its volumes mean nothing "
            "here",
        ],
    )


def encoded_frames(model: SegmentationModel, given: AnnotatedFrames) -> EncodedClips:
    """Return four frames of each patient as an encoding, with the expert's EF.

    Args:
        model: the segmentation as it comes.
        given: the frames.
    """
    n, n_views, side, _ = given.frames.shape
    look = model.look(given.frames.reshape(-1, side, side))
    disks = find_disks(look.masks)
    frames = frame_numbers(disks, look.areas).reshape(n, n_views, -1)
    frames = np.where(np.isfinite(frames), frames, np.nanmean(frames, 0))
    # ED and ES stand in turns: what changes between them is what EF is about.
    numbers = np.concatenate([frames[:, ::2], frames[:, 1::2] - frames[:, ::2]], 1).reshape(n, -1)
    looks = np.concatenate([look.doubt, look.coarse, look.fine], 1).reshape(n, n_views, -1).mean(1)
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
    every: EncodedClips, test: np.ndarray, physics: Surrogate | None, steps: int, seed: int
) -> Float[np.ndarray, "n 2"]:
    """Return EF and its standard deviation of the test patients, trained on the others."""
    others = np.setdiff1d(np.arange(len(every)), test)
    order = np.random.default_rng(seed).permutation(others)
    held_out = min(HELD_OUT, len(order) // 4)
    model, _ = train_twins(
        every[order[held_out:]],
        every[order[:held_out]],
        surrogate=physics,
        labels="ef",
        members=MEMBERS,
        steps=steps,
        n_components=N_COMPONENTS,
        seed=seed,
        quiet=True,
    )
    return _ef(model, physics, every[test])


def _ef(
    model: TwinModel, surrogate: Surrogate | None, clips: EncodedClips
) -> Float[np.ndarray, "n 2"]:
    physics = None if surrogate is None else TwinPhysics(surrogate, Unknowns.of())
    inputs = model.inputs(clips.encoding).astype(np.float32)
    period = np.full(len(inputs), PERIOD_S, np.float32)
    means, variances = [], []
    for head in model.heads:
        _, seen = predicted_of_clips(head, physics, "ef", inputs, period)
        spread = np.sqrt(np.sum(np.asarray(seen.root) ** 2, -1))
        means.append(meant_by(np.asarray(seen.mean), "ef")[0])
        variances.append((EF_SCALE * spread[:, 0]) ** 2)
    mean = np.mean(means, 0)
    return np.stack([mean, np.sqrt(np.mean(variances, 0) + np.var(means, 0))], -1)
