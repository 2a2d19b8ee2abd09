"""When a training ends before its steps are done, and which parameters it keeps."""

import math
from dataclasses import dataclass, field

import numpy as np

from .._checks import check_count, check_number
from .._errors import InputError

History = dict[str, np.ndarray]


@dataclass(frozen=True)
class EarlyStop:
    """Stop when the loss no longer falls, or is low enough.

    The mean over the last ``patience`` steps is compared with the mean over the ``patience``
    steps before. Everything is computed from the history, so a resumed training stops where the
    uninterrupted one would. With many runs all of them have to agree.

    Args:
        patience: steps in each of the two means.
        relative: least fall, as a fraction, that counts as progress; 0 never stops for it.
        part: the part that is watched; None for the weighted total.
        below: by name of a part, a level of its mean over the last ``average`` steps; the
            training stops when all named parts lie below.
        average: steps in the mean for ``below``.

    Raises:
        InputError: a setting out of range; when used: an unknown part.

    >>> history = {"total": np.array([1.0, 0.5, 0.5, 0.5, 0.5])}
    >>> EarlyStop(patience=2, relative=0.01).reason(history)
    'total fell by less than 1 % in 2 steps'
    """

    patience: int = 500
    relative: float = 0.01
    part: str | None = None
    below: dict[str, float] = field(default_factory=dict)
    average: int = 1

    def __post_init__(self):
        check_count(self.patience, "patience")
        check_number(self.relative, "relative", at_least=0, below=1)
        check_count(self.average, "average")
        for name, level in self.below.items():
            check_number(level, f"below[{name!r}]", above=0)

    def check_names(self, names: tuple[str, ...]) -> None:
        """Raise InputError if a watched part does not exist."""
        for name in [*self.below, *([] if self.part is None else [self.part])]:
            if name not in (*names, "total"):
                raise InputError(
                    "stop",
                    found=f"the part {name!r}",
                    expected="total or a part of the loss: " + ", ".join(map(repr, names)),
                )

    def reason(self, history: History) -> str | None:
        """Return why to stop now, None to go on; arrays are (n_steps,) or (n_steps, n_runs)."""
        watched = history[self.part or "total"]
        n = self.patience
        if self.relative > 0 and len(watched) >= 2 * n:
            before, now = watched[-2 * n : -n].mean(0), watched[-n:].mean(0)
            if np.all(~np.isfinite(now) | (now > (1 - self.relative) * before)):
                name = self.part or "total"
                return f"{name} fell by less than {100 * self.relative:g} % in {n} steps"
        if self.below and len(watched) >= self.average:
            low = [
                np.all(history[name][-self.average :].mean(0) < level)
                for name, level in self.below.items()
            ]
            if all(low):
                levels = ", ".join(f"{name} < {level:g}" for name, level in self.below.items())
                return f"reached {levels}"
        return None


@dataclass(frozen=True)
class KeepBest:
    """Return the parameters with the lowest loss instead of the last ones.

    Args:
        part: whose loss counts; None for the weighted total (with balanced weights, which
            change, name a part).
        memory: m of the exponential average of the loss over steps; 0 trusts single steps, right
            for full batches only.

    Raises:
        InputError: a setting out of range; when used: an unknown part.

    >>> KeepBest(memory=0.9).part is None
    True
    """

    part: str | None = None
    memory: float = 0.0

    def __post_init__(self):
        check_number(self.memory, "memory", at_least=0, below=1)

    def check_names(self, names: tuple[str, ...]) -> None:
        """Raise InputError if the part does not exist."""
        if self.part is not None and self.part not in names:
            raise InputError(
                "keep_best",
                found=f"the part {self.part!r}",
                expected="a part of the loss: " + ", ".join(map(repr, names)),
            )


def seconds_left(done: int, wanted: int, seconds: float) -> float:
    """Return the time that the rest takes at the speed so far."""
    return seconds / done * (wanted - done) if done else math.nan
