"""The verb ``echo segment`` on a synthetic clip; ``echo train`` where it is short."""

import csv
import json

import numpy as np
import pytest

from cardiotwin.echo import Phantom, SegmentationModel, write_echo


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    one = Phantom(size=64, n_frames=24, beats=(1.2, 1.5)).clip(2, seed=31)
    path = tmp_path_factory.mktemp("clip") / "clip.npz"
    write_echo(path, one.clip)
    return path


def test_segment_tells_numbers_with_intervals_and_writes_them(cardiotwin, path, tmp_path):
    answer = cardiotwin("echo", "segment", path, "--out", tmp_path, "--confidence", 0.8)
    assert answer.code == 0
    for words in (
        "ejection fraction",
        "heart rate",
        "end-diastolic volume",
        "not for clinical use",
    ):
        assert words in answer.out
    found = cardiotwin("echo", "segment", path, "--json").json
    for number in found["numbers"].values():
        low, high = number["interval"]
        assert low <= number["median"] <= high
    assert json.loads((tmp_path / "segmentation.json").read_text())["confidence"] == 0.8
    with (tmp_path / "volumes.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    volumes = [float(row["volume"] or "nan") for row in rows]
    assert len(rows) == 24
    assert np.nanargmax(volumes) == found["ed_frame"]
    masks = np.load(tmp_path / "masks.npz")["masks"]
    assert masks.shape[0] == 24 and set(np.unique(masks)) <= {0, 1, 2, 3}


def test_a_model_that_is_not_there_is_told(cardiotwin, path, tmp_path):
    answer = cardiotwin("echo", "segment", path, "--model", tmp_path / "none")
    assert answer.code == 2
    assert "segmentation model" in answer.err and "nothing there" in answer.err


@pytest.mark.slow
def test_a_training_keeps_its_weights_and_is_not_done_twice(cardiotwin, tmp_path):
    command = ("echo", "train", "--out", tmp_path, "--steps", 4, "--size", 32, "--quiet")
    # After four steps hardly a ventricle is found: the calibration says so, weights are kept.
    answer = cardiotwin(*command, "--calibration", 20)
    assert answer.code == 2 and "train the model longer" in answer.err
    assert SegmentationModel.load(tmp_path).size == 32
    first = (tmp_path / "log.jsonl").read_text()
    cardiotwin(*command, "--calibration", 20)
    assert (tmp_path / "log.jsonl").read_text() == first  # nothing was left to train
