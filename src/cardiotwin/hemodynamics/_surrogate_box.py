"""Where a surrogate holds: ranges of the shape parameters, and the patients drawn in them."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from .._checks import check_count, check_number
from .._errors import InputError
from ..circulation import PARAMETERS, Circulation
from ._priors import ADULT, Prior

EXACT = ("stressed_volume_ml", "v0_ml")
"""Parameters that no network has to learn: a factor and an offset of the volumes."""

START_VOLUMES_ML = (0.0, 280.0)
"""V − Vd at which Med-Real2Sim starts; it decides the stressed volume."""

PRIOR_REACH = 3.0
"""Standard deviations of the prior, on either side, that the box of adults has."""


@dataclass(frozen=True)
class Axis:
    """One shape parameter of a box.

    The network reads x = 2 ln((p + offset)/(low + offset))/ln((high + offset)/(low + offset)) − 1.

    Attributes:
        name: of the parameter.
        low: smallest value.
        high: largest value.
        offset: below it the logarithm turns linear; where a resistance stands beside larger ones
            in series, its logarithm is no longer what matters.
        prior: how patients are spread along the axis; evenly if None.

    Raises:
        InputError: limits that are not positive and in order.
    """

    name: str
    low: float
    high: float
    offset: float = 0.0
    prior: Prior | None = None

    def __post_init__(self):
        check_number(self.low, f"{self.name}: low", above=0)
        check_number(self.high, f"{self.name}: high", above=self.low)
        check_number(self.offset, f"{self.name}: offset", at_least=0)

    def coordinate(self, value: Any) -> Any:
        """Return x in [−1, 1] of a value."""
        bottom, top = np.log(self.low + self.offset), np.log(self.high + self.offset)
        return 2 * (jnp.log(value + self.offset) - bottom) / (top - bottom) - 1

    def value(self, fraction: Any, as_patients: bool) -> Any:
        """Return the value below which a fraction of the patients lies, or of the coordinate."""
        if not as_patients:
            bottom, top = np.log(self.low + self.offset), np.log(self.high + self.offset)
            return np.exp(bottom + fraction * (top - bottom)) - self.offset
        if self.prior is None:
            return self.low + fraction * (self.high - self.low)
        ends = ndtr(self.prior.coordinate(np.array([self.low, self.high])))
        return self.prior.value(ndtri(ends[0] + fraction * (ends[1] - ends[0])))


@dataclass(frozen=True)
class SurrogateBox:
    """The circulations that a surrogate knows; stressed volume and Vd are free in all of them.

    Attributes:
        axes: shape parameters that vary.
        fixed: name and value of those that do not.
        of_adults: whether the stressed volume and Vd of random patients follow `ADULT`; otherwise
            Med-Real2Sim's start volume and Vd, evenly in their ranges.

    Raises:
        InputError: no axis.

    >>> PAPER_BOX.names
    ('period_s', 'emax', 'emin', 'mitral_resistance', 'aortic_valve_resistance')
    """

    axes: tuple[Axis, ...]
    fixed: tuple[tuple[str, float], ...]
    of_adults: bool = False

    def __post_init__(self):
        if not self.axes:
            raise InputError("axes", found="none", expected="at least one shape parameter")

    @property
    def names(self) -> tuple[str, ...]:
        """Shape parameters that vary."""
        return tuple(axis.name for axis in self.axes)

    def space_filling(self, n: int, seed: int) -> Circulation:
        """Return circulations that fill the box: scrambled Sobol points (Owen 1998).

        One half is spread as the patients are, the other evenly in the network's coordinates, so
        that accuracy is there where patients are and nothing is left out elsewhere.

        Args:
            n: how many, even; a power of two fills best.
            seed: of the scrambling.

        Raises:
            InputError: an odd number.
        """
        if check_count(n, "n", at_least=2) % 2:
            raise InputError("n", found=str(n), expected="an even number")
        halves = [self._sobol(n // 2, [seed, half], bool(half)) for half in (0, 1)]
        return self._circulation(
            {name: np.concatenate([h[name] for h in halves]) for name in self.names}
        )

    def patients(self, n: int, seed: int) -> Circulation:
        """Return random circulations of the box with random stressed volumes and Vd.

        Args:
            n: how many.
            seed: of the draws.

        >>> PAPER_BOX.patients(3, seed=0).shape
        (3,)
        """
        drawn, _ = self._patients(n, seed)
        return drawn

    def patients_of_the_paper(
        self, n: int, seed: int
    ) -> tuple[Circulation, Float[np.ndarray, " n"]]:
        """Return `patients` with the start volumes, mL, from which their stressed volumes come.

        Raises:
            InputError: the patients are adults, which have none.
        """
        drawn, start = self._patients(n, seed)
        if start is None:
            raise InputError("box", found="a box of adults", expected="the box of Med-Real2Sim")
        return drawn, start

    def inside(self, circulation: Circulation) -> Any:
        """Return for each circulation whether the box holds it."""
        return np.logical_and.reduce([~bad for bad, _ in self._borders(circulation)])

    def check(self, circulation: Circulation) -> None:
        """Raise InputError if a circulation is not in the box."""
        for bad, expected in self._borders(circulation):
            if bad.any():
                name = expected.split(" ")[0]
                first = tuple(int(i) for i in np.argwhere(bad)[0])
                value = np.broadcast_to(getattr(circulation, name), bad.shape)[first]
                raise InputError(
                    name,
                    found=f"{value:g}" + (f" at index {first}" if first else ""),
                    expected=f"{expected}, where the surrogate was trained",
                    advice="Take the simulator (steady_indices) for it, or throw=False for NaN.",
                )

    def _borders(self, circulation: Circulation) -> list[tuple[np.ndarray, str]]:
        own, shape = circulation.values(), circulation.shape
        found = []
        for axis in self.axes:
            slack = 1e-9 * axis.high
            value = np.broadcast_to(own[axis.name], shape)
            bad = (value < axis.low - slack) | (value > axis.high + slack)
            found.append((np.asarray(bad), f"{axis.name} from {axis.low:g} to {axis.high:g}"))
        for name, only in self.fixed:
            bad = ~np.isclose(np.broadcast_to(own[name], shape), only, rtol=1e-9, atol=0)
            found.append((np.asarray(bad), f"{name} of {only:g}"))
        return found

    def _sobol(self, n: int, seed: list[int], as_patients: bool) -> dict[str, np.ndarray]:
        engine = qmc.Sobol(len(self.axes), rng=np.random.default_rng(seed))
        # All points of the enclosing power of two: Sobol's balance is that of whole powers.
        unit = engine.random_base2(int(np.ceil(np.log2(n))))[:n]
        return {a.name: a.value(unit[:, k], as_patients) for k, a in enumerate(self.axes)}

    def _patients(self, n: int, seed: int) -> tuple[Circulation, np.ndarray | None]:
        rng = np.random.default_rng(seed)
        drawn = {axis.name: axis.value(rng.random(n), True) for axis in self.axes}
        if self.of_adults:
            volumes = {name: ADULT[name].value(rng.standard_normal(n)) for name in EXACT}
            return self._circulation(drawn | volumes), None
        start = rng.uniform(*START_VOLUMES_ML, n)
        v0 = rng.uniform(*PARAMETERS["v0_ml"].box, n)
        others = dict(self.fixed) | drawn | {"v0_ml": v0}
        return Circulation.from_start_volume(start, **others), start

    def _circulation(self, values: dict[str, np.ndarray]) -> Circulation:
        return Circulation(**(dict(self.fixed) | values))


def _box(axes: tuple[Axis, ...], of_adults: bool) -> SurrogateBox:
    vary = {axis.name for axis in axes} | set(EXACT)
    rest = tuple((name, row.reference) for name, row in PARAMETERS.items() if name not in vary)
    return SurrogateBox(axes, rest, of_adults)


OFFSETS = {"mitral_resistance": 0.005, "aortic_valve_resistance": 0.01}
"""About the resistance, mmHg s/mL, below which a valve no longer shows."""

PAPER_BOX = _box(
    tuple(
        Axis(name, *PARAMETERS[name].box, offset=OFFSETS.get(name, 0.0))
        for name in ("period_s", "emax", "emin", *OFFSETS)
    ),
    of_adults=False,
)
"""The five shape parameters that Med-Real2Sim samples, in its ranges."""

ADULT_BOX = _box(
    tuple(
        Axis(
            name,
            float(prior.value(-PRIOR_REACH)),
            float(prior.value(PRIOR_REACH)),
            offset=OFFSETS.get(name, 0.0),
            prior=prior,
        )
        for name, prior in ADULT.items()
        if name not in EXACT
    ),
    of_adults=True,
)
"""The eight shape parameters of `ADULT`, three standard deviations to either side."""
