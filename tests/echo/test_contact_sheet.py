"""The sheet of a clip: its frames in order, and a border that is no grey level."""

import numpy as np
import pytest
from look_alikes import fan, speckle

from cardiotwin import FileFormatError
from cardiotwin.echo import EchoClip, contact_sheet, write_contact_sheet
from cardiotwin.echo._contact_sheet import BORDER, TILE


def test_frames_are_in_order_and_the_border_is_drawn_around_the_sector():
    frames = np.full((40, 64, 64), 10) + 5 * np.arange(40)[:, None, None]
    clip = EchoClip(frames, np.arange(40) * 20.0, sector=fan(64, 64))
    sheet = contact_sheet(clip)
    assert sheet.shape == (3 * TILE, 4 * TILE, 3)
    tiles = sheet.reshape(3, TILE, 4, TILE, 3).swapaxes(1, 2).reshape(12, TILE, TILE, 3)
    middle = tiles[:, TILE // 2, TILE // 2, 0].astype(int)
    assert (middle[0], middle[-1]) == (10, 205) and (np.diff(middle) > 0).all()
    coloured = (tiles == BORDER).all(-1)
    assert (coloured == coloured[0]).all() and 200 < coloured[0].sum() < 2000
    assert (np.ptp(tiles[~coloured], axis=-1) == 0).all()


def test_short_clips_make_small_sheets(tmp_path):
    clip = EchoClip(speckle(2), [0.0, 20.0])
    assert contact_sheet(clip).shape == (TILE, 2 * TILE, 3)
    assert contact_sheet(clip, 1).shape == (TILE, TILE, 3)


def test_only_png_is_written(tmp_path):
    clip = EchoClip(speckle(), np.arange(8) * 20.0)
    with pytest.raises(FileFormatError, match=r"ends in \.png"):
        write_contact_sheet(tmp_path / "sheet.jpg", clip)
    assert list(tmp_path.iterdir()) == []
