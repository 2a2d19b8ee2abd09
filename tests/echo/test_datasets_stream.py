"""Batches: the same for any number of threads, all records once, failures listed."""

import threading
import time

import numpy as np
import pytest
from look_alikes import speckle, write_camus, write_echonet

from cardiotwin import FileFormatError, InputError
from cardiotwin.echo import EchoClip
from cardiotwin.echo.datasets import Camus, EchoNetDynamic, stream


class Remembered:
    """A record in memory that knows how many of its kind were read."""

    split, ef_percent, edv_ml, esv_ml = "TRAIN", 55.0, None, 50.0
    reads = 0

    def __init__(self, number, n_frames=20, fails=False):
        self.name, self.n_frames, self.fails = f"r{number}", n_frames, fails

    def clip(self):
        type(self).reads += 1
        if self.fails:
            raise FileFormatError(self.name, found="damage", expected="a clip")
        times = np.cumsum(np.r_[0, np.arange(self.n_frames - 1) % 3 + 19.0])
        return EchoClip(speckle(self.n_frames), times, 0.5)


def names(batches):
    return [name for batch in batches for name in batch.names]


def test_every_record_comes_once_and_the_order_is_that_of_the_seed():
    records = [Remembered(i) for i in range(7)]
    feed = stream(records, 3, size=40, n_frames=5, seed=4)
    first, second = names(feed), names(feed)
    assert sorted(first) == sorted(second) == [f"r{i}" for i in range(7)]
    assert first != second
    assert names(stream(records, 3, size=40, n_frames=5, seed=4)) == first
    assert names(stream(records, 3, size=40, n_frames=5, seed=5)) != first
    assert names(stream(records, 3, size=40, n_frames=5, shuffle=False)) == sorted(first)


def test_batches_do_not_depend_on_the_number_of_threads():
    records = [Remembered(i) for i in range(5)]
    one, four = (list(stream(records, 2, size=40, n_frames=6, seed=1, workers=n)) for n in (1, 4))
    for a, b in zip(one, four, strict=True):
        assert a.names == b.names and np.array_equal(a.frames, b.frames)
        assert np.array_equal(a.start_frames, b.start_frames)


def test_times_pixels_and_labels_go_with_the_frames():
    (batch,) = stream([Remembered(0)], 4, size=40, n_frames=6, seed=2)
    clip, start = Remembered(0).clip(), int(batch.start_frames[0])
    expected = clip.times_ms[start : start + 6] - clip.times_ms[start]
    assert np.array_equal(batch.times_ms[0], expected) and batch.valid.all()
    assert batch.mm_per_pixel[0] == pytest.approx(0.5 * 72 / 40)
    assert batch.ef_percent[0] == 55 and np.isnan(batch.edv_ml[0]) and batch.esv_ml[0] == 50


def test_short_clips_are_filled_up_and_marked():
    records = [Remembered(0, n_frames=5), Remembered(1, n_frames=40)]
    (batch,) = stream(records, 2, size=40, n_frames=8, shuffle=False)
    assert batch.valid.sum(axis=1).tolist() == [5, 8]
    assert not batch.frames[0, 5:].any()
    assert (np.diff(batch.times_ms) > 0).all()


def test_strides():
    (batch,) = stream([Remembered(0, n_frames=20)], 1, size=40, n_frames=4, stride=5)
    assert batch.valid.all() and batch.times_ms[0, 1] == pytest.approx(100, abs=2)


def test_what_cannot_be_read_is_listed_and_not_tried_again():
    records = [Remembered(i, fails=i in (1, 3)) for i in range(5)]
    feed = stream(records, 2, size=40, n_frames=5, shuffle=False)
    assert names(feed) == ["r0", "r2", "r4"]
    assert [name for name, _ in feed.excluded] == ["r1", "r3"]
    assert all("damage" in reason for _, reason in feed.excluded)
    before = Remembered.reads
    assert names(feed) == ["r0", "r2", "r4"]
    assert Remembered.reads - before == 3


def test_only_a_few_clips_are_decoded_ahead():
    records = [Remembered(i) for i in range(40)]
    before = Remembered.reads
    batches = iter(stream(records, 2, size=40, n_frames=5, workers=2))
    next(batches)
    time.sleep(0.2)
    assert Remembered.reads - before <= 2 + 2 + 2
    batches.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("echo-stream")]


def test_nothing_to_stream_is_refused():
    with pytest.raises(InputError, match="records"):
        stream([], 2)


def test_published_layouts_stream(tmp_path):
    pytest.importorskip("av")
    pytest.importorskip("nibabel")
    write_echonet(tmp_path / "echonet", 3)
    videos = tmp_path / "echonet" / "Videos"
    (videos / "0X1.avi").write_bytes((videos / "0X1.avi").read_bytes()[:3000])
    feed = stream(EchoNetDynamic(tmp_path / "echonet").records, 2, n_frames=8, shuffle=False)
    (batch,) = feed
    assert batch.frames.shape == (2, 8, 112, 112) and batch.names == ("0X0", "0X2")
    assert batch.ef_percent.tolist() == [50, 52] and np.isnan(batch.mm_per_pixel).all()
    assert [name for name, _ in feed.excluded] == ["0X1"]
    write_camus(tmp_path / "camus", 1, layout="nifti")
    (batch,) = stream(Camus(tmp_path / "camus").records, 2, size=64, n_frames=8)
    assert np.allclose(batch.mm_per_pixel, 72 * 0.308 / 64)
