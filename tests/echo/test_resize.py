"""Resizing keeps what is measured: sizes in mm, times, mean brightness, shapes."""

import numpy as np
import pytest
from look_alikes import speckle

from cardiotwin import InputError
from cardiotwin.echo import EchoClip, crop_to_sector, resize, resize_labels

TIMES = [0.0, 20.0, 41.0]


@pytest.mark.parametrize("size", [32, 57, 112, 300])
@pytest.mark.parametrize("pixel", [0.5, (0.3, 0.6), None])
def test_a_disc_keeps_its_area_in_mm(size, pixel):
    high, wide = (pixel, pixel) if isinstance(pixel, float) else pixel or (1.0, 1.0)
    row, column = np.mgrid[:120, :160]
    radius = 15.0 if pixel else 30.0
    disc = np.hypot((row - 60) * high, (column - 80) * wide) < radius
    clip = EchoClip(np.repeat(200 * disc[None], 3, axis=0), TIMES, pixel)
    small = resize(clip, size)
    assert small.shape == (size, size)
    side = max(120 * high, 160 * wide) / size
    assert small.mm_per_pixel == (None if pixel is None else pytest.approx((side, side)))
    area = (small.frames[0] / 200).sum() * side**2
    assert area == pytest.approx(np.pi * radius**2, rel=0.02)
    labels = resize_labels(disc, size, pixel)
    assert labels.sum() * side**2 == pytest.approx(np.pi * radius**2, rel=0.06)
    # Round and in the middle: neither stretched nor shifted.
    at = np.argwhere(small.frames[0] > 100) - (size - 1) / 2
    assert abs(at.mean(axis=0)).max() < 0.5 * size / 120 + 0.5
    assert np.ptp(at[:, 0]) == pytest.approx(np.ptp(at[:, 1]), abs=2.5)


def test_times_view_and_notes_stay():
    clip = EchoClip(speckle(3), TIMES, 0.5, "A2C", 60, name="a", notes=["b"])
    small = resize(clip, 40)
    assert np.array_equal(small.times_ms, TIMES)
    assert (small.view, small.heart_rate_per_min, small.name) == ("A2C", 60, "a")
    assert small.notes == ("b",)


def test_the_same_size_changes_nothing():
    clip = EchoClip(speckle(3)[:, :, :60], TIMES)
    assert np.array_equal(resize(clip, 60).frames, clip.frames)
    labels = speckle(1)[0, :, :60] // 80
    assert np.array_equal(resize_labels(labels, 60), labels)


def test_padding_is_outside_of_the_sector():
    clip = resize(EchoClip(speckle(3)[:, :40], TIMES), 36)
    assert not clip.sector[:8].any() and not clip.sector[-8:].any() and clip.sector[9:27].all()


def test_too_small_is_refused():
    with pytest.raises(InputError, match="size"):
        resize(EchoClip(speckle(3), TIMES), 16)


def test_cropping_keeps_the_sector_and_the_pixel_size():
    sector = np.zeros((60, 72), bool)
    sector[10:50, 20:60] = True
    clip = EchoClip(speckle(3), TIMES, (0.5, 0.4), sector=sector)
    cut = crop_to_sector(clip)
    assert cut.shape == (44, 44) and cut.sector.sum() == sector.sum()
    assert cut.mm_per_pixel == (0.5, 0.4)
    assert np.array_equal(cut.frames[:, 2:-2, 2:-2], clip.frames[:, 10:50, 20:60])
