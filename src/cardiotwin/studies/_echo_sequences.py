"""Med-Real2Sim, Table 1, on video sequences of patients that the user has."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from .._types import PathLike
from ..echo import (
    EncodedClips,
    LabelledRecords,
    Phantom,
    SegmentationModel,
    encode_clips,
    shipped_model,
    train_segmentation,
)
from ..echo._labels import LABELS
from ..echo._segmentation_training import INSTANTS, PhantomFrames
from ..echo._traced_frames import TracedBatches, all_traced_frames
from ..hemodynamics import ADULT_BOX, Surrogate, train_surrogate
from ._camus_table import agreement
from ._clip_answers import (
    SCORES,
    Answers,
    answers,
    answers_by_patient,
    ef_scatter,
    middle,
    scores,
    taught,
    true_ef,
)
from ._sequence_records import Sequences, ef_by_patient, halves, patient_of, read_sequences
from ._table import StudyTable

COLUMNS = [
    *("method, labels", "clips or patients", "no answer"),
    *("EF MAE (points)", "bias", "limits from", "to", "correlation"),
    *SCORES,
]

FEWEST = 25
"""Clips from which the width of intervals is measured."""


@dataclass(frozen=True)
class Recipe:
    """How much is done; no test clip had a part in choosing it.

    Attributes:
        fine_tuning: steps of the segmentation network.
        records: clips a step, two frames of each.
        learning_rate: largest, of the fine-tuning.
        validated: clips on whose frames the fine-tuning is validated, at most.
        twins: steps of every network of the table.
        surrogate: steps of the network in place of the simulator.
        patients: of "TRAIN", "VAL" and "TEST" that are taken, all if None.
    """

    fine_tuning: int = 2000
    records: int = 8
    learning_rate: float = 2e-3
    validated: int = 200
    twins: int = 1000
    surrogate: int = 8000
    patients: tuple[int, int, int] | None = None


QUICK = Recipe(20, 4, 2e-4, 8, 60, 200, (60, 60, 30))


def echo_sequences(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    work: PathLike | None = None,
) -> StudyTable:
    """Fine-tune the segmentation on traced frames, encode all clips, teach EF in four ways, test.

    Args:
        data: folder of EchoNet-Dynamic or of CAMUS, as downloaded.
        quick: few patients and few steps, which show the form and no result.
        seed: of weights, batches, and the halves of the validation patients.
        work: folder of checkpoint and encodings, so that an interrupted run goes on; nothing is
            kept without it.

    Raises:
        InputError: neither of the two data sets is there.
        KeyboardInterrupt: a training was interrupted.
    """
    recipe = QUICK if quick else Recipe()
    given = read_sequences(data, recipe.patients)
    return sequences_table(given, recipe, shipped_model(), seed=seed, work=work)


def sequences_table(
    given: Sequences,
    recipe: Recipe,
    start: SegmentationModel,
    *,
    seed: int = 0,
    work: PathLike | None = None,
) -> StudyTable:
    """Return the table of `echo_sequences`.

    Args:
        given: clips with labels.
        recipe: how much is done.
        start: the segmentation that is fine-tuned.
        seed: of everything random.
        work: folder of what an interrupted run goes on from.
    """
    folder = None if work is None else Path(work) / _recipe_name(given, recipe, start, seed)
    choosing, setting = halves(given.splits["VAL"], seed)
    model = fine_tuned(start, given, choosing, recipe, seed=seed, folder=folder)
    parts = {
        "training": given.splits["TRAIN"],
        "choosing": choosing,
        "setting widths": setting,
        "test": given.splits["TEST"],
    }
    encoded = {
        name: encode_clips(
            LabelledRecords(records),
            len(records),
            model,
            folder=None if folder is None else folder / name.replace(" ", "-"),
            label=name,
        )
        for name, records in parts.items()
    }
    test, enough = encoded["test"], len(encoded["setting widths"]) >= FEWEST
    surrogate = train_surrogate(ADULT_BOX, steps=recipe.surrogate, quiet=True)
    methods: dict[str, tuple[Surrogate | None, str]] = {
        "supervised, EF": (None, "ef"),
        "supervised, volumes": (None, "volumes"),
        "P-SSL, EF": (surrogate, "ef"),
        "P-SSL, volumes": (surrogate, "volumes"),
    }
    models = {
        name: taught(
            encoded["training"],
            encoded["choosing"],
            encoded["setting widths"] if enough else None,
            physics=physics,
            labels=labels,
            steps=recipe.twins,
            seed=seed,
        )
        for name, (physics, labels) in methods.items()
    }
    found = {name: answers(one, test, spent, seed) for name, (one, spent) in models.items()}
    rows = [_line(name, own, test, len(parts["test"])) for name, own in found.items()]
    everyone = len(ef_by_patient(parts["test"]))
    if everyone < len(parts["test"]):
        who = np.array([patient_of(parts["test"][int(k)]) for k in test.truth["record"]])
        for name, (one, _) in models.items():
            own, clips = answers_by_patient(one, found[name], test, who, seed)
            rows.append(_line(f"{name}, by patient", own, clips, everyone))
    rows.append(_constant(given))
    notes = _notes(given, parts, encoded, model, recipe)
    if not enough:
        notes.append(f"fewer than {FEWEST} clips to set widths by: intervals as trained")
    middles = {name: middle(own.ef) for name, own in found.items()}
    figures = {"ef": ef_scatter(middles, true_ef(test))}
    return StudyTable(f"EF of sequences of {given.name}", COLUMNS, rows, notes, figures)


def fine_tuned(
    start: SegmentationModel,
    given: Sequences,
    choosing: tuple[Any, ...],
    recipe: Recipe,
    *,
    seed: int = 0,
    folder: Path | None = None,
) -> SegmentationModel:
    """Return the segmentation, trained further on the traced frames of the training clips.

    Args:
        start: where it begins.
        given: the clips.
        choosing: clips by which weights are chosen.
        recipe: of the training.
        seed: of the batches.
        folder: of its checkpoint and log.

    Raises:
        KeyboardInterrupt: the training was interrupted.
    """
    # As many frames of which all is known, so that wall and atrium, which tell where the
    # ventricle ends, are not forgotten.
    others = None
    if given.cavity_only:
        n = max(1, 2 * recipe.records // INSTANTS)
        others = PhantomFrames(Phantom(views=("A4C",), size=start.size), n)
    rng = np.random.default_rng([seed, 1])
    some = rng.permutation(len(choosing))[: recipe.validated]
    size, partial = start.size, given.cavity_only
    model, found = train_segmentation(
        steps=recipe.fine_tuning,
        seed=seed,
        learning_rate=recipe.learning_rate,
        start=start,
        batches=TracedBatches(given.splits["TRAIN"], size, recipe.records, seed, partial, others),
        validation=all_traced_frames([choosing[int(k)] for k in some], size, cavity_only=partial),
        checkpoint=None if folder is None else folder / "segmentation",
        log=None if folder is None else folder / "segmentation.jsonl",
    )
    if found.step < recipe.fine_tuning:
        raise KeyboardInterrupt
    return model


def _notes(
    given: Sequences,
    parts: Mapping[str, tuple[Any, ...]],
    encoded: Mapping[str, EncodedClips],
    model: SegmentationModel,
    recipe: Recipe,
) -> list[str]:
    """Return what must stand beside the table."""
    patients = ", ".join(f"{len(ef_by_patient(own))} {name}" for name, own in parts.items())
    failed = ", ".join(
        f"{one.failed} of {len(parts[name])} {name}" for name, one in encoded.items()
    )
    found = model.card["validation_dice"].items()
    return [
        f"{given.name}; patients: {patients}; the two parts of the validation patients choose "
        "among weights and set the width of intervals",
        f"clips that could not be read or show no beating ventricle: {failed}; they have no part "
        "in the errors of the methods and count as 'no answer'",
        *given.notes,
        f"segmentation fine-tuned on the traced frames of the training clips, {recipe.fine_tuning} "
        f"steps of {recipe.records} clips from the weights of the package, validated on at most "
        f"{recipe.validated} clips of those that choose; then frozen. Its weights are not kept in "
        "the package",
        "Dice on the frames that it was validated on: "
        + ", ".join(f"{name} {score:.3f}" for name, score in found if name in LABELS),
        "same encodings, networks, steps and selection for all methods; test clips were looked at "
        "once, at the end",
        "one data set, its own scanners and readers: nothing is said of other sites or of "
        "clinical use",
    ]


def _line(name: str, own: Answers, test: EncodedClips, n: int) -> list[Any]:
    """Return a line of the table: what a method says of so many clips or patients."""
    found = middle(own.ef)
    lost = n - int(np.isfinite(found).sum())
    return [name, n, lost, *agreement(found, true_ef(test)), *scores(own, test)]


def _constant(given: Sequences) -> list[Any]:
    """Return the line of what needs no image: the mean EF of the training patients."""
    mean = float(np.mean(list(ef_by_patient(given.splits["TRAIN"]).values())))
    truth = np.array(list(ef_by_patient(given.splits["TEST"]).values()))
    errors = agreement(np.full(len(truth), mean), truth)[:4]
    name = f"mean EF of the training patients, {mean:.1f} %"
    return [name, len(truth), 0, *errors, None, *[None] * len(SCORES)]


def _recipe_name(given: Sequences, recipe: Recipe, start: SegmentationModel, seed: int) -> str:
    """Return a name for all that decides what is computed."""
    settings: Mapping[str, Any] = {
        "recipe": recipe,
        "version": __version__,
        "weights": start.digest,
    }
    own = sha256(repr(settings).encode()).hexdigest()[:6]
    return f"{given.name}-{given.digest}-{own}-seed-{seed}"
