"""Clips beside the loop: alignment, outline, film, page, and what is written and read back."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest

from cardiotwin import FileFormatError, InputError, report
from cardiotwin.echo import EchoClip
from cardiotwin.report._clip_drawing import COLUMNS, GREYS, clip_facts, film, lead, outline_path

from .circulations import draws, healthy

LEAD = 0.3
"""Of a beat, from the first frame of the clip to the start of the contraction."""


def ellipse(volume, size=48):
    """Return the mask of a cavity whose area grows with the volume, in its wall."""
    row, column = np.mgrid[:size, :size] + 0.5
    width = 0.02 * size * np.sqrt(volume)
    far = np.hypot((row - size / 2) / (2.2 * width), (column - size / 2) / width)
    mask = np.where(far < 1, 1, np.where(far < 1.4, 2, 0)).astype(np.uint8)
    return np.where((mask > 0) & (row > 0.8 * size), 3, mask)


@pytest.fixture(scope="module")
def clip():
    """Two beats of the healthy patient at 30 frames a beat, begun in the middle of the beat."""
    beat = healthy()
    period = float(beat.times_s[-1])

    def volume(phase):
        return np.interp(np.mod(phase - LEAD, 1.0) * period, beat.times_s, beat.volume_ml)

    phases = np.arange(60) / 30
    masks = np.stack([ellipse(one) for one in volume(phases)])
    rng = np.random.default_rng(0)
    frames = np.where(masks == 1, 10, rng.integers(60, 250, masks.shape)).astype(np.uint8)
    volumes = volume(phases)
    volumes[7] = np.nan
    return report.SavedClip(
        clip=EchoClip(frames, 1000 * period * phases, 1.5, "A4C", name="a <b>clip</b>"),
        masks=masks,
        volumes=volumes / 1.25,
        beat=volume(np.arange(100) / 100) / 1.25,
        period_s=period,
        volume_factor=1.25,
    )


@pytest.fixture(scope="module")
def without_pixel(clip):
    """The same clip from a file that tells no pixel size: volumes in units of their own."""
    largest = np.nanmax(clip.volumes)
    return report.SavedClip(
        clip=clip.clip.replace(mm_per_pixel=None),
        masks=clip.masks,
        volumes=clip.volumes / largest,
        beat=clip.beat / largest,
        period_s=clip.period_s,
        volume_factor=clip.volume_factor,
    )


@pytest.fixture(scope="module")
def folder(clip, tmp_path_factory):
    return report.save_beat(
        tmp_path_factory.mktemp("clips") / "out",
        healthy(),
        draws=draws(),
        clips=[clip],
        notes=["The clip lasts half a beat."],
    )


def test_frames_and_simulation_are_in_step(clip, without_pixel):
    assert lead(clip, healthy()) == pytest.approx(LEAD, abs=0.011)
    times, volumes = 1000 * healthy().times_s, healthy().volume_ml
    for one, scale in ((clip, 1.0), (without_pixel, 100 / volumes.max())):
        facts = clip_facts(report.collect_beat(healthy(), draws=draws(), clips=[one]))
        (own,) = facts["clips"]
        assert facts["inMl"] == one.in_ml
        assert len(own["x"]) == 59  # the frame that was left out has no point
        curve = np.interp(own["x"], times, scale * volumes)
        np.testing.assert_allclose(own["y"], curve, atol=0.04 * scale * volumes.max())
        # One beat of the two is shown, each of its frames at another place of the beat.
        assert own["frames"] == list(range(30))
        assert np.ptp(own["phases"]) > 0.95 and own["leftOut"].index(True) == 7
    low, high = np.array(facts["band"])
    assert np.all(low <= high) and high.max() == pytest.approx(100)


def test_outline_runs_around_the_largest_patch_without_its_holes():
    mask = ellipse(120.0) == 1
    area = mask.sum()
    mask[24, 24] = False
    mask[2, 2] = True
    x, y = np.array(re.findall(r"([\d.]+) ([\d.]+)", outline_path(mask)), float).T
    enclosed = 0.5 * abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1)))
    assert enclosed == pytest.approx(area, rel=0.05)
    rows, columns = np.nonzero(ellipse(120.0) == 1)
    for found, inside in ((x, columns), (y, rows)):
        assert found.min() == pytest.approx(inside.min(), abs=1)
        assert found.max() == pytest.approx(inside.max() + 1, abs=1)
    assert outline_path(np.zeros((40, 40), bool)) == ""


def test_film_holds_the_frames(clip):
    image = pytest.importorskip("PIL.Image")
    with image.open(io.BytesIO(base64.b64decode(film(clip, range(20))))) as picture:
        sheet = np.asarray(picture)
    assert sheet.shape == (3 * 48, COLUMNS * 48)
    ninth = sheet[48:96, :48].astype(int)
    assert np.abs(ninth - clip.clip.frames[8]).max() < 256 // GREYS


def test_page_shows_clip_and_loop_and_is_made_again(folder, tmp_path):
    page = (folder / "report.html").read_text()
    assert len(page) < 1_500_000
    for words in ("The clip beside the loop", "The clip lasts half a beat", "1.25", "A4C"):
        assert words in page
    assert "<b>clip" not in page and "a &lt;b&gt;clip" in page
    facts = re.search(r'id="clip-facts">(.*?)</script>', page, re.DOTALL)
    assert facts is not None and len(json.loads(facts[1])["clips"]) == 1
    assert report.write_beat_report(folder, tmp_path / "again.html").read_text() == page


def test_volumes_are_withheld_where_nothing_tells_the_size_of_a_pixel(without_pixel, tmp_path):
    saved = report.collect_beat(healthy(), clips=[without_pixel])
    page = report.write_beat_report(saved, tmp_path / "page.html").read_text()
    assert "percent of the largest volume" in page and "pixel size not known" in page


def test_clips_are_read_back_exactly_and_damage_is_told(folder, clip, tmp_path):
    (found,) = report.load_beat(folder).clips
    for name in ("masks", "volumes", "beat"):
        np.testing.assert_array_equal(getattr(found, name), getattr(clip, name))
    np.testing.assert_array_equal(found.clip.frames, clip.clip.frames)
    assert (found.clip.view, found.clip.mm_per_pixel) == ("A4C", (1.5, 1.5))
    copy = shutil.copytree(folder, tmp_path / "copy")
    with np.load(copy / "clips.npz") as archive:
        arrays = dict(archive)
    np.savez(copy / "clips.npz", **{**arrays, "0.volumes": np.zeros(3)})
    with pytest.raises(FileFormatError, match="volumes"):
        report.load_beat(copy)
    (copy / "clips.npz").unlink()
    with pytest.raises(FileFormatError):
        report.load_beat(copy)
    with pytest.raises(InputError, match="Segmentation"):
        report.save_beat(tmp_path / "x", healthy(), clips=["clip.dcm"])


def test_browser_runs_clip_and_loop_together(browser, folder):
    browser.open(folder / "report.html")
    assert browser.complaints() == []
    asked = [url for url in browser.requests() if not url.startswith("data:")]
    assert asked == [(folder / "report.html").resolve().as_uri()]
    assert browser.script("document.querySelectorAll('#clip-volume circle').length") == 59
    state = (
        "[...['image', '.border'].map((one) => document.querySelector('#clip-0 ' + one)),"
        " document.querySelector('#clip-loop svg > circle')]"
        ".map((one) => one.getAttribute('x') + one.getAttribute('d') + one.getAttribute('cx'))"
        ".join(' ')"
    )
    seen = set()
    for at in (0, 400):
        slider = "document.getElementById('clip-slider')"
        browser.script(f"{slider}.value = {at}; {slider}.dispatchEvent(new Event('input'))")
        seen.add(browser.script(state))
    assert len(seen) == 2
    assert browser.script("document.getElementById('clip-play').textContent") == "▶"
