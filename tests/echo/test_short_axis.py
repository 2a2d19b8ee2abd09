"""The short axis: the heart of the views from the apex, cut across."""

import jax
import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.echo import Phantom, segment
from cardiotwin.echo._heart_shape import N_ANGLES, half_widths, profile
from cardiotwin.echo._phantom_scene import draw_heart, draw_scene
from cardiotwin.echo._short_axis import AroundRing, rings

VOLUMES = np.array([120.0, 90.0, 45.0], np.float32)
EDV_ML = np.float32(120.0)


def _area(radius):
    return 0.5 * np.sin(2 * np.pi / N_ANGLES) * np.sum(radius * np.roll(radius, -1, -1), -1)


def test_the_cut_is_the_ellipse_whose_widths_the_other_views_see():
    """Its area is π w w′ / 4 at that level, so that disks across sum up to the volume."""
    rng = np.random.default_rng(4)
    heart = draw_heart(rng, 120.0)
    scene = draw_scene(rng, heart, "PSAX")
    assert isinstance(scene.around, AroundRing)
    around = scene.around._replace(waves=np.zeros((2, 2), np.float32))
    found = jax.jit(rings)(scene.shape, around, VOLUMES, EDV_ML)
    length, here, there = jax.jit(half_widths)(scene.shape, VOLUMES, EDV_ML)
    expected = np.asarray(np.pi * here * there * profile(scene.shape, around.level) ** 2)
    assert _area(np.asarray(found.radius, float)) == pytest.approx(expected, rel=1e-3)
    # A wall that keeps its volume is thicker in the plane by what the long axis is shorter.
    assert np.asarray(found.thickening * length) == pytest.approx(float(length[0]), rel=1e-5)


@pytest.fixture(scope="module")
def clip():
    return Phantom(views=("PSAX",), size=64, n_frames=16).clip(1, seed=11)


def test_the_ring_follows_the_volume_of_the_same_patient(clip):
    assert clip.clip.view == "PSAX" and set(np.unique(clip.masks)) == {0, 1, 2}
    assert clip.foreshortening == 1.0
    assert clip.volumes_ml.max() <= clip.edv_ml
    area = (clip.masks == 1).sum((1, 2)) * np.prod(clip.clip.mm_per_pixel)
    # A ∝ V / L with L ∝ V^0.14 to V^0.26.
    assert 0.65 < np.polyfit(np.log(clip.volumes_ml), np.log(area), 1)[0] < 0.95
    # Wall all around: no path from the cavity to the outside.
    cavity, wall = clip.masks[0] == 1, clip.masks[0] == 2
    for shift in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        beside = np.roll(cavity, shift, (0, 1)) & ~cavity
        assert (beside & wall).sum() == beside.sum()


def test_blood_is_darker_than_the_wall(clip):
    frames = clip.clip.frames.astype(float)
    seen = clip.clip.sector & (frames > 0)
    cavity, wall = (frames[(clip.masks == k) & seen].mean() for k in (1, 2))
    assert cavity < wall


def test_no_volume_is_read_off_a_short_axis(clip):
    with pytest.raises(InputError, match="view PSAX; expected a view from the apex"):
        segment(clip.clip)
