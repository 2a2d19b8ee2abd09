"""What figures and pages need of beats: one at a time, and the spread of many."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from .._checks import check_array
from .._errors import InputError
from ..circulation import Beat

NINETY = (5.0, 95.0)
"""Percentiles between which nine of ten draws lie."""

Loop = tuple[Float[np.ndarray, " n_points"], Float[np.ndarray, " n_points"]]


def one_beat(beat: Any, where: str) -> Beat:
    """Return the beat of one patient; one on the way to another steady state will do.

    Raises:
        InputError: something else, a batch, several beats in a row, or a beat that failed.
    """
    if not isinstance(beat, Beat):
        raise InputError(where, found=type(beat).__name__, expected="a Beat of steady_state")
    if beat.volume_ml.ndim > 1 and beat.volume_ml[..., 0].size == 1:
        beat = beat[(0,) * (beat.volume_ml.ndim - 1)]
    if beat.volume_ml.ndim != 1:
        raise InputError(
            where,
            found=f"a batch of shape {beat.volume_ml.shape[:-1]}",
            expected="one patient",
            advice="Take one (beat[0]), or give the batch as the band.",
        )
    if not _usable(beat):
        raise InputError(where, found=str(beat.status), expected="a beat that was solved")
    return beat


def several_beats(beats: Any, where: str) -> list[Beat]:
    """Return beats one by one: of one patient, of a batch, or of a sequence.

    Raises:
        InputError: none at all, or one that `one_beat` refuses.
    """
    if isinstance(beats, Beat):
        shape = beats.volume_ml.shape[:-1]
        found = [beats[index] for index in np.ndindex(shape)] if shape else [beats]
    elif isinstance(beats, Sequence) and not isinstance(beats, str):
        found = list(beats)
    else:
        raise InputError(
            where, found=type(beats).__name__, expected="a Beat, or a sequence of them"
        )
    if not found:
        raise InputError(where, found="nothing", expected="at least one beat")
    if len(found) == 1:
        return [one_beat(found[0], where)]
    return [one_beat(beat, f"{where}[{number}]") for number, beat in enumerate(found)]


def _usable(beat: Beat) -> Any:
    """Tell which beats have waveforms; those of failed ones are NaN."""
    return np.isfinite(beat.volume_ml).all(axis=-1) & np.isfinite(beat.lv_mmhg).all(axis=-1)


def draws_of(batch: Any, where: str) -> Beat:
    """Return those draws of a batch that were solved, in one row.

    Raises:
        InputError: not a batch of at least two such beats.
    """
    if not isinstance(batch, Beat):
        raise InputError(where, found=type(batch).__name__, expected="a Beat with a batch of draws")
    shape = batch.volume_ml.shape[:-1]
    good = np.argwhere(_usable(batch)) if shape else np.empty((0, 0), int)
    if len(good) < 2:
        raise InputError(
            where,
            found=f"{len(good)} solved beats in shape {shape}",
            expected="at least two draws",
            advice="steady_state of a Circulation whose parameters are arrays gives a batch.",
        )
    return batch[tuple(good.T)]


def at_phases(draws: Beat, name: str, phases: Float[np.ndarray, " n"]) -> Any:
    """Return a waveform of every draw, (n_draws, n), at the same fractions of its own period."""
    times, values = draws.times_s, getattr(draws, name)
    pairs = zip(times, values, strict=True)
    return np.stack([np.interp(phases, own / own[-1], wave) for own, wave in pairs])


def phase_band(draws: Beat, name: str, phases: Float[np.ndarray, " n"]) -> Any:
    """Return (2, n): between them lie nine of ten draws at every phase, one phase at a time."""
    return np.percentile(at_phases(draws, name, phases), NINETY, axis=0)


def central_draw(draws: Beat) -> int:
    """Return the number of the draw whose loop has the smallest mean distance to the others.

    A median taken phase by phase is no solution of the model and its loop belongs to nobody; this
    one is a patient of the batch. Volumes and pressures are divided by their spread first.

    Args:
        draws: batch of shape (n_draws,).

    Raises:
        InputError: not a batch of at least two solved beats.

    >>> from cardiotwin.circulation import Circulation, steady_state
    >>> central_draw(steady_state(Circulation(emax=[1.9, 2.0, 2.1])))
    1
    """
    good = draws_of(draws, "draws")
    kept = np.flatnonzero(_usable(draws))
    phases = np.linspace(0.0, 1.0, 101)
    parts = [at_phases(good, name, phases) for name in ("volume_ml", "lv_mmhg")]
    flat = np.concatenate([part / (np.ptp(part) or 1.0) for part in parts], axis=1)
    far = [np.linalg.norm(flat - own, axis=1).mean() for own in flat]
    return int(kept[np.argmin(far)])


def end_systole(beat: Beat) -> tuple[float, float]:
    """Return volume and pressure when the elastance is largest; on the line Ees (V − Vd)."""
    pressure, slope = float(beat.indices.end_systolic_mmhg), float(beat.indices.ees_mmhg_ml)
    return float(beat.circulation.v0_ml) + pressure / slope, pressure


def end_diastole(beat: Beat) -> tuple[float, float]:
    """Return volume and pressure when the contraction starts; on the line Emin (V − Vd)."""
    return float(beat.volume_ml[0]), float(beat.lv_mmhg[0])


def measured_loops(measured: Any) -> dict[str, Loop]:
    """Return measured loops by name: (volume, pressure), or a mapping of such pairs.

    Raises:
        InputError: not pairs of equally long numbers.
    """
    if measured is None:
        return {}
    named = measured if isinstance(measured, Mapping) else {"measured": measured}
    loops: dict[str, Loop] = {}
    for name, pair in named.items():
        if not isinstance(pair, (tuple, list, np.ndarray)) or len(pair) != 2:
            raise InputError(
                f"measured {name!r}", found=type(pair).__name__, expected="(volume, pressure)"
            )
        volume = check_array(pair[0], f"volume of measured {name!r}", shape=("n_points",))
        shape = (len(volume),)
        loops[str(name)] = (
            volume,
            check_array(pair[1], f"pressure of measured {name!r}", shape=shape),
        )
    return loops
