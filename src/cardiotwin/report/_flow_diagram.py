"""The flow of patients through a trial, drawn as CONSORT 2010 asks for it."""

import textwrap
from html import escape

from ..hemodynamics import Accounting, ArmAccount

WIDTH, LINE, PAD, GAP = 820, 18, 11, 26
"""Of the drawing, of a line of text, inside a box, between boxes."""

_LEFT, _SIDE, _SPINE = 280, 430, 30
"""Widths of the boxes at the left and at the side; where the line stands that arms hang from."""


def flow_diagram(account: Accounting) -> str:
    """Return a drawing: screened, excluded, enrolled, and every arm with those who are analysed.

    Args:
        account: of the trial.

    >>> from cardiotwin.hemodynamics import ArmAccount
    >>> arm = ArmAccount("pump", 9, 8, 1, 0, {})
    >>> drawn = flow_diagram(Accounting(12, {"EF > 35 %": 3}, 9, 9, (arm,)))
    >>> "EF &gt; 35 %: 3" in drawn and "no admissible speed: 1" in drawn
    True
    """
    shapes: list[str] = []
    side = WIDTH - _SIDE
    bottom = _box(shapes, 0, 0, _LEFT, [f"Screened: {account.screened}"])
    lost = sum(account.excluded.values())
    reasons = [f"{reason}: {count}" for reason, count in account.excluded.items()]
    # What is excluded stands between who is screened and who is enrolled.
    top = bottom + GAP
    middle = top + PAD + LINE / 2
    end = _box(shapes, side, top, _SIDE, [f"Excluded: {lost}", *reasons]) if lost else bottom
    enrolled = end + GAP
    centre = _LEFT / 2
    shapes.append(_arrow(centre, bottom, centre, enrolled))
    if lost:
        shapes.append(_arrow(centre, middle, side, middle))
    text = [f"Enrolled: {account.enrolled}"]
    if account.patients != account.enrolled:
        text.append(f"draws of {account.patients} patient" + "s" * (account.patients > 1))
    bottom = _box(shapes, 0, enrolled, _LEFT, text)
    y = start = bottom + GAP
    for arm in account.arms:
        start, y = y, _arm(shapes, arm, y) + GAP / 2
    shapes.append(_line(_SPINE, bottom, _SPINE, start + PAD + LINE / 2))
    height = y + 2
    arms = [f"{own.arm}: {own.analysed} of {own.allocated} analysed." for own in account.arms]
    told = f"Of {account.screened} screened, {account.enrolled} were enrolled. {' '.join(arms)}"
    return (
        f'<svg class=flow viewBox="-1 -1 {WIDTH + 2} {height:g}" role=img '
        f'aria-label="{escape(told)}" '
        f'style="width:100%;max-width:{WIDTH}px;height:auto;display:block;margin:6px 0 16px;'
        'font-size:13.5px">' + "".join(shapes) + "</svg>"
    )


def _arm(shapes: list[str], arm: ArmAccount, y: float) -> float:
    """Draw one arm beside the line that all hang from; return where its boxes end."""
    left = 2 * _SPINE
    allocated = _box(shapes, left, y, _LEFT, [arm.arm, f"allocated: {arm.allocated}"])
    lines = [f"Analysed: {arm.analysed}"]
    if arm.infeasible:
        lines.append(f"no admissible speed: {arm.infeasible}")
    if arm.failed:
        lines.append(f"failed: {arm.failed}")
    side = WIDTH - _SIDE
    analysed = _box(shapes, side, y, _SIDE, lines)
    at = y + PAD + LINE / 2
    shapes.append(_arrow(_SPINE, at, left, at))
    shapes.append(_arrow(left + _LEFT, at, side, at))
    return max(allocated, analysed)


def _box(shapes: list[str], x: float, y: float, width: float, lines: list[str]) -> float:
    """Draw a box with text, the first line bold; return where it ends."""
    # Seven pixels a letter, so that nothing leaves its box.
    wrapped = [textwrap.wrap(line, int((width - 2 * PAD) / 7)) for line in lines]
    rows = [row for own in wrapped for row in own]
    height = 2 * PAD + LINE * len(rows)
    shapes.append(
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" '
        'style="fill:var(--card);stroke:var(--soft)"/>'
    )
    for number, row in enumerate(rows):
        weight = ";font-weight:650" if number < len(wrapped[0]) else ""
        shapes.append(
            f'<text x="{x + PAD:g}" y="{y + PAD + LINE * number + 13.5:g}" '
            f'style="fill:var(--ink){weight}">{escape(row)}</text>'
        )
    return y + height


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" style="fill:none;stroke:var(--soft)"/>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """Draw an arrow, to the right or downwards."""
    tip = f"M{x2:g} {y2:g}" + ("l-5 -8h10z" if x1 == x2 else "l-8 -5v10z")
    return _line(x1, y1, x2, y2) + f'<path d="{tip}" style="fill:var(--soft)"/>'
