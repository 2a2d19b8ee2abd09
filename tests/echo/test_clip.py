import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin import InputError
from cardiotwin.echo import EchoClip

FRAMES = np.arange(4 * 40 * 48, dtype=np.uint32).reshape(4, 40, 48).astype(np.uint8)
TIMES = [0.0, 20.0, 40.0, 61.0]


def test_outside_of_the_sector_nothing_is_seen():
    sector = np.zeros((40, 48), bool)
    sector[10:30, 5:40] = True
    clip = EchoClip(FRAMES, TIMES, sector=sector)
    assert not clip.frames[:, ~sector].any()
    assert np.array_equal(clip.frames[:, sector], FRAMES[:, sector])


def test_a_clip_keeps_its_own_copy():
    frames = FRAMES.copy()
    clip = EchoClip(frames, TIMES)
    frames[:] = 0
    assert np.array_equal(clip.frames, FRAMES)
    with pytest.raises(ValueError, match="read-only"):
        clip.frames[0, 0, 0] = 1


@given(st.lists(st.floats(0.5, 100), min_size=1, max_size=60))
def test_selected_frames_keep_their_times(steps):
    times = np.concatenate([[0.0], np.cumsum(steps)])
    frames = np.zeros((len(times), 32, 32), np.uint8)
    clip = EchoClip(frames, times, [0.3, 0.6], "A2C", heart_rate_per_min=70)
    part = clip.select(slice(None, None, 2))
    assert np.array_equal(part.times_ms, times[::2])
    assert (part.mm_per_pixel, part.view, part.heart_rate_per_min) == ((0.3, 0.6), "A2C", 70.0)
    assert clip.duration_ms == pytest.approx(sum(steps))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"frames": FRAMES[0]}, "frames: found shape"),
        ({"frames": FRAMES[..., None].repeat(3, -1)}, "Turn colour into grey"),
        ({"frames": FRAMES[:, :20]}, "at least 32 × 32"),
        ({"frames": FRAMES / 255.0}, "whole grey levels"),
        ({"times_ms": [0.0, 20.0, 20.0, 30.0]}, "frames 1, 2"),
        ({"times_ms": [0.0, 20.0]}, "times_ms: found shape"),
        ({"mm_per_pixel": 0.0}, "mm_per_pixel: found 0"),
        ({"mm_per_pixel": (1, 1, 1)}, "height and width"),
        ({"view": "A3C"}, "'A2C', 'A4C'"),
        ({"heart_rate_per_min": 0}, "heart_rate_per_min"),
        ({"sector": np.zeros((40, 48))}, "true somewhere"),
    ],
)
def test_what_is_no_clip_is_refused(changes, says):
    with pytest.raises(InputError, match=says):
        EchoClip(**{"frames": FRAMES, "times_ms": TIMES, **changes})
