"""Which view a clip shows, as the segmentation network sees it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from .._checks import check_count
from .._errors import InputError
from .._progress import track
from ._augmentation import augmented
from ._clip import EchoClip
from ._degradation import WRONG, wrong_frames
from ._phantom import Phantom
from ._segmentation_model import Look, SegmentationModel, ViewClassifier, shipped_model
from ._segmentation_network import N_SEEN
from ._segmentation_training import INSTANTS, instants_with_neighbours
from ._shown import Shown, look_at

RECOGNISED = ("A4C", "A2C", "other")
"""What a clip can be taken for, in the order of the classifier."""

VIEW_SEED = 1_000_004
"""Of the phantom; a test must use another."""

CONTRADICTED = 0.9
"""Probability of another view from the apex beyond which what the file says is doubted."""

NOT_APICAL = 0.95
"""Probability of no view from the apex beyond which this is said."""

RIDGE = 1e-2
"""Of the squared weights of standardized features, against the mean entropy. It and `NOT_APICAL`
are a compromise: smaller ones miss fewer wrong synthetic clips, but call more frames of patients
wrong that are from the apex."""


def recognize_view(clip: EchoClip, model: SegmentationModel | None = None) -> dict[str, float]:
    """Return the probabilities that a clip shows four chambers, two, or no view from the apex.

    Args:
        clip: any; its ``view`` is not looked at.
        model: the one that comes with the package by default.

    Raises:
        InputError: the model was not fitted to recognise views.

    >>> from cardiotwin.echo import Phantom
    >>> found = recognize_view(Phantom(size=64, n_frames=16).clip(2).clip)
    >>> sorted(found), round(sum(found.values()), 6)
    (['A2C', 'A4C', 'other'], 1.0)
    """
    model = shipped_model() if model is None else model
    found = view_probabilities(model, look_at(clip, model))
    if found is None:
        raise InputError(
            "model",
            found="one that does not recognise views",
            expected="a model with a fitted classifier",
            advice="Fit it: fit_view(model), then save.",
        )
    return found


def view_probabilities(model: SegmentationModel, shown: Shown) -> dict[str, float] | None:
    """Return the probabilities of `RECOGNISED`, or None if the model does not tell views."""
    if model.views is None:
        return None
    odds = features(shown.look)[shown.used] @ model.views.weights + model.views.offsets
    # Frames of one clip are alike: their mean counts once, not as often as there are frames.
    return dict(zip(RECOGNISED, softmax(odds.mean(0)).tolist(), strict=True))


def features(look: Look) -> Float[np.ndarray, "n_frames n_features"]:
    """Return what the view is told by: mean and largest value of the coarsest maps.

    Each is brought to mean 0 and variance 1 over the channels of a frame: contrast and texture,
    which differ between scanners, change all channels together.
    """
    parts = []
    for own in (look.coarse, look.brightest):
        values = np.asarray(own, float)
        centred = values - values.mean(1, keepdims=True)
        parts.append(centred / (values.std(1, keepdims=True) + 1e-6))
    return np.concatenate(parts, 1)


def fit_view(
    model: SegmentationModel, *, n: int = 150, seed: int = VIEW_SEED, quiet: bool = False
) -> SegmentationModel:
    """Return the model with a classifier of views, fitted on synthetic frames.

    Of every patient: a beat in four and in two chambers; as others, a beat in the short axis and
    frames of the first two upside down, turned by a right angle, or replaced by noise. All are
    changed as in the training of the network. The classifier is linear in the coarsest maps, with
    the entropy and a small square of its weights as loss.

    Args:
        model: trained.
        n: patients.
        seed: of the phantom and of the changes.
        quiet: show no progress.
    """
    n = check_count(n, "n")
    phantom = Phantom(views=("A4C", "A2C", "PSAX"), size=model.size)
    numbers = range(len(phantom.views) * n)
    rng = np.random.default_rng(seed)
    seen, kinds = [], []
    for number in numbers if quiet else track(numbers, "views"):
        one = phantom.clip_at(number, seed, instants_with_neighbours)
        frames = np.moveaxis(one.clip.frames.reshape(-1, N_SEEN, *one.clip.shape), 1, -1)
        kind = number % len(phantom.views)
        seen.append(_changed(model, frames, number, seed))
        kinds += [kind] * INSTANTS
        if RECOGNISED[kind] == one.clip.view:
            parts = np.array_split(frames, len(WRONG))
            wrong = [wrong_frames(a, b, rng) for a, b in zip(parts, WRONG, strict=True)]
            seen.append(_changed(model, np.concatenate(wrong), number, seed + 1))
            kinds += [RECOGNISED.index("other")] * INSTANTS
    fitted = fit_softmax(np.concatenate(seen), np.array(kinds), len(RECOGNISED))
    card = {**model.card, "views": {"patients": n, "seed": seed, "views": list(RECOGNISED)}}
    return replace(model, views=fitted, card=card)


_augmented = jax.jit(augmented)


def _changed(
    model: SegmentationModel, frames: np.ndarray, number: int, seed: int
) -> Float[np.ndarray, "n_frames n_features"]:
    """Return the features of frames that were changed at random."""
    key = jax.random.fold_in(jax.random.key(seed), number)
    grey = jnp.asarray(frames, jnp.float32) / 255.0
    changed, _ = _augmented(grey, jnp.zeros(frames.shape[:3], jnp.int32), key)
    return features(model.look(255.0 * np.asarray(changed)))


def fit_softmax(
    x: Float[np.ndarray, "n n_features"], kinds: Int[np.ndarray, " n"], n_kinds: int
) -> ViewClassifier:
    """Return the linear classifier with the least mean entropy and squared weights.

    Every kind counts the same, however many examples it has.

    >>> rng = np.random.default_rng(0)
    >>> kinds = np.arange(300) % 3
    >>> x = np.eye(3)[kinds] * 4 + rng.standard_normal((300, 3))
    >>> found = fit_softmax(x, kinds, 3)
    >>> bool(((x @ found.weights + found.offsets).argmax(1) == kinds).mean() > 0.95)
    True
    """
    middle, spread = x.mean(0), x.std(0) + 1e-6
    z = np.column_stack([(x - middle) / spread, np.ones(len(x))])
    truth = np.eye(n_kinds)[kinds]
    share = 1.0 / (n_kinds * np.bincount(kinds, minlength=n_kinds)[kinds])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(-1, n_kinds)
        logarithms = log_softmax(z @ w, axis=1)
        gradient = z.T @ ((np.exp(logarithms) - truth) * share[:, None])
        gradient[:-1] += 2.0 * RIDGE * w[:-1]
        entropy = -np.sum((logarithms * truth).sum(1) * share)
        return float(entropy + RIDGE * np.sum(w[:-1] ** 2)), gradient.ravel()

    start = np.zeros(z.shape[1] * n_kinds)
    found: Any = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    w = found.x.reshape(-1, n_kinds)
    weights = w[:-1] / spread[:, None]
    return ViewClassifier(weights, w[-1] - middle @ weights)


def view_doubts(clip: EchoClip, probabilities: Mapping[str, float] | None) -> list[str]:
    """Return what the view makes doubtful, one sentence each."""
    if probabilities is None:
        told = "Nothing tells which view it is; one from the apex is assumed."
        return [told] if clip.view is None else []
    other = probabilities["other"]
    if other > NOT_APICAL:
        return [f"It does not look like a view from the apex (probability {other:.2f})."]
    best = max(probabilities, key=probabilities.__getitem__)
    sure = probabilities[best]
    if clip.view is None:
        like = "none from the apex" if best == "other" else best
        return [f"Nothing tells which view it is; it looks like {like} (probability {sure:.2f})."]
    if best != clip.view and sure > CONTRADICTED:
        return [f"It looks like {best} (probability {sure:.2f}), but the file says {clip.view}."]
    return []
