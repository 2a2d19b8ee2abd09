"""Mitral stenosis found in clips by twins to whom nobody told of it, and what could be found."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from scipy.stats import norm, rankdata

from .._types import PathLike
from ..echo import (
    EncodedClips,
    LabelledClip,
    Phantom,
    TwinModel,
    encode_clips,
    train_twins,
)
from ..echo._twin_losses import WAVE_SCALE, known_quantities, predicted_of_clips, quantities
from ..echo._twin_physics import SurrogatePhysics
from ..hemodynamics import ADULT, ADULT_BOX, Axis, Prior, Surrogate, Unknowns, train_surrogate
from ..hemodynamics._surrogate_box import PRIOR_REACH
from ._table import StudyTable

VALVE = "mitral_resistance"

ARMS = {
    "open": Prior(0.006, 0.17, source="at most 0.010 mmHg s/mL in 99.9 %"),
    "stenosed": Prior(0.055, 0.2, source="0.030 to 0.100 mmHg s/mL in 99.7 %"),
}
"""Mitral resistance of both arms; everything else is drawn from the same priors."""

WIDE = Prior(0.018, 0.75, source="0.0019 to 0.17 mmHg s/mL: both arms, untold which")
"""What the twins are told of the valve before."""

SEEDS = {"training": 1_000_031, "validation": 1_000_032, "test": 2_000_031}

MEMBERS = 2

EXACT_ML = 1.0
"""Error of every harmonic of a curve that is known well."""


@dataclass(frozen=True)
class Arms:
    """Clips of both arms in turns."""

    phantoms: tuple[Phantom, Phantom]
    seed: int

    def __call__(self, number: int) -> LabelledClip:
        """Return one clip with the truth."""
        arm = number % 2
        one = self.phantoms[arm].clip(number // 2, self.seed + 100_000 * arm)
        return LabelledClip.of_phantom(one, _unknowns(WIDE), stenosed=float(arm))


def echo_stenosis(
    data: PathLike | None = None, *, quick: bool = False, seed: int = 0
) -> StudyTable:
    """Train twins on unlabelled clips of both arms and rank the clips by the resistance they find.

    Args:
        data: folder where encodings are kept, so that an interrupted study goes on.
        quick: 40 clips of each kind and few steps.
        seed: of weights and test clips.
    """
    sizes = (80, 40, 40) if quick else (1000, 150, 300)
    phantoms = tuple(
        Phantom(views=("A4C",), n_frames=32, unknowns=_unknowns(prior)) for prior in ARMS.values()
    )
    parts = []
    for (name, own_seed), n in zip(SEEDS.items(), sizes, strict=True):
        folder = None if data is None else Path(data) / "stenosis" / name
        source = Arms((phantoms[0], phantoms[1]), own_seed + seed)
        parts.append(encode_clips(source, n, folder=folder, label=name))
    training, validation, test = parts
    surrogate = train_surrogate(_box(), steps=200 if quick else 8000, quiet=True)
    sick = test.truth["stenosed"] > 0.5
    rows: list[list[Any]] = []
    scores: dict[str, Any] = {}
    for labels in ("ef", "volumes", "curve"):
        model, _ = train_twins(
            training,
            validation,
            physics=surrogate,
            labels=labels,
            unknowns=_unknowns(WIDE),
            members=MEMBERS,
            steps=60 if quick else 1000,
            seed=seed,
        )
        z, errors = _read(model, surrogate, test)
        noise = errors.T @ errors / len(errors)
        score = z.mean(0)[:, model.names.index(VALVE)]
        scores[labels] = score
        possible = _possible(model, surrogate, test, noise)
        rows.append([f"P-SSL, {labels}", auc(score, sick), possible])
        if labels == "curve":
            known = np.diag(np.r_[0.02, 0.02, np.full(len(noise) - 2, EXACT_ML / WAVE_SCALE)] ** 2)
            exact = _possible(model, surrogate, test, known)
            rows.append(["the volume curve known to 1 mL", None, exact])
            ceiling = _supervised(model, training, test)
            rows.append(["taught which arm (same inputs, linear)", auc(ceiling, sick), None])
    least = min(row[1] for row in rows if row[1] is not None)
    error = np.sqrt(auc_variance(least, int(sick.sum())))
    notes = [
        f"{len(training)} clips to learn from, {len(test)} to test, A4C, half of each with a "
        "resistance of 0.030 to 0.100 mmHg s/mL, half with at most 0.010; all else from the same "
        "priors and the same limits of who is echoed; nobody says which clip is which",
        "possible: by the Fisher information of the labels' quantities with the errors that the "
        "twins make in them, about every test patient",
        f"standard error of the lowest AUC {error:.3f}; of higher ones it is smaller",
        "leaflets of a stenosed valve open less in the phantom: the image may tell besides volumes",
    ]
    return StudyTable(
        "Mitral stenosis without labels of it",
        ["what was known of the training clips", "AUC", "AUC possible"],
        rows,
        notes,
        {"resistance": _figure(scores, sick)},
    )


def auc(score: Float[np.ndarray, " n"], sick: Any) -> float:
    """Return the probability that a sick one scores higher than a well one.

    >>> auc(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, True, False, True]))
    0.75
    """
    ranks, n = rankdata(score), int(sick.sum())
    return float((ranks[sick].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def auc_variance(value: float, n: int) -> float:
    """Return the variance of an AUC with n sick and n well (Hanley and McNeil 1982)."""
    one, two = value / (2 - value), 2 * value**2 / (1 + value)
    return (value * (1 - value) + (n - 1) * (one + two - 2 * value**2)) / n**2


def _unknowns(valve: Prior) -> Unknowns:
    return Unknowns.of(priors={**ADULT, VALVE: valve})


def _box() -> Any:
    """Return the box of adults with a mitral resistance of either arm."""
    axes = []
    for axis in ADULT_BOX.axes:
        if axis.name == VALVE:
            low, high = WIDE.value(-PRIOR_REACH), WIDE.value(PRIOR_REACH)
            axis = Axis(VALVE, float(low), float(high), offset=axis.offset, prior=WIDE)
        axes.append(axis)
    return replace(ADULT_BOX, axes=tuple(axes))


def _read(
    model: TwinModel, surrogate: Surrogate, test: EncodedClips
) -> tuple[Any, Float[np.ndarray, "n n_quantities"]]:
    """Return the mean of every network's parameters, and the errors of the quantities."""
    physics = SurrogatePhysics(surrogate, _unknowns(WIDE))
    inputs = model.inputs(test.encoding).astype(np.float32)
    period = test.encoding.period_s.astype(np.float32)
    seen = [
        predicted_of_clips(head, physics, model.labels, inputs, period)[1] for head in model.heads
    ]
    found = np.mean([np.asarray(one.mean) for one in seen], 0)
    return model.read(test.encoding).mean, found - known_quantities(test.known, model.labels)


def _possible(
    model: TwinModel, surrogate: Surrogate, test: EncodedClips, noise: np.ndarray
) -> float:
    """Return the AUC that the information in the quantities allows, mean over the patients.

    With Σ = (1 + Jᵀ C⁻¹ J)⁻¹ and v its entry of the valve, the best guess of z is (1 − v) z +
    noise of variance v (1 − v); the arms lie Δ apart and are s wide.
    """
    physics = SurrogatePhysics(surrogate, _unknowns(WIDE))
    z = np.stack([test.truth[name] for name in physics.names], -1)

    def slope(own: Any, length: Any) -> Any:
        return jax.jacfwd(lambda at: quantities(*physics.volumes(at, length), model.labels))(own)

    slopes = jax.jit(jax.vmap(slope))(
        jnp.asarray(z, jnp.float32), jnp.asarray(test.encoding.period_s, jnp.float32)
    )
    slopes = np.asarray(slopes, float)
    information = np.einsum("nqi,qr,nrj->nij", slopes, np.linalg.inv(noise), slopes)
    place = physics.names.index(VALVE)
    v = np.linalg.inv(np.eye(z.shape[1]) + information)[:, place, place]
    middles = [WIDE.coordinate(prior.median) for prior in ARMS.values()]
    width = np.mean([prior.spread / WIDE.spread for prior in ARMS.values()])
    apart = (1 - v) * (middles[1] - middles[0])
    spread = np.sqrt((1 - v) * v + ((1 - v) * width) ** 2)
    return float(np.mean(norm.cdf(apart / np.maximum(spread, 1e-9) / np.sqrt(2.0))))


def _supervised(model: TwinModel, training: EncodedClips, test: EncodedClips) -> np.ndarray:
    """Return the score of a linear rule that was told the arms."""
    x, own = model.inputs(training.encoding), model.inputs(test.encoding)
    y = training.truth["stenosed"] - 0.5
    weights = np.linalg.solve(x.T @ x + 0.03 * len(x) * np.eye(x.shape[1]), x.T @ y)
    return own @ weights


def _figure(scores: dict[str, Any], sick: Any) -> go.Figure:
    figure = go.Figure()
    for labels, score in scores.items():
        for name, chosen in (("open", ~sick), ("stenosed", sick)):
            figure.add_box(y=WIDE.value(score[chosen]), name=f"{labels}: {name}")
    return figure.update_layout(
        yaxis_title="mitral resistance found (mmHg s/mL)", yaxis_type="log", showlegend=False
    )
