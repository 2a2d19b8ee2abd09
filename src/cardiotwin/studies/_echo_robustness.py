"""What worse clips do to EF and its interval, and whether wrong views are noticed."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from .._errors import InputError
from .._progress import track
from .._types import PathLike
from ..echo import EchoClip, Phantom, segment
from ..echo._degradation import (
    OWN_STREAM,
    SIDES,
    WRONG,
    made_wrong,
    with_fewer_frames,
    with_gain,
    with_gaps,
    with_lost_frames,
    without_side,
)
from ._echo_phantom import LEVEL, TEST_SEED
from ._resume import FinishedParts
from ._table import StudyTable

AS_IT_IS = "as it is"
WRONG_VIEW = "wrong view"

Change = Callable[[EchoClip, float, np.random.Generator], EchoClip]

DEGRADATIONS: dict[str, tuple[tuple[float, ...], float, Change]] = {
    "frame rate divided by": ((2, 3, 4, 6), 1, lambda clip, level, _: _rarer(clip, level)),
    "gain (dB)": ((-18, -12, -6, 6, 12, 18), 0, lambda clip, level, _: with_gain(clip, level)),
    "cut at one side (%)": (
        (10, 20, 30),
        0,
        lambda clip, level, rng: without_side(clip, level / 100, SIDES[rng.integers(len(SIDES))]),
    ),
    "frames lost (%)": (
        (15, 30, 50),
        0,
        lambda clip, level, rng: with_lost_frames(clip, level / 100, rng),
    ),
    "rectangle lost (% of the sides)": (
        (20, 40),
        0,
        lambda clip, level, rng: with_gaps(clip, level / 100, rng),
    ),
}
"""Levels of each kind, the level of a clip that nothing is wrong with, and what makes it."""

NOT_APICAL = "not look like a view from the apex"
CONTRADICTED = "but the file says"


class _Found(NamedTuple):
    """One changed clip; numbers are None where no beating ventricle was found."""

    kind: str
    level: float | str
    true: float
    ef: float | None
    low: float | None
    high: float | None
    flagged: bool
    wrong_view: bool


def echo_robustness(
    data: PathLike | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    parts: FinishedParts | None = None,
) -> StudyTable:
    """Segment synthetic clips with something wrong with them, at several levels.

    Args:
        data: not used, clips are made.
        quick: 4 clips a level instead of 30.
        seed: added to the seed of the test clips.
        parts: clips that an interrupted run has finished.
    """
    del data
    parts = FinishedParts() if parts is None else parts
    n = 4 if quick else 30
    rows: list[_Found] = []
    for number in track(range(n), "clips"):
        done = parts.rows(f"clip {number}", lambda k=number: map(list, _clip(k, TEST_SEED + seed)))
        rows += [_Found(*row) for row in done]
    table = [_summary(AS_IT_IS, None, rows)]
    for kind, (levels, _, _) in DEGRADATIONS.items():
        table += [_summary(kind, level, rows) for level in levels]
    wrong = dict.fromkeys(row.level for row in rows if row.kind == WRONG_VIEW)
    table += [_summary(WRONG_VIEW, level, rows) for level in wrong]
    columns = [
        "what is wrong",
        "level",
        "clips",
        "refused (%)",
        "flagged (%)",
        "flagged as a wrong view (%)",
        "EF MAE (points)",
        "EF bias (points)",
        "mean width of 90 % intervals (points)",
        "90 % intervals hold (%)",
    ]
    notes = [
        f"{n} synthetic clips a level, of hearts unseen in training and calibration; the generator "
        "is that of the training, and the kinds of degradation are those of the calibration (an "
        "inverse crime); nothing here has been validated on patients",
        "refused: no beating ventricle was found; such clips are in no other column but the share "
        "flagged, refusing counts as flagging",
        "gain: grey levels are taken as 60 dB from black to white and cut off",
        "wrong views are not told to the program, but in the last row, where a clip of two or four "
        "chambers is called by the other's name; their EF is against that of the heart",
    ]
    return StudyTable(
        "Clips with something wrong with them", columns, table, notes, {"levels": _figure(table)}
    )


def _rarer(clip: EchoClip, level: float) -> EchoClip:
    return with_fewer_frames(clip, int(level))


def _clip(number: int, seed: int) -> Iterator[_Found]:
    """Yield what is found in one clip, changed in every way."""
    rng = np.random.default_rng([seed, number, *OWN_STREAM])
    one = Phantom(views=("A4C", "A2C")).clip(number, seed)
    yield _found(AS_IT_IS, 0.0, one.clip, one.ef_percent)
    for kind, (levels, _, change) in DEGRADATIONS.items():
        for level in levels:
            yield _found(kind, level, change(one.clip, level, rng), one.ef_percent)
    for kind in WRONG:
        yield _found(WRONG_VIEW, kind, made_wrong(one.clip, kind, rng), one.ef_percent)
    short = Phantom(views=("PSAX",)).clip(number, seed)
    yield _found(WRONG_VIEW, "short axis", short.clip.replace(view=None), short.ef_percent)
    called = one.clip.replace(view="A2C" if one.clip.view == "A4C" else "A4C")
    yield _found(WRONG_VIEW, "called by the other name", called, one.ef_percent)


def _found(kind: str, level: float | str, clip: EchoClip, true: float) -> _Found:
    try:
        own = segment(clip)
    except InputError:
        return _Found(kind, level, true, None, None, None, True, True)
    wrong = any(NOT_APICAL in flag or CONTRADICTED in flag for flag in own.flags)
    low, high = own.interval("ef_percent", LEVEL)
    return _Found(kind, level, true, own.ef_percent, low, high, bool(own.flags), wrong)


def _summary(kind: str, level: float | str | None, rows: list[_Found]) -> list[Any]:
    own = [row for row in rows if row.kind == kind and level in (None, row.level)]
    seen = [row for row in own if row.ef is not None]
    numbers: list[float | None] = [None] * 4
    if seen:
        ef, true, low, high = np.array([(r.ef, r.true, r.low, r.high) for r in seen], float).T
        held = (low <= true) & (true <= high)
        numbers = [
            float(np.mean(np.abs(ef - true))),
            float(np.mean(ef - true)),
            float(np.mean(high - low)),
            100.0 * float(held.mean()),
        ]
    shares = [
        100.0 * (1.0 - len(seen) / len(own)),
        *(100.0 * float(np.mean([getattr(r, f) for r in own])) for f in ("flagged", "wrong_view")),
    ]
    return [kind, level, len(own), *shares, *numbers]


def _figure(table: list[list[Any]]) -> go.Figure:
    """Return error and width of the intervals against the level, a panel each kind."""
    titles = [*DEGRADATIONS, WRONG_VIEW]
    figure = make_subplots(rows=2, cols=3, subplot_titles=titles, vertical_spacing=0.15)
    at_rest = table[0]
    for index, kind in enumerate(titles):
        rows = [row for row in table if row[0] == kind]
        if kind in DEGRADATIONS:
            rows = sorted([[kind, DEGRADATIONS[kind][1], *at_rest[2:]], *rows], key=lambda r: r[1])
        for column, name, color in ((6, "error (MAE)", "#c0392b"), (8, "width", "#2471a3")):
            figure.add_scatter(
                x=[row[1] for row in rows], y=[row[column] for row in rows], name=name,
                mode="lines+markers" if kind in DEGRADATIONS else "markers", line_color=color,
                showlegend=index == 0, row=index // 3 + 1, col=index % 3 + 1,
            )  # fmt: skip
    figure.update_yaxes(rangemode="tozero", title_text="EF (points)", col=1)
    return figure.update_yaxes(rangemode="tozero").update_layout(height=800)
