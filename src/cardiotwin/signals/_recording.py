"""What a set of channels measured over time, with its unit, its rate and its names."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int

from .._checks import check_array, check_indices, check_number, freeze
from .._errors import InputError
from .._types import ArrayLike
from ._units import check_unit, conversion_factor

# A clock that stores times as float32 or rounds them to 0.001 ms still finds its sample.
_TIME_SLACK = 1e-6


@dataclass(frozen=True, eq=False)
class Recording:
    """Channels × samples at one rate, in one unit.

    Sample j of every channel was taken at t_j = start_ms + 1000 j / rate_hz. Values are finite:
    where a file has gaps, its reader bridges them and names the channel in ``missing``.

    Args:
        samples: (n_channels, n_samples) finite values in ``unit``.
        rate_hz: sampling rate in Hz.
        unit: "V", "mV", "uV", "mmHg" or "normalized"; it is never guessed.
        names: one different name a channel; "1" … "n" when left out.
        start_ms: time of the first sample in ms.
        missing: names of channels whose values were absent, wholly or in part, in the source.
        notes: what a reader inferred or repaired, one sentence each.

    Raises:
        InputError: arrays of the wrong shape, NaN, a rate that is not positive, names that
            repeat or do not fit the number of channels.
        UnitError: a unit that is not one of the list.

    >>> ecg = Recording([[0.0, 1.0, 0.0], [0.0, 2.0, 0.5]], 1000.0, "mV", names=["I", "II"])
    >>> ecg.times_ms.tolist(), ecg.select(["II"]).in_unit("uV").samples.tolist()
    ([0.0, 1.0, 2.0], [[0.0, 2000.0, 500.0]])
    """

    samples: Float[np.ndarray, "n_channels n_samples"]
    rate_hz: float
    unit: str
    names: tuple[str, ...]
    start_ms: float
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    def __init__(
        self,
        samples: ArrayLike,
        rate_hz: float,
        unit: str,
        names: Sequence[str] | None = None,
        start_ms: float = 0.0,
        missing: Sequence[str] = (),
        notes: Sequence[str] = (),
    ):
        values = check_array(samples, "samples", shape=("n_channels", "n_samples"))
        if not values.size:
            raise InputError(
                "samples",
                found=f"shape {values.shape}",
                expected="at least one channel and one sample",
            )
        labels = check_names(names, len(values), "names")
        object.__setattr__(self, "samples", freeze(values.copy()))
        object.__setattr__(self, "rate_hz", check_number(rate_hz, "rate_hz", above=0))
        object.__setattr__(self, "unit", check_unit(unit))
        object.__setattr__(self, "names", labels)
        object.__setattr__(self, "start_ms", check_number(start_ms, "start_ms"))
        absent = {str(name) for name in missing}
        find_names(sorted(absent), labels, "missing")
        object.__setattr__(self, "missing", tuple(n for n in labels if n in absent))
        object.__setattr__(self, "notes", tuple(str(note) for note in notes))

    def __repr__(self) -> str:
        return (
            f"Recording({self.n_channels} channels, {self.n_samples} samples at "
            f"{self.rate_hz:g} Hz, {self.unit})"
        )

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.samples.shape[0]

    @property
    def n_samples(self) -> int:
        """Number of samples in each channel."""
        return self.samples.shape[1]

    @property
    def times_ms(self) -> Float[np.ndarray, " n_samples"]:
        """(n_samples,) times of the samples in ms."""
        return self.start_ms + np.arange(self.n_samples) * (1000.0 / self.rate_hz)

    @property
    def duration_ms(self) -> float:
        """Length in ms: n_samples / rate, the last sample holding for one period."""
        return 1000.0 * self.n_samples / self.rate_hz

    def indices(self, channels: ArrayLike | Sequence[str] | str) -> Int[np.ndarray, " n"]:
        """Return the rows of channels given by name, 0-based index or boolean mask.

        Raises:
            InputError: a name that is not there (the nearest is suggested), an index out of
                range, or a mask of the wrong length.
        """
        return channel_indices(channels, self.names, "channels")

    def select(self, channels: ArrayLike | Sequence[str] | str) -> "Recording":
        """Return the channels given by names, 0-based indices or a boolean mask, in that order."""
        rows = self.indices(channels)
        names = [self.names[i] for i in rows]
        kept = [name for name in self.missing if name in names]
        return Recording(
            self.samples[rows], self.rate_hz, self.unit, names, self.start_ms, kept, self.notes
        )

    def crop(self, start_ms: float | None = None, stop_ms: float | None = None) -> "Recording":
        """Return the samples with start_ms ≤ t < stop_ms.

        Raises:
            InputError: no sample lies between the two.

        >>> Recording([[1, 2, 3, 4]], 500, "mV").crop(2, 6).samples.tolist()
        [[2.0, 3.0]]
        """
        period = 1000.0 / self.rate_hz
        first, last = 0, self.n_samples
        if start_ms is not None:
            begin = (check_number(start_ms, "start_ms") - self.start_ms) / period
            first = max(0, int(np.ceil(np.clip(begin - _TIME_SLACK, -1, last + 1))))
        if stop_ms is not None:
            end = (check_number(stop_ms, "stop_ms") - self.start_ms) / period
            last = min(last, int(np.ceil(np.clip(end - _TIME_SLACK, -1, last + 1))))
        if first >= last:
            raise InputError(
                "start_ms, stop_ms",
                found=f"{start_ms} to {stop_ms}",
                expected=f"a stretch that overlaps {self.start_ms:g} to "
                f"{self.start_ms + self.duration_ms:g} ms",
            )
        return self.with_samples(
            self.samples[:, first:last], start_ms=self.start_ms + first * period
        )

    def with_samples(
        self,
        samples: ArrayLike,
        *,
        rate_hz: float | None = None,
        unit: str | None = None,
        start_ms: float | None = None,
        missing: Sequence[str] | None = None,
    ) -> "Recording":
        """Return the same channels with other values, and whatever else is given anew."""
        return Recording(
            samples,
            self.rate_hz if rate_hz is None else rate_hz,
            self.unit if unit is None else unit,
            self.names,
            self.start_ms if start_ms is None else start_ms,
            self.missing if missing is None else missing,
            self.notes,
        )

    def in_unit(self, unit: str) -> "Recording":
        """Return the recording converted to another unit of the same quantity.

        Raises:
            UnitError: the units cannot be converted into one another.
        """
        return self.with_samples(self.samples * conversion_factor(self.unit, unit), unit=unit)

    def resample(self, rate_hz: float) -> "Recording":
        """Return the recording at another rate (polyphase filter, zero phase, edges extended).

        Raises:
            InputError: the new rate is not positive, or not a ratio of small whole numbers
                (below 10 000) of the old one.
        """
        from scipy.signal import resample_poly

        wanted = check_number(rate_hz, "rate_hz", above=0)
        ratio = Fraction(wanted / self.rate_hz).limit_denominator(10_000)
        exact = ratio and abs(float(ratio) * self.rate_hz / wanted - 1) < 1e-9
        if not exact or ratio.numerator > 10_000:
            raise InputError(
                "rate_hz",
                found=f"{wanted:g} Hz from {self.rate_hz:g} Hz",
                expected="two rates whose ratio is p/q with p and q up to 10000",
            )
        values = resample_poly(
            self.samples, ratio.numerator, ratio.denominator, axis=1, padtype="line"
        )
        return self.with_samples(values, rate_hz=wanted)


def check_names(names: Sequence[str] | None, n_channels: int, where: str) -> tuple[str, ...]:
    """Return one distinct name a channel; "1" … "n" when ``names`` is None."""
    if names is None:
        return tuple(str(i + 1) for i in range(n_channels))
    labels = tuple(str(name) for name in names)
    if isinstance(names, str) or len(labels) != n_channels:
        raise InputError(
            where, found=f"{len(labels)} names", expected=f"{n_channels} names, one a channel"
        )
    if len(set(labels)) != len(labels):
        twice = next(name for name in labels if labels.count(name) > 1)
        raise InputError(
            where, found=f"{twice!r} more than once", expected="names that differ from one another"
        )
    return labels


def find_names(wanted: Sequence[str], names: Sequence[str], where: str) -> Int[np.ndarray, " n"]:
    """Return the positions of ``wanted`` in ``names``; the nearest name is suggested if absent."""
    place = {name: i for i, name in enumerate(names)}
    for name in wanted:
        if name not in place:
            near = get_close_matches(name, list(names), n=1)
            listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
            raise InputError(
                where,
                found=repr(name),
                expected=f"names among {listed}",
                advice=f"Did you mean {near[0]!r}?" if near else "",
            )
    return np.array([place[name] for name in wanted], dtype=np.int64)


def channel_indices(
    channels: ArrayLike | Sequence[str] | str, names: Sequence[str], where: str
) -> Int[np.ndarray, " n"]:
    """Return row numbers for names, indices or a mask; none at all is refused."""
    try:
        chosen = np.atleast_1d(np.asarray(channels))
    except ValueError:
        raise InputError(
            where, found=repr(channels)[:60], expected="a flat list of names, indices or a mask"
        ) from None
    if chosen.dtype.kind in "UO" and all(isinstance(name, str) for name in chosen.flat):
        rows = find_names([str(name) for name in chosen.ravel()], names, where)
    elif chosen.dtype.kind == "b":
        if chosen.shape != (len(names),):
            raise InputError(
                where, found=f"a mask of shape {chosen.shape}", expected=f"({len(names)},)"
            )
        rows = np.flatnonzero(chosen)
    else:
        rows = check_indices(chosen, where, upper=len(names))
    if not rows.size:
        raise InputError(where, found="no channel", expected="at least one")
    return rows
