"""Folders of synthetic clips: what lies there is what the phantom made, and stays."""

import csv
import json
import shutil

import numpy as np
import pytest

from cardiotwin import FileFormatError, InputError, NumericsError
from cardiotwin.circulation import PARAMETERS, Circulation
from cardiotwin.echo import EchoClip, Phantom, PhantomClip, read_echo, write_phantom


class Noise(Phantom):
    """Clips of noise with made-up truth, at once; tests/cli has true ones."""

    def clip(self, number, seed=0):
        rng = np.random.default_rng([seed, number])
        person, view = divmod(number, len(self.views))
        frames = rng.integers(0, 255, (8, self.size, self.size))
        return PhantomClip(
            EchoClip(
                frames,
                np.arange(8) * 20.0,
                rng.uniform(1, 3),
                self.views[view],
                name=f"phantom-{person}-{self.views[view]}",
            ),
            masks=rng.integers(0, 4, frames.shape, dtype=np.uint8),
            volumes_ml=rng.uniform(50, 120, 8),
            circulation=Circulation(emax=rng.uniform(1, 2)),
            patient=person,
            edv_ml=120.0,
            esv_ml=rng.uniform(40, 60),
            heart_rate_per_min=rng.uniform(50, 90),
            foreshortening=rng.uniform(0, 0.1),
        )


PHANTOM = Noise(views=("A4C", "A2C"), size=64)
NAMES = ["phantom-0-A4C", "phantom-0-A2C", "phantom-1-A4C"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "made"
    assert write_phantom(folder, PHANTOM, 3, seed=5, quiet=True) == (folder, 3, 0)
    return folder


@pytest.fixture
def own(made, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(made, tmp_path / "own")


def _truth(folder):
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _state(folder):
    """Return content and time of every file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {p.relative_to(folder): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def test_files_and_truth_are_those_of_the_clips(made):
    rows = _truth(made)
    assert [row["name"] for row in rows] == NAMES
    for number, row in enumerate(rows):
        one = PHANTOM.clip(number, seed=5)
        clip = read_echo(made / "clips" / f"{row['name']}.npz")
        assert np.array_equal(clip.frames, one.clip.frames)
        assert np.array_equal(clip.times_ms, one.clip.times_ms)
        assert (clip.view, clip.mm_per_pixel) == (one.clip.view, one.clip.mm_per_pixel)
        with np.load(made / "masks" / f"{row['name']}.npz") as archive:
            assert np.array_equal(archive["masks"], one.masks)
            assert archive["masks"].dtype == np.uint8
            assert np.array_equal(archive["volumes_ml"], one.volumes_ml)
        assert (row["name"], row["view"]) == (one.clip.name, one.clip.view)
        assert int(row["patient"]) == one.patient
        for name in ("edv_ml", "esv_ml", "ef_percent", "heart_rate_per_min", "foreshortening"):
            assert float(row[name]) == getattr(one, name)
        assert float(row["mm_per_pixel"]) == one.clip.mm_per_pixel[0]
        for name in PARAMETERS:
            assert float(row[name]) == float(getattr(one.circulation, name))
    told = json.loads((made / "phantom.json").read_text(encoding="utf-8"))
    assert told["seed"] == 5 and told["settings"]["phantom"]["size"] == 64


def test_clips_that_are_there_are_kept_and_missing_ones_come_back(own):
    before = _state(own)
    (own / "clips" / f"{NAMES[1]}.npz").unlink()
    (own / "masks" / f"{NAMES[2]}.npz").unlink()
    assert write_phantom(own, PHANTOM, 3, seed=5, quiet=True)[1:] == (2, 1)
    after = _state(own)
    assert {path: content for path, (content, _) in after.items()} == {
        path: content for path, (content, _) in before.items()
    }
    for part in ("clips", "masks"):
        path = (own / part / f"{NAMES[0]}.npz").relative_to(own)
        assert after[path] == before[path]


def test_fewer_clips_leave_the_others_in_the_table(own):
    assert write_phantom(own, PHANTOM, 1, seed=5, quiet=True)[1:] == (0, 1)
    assert [row["name"] for row in _truth(own)] == NAMES


def test_an_interrupted_run_goes_on(made, tmp_path, monkeypatch):
    from cardiotwin.echo import _phantom_folder

    write, begun = _phantom_folder._write_masks, []

    def interrupt(path, one):
        begun.append(path)
        if len(begun) == 2:
            raise KeyboardInterrupt
        write(path, one)

    folder = tmp_path / "again"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(_phantom_folder, "_write_masks", interrupt)
        write_phantom(folder, PHANTOM, 3, seed=5, quiet=True)
    assert not (folder / "truth.csv").exists()
    assert write_phantom(folder, PHANTOM, 3, seed=5, quiet=True)[1:] == (2, 1)
    for name in ("truth.csv", *(f"masks/{name}.npz" for name in NAMES)):
        assert (folder / name).read_bytes() == (made / name).read_bytes()


def test_a_call_that_makes_no_clip_leaves_no_folder(tmp_path):
    class Broken(Noise):
        def clip(self, number, seed=0):
            raise NumericsError("nobody is alive")

    with pytest.raises(NumericsError):
        write_phantom(tmp_path / "out", Broken(size=64), 1, quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("phantom", "given", "says"),
    [
        (PHANTOM, {"seed": 6}, "another seed"),
        (PHANTOM, {"seed": 5, "format": "avi"}, "another settings"),
        (Noise(views=("A4C", "A2C"), size=65), {"seed": 5}, "another settings"),
        (Noise(views=("A4C", "A4C"), size=64), {"seed": 5}, "each view once"),
        (PHANTOM, {"format": "gif"}, "at most 50 Hz"),
        (PHANTOM, {"format": "mp4"}, "format: found 'mp4'"),
        (PHANTOM, {"seed": -1}, "seed"),
        (PHANTOM, {"n": 0}, "n: found 0"),
    ],
)
def test_what_makes_other_clips_is_refused(own, phantom, given, says):
    before = _state(own)
    with pytest.raises(InputError, match=says):
        write_phantom(own, phantom, **{"n": 3, "quiet": True, **given})
    assert _state(own) == before


def test_foreign_and_damaged_folders_are_refused(own, tmp_path):
    (tmp_path / "clips").mkdir()
    with pytest.raises(InputError, match=r"clips, but no phantom\.json"):
        write_phantom(tmp_path, PHANTOM, 1)
    masks = own / "masks" / f"{NAMES[0]}.npz"
    masks.write_bytes(masks.read_bytes()[:500])
    with pytest.raises(FileFormatError, match="Delete the file"):
        write_phantom(own, PHANTOM, 3, seed=5, quiet=True)
    for content in ("{", "[]", '{"seed": 5}'):
        (own / "phantom.json").write_text(content)
        with pytest.raises(FileFormatError, match="damaged content"):
            write_phantom(own, PHANTOM, 3, seed=5, quiet=True)
