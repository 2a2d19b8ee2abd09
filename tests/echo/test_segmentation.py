"""The segmentation network, its training, its files, and what is read off its masks."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import FileFormatError, InputError
from cardiotwin.echo import (
    EchoClip,
    Phantom,
    SegmentationModel,
    dice,
    segment,
    shipped_model,
    train_segmentation,
)
from cardiotwin.echo._augmentation import augmented
from cardiotwin.echo._calibration import extra_spread
from cardiotwin.echo._convolutions import doubled, folded, halved, unfolded
from cardiotwin.echo._segmentation_network import SegmentationNetwork, with_neighbours
from cardiotwin.echo._volume_curve import HALF_S

WIDTHS = (8, 8)
SIZE = 32


def _discs(step):
    """Return frames of bright discs with darker rims at random places, and their masks."""
    rng = np.random.default_rng(step)
    row, column = np.indices((SIZE, SIZE))
    middle = rng.uniform(12, 20, (8, 2, 1, 1))
    away = np.hypot(row - middle[:, 0], column - middle[:, 1])
    masks = np.where(away < 6, 1, np.where(away < 9, 2, 0)).astype(np.uint8)
    frames = 200 * (masks == 1) + 90 * (masks == 2) + rng.integers(0, 30, masks.shape)
    return np.repeat(frames[..., None], 3, -1).astype(np.uint8), masks


@pytest.fixture(scope="module")
def trained():
    return train_segmentation(
        steps=250,
        size=SIZE,
        widths=WIDTHS,
        learning_rate=1e-2,
        batches=_discs,
        validation=_discs(10**6),
        quiet=True,
    )


def test_training_finds_what_it_was_shown(trained):
    model, training = trained
    frames, masks = _discs(10**6 + 1)
    assert dice(model.masks(frames), masks)["cavity"] > 0.9
    assert training.history["entropy"][-20:].mean() < 0.5 * training.history["entropy"][:20].mean()


def test_a_frame_does_not_depend_on_who_else_is_in_the_batch(trained):
    model, _ = trained
    frames, _ = _discs(5)
    together = model.masks(frames)
    assert all(np.array_equal(model.masks(frames[[k]])[0], together[k]) for k in (0, 3, 7))


def test_grey_levels_may_have_any_scale(trained):
    model, _ = trained
    frames = _discs(6)[0].astype(float)
    assert (model.masks(0.5 * frames + 20) == model.masks(frames)).mean() > 0.999


def test_saved_models_come_back(trained, tmp_path):
    model, _ = trained
    model.save(tmp_path)
    again = SegmentationModel.load(tmp_path)
    frames, _ = _discs(7)
    assert (again.masks(frames) == model.masks(frames)).mean() > 0.999
    assert again.card == json.loads(json.dumps(model.card))
    assert (again.widths, again.size) == (WIDTHS, SIZE)


@pytest.mark.parametrize("damage", ["cut", "other widths", "no weights", "format"])
def test_damaged_models_are_refused(trained, tmp_path, damage):
    trained[0].save(tmp_path)
    text, numbers = tmp_path / "segmentation.json", tmp_path / "segmentation.npz"
    content = json.loads(text.read_text())
    if damage == "cut":
        numbers.write_bytes(numbers.read_bytes()[:500])
    elif damage == "no weights":
        numbers.unlink()
    else:
        content |= {"widths": [8, 16]} if damage == "other widths" else {"format": "other"}
        text.write_text(json.dumps(content))
    with pytest.raises(FileFormatError):
        SegmentationModel.load(tmp_path)


def test_sizes_that_do_not_fit_are_refused(trained):
    with pytest.raises(InputError, match="a multiple of 4"):
        train_segmentation(steps=1, size=34, widths=WIDTHS, batches=_discs, quiet=True)
    with pytest.raises(InputError, match="frames: found shape"):
        trained[0].masks(np.zeros((2, 64, 64)))


def test_folding_loses_nothing_and_doubling_is_undone_by_halving():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 8, 6, 3)))
    assert np.array_equal(unfolded(folded(x)), x)
    assert np.array_equal(halved(doubled(x)), x)
    assert folded(x).shape == (2, 4, 3, 12)


def test_a_shift_by_whole_cells_shifts_the_labels():
    """Convolutions do not know where they are: away from the border labels move with the image.

    But for what the border adds to the mean and the spread of the whole image.
    """
    network = SegmentationNetwork((8, 8), key=jax.random.key(3))
    image = np.zeros((1, 64, 64, 3), np.float32)
    image[:, 20:36, 24:40] = np.random.default_rng(1).random((1, 16, 16, 3))
    moved = np.roll(image, (4, 8), (1, 2))
    here, there = (np.asarray(network(jnp.asarray(one))) for one in (image, moved))
    inner = (slice(None), slice(24, 44), slice(28, 44))
    assert np.roll(here, (4, 8), (1, 2))[inner] == pytest.approx(there[inner], abs=5e-3)


def test_masks_are_moved_with_their_frames():
    """Where a frame shows the number of its label, the changed frame still does."""
    _, masks = _discs(9)
    frames = np.repeat(masks[..., None], 3, -1) / 4.0
    key = jax.random.key(0)
    found, labels = jax.jit(augmented)(
        jnp.asarray(frames, jnp.float32), jnp.asarray(masks, int), key
    )
    # Gamma and gain keep the order of grey levels; holes and the linear border do not count.
    for frame, label in zip(np.asarray(found)[..., 1], np.asarray(labels), strict=True):
        levels = [np.median(frame[label == k]) for k in (0, 2, 1)]
        assert levels[0] < levels[2]
        seen = frame[(label == 1) & (frame > 0)]
        assert np.mean(np.abs(seen - np.median(seen)) < 0.02) > 0.7


def test_neighbours_are_before_and_after():
    frames = np.arange(5 * 4).reshape(5, 2, 2).astype(np.uint8)
    seen = with_neighbours(frames, 2)
    assert np.array_equal(seen[..., 1], frames)
    assert np.array_equal(seen[2, ..., 0], frames[0]) and np.array_equal(seen[2, ..., 2], frames[4])
    assert np.array_equal(seen[0, ..., 0], frames[0])


def test_calibrated_intervals_hold_nine_of_ten():
    rng = np.random.default_rng(2)
    noises = rng.uniform(0.5, 2.0, 4000)
    errors = rng.standard_normal(4000) * np.hypot(noises, 1.5)
    found = extra_spread(errors, noises)
    assert found == pytest.approx(1.5, abs=0.15)
    inside = np.abs(errors) < 1.6449 * np.hypot(noises, found)
    assert inside.mean() == pytest.approx(0.9, abs=1e-3)
    assert extra_spread(0.1 * errors, noises) == 0.0


@pytest.fixture(scope="module")
def clips():
    phantom = Phantom(views=("A4C", "A2C"), size=64, n_frames=24, beats=(1.2, 1.5))
    return list(phantom.clips(3, seed=31))


@pytest.mark.slow
def test_the_shipped_model_measures_unseen_hearts():
    """Of 20 clips: EF wrong by less than 4 points in the mean, in three of four intervals."""
    made = list(Phantom(views=("A4C", "A2C")).clips(20, seed=31))
    found = [segment(one.clip) for one in made]
    errors = [own.ef_percent - one.ef_percent for own, one in zip(found, made, strict=True)]
    assert np.mean(np.abs(errors)) < 4.0
    inside = 0
    for own, one in zip(found, made, strict=True):
        low, high = own.interval("ef_percent")
        inside += low < one.ef_percent < high
        assert own.edv_ml == pytest.approx(one.edv_ml, rel=0.35)
    assert inside >= 15  # 18 are expected


def test_a_segmentation_names_its_frames_and_intervals(clips):
    for one in clips[:3]:
        found = segment(one.clip)
        low, high = found.interval("ef_percent")
        assert low < found.ef_percent < high
        assert found.in_ml and found.edv_ml > found.esv_ml > 0
        assert found.volumes[found.ed_frame] == np.nanmax(found.volumes)
        assert found.interval("ef_percent", 0.5)[1] < high


def test_volumes_scale_with_the_cube_of_the_pixel_and_ef_does_not(clips):
    one = clips[0].clip
    found, larger = segment(one), segment(one.replace(mm_per_pixel=1.2 * one.mm_per_pixel[0]))
    assert larger.edv_ml == pytest.approx(1.2**3 * found.edv_ml, rel=1e-6)
    assert larger.ef_percent == pytest.approx(found.ef_percent, rel=1e-6)


def test_volumes_and_ef_agree_in_every_draw(clips):
    """So that ESV has no mean error where EF was corrected."""
    found = segment(clips[0].clip)
    edv = found.cycle.largest * found.volume_factors
    esv = edv * (1 - found.ef_draws / 100)
    assert found.edv_ml == np.median(edv) and found.esv_ml == np.median(esv)
    assert found.interval("esv_ml") == tuple(np.percentile(esv, [5, 95]))


def test_a_heart_rate_or_a_pixel_that_cannot_be_is_told(clips):
    one = clips[0].clip
    assert not [own for own in segment(one).flags if "does not fit" in own or "pixel" in own]
    rate = segment(one).heart_rate_per_min
    wrong = segment(one.replace(heart_rate_per_min=1.4 * rate))
    assert wrong.heart_rate_per_min == pytest.approx(1.4 * rate)
    assert any(f"{1.4 * rate:.0f}/min, does not fit" in own for own in wrong.flags)
    huge = segment(one.replace(mm_per_pixel=9.0))
    assert any("is the size of a pixel right?" in own for own in huge.flags)


def test_a_still_image_repeated_is_refused_by_name(clips):
    one = clips[0].clip
    still = one.replace(frames=np.repeat(one.frames[:1], one.n_frames, 0), name="still.avi")
    with pytest.raises(InputError, match=r"clip still\.avi: found the same volume in all frames"):
        segment(still)


def test_without_the_size_of_a_pixel_there_are_no_millilitres(clips):
    one = clips[1].clip
    found, known = segment(one.replace(mm_per_pixel=None)), segment(one)
    assert found.edv_ml is None and not found.in_ml
    assert found.ef_percent == pytest.approx(known.ef_percent, abs=0.5)
    with pytest.raises(InputError, match="mm_per_pixel"):
        found.interval("edv_ml")
    assert found.measurements().names == ("heart_rate_bpm", "ef_percent")
    assert found.measurements(systolic_mmhg=120.0, diastolic_mmhg=75.0).systolic_mmhg == 120.0


def test_measurements_hold_one_beat_of_the_curve(clips):
    one = clips[2]
    found = segment(one.clip).measurements()
    curve = found.volume_curve
    assert curve.times_s[-1] < 60.0 / found.heart_rate_bpm
    assert (np.diff(curve.times_s) > 0).all()
    fallen = curve.values < curve.values.min() + 0.5 * np.ptp(curve.values)
    ejected = curve.times_s[fallen & (curve.times_s > HALF_S / 2)].min()
    assert 0 <= ejected - HALF_S < 1.01 * 60.0 / found.heart_rate_bpm / 25
    assert curve.values.min() == pytest.approx(one.esv_ml, rel=0.5)
    assert (curve.error > 0).all()


def test_the_measured_curve_scales_with_the_cube_of_the_pixel(clips):
    one = clips[0].clip
    larger = one.replace(mm_per_pixel=1.2 * one.mm_per_pixel[0])
    found, grown = (segment(own).measurements().volume_curve for own in (one, larger))
    for name in ("values", "error", "shared"):
        own, wanted = getattr(grown, name), 1.2**3 * getattr(found, name)
        np.testing.assert_allclose(own, wanted, rtol=1e-6, atol=1e-9, err_msg=name)


def test_the_heart_rate_is_as_uncertain_as_the_clip_leaves_it(clips):
    known = segment(clips[0].clip.replace(heart_rate_per_min=70.0))
    assert known.measurements().error("heart_rate_bpm") == 2.0
    for one in (clips[2].clip, clips[2].clip.replace(mm_per_pixel=None)):
        short = EchoClip(one.frames[:14], one.times_ms[:14], one.mm_per_pixel, view=one.view)
        found = segment(short)
        spread = float(np.std(60.0 / found.cycle.period_s))
        assert spread > 2.0
        assert found.measurements().error("heart_rate_bpm") == pytest.approx(spread)
        own = found.measurements(errors={"heart_rate_bpm": 4.0})
        assert own.error("heart_rate_bpm") == 4.0
        by_ecg = found.measurements(heart_rate_bpm=72.0)
        assert by_ecg.heart_rate_bpm == 72.0 and by_ecg.error("heart_rate_bpm") == 2.0


def test_noise_is_no_heart():
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 64)).astype(np.uint8)
    clip = EchoClip(noise, np.arange(20) * 33.0, 1.5)
    try:
        found = segment(clip)
    except InputError as error:
        assert "ventricle" in str(error) or "beat" in str(error)
    else:
        assert found.flags


def test_weights_of_the_package_are_what_its_card_says():
    model = shipped_model()
    n = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model.network, eqx.is_array)))
    assert n < 600_000
    assert model.card["trained_on"] == "cardiotwin.echo.Phantom"
    assert "Not validated on patients" in model.card["not_validated_on"]
    assert model.card["calibration"]["clips"] >= 100
