"""A clip in numbers: what they depend on and what not; many clips, also after an interruption."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiotwin import FileFormatError, InputError
from cardiotwin.echo import (
    Disks,
    EchoClip,
    LabelledClip,
    Segmentation,
    SegmentationModel,
    disk_volumes,
    encode,
    encode_clips,
    find_cycle,
)
from cardiotwin.echo import _encoded_clips as encoded_clips
from cardiotwin.echo._encoding import CURVE_HARMONICS, POWERS_OF_LENGTH
from cardiotwin.echo._segmentation_model import Look
from cardiotwin.echo._segmentation_network import SegmentationNetwork
from cardiotwin.echo._twin_inputs import TwinInputs

PERIOD = 0.8
OF_LENGTH = len(POWERS_OF_LENGTH) + 2
OF_CURVES = OF_LENGTH + 2 * CURVE_HARMONICS * len(POWERS_OF_LENGTH) - 1


@cache
def _seen(mm=1.0, start=0.0, rate=40.0, dark=()):
    """Return what would be found in a clip of a smooth heart with a long axis of 80 pixels.

    No network is asked. In ``dark`` frames no ventricle was found.
    """
    times = np.arange(0, 2.01 * PERIOD, 1 / rate)
    angle = 2 * np.pi * (times / PERIOD + start)
    beat = 0.5 + 0.4 * np.cos(angle) + 0.1 * np.sin(2 * angle)
    length = 70 + 10 * beat
    across = np.outer(30 + 15 * beat, np.sqrt(np.linspace(1, 0.1, 20)))
    length[list(dark)] = across[list(dark)] = np.nan
    side = 1.0 if mm is None else mm
    place = np.zeros((len(times), 2))
    disks = Disks(length * side, across * side, place, place)
    volumes = disk_volumes(disks)
    if mm is None:
        volumes = volumes / np.nanmax(volumes)
    masks = np.zeros((len(times), 32, 32), np.uint8)
    areas = np.outer(3 + beat, [500.0, 300.0, 200.0, 250.0])
    maps = beat[:, None] * np.ones(6)
    return Segmentation(
        clip=EchoClip(masks, times * 1000, mm, "A4C"),
        masks=masks,
        disks=disks,
        volumes=volumes,
        cycle=find_cycle(times, volumes, n_draws=50),
        ef_draws=np.full(50, 50.0),
        volume_factors=np.ones(50),
        look=Look(masks, areas, 0.1 * np.ones_like(areas), maps, 2 * maps, 3 * maps),
        view_probabilities=None,
        signs=np.zeros(6),
        curve_errors=None,
        flags=(),
    )


@settings(max_examples=10)
@given(start=st.floats(0, 1), rate=st.floats(30, 60))
def test_neither_the_first_frame_nor_the_frame_rate_matters(start, rate):
    first = encode(_seen(), 60 / PERIOD).numbers[:OF_CURVES]
    other = encode(_seen(start=start, rate=rate), 60 / PERIOD).numbers[:OF_CURVES]
    np.testing.assert_allclose(other, first, atol=0.02)


def test_frames_without_a_ventricle_are_left_out():
    whole, gaps = encode(_seen()), encode(_seen(dark=(3, 17, 40)))
    np.testing.assert_allclose(gaps.numbers[:OF_CURVES], whole.numbers[:OF_CURVES], atol=0.02)
    assert np.isfinite(gaps.numbers).all()


def test_volumes_and_lengths_are_those_of_the_heart():
    """In pixels: the mean logarithms, and of the largest and smallest volume."""
    seen = _seen()
    numbers = encode(seen, 60 / PERIOD).numbers
    volumes = np.log(seen.volumes * 1000)
    assert numbers[0] == pytest.approx(volumes[:-1].mean(), abs=0.01)
    assert numbers[1] == pytest.approx(np.log(75), abs=0.01)
    np.testing.assert_allclose(
        numbers[OF_LENGTH - 2 : OF_LENGTH], [volumes.max(), volumes.min()], atol=0.02
    )


def test_the_pixel_size_changes_nothing_but_its_own_number():
    one, two, unknown = (encode(_seen(mm)) for mm in (1.0, 2.0, None))
    for other in (two, unknown):
        np.testing.assert_allclose(other.numbers, one.numbers, atol=1e-6)
        np.testing.assert_allclose(other.looks, one.looks)
    assert two.log_mm - one.log_mm == pytest.approx(np.log(2))
    assert np.isnan(unknown.log_mm)


def test_with_it_exactly_the_numbers_with_powers_move():
    """Pixels twice as large: eight times the volume, four times the area, twice the length."""
    one, two = encode(_seen(1.0)), encode(_seen(2.0))
    moved = (two.scaled() - one.scaled())[:-2]
    np.testing.assert_allclose(moved, one.powers * np.log(2), atol=1e-6)
    assert one.powers[:OF_LENGTH].tolist() == [3, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3]
    assert not one.powers[OF_LENGTH:].any()
    hidden = two.scaled(known=False)
    np.testing.assert_allclose(hidden[:-2], one.numbers, atol=1e-6)
    assert hidden[-2:].tolist() == [0, 0] and two.scaled()[-1] == 1
    np.testing.assert_array_equal(encode(_seen(None)).scaled()[-2:], [0, 0])


def test_inputs_do_not_tell_a_size_that_is_hidden():
    every = _batch(np.random.default_rng(0), 40)
    inputs = TwinInputs.fitted(every, 3)
    x = inputs(every)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(x.std(0)[: len(every.powers) + 1], 1, atol=0.02)
    other = every._replace(log_mm=every.log_mm + 1)
    hidden = np.arange(40) % 2 == 0
    same = np.isclose(inputs(other, ~hidden), inputs(every, ~hidden)).all(1)
    np.testing.assert_array_equal(same, hidden)
    with pytest.raises(InputError, match="segmentation model that the twins"):
        inputs(every._replace(numbers=every.numbers[:, :-1]))


def _batch(rng, n):
    one = encode(_seen())
    return one._replace(
        numbers=one.numbers + rng.standard_normal((n, len(one.numbers))),
        looks=one.looks + rng.standard_normal((n, len(one.looks))),
        log_mm=rng.normal(0, 0.2, n),
        period_s=np.full(n, PERIOD),
    )


class _Clips:
    """Clips by number, from which none can be had any more beyond ``breaks``."""

    def __init__(self, breaks=10**6, volumes=True):
        self.made, self.breaks, self.volumes = [], breaks, volumes

    def __call__(self, number):
        if number >= self.breaks:
            raise KeyboardInterrupt
        self.made.append(number)
        seen = _seen(start=number / 10)
        volumes = seen.volumes if self.volumes else None
        clip = seen.clip.replace(name=str(number))
        return LabelledClip(clip, 150.0, 60.0, volumes, 75.0, {"number": float(number)})


@pytest.fixture
def encoder(monkeypatch):
    """Four clips a part; the clips named in ``unseen`` show no ventricle; no network runs."""
    unseen = set()

    def segment(clip, model, n_draws):
        if clip.name in unseen:
            raise InputError("clip", found="nothing", expected="a ventricle")
        return _seen(start=int(clip.name) / 10)

    monkeypatch.setattr(encoded_clips, "PART", 4)
    monkeypatch.setattr(encoded_clips, "segment", segment)
    return unseen


def _model(value):
    """Return a model all of whose weights have one value."""
    shapes = eqx.filter_eval_shape(SegmentationNetwork, (8, 8), key=jax.random.key(0))
    own = jax.tree.map(lambda leaf: jnp.asarray(np.full(leaf.shape, value, np.float32)), shapes)
    return SegmentationModel(own, (8, 8), 32, {})


@pytest.fixture(scope="module")
def model():
    return _model(0.0)


def test_an_interrupted_encoding_goes_on(encoder, model, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        encode_clips(_Clips(breaks=7), 10, model, folder=tmp_path, quiet=True)
    rest = _Clips()
    found = encode_clips(rest, 10, model, folder=tmp_path, quiet=True)
    assert rest.made == list(range(4, 10)) and found.failed == 0
    np.testing.assert_array_equal(found.truth["number"], np.arange(10))
    whole = encode_clips(_Clips(), 10, model, quiet=True)
    jax.tree.map(np.testing.assert_array_equal, found.encoding, whole.encoding)
    few = encode_clips(_Clips(breaks=0), 3, model, folder=tmp_path, quiet=True)
    np.testing.assert_array_equal(few.truth["number"], np.arange(3))


def test_encodings_by_another_model_are_refused(encoder, model, tmp_path):
    encode_clips(_Clips(), 4, model, folder=tmp_path, quiet=True)
    with pytest.raises(InputError, match="another segmentation model"):
        encode_clips(_Clips(), 4, _model(1.0), folder=tmp_path, quiet=True)


@pytest.mark.parametrize("unseen", [[1, 9], [0, 1, 2, 3], [8, 9]])
def test_clips_without_a_ventricle_are_counted_and_left_out(encoder, model, unseen):
    """Also where all of the first or of the last part are such."""
    encoder |= {str(number) for number in unseen}
    found = encode_clips(_Clips(), 10, model, quiet=True)
    assert found.failed == len(unseen) and len(found) == 10 - len(unseen)
    assert not np.isin(found.truth["number"], unseen).any()
    assert np.isfinite(found.encoding.numbers).all() and np.isfinite(found.known.harmonics).all()


def test_nothing_but_such_clips_is_an_error(encoder, model):
    encoder |= {"0", "1"}
    with pytest.raises(InputError, match=r"none with a beating ventricle.*expected a ventricle"):
        encode_clips(_Clips(), 2, model, quiet=True)


@pytest.mark.parametrize("damaged", [[1, 9], [0, 1, 2, 3], [8, 9]])
def test_clips_that_cannot_be_read_are_counted_and_left_out(encoder, model, damaged, tmp_path):
    """Also where all of a part are such, and after an interruption."""
    clips = _Clips()

    def some(number):
        if number in damaged:
            raise FileFormatError("clip", found="half a file", expected="a whole one")
        return clips(number)

    found = encode_clips(some, 10, model, folder=tmp_path, quiet=True)
    assert found.failed == len(damaged)
    np.testing.assert_array_equal(found.truth["number"], np.setdiff1d(np.arange(10), damaged))
    assert np.isfinite(found.known.edv).all()
    clips.breaks = 0
    again = encode_clips(some, 10, model, folder=tmp_path, quiet=True)
    jax.tree.map(np.testing.assert_array_equal, found.encoding, again.encoding)


def test_more_clips_are_added_to_a_folder_of_fewer(encoder, model, tmp_path):
    """The last part of the shorter run, which is not full, is made again."""
    encode_clips(_Clips(), 6, model, folder=tmp_path, quiet=True)
    rest = _Clips()
    found = encode_clips(rest, 10, model, folder=tmp_path, quiet=True)
    assert rest.made == list(range(4, 10))
    np.testing.assert_array_equal(found.truth["number"], np.arange(10))


def test_labels_of_a_curve_are_there_where_its_volumes_are_known(encoder, model):
    known = encode_clips(_Clips(), 2, model, quiet=True).known.harmonics
    seen = _seen()
    np.testing.assert_allclose(known[0, 0], seen.volumes[:-1].mean(), rtol=0.01)
    np.testing.assert_allclose(known[0], known[1], atol=0.5)
    without = encode_clips(_Clips(volumes=False), 2, model, quiet=True)
    assert np.isnan(without.known.harmonics).all() and len(without[:1]) == 1
