"""Activation times of a reconstruction, and of its truth, read the way each can bear."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from .._errors import InputError
from .._types import Potentials, Vector
from ..geometry import Surface
from ..tissue import (
    SpatioTemporal,
    SpatioTemporalDeflection,
    SteepestDownstroke,
    SteepestUpstroke,
    activation_times,
)


@dataclass(frozen=True, eq=False)
class ActivationEstimate:
    """Activation times in ms, NaN where a node has none, and how they were found.

    Attributes:
        reconstruction: (n_nodes,) None where the record is too short.
        truth: (n_nodes,) None where there is no truth.
        how: a sentence for the reader.
    """

    reconstruction: Vector | None
    truth: Vector | None
    how: str

    @property
    def pair(self) -> tuple[Vector, Vector] | None:
        """Both times, as `evaluate` takes them; None unless both are known."""
        if self.reconstruction is None or self.truth is None:
            return None
        return self.reconstruction, self.truth


def estimate_activation(
    heart: Surface | None,
    reconstruction: Potentials,
    truth: Potentials | None,
    times_ms: Float[np.ndarray, " n_times"],
) -> ActivationEstimate:
    """Read activation times off potentials, and say how.

    Potentials that are hardly ever negative rise at activation like transmembrane potentials,
    signed electrograms fall. Reconstructions are smooth in space and noisy in time, so delays
    between neighbors are used for them; the truth is sharp and needs only its own deflection.

    Args:
        heart: surface, None where only a matrix is known.
        reconstruction: (n_nodes, n_times).
        truth: (n_nodes, n_times) or None.
        times_ms: (n_times,) instants.

    Returns:
        The times, and a sentence that says how they were found.

    >>> times = np.arange(100.0)
    >>> wave = 1 / (1 + np.exp(-(times - np.array([[40.0], [60.0]]))))
    >>> estimate_activation(None, wave, None, times).reconstruction.round().tolist()
    [40.0, 60.0]
    """
    if len(times_ms) < 16 or not (np.diff(times_ms) > 0).all():
        return ActivationEstimate(None, None, "")
    falls = is_signed(reconstruction if truth is None else truth)
    kind, way = (SteepestDownstroke, "fall") if falls else (SteepestUpstroke, "rise")
    window = one_activation(reconstruction, times_ms, falls=falls)
    whole = window == slice(0, len(times_ms))
    times_ms, reconstruction = times_ms[window], reconstruction[:, window]
    truth = None if truth is None else truth[:, window]
    # Up to 20 ms: about a third of what the inverse solution leaves of an upstroke.
    smoothing = min(20.0, 0.02 * float(times_ms[-1] - times_ms[0]))
    own = kind(smoothing=smoothing)
    text = f"the steepest {way}, smoothed over {smoothing:.3g} ms"
    if heart is None or not len(heart.faces):
        found = activation_times(reconstruction, times_ms, method=own)
    else:
        local = SpatioTemporalDeflection(heart, own)
        try:
            joint = SpatioTemporal(heart, local)
            found = activation_times(reconstruction, times_ms, method=joint)
            text = (
                f"delays between neighboring nodes and each node's steepest {way} in time and "
                f"space, smoothed over {smoothing:.3g} ms"
            )
        except InputError:
            # Unequally spaced instants have no cross-correlation.
            found = activation_times(reconstruction, times_ms, method=local)
            text = f"the steepest {way} in time and space, smoothed over {smoothing:.3g} ms"
    sentence = f"Times of the reconstruction: {text}."
    known = None
    if truth is not None:
        known = activation_times(truth, times_ms, method=kind())
        sentence += f" Times of the truth: each node's steepest {way}."
    if not whole:
        sentence += (
            f" Looked for from {times_ms[0]:.4g} to {times_ms[-1]:.4g} ms: one activation of the "
            "record."
        )
    return ActivationEstimate(found, known, sentence)


def is_signed(values: Float[np.ndarray, "..."]) -> bool:
    """Tell whether negative values matter: electrograms do, transmembrane potentials do not.

    Looks at the quantiles 0.001 and 0.999, so that a few noisy samples do not decide.

    >>> is_signed(np.array([-1.0, 2.0])), is_signed(np.array([-0.1, 2.0]))
    (True, False)
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return False
    low, high = np.quantile(known, [0.001, 0.999])
    return bool(low < -0.15 * max(high, 0.0))


def one_activation(
    potentials: Potentials, times_ms: Float[np.ndarray, " n_times"], *, falls: bool
) -> slice:
    """Return the instants around the first strong activation of a record.

    Where the root mean square over the nodes of the rising (falling) slopes, smoothed over 10 ms,
    exceeds 15 % of its peak, something is being activated; stretches less than 40 ms apart belong
    together. The first stretch with at least 70 % of the largest area is taken, with 25 ms around
    it: in a record of several beats one estimate a node would otherwise jump between them. Noise
    above the threshold makes it the whole record.
    """
    slope = np.gradient(potentials, times_ms, axis=1) * (-1 if falls else 1)
    strength = np.sqrt(np.mean(np.maximum(slope, 0) ** 2, axis=0))
    step = float(np.median(np.diff(times_ms)))
    strength = gaussian_filter1d(strength, 10.0 / step, mode="nearest")
    busy = np.flatnonzero(strength > 0.15 * strength.max())
    everything = slice(0, len(times_ms))
    if not busy.size:
        return everything
    parts = np.split(busy, np.flatnonzero(np.diff(times_ms[busy]) > 40.0) + 1)
    areas = np.array([strength[part].sum() for part in parts])
    chosen = parts[int(np.argmax(areas >= 0.7 * areas.max()))]
    first, last = np.searchsorted(
        times_ms, [times_ms[chosen[0]] - 25.0, times_ms[chosen[-1]] + 25.0]
    )
    last = min(last + 1, len(times_ms))
    return slice(int(first), int(last)) if last - first >= 16 else everything
