"""The fan is found among letters, rulers, icons and traces, and what it holds is kept."""

import numpy as np
import pytest
from look_alikes import fan, speckle

from cardiotwin.echo import find_sector
from cardiotwin.echo._sector import fit_sector

FANS = {
    "cropped as in EchoNet": dict(height=112, width=112),
    "cut at both sides": dict(height=112, width=112, apex=(-10.0, None), half_degrees=48.0),
    "wide": dict(height=240, width=320, half_degrees=55.0),
    "narrow": dict(height=200, width=200, half_degrees=22.0),
    "large": dict(height=480, width=640, apex=(30.0, 300.0), far=400.0),
}


def missed_and_extra(found, truth):
    return (truth & ~found).sum() / truth.sum(), (found & ~truth).sum() / truth.sum()


@pytest.mark.parametrize("name", FANS)
@pytest.mark.parametrize("upside_down", [False, True])
def test_the_fan_is_found(name, upside_down):
    truth = fan(**FANS[name])[:: -1 if upside_down else 1]
    missed, extra = missed_and_extra(find_sector(speckle(12, truth)), truth)
    assert missed < 0.005 and extra < 0.1


def test_letters_rulers_and_traces_are_left_out():
    truth = fan(200, 260, far=165)
    frames = speckle(12, truth)
    rng = np.random.default_rng(1)
    letters = rng.integers(0, 2, (12, 40)) * 255
    frames[:, 4:16, 4:44] = letters
    frames[:, 20:180:10, 250:254] = 200
    frames[:, 192:198] = 90
    for i, frame in enumerate(frames):
        height = 184 + (3 * np.sin(np.arange(260) / 9 + i)).astype(int)
        frame[height, np.arange(260)] = 255
    found = find_sector(frames)
    missed, extra = missed_and_extra(found, truth)
    assert missed < 0.01 and extra < 0.1
    assert not found[4:16, 4:44].any()
    assert not found[:, 250:].any() and not found[180:].any()


def test_a_dark_corner_of_the_fan_is_kept():
    truth = fan(200, 260)
    frames = speckle(12, truth)
    frames[:, 120:, :110] = 0
    missed, _ = missed_and_extra(find_sector(frames), truth)
    assert missed < 0.02


def test_a_frozen_clip_is_judged_by_its_brightness():
    truth = fan(120, 120)
    mask, note = fit_sector(np.repeat(speckle(1, truth), 6, axis=0))
    missed, _ = missed_and_extra(mask, truth)
    assert missed < 0.01 and "is bright" in note


def test_what_is_no_fan_gets_its_hull():
    truth = np.zeros((120, 120), bool)
    truth[30:90, 20:100] = True
    frames = np.where(truth, np.random.default_rng(0).integers(0, 255, (8, 120, 120)), 0)
    mask, note = fit_sector(frames.astype(np.uint8))
    missed, extra = missed_and_extra(mask, truth)
    assert missed < 0.01 and extra < 0.15 and "convex hull" in note


@pytest.mark.parametrize("top", [1, 256])
def test_everything_where_nothing_stands_out(top):
    frames = np.random.default_rng(0).integers(0, top, (8, 64, 64)).astype(np.uint8)
    assert find_sector(frames).all()


def test_the_real_clip(shared_data):
    with np.load(shared_data("echo_a4c_clip") / "a4c_clip.npz") as arrays:
        frames = arrays["frames"]
    found = find_sector(frames)
    moving = frames.std(axis=0) > 2
    assert (moving & ~found).sum() < 0.005 * moving.sum()
    # Name and mode left above, probe and settings right, marker of the side, depth, tool bar.
    for rows, columns in ((slice(0, 32), slice(0, 60)), (slice(10, 110), slice(300, 320))):
        assert not found[rows, columns].any()
    assert not found[12:22, 185:196].any()
    assert not found[215:].any()
    assert 0.36 < found.mean() < 0.42
