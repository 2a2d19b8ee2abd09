"""As much regularization as the known noise allows."""

from dataclasses import dataclass

import numpy as np

from ..._checks import check_number
from .._path import TINY, RegularizationPath
from .._reconstruction import ParameterChoice


@dataclass(frozen=True)
class Discrepancy:
    """Take the parameter at which ‖y − Ru‖² = τ² m σ²: the residual is as large as the noise.

    m is the number of independent data (leads less one for a common average reference). λ is
    interpolated between candidates; ranks and iterations are the first that come under the bound.
    The interval is what σ a tenth smaller and a tenth larger would choose.

    Args:
        noise_sd: σ, standard deviation of the noise of one lead, in the unit of the potentials.
        safety: τ ≥ 1 where errors of the model come on top of the noise.
        per_instant: one parameter an instant instead of one for the beat.

    Raises:
        InputError: a number that is not positive.

    Source: Morozov, Soviet Math Dokl 1966;7:414.

    >>> Discrepancy(0.05).safety
    1.0
    """

    noise_sd: float
    safety: float = 1.0
    per_instant: bool = False

    def __post_init__(self):
        check_number(self.noise_sd, "noise_sd", above=0)
        check_number(self.safety, "safety", above=0)

    def choose(self, path: RegularizationPath) -> ParameterChoice:
        """Return the crossing."""
        beat = path.norms(False).residual
        target = (self.safety * self.noise_sd) ** 2 * path.n_data
        whole = target * path.n_times
        best = _crossing(path, beat, whole)[0]
        value = np.array([best])
        if self.per_instant:
            value = _crossing(path, path.norms(True).residual, target)
        ends = [float(_crossing(path, beat, whole * scale**2)[0]) for scale in (0.9, 1.1)]
        return ParameterChoice(
            rule="Discrepancy",
            value=value,
            candidates=path.parameters,
            criterion=np.abs(np.log(np.maximum(beat[:, 0], TINY) / whole)),
            interval=(min(ends), max(ends)),
            at_edge=bool(beat.min() > whole or beat.max() < whole),
        )


def _crossing(path: RegularizationPath, residual: np.ndarray, target: float) -> np.ndarray:
    parameters = path.parameters
    if path.parameter_name != "λ":
        under = residual <= target
        last = len(parameters) - 1
        return parameters[np.where(under.any(axis=0), np.argmax(under, axis=0), last)]
    # The residual rises with λ: straight lines in log-log between the two nearest candidates.
    below = np.clip((residual < target).sum(axis=0) - 1, 0, len(parameters) - 2)
    columns = np.arange(residual.shape[1])
    log_residual = np.log(np.maximum(residual, TINY))
    low, high = log_residual[below, columns], log_residual[below + 1, columns]
    share = np.clip((np.log(target) - low) / np.maximum(high - low, 1e-15), 0, 1)
    return parameters[below] ** (1 - share) * parameters[below + 1] ** share
