"""Several beliefs about the tissue, and the data to decide between them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .._errors import InputError
from .._progress import track
from ._problem import InverseProblem
from ._reconstruction import InverseMethod, Solution


@dataclass(frozen=True, eq=False)
class LowestLoss:
    """Solve with several methods and keep the one that explains leads and tissue best.

    For methods that differ in what they believe, in the ionic model or in D, and are otherwise the
    same: their losses are then measured alike. On the paper-like case at σ = 0.01, L_D + L_EP of
    the network is 1.3e-4 with the right ionic model and 3.9e-4 to 7.1e-4 with the wrong one; a
    wrong operator is not found out like this.

    Args:
        candidates: at least two methods.
        losses: names of the diagnostics whose sum decides.

    Raises:
        InputError: fewer than two candidates; when used: one that does not report these losses, or
            no candidate with a finite one.

    Source: own; equal prior belief in the candidates and equally many unknowns make it the choice
    by likelihood.

    >>> from cardiotwin import ecgi, tissue
    >>> models = (tissue.AlievPanfilov(), tissue.MitchellSchaeffer())
    >>> method = LowestLoss([ecgi.presets.best(model=model) for model in models])
    >>> len(method.candidates)
    2
    """

    candidates: Sequence[InverseMethod]
    losses: tuple[str, ...] = ("data_loss", "physics_loss")

    def __post_init__(self):
        if len(self.candidates) < 2:
            raise InputError(
                "candidates",
                found=f"{len(self.candidates)}",
                expected="at least two to choose from",
            )

    def solve(self, problem: InverseProblem) -> Solution:
        """Return the best candidate's solution; the diagnostics tell all losses."""
        numbers = range(len(self.candidates))
        found, totals = [], []
        for k in track(numbers, "candidates", name=lambda k: f"candidate {k + 1}"):
            solution = self.candidates[k].solve(problem)
            missing = [name for name in self.losses if name not in solution.diagnostics]
            if missing:
                raise InputError(
                    f"candidates[{k}]",
                    found=f"{type(self.candidates[k]).__name__} without {', '.join(missing)}",
                    expected="a method whose diagnostics tell its losses",
                    advice=f"It tells: {', '.join(solution.diagnostics) or 'nothing'}.",
                )
            total = sum(solution.diagnostics[name] for name in self.losses)
            found.append(solution)
            totals.append(total if math.isfinite(total) else math.inf)
        best = min(numbers, key=totals.__getitem__)
        if math.isinf(totals[best]):
            raise InputError(
                "candidates",
                found="losses that are not finite",
                expected="one solution at least",
            )
        told = {f"loss_{k + 1}": total for k, total in enumerate(totals)}
        diagnostics = found[best].diagnostics | told | {"candidate": float(best + 1)}
        return replace(found[best], diagnostics=diagnostics)
