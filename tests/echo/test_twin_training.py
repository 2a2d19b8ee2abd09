"""Twins trained on numbers without images, through a physics that is known exactly."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from made_twins import FEW, made_clips, made_surrogate

from cardiotwin import InputError
from cardiotwin.echo import train_twins
from cardiotwin.echo._twin_calibration import needed_widening
from cardiotwin.echo._twin_losses import meant_by, predicted_of_clips
from cardiotwin.echo._twin_physics import SurrogatePhysics
from cardiotwin.echo._twin_training import _Batches

SIZES = {"members": 1, "width": 32, "n_components": 2, "quiet": True}


@pytest.fixture(scope="module")
def clips():
    return made_clips(600, seed=0)


@pytest.fixture(scope="module")
def test():
    return made_clips(200, seed=1)


def _trained(clips, labels):
    return train_twins(
        clips[:500],
        clips[500:],
        physics=made_surrogate(),
        unknowns=FEW,
        labels=labels,
        steps=120,
        learning_rate=2e-2,
        **SIZES,
    )


@pytest.fixture(scope="module")
def by_volumes(clips):
    return _trained(clips, "volumes")


def _volumes(model, clips):
    """Return EF, EDV and ESV that follow from the mean parameters."""
    physics = SurrogatePhysics(made_surrogate(), FEW)
    numbers, period = np.float32(model.inputs(clips.encoding)), np.float32(clips.encoding.period_s)
    _, seen = predicted_of_clips(model.heads[0], physics, "volumes", numbers, period)
    return meant_by(np.asarray(seen.mean, float), "volumes")


def _ef(clips):
    return 100 * (1 - clips.known.esv / clips.known.edv)


def test_volumes_as_labels_give_volumes_through_the_physics(by_volumes, test):
    model, training = by_volumes
    ef, edv, _ = _volumes(model, test)
    assert np.corrcoef(edv, test.known.edv)[0, 1] > 0.95
    assert np.std(edv) == pytest.approx(np.std(test.known.edv), rel=0.15)
    assert np.abs(ef - _ef(test)).mean() < 0.5 * _ef(test).std()
    assert training[0].best_step > 0 and "Not validated" in model.card["not_validated_on"]


def test_parameters_come_out_though_none_was_shown(by_volumes, test):
    model, _ = by_volumes
    assert model.names == ("stressed_volume_ml", "emax", "emin")
    mean = model.read(test.encoding).mean[0]
    for name, least in (("stressed_volume_ml", 0.9), ("emax", 0.6)):
        found = np.corrcoef(mean[:, model.names.index(name)], test.truth[name])[0, 1]
        assert found > least, name


def test_what_labels_do_not_tell_stays_at_the_prior(by_volumes, test):
    """The reference leaves such parameters to the chance of its first weights."""
    model, _ = by_volumes
    found = model.read(test.encoding)
    spread = np.sqrt((found.root[0] ** 2).sum(-1)).mean(0)
    untold = model.names.index("emin")
    assert spread[untold] == pytest.approx(1, abs=0.1)
    assert np.abs(found.mean[0, :, untold]).mean() < 0.2
    assert spread[model.names.index("stressed_volume_ml")] < 0.4


@pytest.mark.slow
def test_labels_of_ef_alone_lose_the_size_of_the_heart(clips, test):
    """As the script that the authors ship: EDV spread 4 mL where patients have 46."""
    model, _ = _trained(clips, "ef")
    ef, edv, _ = _volumes(model, test)
    assert np.corrcoef(ef, _ef(test))[0, 1] > 0.8
    assert np.std(edv) < 0.5 * np.std(test.known.edv)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model(clips, test):
    """Here without physics, which is faster to compile."""
    settings = {"physics": None, "labels": "volumes", "steps": 3, "seed": 5, **SIZES}
    first, again = (train_twins(clips[:500], clips[500:], **settings)[0] for _ in range(2))
    mean = first.read(test.encoding).mean
    np.testing.assert_array_equal(again.read(test.encoding).mean, mean)
    assert mean.shape == (1, 200, 2)


def test_an_interrupted_training_goes_on_and_another_is_refused(clips, test, tmp_path, monkeypatch):
    settings = {"physics": None, "labels": "ef", "steps": 12, **SIZES, "members": 2}
    whole, _ = train_twins(clips[:300], clips[500:], **settings)
    make = _Batches.__call__
    with monkeypatch.context() as patched:

        def interrupted(batches, step):
            if step == 6:
                os.kill(os.getpid(), signal.SIGINT)
            return make(batches, step)

        patched.setattr(_Batches, "__call__", interrupted)
        _, found = train_twins(clips[:300], clips[500:], **settings, checkpoint=tmp_path)
        # The second network is not begun.
        assert len(found) == 1 and 3 < found[0].step < 12
    model, found = train_twins(clips[:300], clips[500:], **settings, checkpoint=tmp_path)
    assert [one.step for one in found] == [12, 12]
    np.testing.assert_array_equal(model.read(test.encoding).mean, whole.read(test.encoding).mean)
    for others, labels in ((clips[1:301], "ef"), (clips[:300], "volumes")):
        changed = settings | {"labels": labels}
        with pytest.raises(InputError, match="Choose another folder"):
            train_twins(others, clips[500:], **changed, checkpoint=tmp_path)


def test_labels_that_are_missing_are_asked_for(clips):
    harmonics = np.array(clips[:40].known.harmonics)
    harmonics[:3] = np.nan
    without = replace(clips[:40], known=clips[:40].known._replace(harmonics=harmonics))
    for parts in ((without, clips[40:50]), (clips[40:50], without)):
        with pytest.raises(InputError, match=r"3 of 40 clips without curve.*labels='volumes'"):
            train_twins(*parts, physics=None, labels="curve", **SIZES)
    with pytest.raises(InputError, match="one of 'curve', 'ef', 'volumes'"):
        train_twins(without, without, physics=None, labels="video", **SIZES)


def test_spreads_are_widened_until_intervals_hold_as_often_as_they_say(rng):
    truth = rng.standard_normal(2000)
    draws = 0.5 * rng.standard_normal((2000, 300))
    factor = needed_widening(draws, truth)
    low, high = np.percentile(factor * draws, [5, 95], axis=1)
    assert factor == pytest.approx(2, rel=0.1)
    assert np.mean((low < truth) & (truth < high)) == pytest.approx(0.9, abs=0.01)
