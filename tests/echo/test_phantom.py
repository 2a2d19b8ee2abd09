"""The phantom: volumes, walls and speckle obey what the clip claims about them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiotwin import InputError, NumericsError
from cardiotwin.circulation import Circulation
from cardiotwin.echo import Phantom
from cardiotwin.echo._heart_shape import N_ANGLES, Shape
from cardiotwin.echo._heart_shape import ventricle as plain_ventricle
from cardiotwin.echo._phantom_image import render
from cardiotwin.echo._phantom_patients import PHASES, Patient, phases_of
from cardiotwin.echo._phantom_scene import draw_heart, draw_scene
from cardiotwin.hemodynamics import Prior, Unknowns

ventricle = jax.jit(plain_ventricle)

# One size for all that is rendered: each is compiled for itself.
SIZE = 64
VOLUMES = np.array([120.0, 90.0, 45.0], np.float32)


def _trapezoid(values, places):
    return np.sum((values[..., 1:] + values[..., :-1]) / 2 * np.diff(places), -1)


def _widths(heart):
    left, right = np.asarray(heart.left, float), np.asarray(heart.right, float)
    return left[..., 0], right[..., 1] - left[..., 1]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_disks_of_both_views_give_the_volume(seed):
    rng = np.random.default_rng(seed)
    heart = draw_heart(rng, 120.0)
    shapes = [draw_scene(rng, heart, view).shape._replace(tilt=0.0) for view in ("A4C", "A2C")]
    (level, one), (_, other) = [_widths(ventricle(s, VOLUMES, 120.0)) for s in shapes]
    # The two views see the same widths of two planes at right angles.
    assert _trapezoid(np.pi / 4 * one * other, level) / 1000 == pytest.approx(VOLUMES, rel=2e-3)


def test_a_plane_that_misses_the_apex_sees_less():
    rng = np.random.default_rng(3)
    shape = draw_scene(rng, draw_heart(rng, 120.0), "A4C").shape
    areas, lengths = [], []
    for tilt in (0.0, 0.1, 0.2, 0.3):
        level, width = _widths(ventricle(shape._replace(tilt=tilt), VOLUMES, 120.0))
        areas.append(_trapezoid(width, level))
        lengths.append(level[:, -1] - level[:, 0])
    assert (np.diff(areas, axis=0) < 0).all()
    assert (np.diff(lengths, axis=0) < 0).all()


def test_border_in_all_directions_encloses_the_area_between_the_sides():
    rng = np.random.default_rng(5)
    shape = draw_scene(rng, draw_heart(rng, 150.0), "A2C").shape
    heart = ventricle(shape, VOLUMES, 150.0)
    level, width = _widths(heart)
    radius = np.asarray(heart.radius, float)
    fan = 0.5 * np.sin(2 * np.pi / N_ANGLES) * np.sum(radius * np.roll(radius, -1, 1), 1)
    assert fan == pytest.approx(_trapezoid(width, level), rel=2e-3)


@pytest.fixture(scope="module")
def clips():
    return list(Phantom(views=("A4C", "A2C"), size=SIZE, n_frames=16).clips(4, seed=11))


def test_masks_are_what_the_volumes_say(clips):
    """Area × length of the cavity follows the volume; both views are of one heart."""
    for one in clips:
        area = (one.masks == 1).sum((1, 2)) * np.prod(one.clip.mm_per_pixel)
        # V ∝ A²/L and L ∝ V^0.2: the area follows the volume to the power 0.6.
        fit = np.polyfit(np.log(one.volumes_ml), np.log(area), 1)
        assert 0.45 < fit[0] < 0.75
        rows = (one.masks == 1).any(2).sum(1) * one.clip.mm_per_pixel[0]
        single = 8 * area**2 / (3 * np.pi * rows) / 1000
        assert single == pytest.approx(one.volumes_ml, rel=0.45)


def test_truth_belongs_to_the_patient(clips):
    for one, other in zip(clips[::2], clips[1::2], strict=True):
        assert one.patient == other.patient and one.ef_percent == other.ef_percent
        assert (one.clip.view, other.clip.view) == ("A4C", "A2C")
        assert one.esv_ml - 1e-9 <= one.volumes_ml.min()
        assert one.volumes_ml.max() <= one.edv_ml + 1e-9
        # The clip lasts longer than a beat: it shows the largest and the smallest volume.
        assert np.ptp(one.volumes_ml) > 0.9 * (one.edv_ml - one.esv_ml)
        period = 60.0 / float(one.circulation.period_s)
        assert one.heart_rate_per_min == pytest.approx(period, rel=0.1)


def test_same_seed_same_clips_and_other_seeds_other_ones(clips):
    phantom = Phantom(views=("A4C", "A2C"), size=SIZE, n_frames=16)
    again = next(phantom.clips(1, seed=11))
    assert np.array_equal(again.clip.frames, clips[0].clip.frames)
    last = phantom.clip(3, seed=11)
    assert np.array_equal(last.clip.frames, clips[3].clip.frames)
    assert np.array_equal(last.volumes_ml, clips[3].volumes_ml)
    assert not np.array_equal(next(phantom.clips(1, seed=12)).clip.frames, again.clip.frames)


def _still(seed=2):
    """Return frames of a heart that stands still, and one of the frames' masks."""
    rng = np.random.default_rng(seed)
    scene = draw_scene(rng, draw_heart(rng, 140.0), "A4C")
    flat = dict.fromkeys(("slope_db", "edge_db", "depth_db", "angle_db", "compound"), 0.0)
    dark = dict.fromkeys(("noise_db", "haze_db", "near_db", "lobes_db"), -90.0)
    sharp = {"beam": 0.001, "pulse_mm": 0.01, "shadows": np.ones((2, 4)) * [0, 1, 1, 0]}
    levels = {"floor_db": -60.0, "range_db": 90.0, "gamma": 1.0}
    scanner = scene.scanner._replace(**flat, **dark, **sharp, **levels)
    around = scene.around._replace(patches_db=0.0, blood_db=-20.0)
    scene = jax.tree.map(np.float32, scene._replace(scanner=scanner, around=around))
    volumes = np.full(8, 140.0)
    return render(scene, volumes, 140.0, 0 * volumes, jax.random.key(1), SIZE)


def test_tissue_keeps_its_speckle_and_blood_does_not():
    found = _still()
    frames = found.frames.astype(float)
    wall, cavity = ((found.masks == label).all(0) & found.sector for label in (2, 1))
    inner = cavity.copy()
    for _ in range(4):
        inner[1:-1, 1:-1] &= inner[2:, 1:-1] & inner[:-2, 1:-1] & inner[1:-1, 2:] & inner[1:-1, :-2]

    def correlation(where):
        return np.corrcoef(frames[0][where], frames[5][where])[0, 1]

    assert correlation(wall) > 0.95
    assert abs(correlation(inner)) < 0.3


def test_speckle_of_unresolved_scatterers_is_rayleigh():
    """Mean over standard deviation of the amplitude is √(π / (4 − π)) = 1.91."""
    from cardiotwin.echo._ultrasound import spread, textures

    own = textures(jax.random.key(4))
    field = spread(300, 1.5) @ own.still[:, :300, :300] @ spread(300, 1.2).T
    assert float(jnp.mean(field**2)) == pytest.approx(1.0, rel=0.05)
    amplitude = np.asarray(jnp.sqrt(jnp.sum(field**2, 0)))
    assert amplitude.mean() / amplitude.std() == pytest.approx(
        np.sqrt(np.pi / (4 - np.pi)), rel=0.03
    )


def test_the_wall_keeps_its_area_but_for_thickening():
    rng = np.random.default_rng(8)
    scene = draw_scene(rng, draw_heart(rng, 150.0), "A4C")
    volumes = np.array([150.0, 60.0])
    found = render(scene, volumes, 150.0, 0 * volumes, jax.random.key(0), SIZE)
    wall, cavity = ((found.masks == label).sum((1, 2)) for label in (2, 1))
    # Incompressible: the section grows as the way around shortens, here by a third at most.
    assert 1.0 < wall[1] / wall[0] < 1.35
    assert cavity[1] < 0.65 * cavity[0]


def _patient():
    circulation = Circulation(period_s=0.9)
    wave = np.cos(np.linspace(0, 2 * np.pi, PHASES, endpoint=False))
    return Patient(0, circulation, 90 + 30 * wave, 0 * wave, 120.0, 60.0, 0.35)


@given(st.lists(st.floats(0.5, 1.6), min_size=1, max_size=4))
def test_long_beats_are_long_diastoles(lengths):
    lengths = np.array(lengths)
    times = np.linspace(0, lengths.sum(), 400, endpoint=False)
    beat, phase = phases_of(_patient(), times, lengths)
    assert (np.diff(beat + phase) > 0).all()
    assert ((phase >= 0) & (phase <= 1 + 1e-9)).all()
    starts = np.concatenate([[0.0], np.cumsum(lengths)])[:-1]
    for start, length in zip(starts, lengths, strict=True):
        within = (times >= start) & (times < start + min(0.35, 0.8 * length) - 1e-9)
        if 0.8 * length > 0.35:
            assert phase[within] * 0.9 == pytest.approx(times[within] - start, abs=1e-9)
        own = phase[(times >= start) & (times < start + length - 1e-9)]
        assert (np.diff(own) > 0).all()


def test_shape_is_that_of_end_diastole_at_its_volume():
    shape = Shape(90.0, 0.62, 1.0, np.zeros((2, 3)), np.zeros(3), 0.0, 1.0, 0.2, 0.0, 0.0, 9.0)
    assert float(ventricle(shape, np.float32([120.0]), 120.0).length_mm[0]) == pytest.approx(90.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"views": ("A3C",)}, "views"),
        ({"views": "A4C"}, "views"),
        ({"size": 8}, "size"),
        ({"size": 411}, "at most 410 pixels"),
        ({"beats": (0.5, 2.0)}, "beats"),
        ({"frame_rates_hz": (50.0, 20.0)}, "frame_rates_hz"),
        ({"n_frames": 2}, "n_frames"),
    ],
)
def test_wrong_settings_are_refused(changes, says):
    with pytest.raises(InputError, match=says):
        Phantom(**changes)


def test_priors_of_nobody_alive_are_refused():
    nobody = Unknowns.of(["emax"], priors={"emax": Prior(0.1, 0.01)})
    with pytest.raises(NumericsError, match="within the limits"):
        next(Phantom(unknowns=nobody).clips(1))
