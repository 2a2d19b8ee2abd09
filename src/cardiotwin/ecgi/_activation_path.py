"""Activation times over λ: continuation from several starts, as the parameter rules see it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .._checks import check_array
from .._errors import InputError
from .._types import ArrayLike, Matrix
from ._path import Norms, SpectralPath
from ._upstroke import Fitted, UpstrokeFit, Upstrokes, levenberg_marquardt

STRONGEST, MIDDLE, WEAKEST = 10.0, 0.03, 1e-3
"""λ² over the weight at which JᵀJ and ΓᵀΓ have the same mean diagonal."""

WIDER = 4.0
"""The descent begins with upstrokes this many times wider: broad fronts overlap, which leaves the
cost fewer minima."""

_STEPS = 13


def descend(
    fit: UpstrokeFit, start: Upstrokes, penalty: Matrix, unit: float, *, iterations: int = 25
) -> Fitted:
    """Go from strong to moderate regularization and from broad to sharp upstrokes.

    The gain is held until half of the way: under a strong penalty, a huge gain with nearly equal
    times would be cheaper than any activation.
    """
    here = start
    weights = unit * np.geomspace(STRONGEST, MIDDLE, _STEPS)
    widths = start.width_ms * np.maximum(np.geomspace(WIDER, 0.7, _STEPS), 1.0)
    for step, (weight, width) in enumerate(zip(weights, widths, strict=True)):
        found = levenberg_marquardt(
            fit,
            Upstrokes(here.times_ms, here.gain, float(width)),
            penalty,
            float(weight),
            free_gain=step > _STEPS // 2,
            iterations=iterations,
            tolerance=1e-5,
        )
        here = found.upstrokes
    return found


@dataclass(frozen=True, eq=False)
class ActivationPath:
    """The best fits found at every λ: ‖y − R u(τ)‖² + λ²‖Γτ‖².

    Implements what the rules ask for (`RegularizationPath`) with the beat as one instant, because
    times belong to the beat. The influence matrix is that of the last Gauss–Newton step.

    Attributes:
        fit: the data.
        penalty: ΓᵀΓ.
        parameters: (n_candidates,) λ, ascending.
        fits: one a candidate.
    """

    fit: UpstrokeFit
    penalty: Matrix
    parameters: Float[np.ndarray, " n_candidates"]
    fits: Sequence[Fitted]
    parameter_name: str = "λ"

    @classmethod
    def around(
        cls,
        fit: UpstrokeFit,
        start: Upstrokes,
        penalty: Matrix,
        parameters: Float[np.ndarray, " n_candidates"],
        *,
        free_width: bool,
    ) -> "ActivationPath":
        """Follow a solution over all candidates, down to the weakest and up to the strongest."""

        def follow(here: Upstrokes, numbers: range) -> dict[int, Fitted]:
            found = {}
            for k in numbers:
                weight = float(parameters[k]) ** 2
                found[k] = levenberg_marquardt(
                    fit, here, penalty, weight, free_width=free_width, iterations=60
                )
                here = found[k].upstrokes
            return found

        count = len(parameters)
        middle = int(np.searchsorted(parameters, np.median(parameters)))
        down = follow(start, range(middle, -1, -1))
        up = follow(down[0].upstrokes, range(count))
        both = [min((way[k] for way in (down, up) if k in way), key=_cost) for k in range(count)]
        return cls(fit, penalty, parameters, both)

    @property
    def n_data(self) -> int:
        """Leads × instants."""
        return self.fit.n_data

    @property
    def n_times(self) -> int:
        """One: a time belongs to the beat."""
        return 1

    def norms(self, per_instant: bool) -> Norms:
        """Return residual, roughness and traces of every candidate.

        Raises:
            InputError: one parameter an instant is asked for.
        """
        if per_instant:
            raise InputError(
                "rule",
                found="per_instant=True",
                expected="one parameter for the beat",
                advice="Activation times are the same at all instants.",
            )
        traces = np.array([self._traces(k) for k in range(len(self.parameters))])
        roughness = np.array([[f.roughness] for f in self.fits])
        times = np.stack([f.upstrokes.times_ms for f in self.fits])
        change = np.diff(times, axis=0, append=times[-1:])
        return Norms(
            residual=np.array([[f.residual] for f in self.fits]),
            seminorm=roughness,
            slope=None,
            step=np.einsum("ki,ij,kj->k", change, self.penalty, change)[:, None],
            trace=traces[:, :1],
            trace_of_square=traces[:, 1:],
            data=np.array([float((self.fit.data**2).sum()) + self.fit.beyond]),
        )

    def _traces(self, k: int) -> tuple[float, float]:
        n = len(self.penalty)
        square = self.fit.normal(self.fits[k].upstrokes).square[:n, :n]
        system = square + self.parameters[k] ** 2 * self.penalty
        influence = np.linalg.lstsq(system, square, rcond=None)[0]
        return float(np.trace(influence)), float(np.einsum("ij,ji->", influence, influence))

    def errors(
        self, truth: ArrayLike, *, remove_mean: bool = False, per_instant: bool = False
    ) -> Float[np.ndarray, "n_candidates n_columns"]:
        """Return ‖u − truth‖² of every candidate, for the oracle of studies."""
        shape = (len(self.penalty), len(self.fit.instants_ms))
        target = check_array(truth, "truth", shape=shape)
        found = np.stack([f.upstrokes.at(self.fit.instants_ms) for f in self.fits]) - target
        if remove_mean:
            found = found - found.mean(axis=1, keepdims=True)
        squares = (found**2).sum(axis=1)
        return squares if per_instant else squares.sum(axis=1, keepdims=True)

    def left_out_errors(
        self, per_instant: bool = False
    ) -> Float[np.ndarray, "n_candidates n_columns"]:
        """Refuse: there is no exact formula.

        Raises:
            InputError: always.
        """
        del per_instant
        raise InputError(
            "rule",
            found="LeaveOneLeadOut for activation times",
            expected="a method that is linear in the data",
            advice="Use LCurve() or Discrepancy(noise_sd).",
        )

    def tikhonov(self) -> SpectralPath:
        """Refuse: there is no linear problem behind it.

        Raises:
            InputError: always.
        """
        raise InputError(
            "rule",
            found="a rule that looks at the Tikhonov solutions",
            expected="a rule for nonlinear fits",
            advice="Use LCurve() or Discrepancy(noise_sd).",
        )

    def at(self, parameter: float, *, free_width: bool) -> Fitted:
        """Return the fit at a λ, on or off the candidates."""
        nearest = int(np.argmin(np.abs(np.log(self.parameters / parameter))))
        if np.isclose(self.parameters[nearest], parameter, rtol=1e-9):
            return self.fits[nearest]
        return levenberg_marquardt(
            self.fit,
            self.fits[nearest].upstrokes,
            self.penalty,
            parameter**2,
            free_width=free_width,
            iterations=60,
        )


def _cost(fitted: Fitted) -> float:
    return fitted.cost
