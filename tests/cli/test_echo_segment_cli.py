"""The verb ``echo segment`` on a synthetic clip; ``echo train`` where it is short."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from cardiotwin import InputError, __version__, echo
from cardiotwin.echo import Phantom, SegmentationModel, shipped_model, write_echo


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
    told = json.loads((tmp_path / "segmentation.json").read_text())
    assert (told["clip"], told["confidence"]) == ("clip.npz", 0.8)
    made_by = told["provenance"]
    assert (made_by["version"], made_by["seed"]) == (__version__, 0)
    assert made_by["settings"]["model"] == shipped_model().digest
    with (tmp_path / "volumes.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    volumes = [float(row["volume"] or "nan") for row in rows]
    assert len(rows) == 24
    assert np.nanargmax(volumes) == found["ed_frame"]
    masks = np.load(tmp_path / "masks.npz")["masks"]
    assert masks.shape[0] == 24 and set(np.unique(masks)) <= {0, 1, 2, 3}


@pytest.fixture
def nothing_computed(monkeypatch):
    """Fail where a clip is segmented, made or trained on: refusals come before."""

    def never(*arguments, **settings):
        raise AssertionError("computed before the refusal")

    for name in ("segment", "predict", "train_segmentation", "write_phantom"):
        monkeypatch.setattr(echo, name, never)


def test_results_are_replaced_on_request_only(cardiotwin, path, tmp_path, monkeypatch):
    files = ("segmentation.json", "volumes.csv", "masks.npz")
    segment = ("echo", "segment", path, "--out", tmp_path)
    for name in files:
        (tmp_path / name).write_text("earlier")
    with monkeypatch.context() as patched:
        patched.setattr(echo, "segment", None)
        answer = cardiotwin(*segment)
    assert answer.code == 2 and "an earlier result" in answer.err and "--overwrite" in answer.err
    assert all((tmp_path / name).read_text() == "earlier" for name in files)
    assert cardiotwin(*segment, "--overwrite").code == 0
    assert all((tmp_path / name).read_bytes() != b"earlier" for name in files)
    found = echo.segment(echo.read_echo(path))
    with pytest.raises(InputError, match="an earlier result"):
        echo.save_segmentation(found, tmp_path)


def test_a_model_is_never_replaced_by_a_result(cardiotwin, path, tmp_path, nothing_computed):
    shipped_model().save(tmp_path)
    before = (tmp_path / "segmentation.json").read_bytes()
    for more in ((), ("--overwrite",)):
        answer = cardiotwin("echo", "segment", path, "--model", tmp_path, "--out", tmp_path, *more)
        assert answer.code == 2 and "a trained model" in answer.err
    assert (tmp_path / "segmentation.json").read_bytes() == before
    assert SegmentationModel.load(tmp_path).digest


@pytest.mark.parametrize("verb", ["echo segment", "echo phantom", "echo train", "predict"])
def test_places_that_cannot_be_written_are_refused_first(
    cardiotwin, path, tmp_path, nothing_computed, verb
):
    files = [path] if verb in ("echo segment", "predict") else []
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "deeper", Path("/proc/nope/x")):
        answer = cardiotwin(*verb.split(), *files, "--out", out)
        assert answer.code == 2 and f"out {out}: found" in answer.err, answer
        assert "a folder" in answer.err and answer.err.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["file"] and file.read_text() == "mine"


def test_a_confidence_that_is_none_is_refused_first(cardiotwin, path, nothing_computed):
    answer = cardiotwin("echo", "segment", path, "--confidence", 1.5)
    assert answer.code == 2 and "confidence: found 1.5" in answer.err


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
