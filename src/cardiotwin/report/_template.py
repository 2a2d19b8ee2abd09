"""One look for every figure: colours that colour-blind readers can tell apart, and a template."""

from typing import Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from .._types import ArrayLike
from ..ecgi import is_signed

# ColorBrewer's RdBu reversed: blue below zero, pale at zero, red above.
_RED_BLUE = (
    "#053061 #2166ac #4393c3 #92c5de #d1e5f0 #f7f7f7 #fddbc7 #f4a582 #d6604d #b2182b #67001f"
)
# ColorBrewer's PuOr reversed, for differences, so that an error map is never taken for potentials.
_ORANGE_PURPLE = (
    "#2d004b #542788 #8073ac #b2abd2 #d8daeb #f7f7f7 #fee0b6 #fdb863 #e08214 #b35806 #7f3b08"
)
# Viridis reversed: early is bright, late is dark.
_VIRIDIS = "#fde725 #bddf26 #7ad151 #44bf70 #22a884 #21918c #2a788e #355f8d #414487 #482475 #440154"
# ColorBrewer's BuPu from nearly white, for amounts.
_AMOUNT = "#f7fcfd #e5eff6 #ccddec #b2cae1 #9ab4d6 #8c95c6 #8c74b5 #8852a4 #852d8f #730e73 #4d004b"

SIGNED = tuple(_RED_BLUE.split())
POSITIVE = tuple(_RED_BLUE.split()[5:])
DIFFERENCE = tuple(_ORANGE_PURPLE.split())
TIMES = tuple(_VIRIDIS.split())
AMOUNT = tuple(_AMOUNT.split())

# Okabe and Ito's colours; truth is drawn in ink, the reconstruction in blue.
INK, BLUE, ORANGE, GREEN, PURPLE, GREY = (
    "#23272e",
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#8e5aa6",
    "#8a9099",
)
RULE_COLORS = (GREEN, PURPLE, "#e69f00", "#56b4e9", "#cc79a7", GREY)
FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif"


def colorscale(colors: tuple[str, ...]) -> list[list[float | str]]:
    """Return equally spaced stops in the form that Plotly takes."""
    return [[i / (len(colors) - 1), color] for i, color in enumerate(colors)]


def make_template() -> go.layout.Template:
    """Return the look of our figures; no global template is changed.

    >>> make_template().layout.font.size
    13
    """
    axis = {
        "showgrid": True,
        "gridcolor": "#eceef1",
        "zeroline": False,
        "linecolor": "#b6bcc5",
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "#b6bcc5",
        "title": {"standoff": 8},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": INK},
            "title": {"x": 0.0, "xref": "paper", "xanchor": "left", "font": {"size": 16}},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "colorway": [BLUE, ORANGE, GREEN, PURPLE, INK],
            "xaxis": axis,
            "yaxis": axis,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "margin": {"l": 64, "r": 24, "t": 72, "b": 52},
            "hovermode": "closest",
        }
    )


def color_range(
    values: ArrayLike, kind: Literal["signed", "positive", "auto"] = "auto"
) -> tuple[tuple[str, ...], float, float]:
    """Choose colours and limits for potentials: symmetric about zero where they are signed.

    Values whose negative part is below 15 % of the positive part count as positive.

    >>> color_range([-2.0, 1.0])[1:], color_range([-0.01, 1.0])[1:]
    ((-2.0, 2.0), (0.0, 1.0))
    """
    array: Float[np.ndarray, ...] = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if kind == "signed" or (kind == "auto" and is_signed(array)) or high <= 0:
        limit = max(abs(low), abs(high)) or 1.0
        return SIGNED, -limit, limit
    return POSITIVE, 0.0, high
