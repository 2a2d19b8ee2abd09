"""The verbs ``echo inspect`` and ``echo phantom``."""

import csv
import sys

import numpy as np
import pytest

from cardiotwin.circulation import Circulation
from cardiotwin.echo import EchoClip, Phantom, PhantomClip, read_echo, write_echo

PHANTOM = ("echo", "phantom", "--size", 64, "--frames", 16, "--seed", 3)


@pytest.fixture
def clip():
    row, column = np.mgrid[:64, :80]
    sector = (np.hypot(row, column - 40) < 60) & (abs(column - 40) < 0.7 * row)
    frames = np.random.default_rng(0).integers(20, 200, (10, 64, 80))
    return EchoClip(frames, np.arange(10) * 20.0, (0.4, 0.5), "A2C", 72, sector)


@pytest.fixture
def path(clip, tmp_path):
    write_echo(tmp_path / "clip.npz", clip)
    return tmp_path / "clip.npz"


def test_inspect_tells_what_the_file_holds(cardiotwin, path, clip):
    answer = cardiotwin("echo", "inspect", path)
    assert answer.code == 0
    for words in ("64 × 80 pixels", "50 Hz", "0.4 × 0.5 mm", "A2C", "72 /min"):
        assert words in answer.out
    found = cardiotwin("echo", "inspect", path, "--json").json
    assert found == {
        "file": str(path),
        "n_frames": 10,
        "height": 64,
        "width": 80,
        "frame_rate_hz": 50.0,
        "intervals_ms": [20.0, 20.0],
        "duration_ms": 180.0,
        "mm_per_pixel": [0.4, 0.5],
        "view": "A2C",
        "heart_rate_per_min": 72.0,
        "sector_share": pytest.approx(clip.sector.mean()),
        "notes": [],
        "png": None,
    }


def test_inspect_says_what_is_unknown_and_takes_it_from_the_caller(cardiotwin, clip, tmp_path):
    path = tmp_path / "clip.npz"
    times = np.cumsum([0, 20, 40, 20, 20, 20, 40, 20, 20, 20])
    write_echo(path, EchoClip(clip.frames, times))
    answer = cardiotwin("echo", "inspect", path)
    assert answer.code == 0
    for words in ("no volume in mL", "not recorded", "20 to 40 ms apart", "100 % of the frame"):
        assert words in answer.out
    given = ("--mm-per-pixel", "0.3,0.6", "--frame-rate", 25, "--view", "A4C")
    found = cardiotwin("echo", "inspect", path, *given, "--json").json
    assert (found["mm_per_pixel"], found["frame_rate_hz"]) == ([0.3, 0.6], 25.0)
    assert found["view"] == "A4C" and "as given" in " ".join(found["notes"])


def test_inspect_draws_frames(cardiotwin, path, tmp_path):
    from PIL import Image

    png = tmp_path / "sheet.png"
    answer = cardiotwin("echo", "inspect", path, "--png", png)
    assert answer.code == 0 and f"wrote {png}" in answer.out
    with Image.open(png) as picture:
        assert picture.mode == "RGB" and picture.width == 4 * 240
        colours = {colour for _, colour in picture.getcolors(2**20)}
    assert (255, 176, 0) in colours


def test_inspect_without_pillow_names_what_to_install(cardiotwin, path, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    answer = cardiotwin("echo", "inspect", path, "--png", tmp_path / "sheet.png")
    assert answer.code == 2 and "pip install 'cardiotwin[io]'" in answer.err
    assert [file.name for file in tmp_path.iterdir()] == ["clip.npz"]


def test_inspect_refuses_what_is_no_clip(cardiotwin, path, clip, tmp_path):
    still, text, small = (tmp_path / name for name in ("still.npz", "a.txt", "cut.npz"))
    write_echo(still, clip.select([0]))
    text.write_text("no clip")
    small.write_bytes(path.read_bytes()[:300])
    for given, message in (
        ((tmp_path / "clp.npz",), "Did you mean clip.npz?"),
        ((tmp_path,), "a folder"),
        ((text,), "ending '.txt'"),
        ((small,), "cannot be read as NPZ"),
        ((still,), "a still image"),
        ((path, "--mm-per-pixel", "wide"), "mm_per_pixel: found 'wide'"),
        ((path, "--mm-per-pixel", "1,1,1"), "3 numbers"),
        ((path, "--mm-per-pixel", 200), "give mm, not cm or m"),
        ((path, "--frame-rate", 0), "frame_rate_hz: found 0"),
        ((path, "--view", "A3C"), "'A2C', 'A4C'"),
        ((path, "--png", tmp_path / "a.jpg"), "ends in .png"),
        ((), "Missing argument"),
    ):
        answer = cardiotwin("echo", "inspect", *given)
        assert answer.code == 2 and message in answer.err, given
        assert answer.err.count("\n") == 1 and answer.out == ""
        told = cardiotwin("echo", "inspect", *given, "--json")
        assert told.code == 2 and message in told.json["message"]


def test_echo_without_a_verb_lists_its_verbs(cardiotwin):
    answer = cardiotwin("echo")
    assert answer.code == 0 and "inspect" in answer.out and "phantom" in answer.out
    wrong = cardiotwin("echo", "inspekt")
    assert wrong.code == 2 and "No such command" in wrong.err


@pytest.fixture
def noise(monkeypatch):
    """Let the phantom make clips of noise: the true one needs 15 s to be compiled."""

    def clip(self, number, seed=0):
        rng = np.random.default_rng([seed, number])
        times = np.arange(self.n_frames) * 1000.0 / self.frame_rates_hz[1]
        frames = rng.integers(0, 255, (self.n_frames, self.size, self.size))
        return PhantomClip(
            EchoClip(frames, times, 1.5, self.views[number % len(self.views)]),
            masks=rng.integers(0, 4, frames.shape, dtype=np.uint8),
            volumes_ml=rng.uniform(50, 120, self.n_frames),
            circulation=Circulation(emax=rng.uniform(1, 2)),
            patient=number // len(self.views),
            edv_ml=120.0,
            esv_ml=rng.uniform(40, 60),
            heart_rate_per_min=70.0,
            foreshortening=0.0,
        )

    monkeypatch.setattr(Phantom, "clip", clip)


def test_phantom_writes_clips_and_goes_on(cardiotwin, noise, tmp_path):
    out = tmp_path / "out"
    answer = cardiotwin(*PHANTOM, "--out", out, "--n", 1, "--json")
    assert answer.code == 0
    assert answer.json == {
        "written": str(out),
        "truth": str(out / "truth.csv"),
        "made": 1,
        "kept": 0,
        "seed": 3,
    }
    first = next((out / "clips").iterdir())
    before = first.read_bytes(), first.stat().st_mtime_ns
    answer = cardiotwin(*PHANTOM, "--out", out, "--n", 2)
    assert answer.code == 0 and "1 clips written, 1 kept" in answer.out
    assert "clips: 1/1 phantom-0-A2C" in answer.err
    assert (first.read_bytes(), first.stat().st_mtime_ns) == before
    _check(out, Phantom(views=("A4C", "A2C"), size=64, n_frames=16))
    other = cardiotwin(*PHANTOM, "--out", out, "--seed", 4)
    assert other.code == 2 and "another seed" in other.err


@pytest.mark.slow
def test_phantom_writes_its_true_clips(cardiotwin, tmp_path):
    assert cardiotwin(*PHANTOM, "--out", tmp_path, "--n", 2).code == 0
    phantom = Phantom(views=("A4C", "A2C"), size=64, n_frames=16)
    _check(tmp_path, phantom)
    assert phantom.clip(1, seed=3).clip.name == "phantom-0-A2C"


def _check(out, phantom):
    """Check the two clips of a folder."""
    with (out / "truth.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["view"] for row in rows] == ["A4C", "A2C"]
    for number, row in enumerate(rows):
        made = phantom.clip(number, seed=3)
        clip = read_echo(out / "clips" / f"{row['name']}.npz")
        assert np.array_equal(clip.frames, made.clip.frames)
        assert float(row["ef_percent"]) == made.ef_percent
        assert float(row["emax"]) == float(made.circulation.emax)
        with np.load(out / "masks" / f"{row['name']}.npz") as archive:
            assert np.array_equal(archive["masks"], made.masks)
            assert np.array_equal(archive["volumes_ml"], made.volumes_ml)


@pytest.mark.parametrize(("format", "fastest_hz"), [("avi", 80.0), ("gif", 50.0)])
def test_phantom_as_video(cardiotwin, noise, tmp_path, format, fastest_hz):
    given = ("--n", 1, "--views", "A4C", "--format", format)
    assert cardiotwin(*PHANTOM, "--out", tmp_path, *given).code == 0
    clip = read_echo(tmp_path / "clips" / f"phantom-0-A4C.{format}", sector="whole")
    rates = (25.0, fastest_hz)
    made = Phantom(views=("A4C",), size=64, n_frames=16, frame_rates_hz=rates).clip(0, 3).clip
    assert np.array_equal(clip.frames, made.frames)
    assert clip.times_ms == pytest.approx(made.times_ms, abs=0.01)


def test_phantom_refuses_what_makes_no_sense(cardiotwin, tmp_path):
    out = tmp_path / "out"
    for wrong, message in (
        (("--views", "A3C"), "'A2C', 'A4C'"),
        (("--views", ","), "views"),
        (("--views", "A4C,A4C"), "each view once"),
        (("--size", 8), "size"),
        (("--frames", 2), "n_frames"),
        (("--format", "mp4"), "format: found 'mp4'"),
        (("--n", 0), "--n"),
        (("--seed", -1), "--seed"),
    ):
        answer = cardiotwin(*PHANTOM, "--out", out, *wrong)
        assert answer.code == 2 and message in answer.err, wrong
    assert not out.exists()
