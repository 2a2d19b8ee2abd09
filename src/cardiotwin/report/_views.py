"""Which three-dimensional views a report has, and in which colours."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from ._isolines import isochrone_levels
from ._saved import SavedReconstruction
from ._template import AMOUNT, DIFFERENCE, TIMES, color_range


@dataclass(frozen=True, eq=False)
class View:
    """One picture of a surface, with its colours.

    Attributes:
        name: identifier in the page.
        title: caption.
        group: "moving" (follows the time slider) or the section it stands in.
        series: which packed series it shows over time, "" for a still one.
        still: (n_nodes,) values that do not change.
        colors: stops of the colour scale.
        low: value of the first stop.
        high: value of the last stop.
        unit: unit at the colour bar.
        levels: values at which lines are drawn (equally spaced).
        torso: whether the heart stands inside the torso.
        torso_colors: colours, low and high of the torso.
    """

    name: str
    title: str
    group: str
    colors: tuple[str, ...]
    low: float
    high: float
    unit: str
    series: str = ""
    still: Float[np.ndarray, " n_nodes"] | None = None
    levels: Float[np.ndarray, " n_levels"] = field(default_factory=lambda: np.empty(0))
    torso: bool = False
    torso_colors: tuple[tuple[str, ...], float, float] | None = None

    @property
    def step(self) -> float:
        """Distance of two lines, 0 without lines."""
        if len(self.levels) == 0:
            return 0.0
        return float(self.levels[1] - self.levels[0]) if len(self.levels) > 1 else self.high

    def facts(self) -> dict[str, Any]:
        """Return what the page's script needs."""
        skin = self.torso_colors
        return {
            "name": self.name,
            "title": self.title,
            "series": self.series,
            "colors": list(self.colors),
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            "step": self.step,
            "torso": self.torso,
            "skin": skin and {"colors": list(skin[0]), "low": skin[1], "high": skin[2]},
        }


def choose_views(saved: SavedReconstruction) -> list[View]:
    """List the views that the content of a reconstruction allows."""
    if saved.heart is None:
        return []
    unit = saved.unit
    basis = saved.heart_potentials if saved.truth is None else saved.truth
    colors, low, high = color_range(basis)
    views = []
    if saved.torso is not None:
        # Noise must not decide how far the colours reach.
        skin = (
            None
            if saved.torso_potentials is None
            else color_range(np.quantile(saved.torso_potentials, [0.001, 0.999]))
        )
        views.append(
            View(
                "torso", "Torso and heart", "body", colors, low, high, unit,
                series="reconstruction", torso=True, torso_colors=skin,
            )
        )  # fmt: skip
    if saved.truth is not None:
        views.append(View("truth", "Truth", "moving", colors, low, high, unit, series="truth"))
    views.append(
        View("found", "Reconstruction", "moving", colors, low, high, unit, series="reconstruction")
    )
    error = saved.error
    if error is not None:
        # The largest errors are few: beyond the 99.5th percentile colours saturate.
        size = float(np.quantile(np.abs(error), 0.995)) or 1.0
        views.append(
            View(
                "error", "Reconstruction − truth", "moving", DIFFERENCE, -size, size, unit,
                series="error",
            )
        )  # fmt: skip
    views += _activation_views(saved)
    if saved.uncertainty is not None:
        spread = np.sqrt(np.mean(saved.uncertainty.standard_deviation**2, axis=1))
        low, top = float(spread.min()), float(spread.max())
        # A map that hardly varies must not be stretched until it looks as if it did.
        low = min(low, 0.8 * top)
        top = top if top > low else low + 1.0
        views.append(
            View(
                "spread", "Standard deviation, root mean square over the beat", "uncertainty",
                AMOUNT, low, top, unit, still=spread,
            )
        )  # fmt: skip
    return views


def _activation_views(saved: SavedReconstruction) -> list[View]:
    maps = {"truth": saved.truth_activation_ms, "found": saved.activation_ms}
    titles = {"truth": "Truth", "found": "Reconstruction"}
    shown = {
        name: times
        for name, times in maps.items()
        if times is not None and np.isfinite(times).any()
    }
    if not shown:
        return []
    # Outliers of the reconstruction must not squeeze the scale that both maps share.
    basis = shown.get("truth", next(iter(shown.values())))
    low, high = float(np.nanmin(basis)), float(np.nanmax(basis))
    if high <= low:
        high = low + 1.0
    levels = isochrone_levels(np.array([low, high]), about=10)
    return [
        View(
            f"activation_{name}", titles[name], "activation", TIMES, low, high, "ms",
            still=times, levels=levels,
        )
        for name, times in shown.items()
    ]  # fmt: skip
