"""Volumes of bodies whose volume is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiotwin import InputError
from cardiotwin.echo import Phantom, disk_volumes, find_disks


def _half_ellipsoid(length, radius, pixel, turn=0.0, size=160):
    """Return the mask of half an ellipsoid, cut at its equator, where an atrium begins."""
    row, column = (np.indices((size, size)) + 0.5 - size / 2) * np.reshape(pixel, (-1, 1, 1))
    along = np.cos(turn) * row + np.sin(turn) * column + length / 2
    across = -np.sin(turn) * row + np.cos(turn) * column
    # The apex is up, at along = 0; the equator at along = length.
    height = 1 - along / length
    inside = (height**2 + (across / radius) ** 2 < 1) & (along < length)
    atrium = (along >= length) & (along < length + 15) & (abs(across) < radius)
    return np.where(inside, 1, np.where(atrium, 3, 2))[None]


@settings(max_examples=15, deadline=None)
@given(
    length=st.floats(60, 100),
    radius=st.floats(18, 32),
    pixel=st.floats(0.7, 1.1),
    turn=st.floats(-0.5, 0.5),
)
def test_half_an_ellipsoid(length, radius, pixel, turn):
    disks = find_disks(_half_ellipsoid(length, radius, [pixel, pixel], turn), pixel)
    exact = 2 / 3 * np.pi * radius**2 * length / 1000
    assert disks.length_mm[0] == pytest.approx(length, abs=2.5 * pixel)
    assert disk_volumes(disks)[0] == pytest.approx(exact, rel=0.05)


def test_pixels_that_are_not_square():
    mask = _half_ellipsoid(80.0, 25.0, [0.5, 1.0], size=240)
    disks = find_disks(mask, (0.5, 1.0))
    exact = 2 / 3 * np.pi * 25**2 * 80 / 1000
    assert disk_volumes(disks)[0] == pytest.approx(exact, rel=0.03)


def test_two_planes_see_an_elliptic_section():
    one, other = (
        find_disks(_half_ellipsoid(80.0, radius, [0.8, 0.8]), 0.8) for radius in (20.0, 30.0)
    )
    exact = 2 / 3 * np.pi * 20 * 30 * 80 / 1000
    assert disk_volumes(one, other)[0] == pytest.approx(exact, rel=0.03)
    assert disk_volumes(other, one) == pytest.approx(disk_volumes(one, other), rel=1e-9)


def test_small_patches_and_holes_change_nothing():
    mask = _half_ellipsoid(80.0, 25.0, [0.8, 0.8])
    dirty = mask.copy()
    dirty[0, 5:9, 5:9] = 1
    dirty[0, 70:73, 78:81] = 0
    expected = disk_volumes(find_disks(mask, 0.8))
    assert disk_volumes(find_disks(dirty, 0.8)) == pytest.approx(expected, rel=1e-6)


def test_frames_are_independent_and_empty_ones_are_nan():
    mask = _half_ellipsoid(80.0, 25.0, [0.8, 0.8])
    both = np.concatenate([mask, np.zeros_like(mask), mask[:, ::-1]])
    volumes = disk_volumes(find_disks(both, 0.8))
    assert np.isnan(volumes[1])
    assert volumes[[0, 2]] == pytest.approx(disk_volumes(find_disks(mask, 0.8))[0], rel=1e-6)


def test_both_views_of_a_phantom_give_its_true_volume():
    """Biplane disks on true masks at the largest volume: within 4 %, plane and pixels included."""
    clips = Phantom(views=("A4C", "A2C"), size=64, n_frames=16, variability=0.0).clips(8, seed=21)
    for one, other in zip(clips, clips, strict=True):
        found = [
            find_disks(own.masks[[own.volumes_ml.argmax()]], own.clip.mm_per_pixel)
            for own in (one, other)
        ]
        assert disk_volumes(*found)[0] == pytest.approx(one.edv_ml, rel=0.08)


def test_planes_of_different_frames_are_refused():
    disks = find_disks(_half_ellipsoid(80.0, 25.0, [0.8, 0.8]), 0.8)
    twice = type(disks)(*[np.concatenate([field, field]) for field in disks])
    with pytest.raises(InputError, match="other"):
        disk_volumes(disks, twice)
