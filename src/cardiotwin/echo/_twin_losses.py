"""What a training of twins makes small: labels against what the physics says of a clip."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._twin_network import Normal, TwinHead, divergence_from_prior, negative_log_density
from ._twin_physics import N_HARMONICS, TwinPhysics, aligned_harmonics

LABELS = ("ef", "volumes", "curve")
"""What may be known of the patients that are trained on, each with what comes before it: the
ejection fraction alone, the largest and smallest volume, the volume through the beat."""

VOLUME_SCALE, EF_SCALE, WAVE_SCALE = 0.3, 10.0, 20.0
"""Units of the losses: logarithms of volumes, points, mL: about the spread among patients."""

TYPICAL_EDV, TYPICAL_ESV, TYPICAL_MEAN, TYPICAL_EF = 120.0, 55.0, 85.0, 55.0
"""Volumes (mL) and ejection fraction (percent) from which the losses count, so that a network that
is taught them directly begins there, as one with physics begins at the patient of the prior."""

LEAST_NOISE = 0.03
"""Of the labels, in these units: beats differ by about as much from the average beat."""

PRIOR_WEIGHT = 0.02
"""Of the divergence from the prior: what clips tell is left to the labels, and parameters of which
they tell nothing stay at what was known before."""


class Known(NamedTuple):
    """What is known of patients, (n,) each but the curve.

    Attributes:
        edv, esv: mL.
        harmonics: (n, n_numbers) of the volume through the beat, see `aligned_harmonics`.
    """

    edv: Any
    esv: Any
    harmonics: Any


class Trained(NamedTuple):
    """What is trained.

    Attributes:
        head: from encodings to coordinates of parameters, or to quantities themselves.
        noise: (n_quantities,) logarithm of the labels' standard deviations.
    """

    head: TwinHead
    noise: Any


def predicted(
    head: TwinHead,
    physics: TwinPhysics | None,
    labels: str,
    numbers: Any,
    period_s: Any,
    key: Any = None,
) -> tuple[Normal, Normal]:
    """Return the distributions of what the head gives and of the quantities that follow.

    The second is the first through the linearized physics f, mean f(z̄), root f′(z̄) L; without
    physics both are the same.

    Args:
        head: the network.
        physics: frozen, or None.
        labels: one of `LABELS`.
        numbers: of one encoding.
        period_s: length of the beat.
        key: of the units that are left out in training.
    """
    found = head(numbers, key)
    if physics is None:
        return found, found
    mean, push = physics.linearized(
        lambda z: quantities(*physics.volumes(z, period_s), labels), found.mean
    )
    return found, Normal(mean, jax.vmap(push, 1, 1)(found.root))


@eqx.filter_jit
def predicted_of_clips(
    head: TwinHead, physics: TwinPhysics | None, labels: str, numbers: Any, period_s: Any
) -> tuple[Normal, Normal]:
    """Return what `predicted` gives for every clip of a batch, compiled; no unit is left out.

    Args:
        head: the network.
        physics: frozen, or None.
        labels: one of `LABELS`.
        numbers: (n, n_in) of encodings.
        period_s: (n,) length of the beat.
    """
    return jax.vmap(lambda own, length: predicted(head, physics, labels, own, length))(
        numbers, period_s
    )


def label_noise(trained: Trained, physics: TwinPhysics | None) -> Float[Array, " n_quantities"]:
    """Return standard deviations of what a prediction leaves out of the labels.

    Without physics nothing is left out: the network says itself how far the labels may lie.

    Args:
        trained: with the logarithms of those that are learned.
        physics: frozen, or None.
    """
    learned = jnp.exp(trained.noise)
    return LEAST_NOISE + (jnp.zeros_like(learned) if physics is None else learned)


def n_quantities(labels: str) -> int:
    """Return how many numbers are compared."""
    return {"ef": 1, "volumes": 2, "curve": 2 + 2 * N_HARMONICS}[labels]


def quantities(edv: Any, esv: Any, curve: Any, labels: str) -> Float[Array, " n"]:
    """Return what is compared, in units of about its spread among patients.

    Args:
        edv: largest volume, mL.
        esv: smallest volume, mL.
        curve: at even instants of the beat.
        labels: one of `LABELS`.
    """
    if labels == "ef":
        return jnp.stack([(100.0 * (1.0 - esv / edv) - TYPICAL_EF) / EF_SCALE])
    both = (
        jnp.stack([jnp.log(edv / TYPICAL_EDV), jnp.log(jnp.maximum(esv, 1.0) / TYPICAL_ESV)])
        / VOLUME_SCALE
    )
    if labels == "volumes":
        return both
    waves = aligned_harmonics(curve) / WAVE_SCALE
    return jnp.concatenate([both, waves.at[0].add(-TYPICAL_MEAN / WAVE_SCALE)])


def known_quantities(known: Known, labels: str) -> Float[np.ndarray, "n n_quantities"]:
    """Return the same of what is known."""
    edv, esv = np.asarray(known.edv), np.asarray(known.esv)
    if labels == "ef":
        return ((100.0 * (1.0 - esv / edv) - TYPICAL_EF) / EF_SCALE)[:, None]
    both = np.stack([np.log(edv / TYPICAL_EDV), np.log(esv / TYPICAL_ESV)], -1) / VOLUME_SCALE
    if labels == "volumes":
        return both
    waves = np.array(known.harmonics) / WAVE_SCALE
    waves[:, 0] -= TYPICAL_MEAN / WAVE_SCALE
    return np.concatenate([both, waves], -1)


def meant_by(values: Float[np.ndarray, "... n_quantities"], labels: str) -> tuple[Any, Any, Any]:
    """Return EF in percent and both volumes in mL (None where there are none) of quantities.

    Args:
        values: as `known_quantities` gives them.
        labels: one of `LABELS`.

    >>> meant_by(np.array([[0.0, 0.0]]), "volumes")[1].tolist()
    [120.0]
    """
    if labels == "ef":
        return TYPICAL_EF + EF_SCALE * values[..., 0], None, None
    edv = TYPICAL_EDV * np.exp(VOLUME_SCALE * values[..., 0])
    esv = TYPICAL_ESV * np.exp(VOLUME_SCALE * values[..., 1])
    return 100.0 * (1.0 - esv / edv), edv, esv


@dataclass(frozen=True, eq=False)
class TwinLosses:
    """Mean negative log density of the labels, and divergence from the prior.

    −log N(y; f(z̄), f′ L (f′ L)ᵀ + σ²) + β KL(N(z̄, L Lᵀ) ‖ N(0, 1)), with z̄, L from the head.
    With L = 0, fixed σ and β = 0 it is the squared error of Med-Real2Sim (its equation for the
    physics-guided fine-tuning); that leaves parameters of which clips tell nothing to chance.

    Attributes:
        physics: frozen; None for a network that is taught the quantities directly.
        labels: one of `LABELS`.
    """

    physics: TwinPhysics | None
    labels: str

    def __call__(self, trained: Trained, batch: Any, key: Any) -> dict[str, Any]:
        """Return both for a batch (numbers, period_s, quantities)."""
        numbers, period, truth = batch
        keys = jax.random.split(key, len(numbers))
        noise = label_noise(trained, self.physics)

        def one(own: Any, length: Any, true: Any, key: Any) -> tuple[Any, Any]:
            found, seen = predicted(trained.head, self.physics, self.labels, own, length, key)
            density = negative_log_density(true, seen, noise)
            if self.physics is None:
                return density, jnp.zeros(())
            return density, PRIOR_WEIGHT * divergence_from_prior(found)

        density, prior = jax.vmap(one)(numbers, period, truth, keys)
        return {"labels": jnp.mean(density), "prior": jnp.mean(prior)}
