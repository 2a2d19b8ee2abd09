"""The verb ``predict``: clips in, intervals, loops and a page out, with an untrained model."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from cardiotwin import InputError, echo, report
from cardiotwin.cli import main
from cardiotwin.echo import (
    EchoClip,
    TwinModel,
    encode,
    read_echo,
    segment,
    shipped_model,
    write_echo,
)
from cardiotwin.echo._twin_inputs import TwinInputs
from cardiotwin.echo._twin_network import TwinHead
from cardiotwin.hemodynamics import Unknowns


def _ellipse(shape, centre, half):
    row, column = np.indices(shape) + 0.5
    return np.hypot((row - centre[0]) / half[0], (column - centre[1]) / half[1]) < 1


@pytest.fixture(scope="session")
def clip():
    """A drawn heart with one beat in 0.8 s: the phantom's takes 15 s to be compiled."""
    rng = np.random.default_rng(3)
    shape, frames = (112, 112), []
    row, column = np.indices(shape) + 0.5
    across = column - 56
    fan = (np.hypot(row, across) < 110) & (abs(across) < 0.75 * row)
    for time in np.arange(32) / 32:
        small = 0.5 - 0.5 * np.cos(2 * np.pi * time / 0.8)
        half = np.array([27 - 3 * small, 16 - 5 * small])
        grey = np.where(fan, 60.0, 0.0)
        grey[_ellipse(shape, (72 - half[0], 58), half + 8) & (row < 74)] = 150
        grey[_ellipse(shape, (88, 58), (14, 15))] = 12
        grey[_ellipse(shape, (72 - half[0], 58), half) & (row < 72)] = 12
        speckle = rng.rayleigh(0.8, shape)
        frames.append(np.where(fan, np.clip(grey * speckle, 0, 255), 0))
    times = np.arange(32) * 1000 / 32
    return EchoClip(np.round(frames), times, 1.4, "A4C", sector=fan, name="drawn")


@pytest.fixture(scope="session")
def paths(clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    write_echo(folder / "drawn.npz", clip)
    write_echo(folder / "unscaled.npz", clip.replace(mm_per_pixel=None, name="unscaled"))
    return folder / "drawn.npz", folder / "unscaled.npz"


@pytest.fixture(scope="session")
def model(clip, tmp_path_factory):
    """A model of untrained weights: it says about what the prior says."""
    encoding, unknowns = encode(segment(clip)), Unknowns.of()
    n_in, n_looks = len(encoding.scaled()) + 1, len(encoding.looks)
    inputs = TwinInputs(
        np.zeros(n_looks), np.ones(n_looks), np.zeros((1, n_looks)), np.zeros(n_in), np.ones(n_in)
    )
    head = TwinHead(n_in, len(unknowns.names) - 1, key=jax.random.key(0))
    folder = tmp_path_factory.mktemp("twins")
    TwinModel((head,), inputs, unknowns, "curve", {}).save(folder)
    return folder


@pytest.fixture(scope="session")
def result(paths, model, tmp_path_factory):
    """The folder that the verb writes."""
    out = tmp_path_factory.mktemp("predicted") / "out"
    with pytest.raises(SystemExit) as left:
        main(["predict", str(paths[0]), "--model", str(model), "--out", str(out)])
    assert left.value.code == 0
    return out


def test_predict_writes_clip_loops_and_identification(cardiotwin, result, paths, tmp_path):
    saved = report.load_beat(result)
    (clip,) = saved.clips
    assert clip.clip.name == "drawn.npz" and clip.in_ml
    assert saved.draws is not None and len(saved.draws.status) > 100
    found = report.load_identification(result)
    assert found.weights.sum() == pytest.approx(1) and "ef_percent" in found.measurements.names
    page = (result / "report.html").read_text()
    for words in ("The clip beside the loop", "drawn", "A clip shows no pressure", "90 % interval"):
        assert words in page
    again = cardiotwin("report", result, "--out", tmp_path / "page.html")
    assert again.code == 0 and (tmp_path / "page.html").read_text() == page
    refused = cardiotwin("predict", paths[0], "--out", result, "--json")
    assert refused.code == 2 and "overwrite" in refused.json["message"]


def test_a_cuff_narrows_pressures_and_all_is_told(cardiotwin, result, paths, model):
    cuff = ("--systolic-mmhg", 120, "--diastolic-mmhg", 75)
    told = cardiotwin("predict", paths[0], "--model", model, *cuff, "--json").json
    for one in (*told["numbers"].values(), *told["pressures"].values()):
        low, high = one["interval"]
        assert low <= one["median"] <= high
    free = report.load_identification(result).interval("systolic_mmhg")
    low, high = told["pressures"]["systolic_mmhg"]["interval"]
    assert high - low < 0.6 * (free[1] - free[0])
    assert told["numbers"]["heart_rate_bpm"]["median"] == pytest.approx(75, rel=0.1)
    emax = told["parameters"]["emax"]
    assert set(emax) == {"median", "interval", "prior_5_to_95_percent", "spread_left", "verdict"}
    assert set(told["seconds"]) == {"segment", "encode", "read", "simulate"}
    assert (told["in_ml"], told["result"]) == (True, None)


def test_volumes_are_withheld_without_a_pixel_size(cardiotwin, paths, model):
    bare = ("predict", paths[1], "--model", model)
    told = cardiotwin(*bare, "--json").json
    assert told["numbers"]["edv_ml"] is None and told["numbers"]["esv_ml"] is None
    assert told["in_ml"] is False and 0 < told["numbers"]["ef_percent"]["median"] < 100
    text = cardiotwin(*bare, "--heart-rate-bpm", 80).out
    for words in ("--mm-per-pixel MM", "not given", "A clip shows no pressure", "spread left"):
        assert words in text
    given = cardiotwin(*bare, "--mm-per-pixel", "1.4,1.4", "--json").json
    assert given["numbers"]["edv_ml"]["median"] > given["numbers"]["esv_ml"]["median"]


def test_predict_refuses_what_makes_no_sense(cardiotwin, paths, model, tmp_path):
    path = paths[0]
    for given, words in (
        ((tmp_path / "none.npz",), ("none.npz", "nothing there")),
        ((path, "--model", tmp_path), ("model of twins", "nothing there")),
        ((path, "--mm-per-pixel", "wide"), ("mm_per_pixel", "'wide'")),
        ((path, "--mm-per-pixel", "1,1,1"), ("mm_per_pixel", "3 numbers")),
        ((path, "--mm-per-pixel", 1, "--mm-per-pixel", 2), ("2 values for 1 files",)),
        ((path, "--view", "A3C"), ("'A4C'",)),
        ((path, "--confidence", 2), ("confidence",)),
        ((path, "--model", model, "--systolic-mmhg", 16), ("systolic_mmhg", "kPa")),
        ((), ("Missing argument",)),
    ):
        answer = cardiotwin("predict", *given, "--json")
        assert answer.code == 2, given
        assert all(word in answer.json["message"] for word in words), answer.json


def test_clips_without_times_take_the_frame_rate(cardiotwin, clip, model, tmp_path, monkeypatch):
    path = tmp_path / "bare.npz"
    np.savez(path, frames=clip.frames, mm_per_pixel=1.4)
    bare = ("predict", path, path, "--model", model)
    answer = cardiotwin(*bare)
    assert answer.code == 2 and "frame_rate_hz" in answer.err
    answer = cardiotwin(*bare, *3 * ("--frame-rate", 25))
    assert answer.code == 2 and "frame_rate: found 3 values for 2 files" in answer.err

    def rates(clips, **settings):
        raise InputError("rates", found=str([one.frame_rate_hz for one in clips]), expected="any")

    monkeypatch.setattr(echo, "predict", rates)
    assert "[25.0, 25.0]" in cardiotwin(*bare, "--frame-rate", 25).err
    assert "[25.0, 50.0]" in cardiotwin(*bare, "--frame-rate", 25, "--frame-rate", 50).err


def test_twins_want_the_segmentation_that_they_were_trained_with(
    cardiotwin, paths, model, tmp_path
):
    shipped, twins = shipped_model(), TwinModel.load(model)
    other = replace(shipped, network=jax.tree.map(lambda leaf: 0.5 * leaf, shipped.network))
    for name, one in (("own", shipped), ("other", other)):
        one.save(tmp_path / name)
        replace(twins, card={"segmentation": one.digest}).save(tmp_path / f"twins-{name}")
    own = ("predict", paths[0], "--model", tmp_path / "twins-own")
    assert cardiotwin(*own, "--segmentation", tmp_path / "own", "--json").code == 0
    for given in (
        (*own, "--segmentation", tmp_path / "other"),
        ("predict", paths[0], "--model", tmp_path / "twins-other"),
    ):
        refused = cardiotwin(*given, "--json")
        assert refused.code == 2 and "--segmentation FOLDER" in refused.json["message"]


def test_segment_takes_height_and_width_of_a_pixel(cardiotwin, paths):
    told = cardiotwin("echo", "segment", paths[1], "--mm-per-pixel", "1.4,1.4", "--json").json
    wanted = segment(read_echo(paths[0])).edv_ml
    assert told["numbers"]["edv_ml"]["median"] == pytest.approx(wanted, rel=1e-6)
