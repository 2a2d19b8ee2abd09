"""The study of worse clips: every kind is tried, and the table counts what was found."""

from types import SimpleNamespace

import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.echo import EchoClip
from cardiotwin.studies import FinishedParts
from cardiotwin.studies import _echo_robustness as study


class _Parts(FinishedParts):
    """Made-up clips: EF is wrong by the level's rank, every fifth is refused."""

    def rows(self, part, compute):
        number = int(part.split()[1])
        made = []
        changes = [(study.AS_IT_IS, (0.0,)), *((k, v[0]) for k, v in study.DEGRADATIONS.items())]
        for kind, levels in [*changes, (study.WRONG_VIEW, ("upside down", "short axis"))]:
            for rank, level in enumerate(levels):
                gone = number % 5 == 4 and rank == 1
                ef = (None, None, None) if gone else (50.0 + rank, 45.0, 55.0)
                made.append([kind, level, 50.0, *ef, gone, gone])
        return made


def test_the_table_counts_errors_widths_and_refusals():
    found = study.echo_robustness(parts=_Parts())
    rows = {(row[0], row[1]): dict(zip(found.columns, row, strict=True)) for row in found.rows}
    rest = rows[study.AS_IT_IS, None]
    assert (rest["clips"], rest["refused (%)"], rest["EF MAE (points)"]) == (30, 0.0, 0.0)
    worse = rows["gain (dB)", -12]
    assert worse["refused (%)"] == pytest.approx(20.0) == worse["flagged (%)"]
    assert worse["EF MAE (points)"] == worse["EF bias (points)"] == 1.0
    assert worse["mean width of 90 % intervals (points)"] == 10.0
    assert worse["90 % intervals hold (%)"] == 100.0
    panels = {trace.xaxis for trace in found.figures["levels"].data}
    assert len(panels) == len(study.DEGRADATIONS) + 1


def test_every_kind_is_tried_and_refusals_are_kept(monkeypatch):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (40, 64, 64)).astype(np.uint8)
    seen = []

    def phantom(views):
        clip = EchoClip(frames, np.arange(40) * 20.0, 1.0, views[0])
        return SimpleNamespace(clip=lambda *_: SimpleNamespace(clip=clip, ef_percent=50.0))

    def segment(clip):
        seen.append(clip)
        if clip.view is None:
            raise InputError("clip", found="no heart", expected="one")
        return SimpleNamespace(ef_percent=52.0, interval=lambda *_: (45.0, 60.0), flags=("It",))

    monkeypatch.setattr(study, "Phantom", phantom)
    monkeypatch.setattr(study, "segment", segment)
    rows = list(study._clip(3, 7))
    assert len(rows) == 1 + sum(len(levels) for levels, _, _ in study.DEGRADATIONS.values()) + 6
    assert {row.kind for row in rows} == {study.AS_IT_IS, *study.DEGRADATIONS, study.WRONG_VIEW}
    refused = [row for row in rows if row.ef is None]
    assert len(refused) == 5 and all(row.wrong_view and row.flagged for row in refused)
    assert seen[-1].view == "A2C"
    assert min(clip.n_frames for clip in seen) == 7
