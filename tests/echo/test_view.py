"""Views are recognised, worse clips get wider intervals, and inputs of no use are noticed."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from scipy.special import softmax

from cardiotwin import FileFormatError, InputError
from cardiotwin.echo import (
    EchoClip,
    Phantom,
    SegmentationModel,
    fit_view,
    read_echo,
    recognize_view,
    segment,
    shipped_model,
)
from cardiotwin.echo._calibration import _Compared, calibration_of
from cardiotwin.echo._degradation import (
    WRONG,
    lost_frames,
    made_wrong,
    with_fewer_frames,
    with_gain,
    with_gaps,
    with_lost_frames,
    without_side,
)
from cardiotwin.echo._expected_error import SIGNS, expected_error
from cardiotwin.echo._segmentation_model import Look, ViewClassifier
from cardiotwin.echo._segmentation_network import SegmentationNetwork
from cardiotwin.echo._shown import look_at
from cardiotwin.echo._view import NOT_APICAL, features, view_doubts

DATA = Path(__file__).parents[3] / "shared" / "data"
CAMUS, REAL = DATA / "echo_camus_edes" / "camus_edes.npz", DATA / "echo_a4c_clip" / "a4c_clip.dcm"
WIDTHS, SIZE = (8, 8), 32


def _clip(n=12):
    """Return noise in a fan of half the image."""
    rng = np.random.default_rng(0)
    frames = rng.integers(40, 200, (n, SIZE, SIZE + 8)).astype(np.uint8)
    sector = np.abs(np.arange(SIZE + 8) - 20) < 4 + np.arange(SIZE)[:, None] / 2
    return EchoClip(frames, np.arange(n) * 30.0, (1.0, 1.5), "A4C", sector=sector)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(1)
    views = ViewClassifier(rng.standard_normal((2 * WIDTHS[-1], 3)), np.zeros(3))
    network = SegmentationNetwork(WIDTHS, key=jax.random.key(0))
    return SegmentationModel(network, WIDTHS, SIZE, {}, views)


def test_the_classifier_is_kept_with_the_model(model, tmp_path):
    model.save(tmp_path)
    again = SegmentationModel.load(tmp_path)
    assert again.views is not None
    assert all(np.array_equal(a, b) for a, b in zip(again.views, model.views, strict=True))
    clip = _clip()
    assert recognize_view(clip, again)["other"] == pytest.approx(
        recognize_view(clip, model)["other"], abs=0.05
    )


def test_models_of_before_have_no_classifier_and_still_load(model, tmp_path):
    replace(model, views=None).save(tmp_path)
    again = SegmentationModel.load(tmp_path)
    assert again.views is None
    with pytest.raises(InputError, match="fit_view"):
        recognize_view(_clip(), again)


def test_a_classifier_that_does_not_fit_is_refused(model, tmp_path):
    wrong = ViewClassifier(np.zeros((5, 3)), np.zeros(3))
    replace(model, views=wrong).save(tmp_path)
    with pytest.raises(FileFormatError):
        SegmentationModel.load(tmp_path)


def test_what_is_said_about_views():
    four = {"A4C": 0.95, "A2C": 0.04, "other": 0.01}
    clip, two = _clip(), _clip().replace(view="A2C")
    assert view_doubts(clip, four) == []
    assert view_doubts(two, four) == [
        "It looks like A4C (probability 0.95), but the file says A2C."
    ]
    assert "looks like A4C (probability 0.95)" in view_doubts(clip.replace(view=None), four)[0]
    assert view_doubts(clip, {"A4C": 0.02, "A2C": 0.01, "other": 0.97}) == [
        "It does not look like a view from the apex (probability 0.97)."
    ]
    assert view_doubts(two, {"A4C": 0.6, "A2C": 0.35, "other": 0.05}) == []
    assert view_doubts(clip, None) == []
    assert "assumed" in view_doubts(clip.replace(view=None), None)[0]


def test_lost_frames_are_seen_as_the_nearest_and_told(model):
    clip = _clip()
    holes = with_lost_frames(clip, 0.25, np.random.default_rng(3))
    lost = lost_frames(holes)
    assert lost.sum() == 3 and not lost_frames(clip).any()
    shown = look_at(holes, model)
    assert np.array_equal(shown.used, ~lost)
    assert np.isfinite(features(shown.look)).all()


def test_gain_keeps_the_order_of_grey_levels_and_black_outside():
    clip = _clip()
    for decibel in (-18.0, 18.0):
        found = with_gain(clip, decibel)
        assert (found.frames[:, ~clip.sector] == 0).all()
        order = np.argsort(clip.frames[0][clip.sector])
        assert (np.diff(found.frames[0][clip.sector][order].astype(int)) >= 0).all()
    assert np.array_equal(with_gain(clip, 0.0).frames, clip.frames)


def test_degraded_clips_lose_what_they_are_said_to_lose():
    clip, rng = _clip(), np.random.default_rng(0)
    assert with_fewer_frames(clip, 3).frame_rate_hz == pytest.approx(clip.frame_rate_hz / 3)
    assert without_side(clip, 0.15, "left").shape == (SIZE, 34)
    bottom = without_side(clip.replace(sector=None), 0.0, "bottom")
    assert np.array_equal(bottom.frames, clip.frames)
    hole = with_gaps(clip.replace(sector=None), 0.5, rng).frames[0] == 0
    assert hole.sum() > 0.24 * hole.size - 30


def test_wrong_inputs_keep_their_pixels_but_not_their_view():
    clip, rng = _clip(), np.random.default_rng(0)
    for kind in WRONG:
        found = made_wrong(clip, kind, rng)
        assert found.view is None and found.frames.size == clip.frames.size
        assert found.sector.sum() == clip.sector.sum()
        if kind != "noise":
            assert found.frames.sum() == clip.frames.sum()
    assert made_wrong(clip, "turned left", rng).mm_per_pixel == (1.5, 1.0)


def _compared(n, error, signs):
    rng = np.random.default_rng(n)
    true = rng.uniform(25, 70, n)
    noise = np.full(n, 1.0)
    return _Compared(
        ef=true + error * rng.standard_normal(n) + 2.0,
        true=true,
        noise=noise,
        volume=0.1 + 0.01 * error * rng.standard_normal(n),
        volume_noise=0.01 * noise,
        signs=signs + 0.1 * rng.standard_normal((n, len(SIGNS))),
    )


def test_intervals_hold_by_view_and_grow_with_the_signs():
    """Errors of 2 and 4 points in good clips of the views, thrice as large in bad ones."""
    bad_sign = 1.0 * (np.arange(len(SIGNS)) == 1)
    good = {"A4C": _compared(801, 2.0, 0.0), "A2C": _compared(802, 4.0, 0.0)}
    every = {
        view: _Compared(
            *(
                np.concatenate([np.asarray(a), np.asarray(b)])
                for a, b in zip(rows, _compared(803, 3 * size, bad_sign), strict=True)
            )
        )
        for (view, rows), size in zip(good.items(), (2.0, 4.0), strict=True)
    }
    found = calibration_of(good, every)
    for view, size in (("A4C", 2.0), ("A2C", 4.0)):
        typical = expected_error(found, view, np.zeros(len(SIGNS)))
        worse = expected_error(found, view, bad_sign)
        assert np.hypot(typical.ef_sd, 1.0) == pytest.approx(size, rel=0.12)
        assert worse.ef_sd / typical.ef_sd == pytest.approx(3.0, rel=0.3)
        assert worse.volume_sd > 2.0 * typical.volume_sd
        assert typical.volume_factor == pytest.approx(np.exp(0.1), rel=0.01)
    unknown = expected_error(found, None, np.zeros(len(SIGNS))).ef_sd
    assert 2.0 < unknown < 4.0


def test_older_cards_give_the_same_error_to_all():
    card = {"ef_offset": 1.0, "ef_slope": 1.1, "ef_sd": 3.0, "volume_factor": 1.0, "volume_sd": 0.1}
    signs = np.arange(len(SIGNS)) * 1.0
    assert expected_error(card, "A4C", signs) == (1.0, 1.1, 3.0, 1.0, 0.1)
    assert expected_error({}, None, signs).ef_sd == 5.0


@pytest.fixture
def telling():
    model = shipped_model()
    if model.views is None:
        pytest.skip("the model of the package was not fitted to recognise views")
    return model


@pytest.mark.slow
def test_views_of_unseen_hearts_are_recognised():
    """Of 18 good clips and 24 wrong ones at most a few are taken for something else."""
    model = fit_view(shipped_model(), n=40, seed=5, quiet=True)
    phantom = Phantom(views=("A4C", "A2C", "PSAX"))
    rng = np.random.default_rng(0)
    right, noticed, wrong = 0, 0, 0
    for number in range(18):
        one = phantom.clip(number, seed=32).clip.select(slice(0, 16))
        found = recognize_view(one, model)
        best = max(found, key=found.__getitem__)
        right += best == (one.view if one.view != "PSAX" else "other")
        for kind in WRONG if number % 3 < 1 else ():
            noticed += recognize_view(made_wrong(one, kind, rng), model)["other"] > NOT_APICAL
            wrong += 1
    assert right >= 15 and noticed >= 0.85 * wrong


@pytest.mark.slow
@pytest.mark.skipif(not CAMUS.exists(), reason="needs ../shared/data/echo_camus_edes")
def test_frames_of_patients_are_mostly_taken_for_views_from_the_apex(telling):
    frames = np.load(CAMUS)["images"][:50, [0, 2]].reshape(-1, 112, 2, 112, 2).mean((2, 4))
    odds = features(telling.look(frames)) @ telling.views.weights + telling.views.offsets
    assert (softmax(odds, axis=1)[:, 2] < NOT_APICAL).mean() > 0.6


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/data/echo_a4c_clip")
def test_the_real_clip_is_from_the_apex(telling):
    assert recognize_view(read_echo(REAL), telling)["other"] < NOT_APICAL


class Drawn(SegmentationModel):
    """Labels by grey level: white is the cavity, grey the atrium, the wall lies around."""

    def look(self, frames):
        grey = np.asarray(frames)[..., 1]
        cavity, atrium = grey > 150, (grey > 60) & (grey <= 150)
        around = np.stack([binary_dilation(one, iterations=4) for one in cavity])
        masks = np.where(cavity, 1, np.where(atrium, 3, np.where(around, 2, 0)))
        shares = np.full((len(grey), 4), 0.1)
        maps = np.tile(np.arange(8.0), (len(grey), 1))
        return Look(masks.astype(np.uint8), shares, shares, maps, maps, maps)


def _beating(n=40):
    """Return a half-ellipse over a grey box, twice as wide in diastole as in systole."""
    row, column = np.indices((64, 64))
    beat = 1.0 + 0.33 * np.cos(2 * np.pi * np.arange(n) / 20)[:, None, None]
    cavity = ((row - 40) / 26) ** 2 + ((column - 32) / (10 * beat)) ** 2 < 1
    box = (row >= 40) & (row < 52) & (abs(column - 32) < 8)
    frames = np.where(cavity & (row < 40), 220, np.where(box, 100, 5))
    return EchoClip(frames.astype(np.uint8), np.arange(n) * 40.0, 2.5, "A4C")


def _drawn(offsets, weight=0.0):
    network = SegmentationNetwork(WIDTHS, key=jax.random.key(0))
    lost = [weight * (name == "share of frames left out") for name in SIGNS]
    one = [1.0] * len(SIGNS)
    rule = {"middle": [0.0] * len(SIGNS), "spread": one, "ef": lost, "volume": lost}
    card = {"calibration": {"ef_sd": 3.0, "signs": rule}}
    return Drawn(network, WIDTHS, 64, card, ViewClassifier(np.zeros((16, 3)), np.array(offsets)))


def test_lost_frames_leave_ef_as_it_is_and_widen_its_interval():
    clip, model = _beating(), _drawn([5.0, 0.0, 0.0], weight=3.0)
    holes = with_lost_frames(clip, 0.3, np.random.default_rng(0))
    whole, found = segment(clip, model), segment(holes, model)
    assert whole.flags == ()
    assert np.array_equal(np.isnan(found.volumes), lost_frames(holes))
    assert not found.masks[lost_frames(holes)].any()
    assert found.ef_percent == pytest.approx(whole.ef_percent, abs=2.0)
    (low, high), (lower, higher) = (own.interval("ef_percent") for own in (whole, found))
    assert higher - lower > 1.5 * (high - low)
    assert any("no ventricle like the others" in flag for flag in found.flags)


def test_a_clip_that_is_no_view_from_the_apex_is_flagged():
    found = segment(_beating(), _drawn([0.0, 0.0, 5.0]))
    assert found.view_probabilities == pytest.approx(
        {"A4C": 0.0066, "A2C": 0.0066, "other": 0.987}, abs=1e-3
    )
    assert found.flags[0] == "It does not look like a view from the apex (probability 0.99)."


def test_frames_too_far_apart_are_seen_alone(monkeypatch):
    clip, model = _beating(), _drawn([5.0, 0.0, 0.0])
    seen = []
    look = Drawn.look
    monkeypatch.setattr(Drawn, "look", lambda self, x: (seen.append(x), look(self, x))[1])
    for every in (1, 2):
        look_at(with_fewer_frames(clip, every), model)
    near, far = seen
    assert not np.array_equal(near[..., 0], near[..., 1])
    assert np.array_equal(far[..., 0], far[..., 1]) and np.array_equal(far[..., 2], far[..., 1])
