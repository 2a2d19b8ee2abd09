"""AVI, MP4, MKV, GIF and NPZ: the same frames at their true times, or an error that tells why."""

import re
from fractions import Fraction

import numpy as np
import pytest
from look_alikes import fan, speckle, write_video

from cardiotwin import FileFormatError, InputError
from cardiotwin.echo import EchoClip, read_echo, write_echo

pytest.importorskip("av")
MILLISECOND = Fraction(1, 1000)
FRAMES = speckle()
UNEVEN = [0, 20, 41, 60, 85, 100, 133, 150]


def coloured(frames):
    return np.repeat(frames[..., None], 3, axis=-1)


@pytest.mark.parametrize("rate", [50.0, 29.97, 51.3])
def test_avi_keeps_every_grey_level_and_the_rate(tmp_path, rate):
    clip = EchoClip(FRAMES, np.arange(8) * 1000 / rate)
    write_echo(tmp_path / "a.avi", clip)
    read = read_echo(tmp_path / "a.avi", sector="whole")
    assert np.array_equal(read.frames, FRAMES)
    assert np.allclose(read.times_ms, clip.times_ms, atol=1e-2)
    assert read.mm_per_pixel is None and read.view is None


def test_gif_keeps_levels_and_times_to_a_hundredth_of_a_second(tmp_path):
    times = np.cumsum([0, 40, 30, 20, 50, 40, 40, 30.0])
    write_echo(tmp_path / "a.gif", EchoClip(FRAMES, times))
    read = read_echo(tmp_path / "a.gif", sector="whole")
    assert np.array_equal(read.frames, FRAMES)
    assert np.array_equal(read.times_ms, times)
    assert any("hundredths" in note for note in read.notes)


def test_npz_keeps_everything(tmp_path):
    sector = fan()
    clip = EchoClip(FRAMES, UNEVEN, (0.5, 0.4), "A2C", 72, sector)
    write_echo(tmp_path / "a.npz", clip)
    read = read_echo(tmp_path / "a.npz")
    assert np.array_equal(read.frames, clip.frames)
    assert np.array_equal(read.sector, sector)
    assert (read.mm_per_pixel, read.view, read.heart_rate_per_min) == ((0.5, 0.4), "A2C", 72)
    assert np.array_equal(read.times_ms, UNEVEN)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_uneven_presentation_times_are_those_of_the_container(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    setup = dict(stamps=UNEVEN, time_base=MILLISECOND, rate=1000, pix_fmt="yuv420p")
    # B-frames are stored in another order than they are shown.
    write_video(path, coloured(FRAMES), codec="mpeg4", bits=4_000_000, **setup)
    clip = read_echo(path, sector="whole")
    assert np.allclose(clip.times_ms, UNEVEN, atol=0.1)
    assert np.corrcoef(clip.frames.ravel(), FRAMES.ravel())[0, 1] > 0.8


def test_the_caller_knows_better_than_the_rate_of_a_re_recorded_video(tmp_path):
    write_echo(tmp_path / "a.avi", EchoClip(FRAMES, np.arange(8) * 40.0))
    clip = read_echo(tmp_path / "a.avi", frame_rate_hz=50, mm_per_pixel=0.4, view="A4C")
    assert (clip.frame_rate_hz, clip.mm_per_pixel, clip.view) == (50, (0.4, 0.4), "A4C")
    assert any("50 frames a second as given; the file says 25" in note for note in clip.notes)


def test_a_mask_of_the_caller_is_taken(tmp_path):
    write_echo(tmp_path / "a.avi", EchoClip(FRAMES, np.arange(8) * 40.0))
    mask = np.zeros((60, 72), bool)
    mask[20:40, 20:50] = True
    assert np.array_equal(read_echo(tmp_path / "a.avi", sector=mask).sector, mask)
    with pytest.raises(InputError, match=r"sector.*shape \(60, 72\)"):
        read_echo(tmp_path / "a.avi", sector=mask[:10])
    with pytest.raises(InputError, match="'find', 'whole'"):
        read_echo(tmp_path / "a.avi", sector="fan")


def with_marks(frames):
    """Grey frames with coloured letters in a corner and a green trace along the lower edge."""
    pictures = coloured(frames)
    pictures[:, 2:8, 2:16] = (255, 200, 0)
    pictures[:, -3:, :] = (0, 255, 60)
    return pictures


def doppler(frames):
    """A box in the fan with flow towards and away from the probe."""
    pictures = coloured(frames)
    pictures[:, 20:30, 30:40] = (200, 30, 0)
    pictures[:, 30:40, 30:40] = (0, 40, 220)
    return pictures


@pytest.mark.parametrize("codec", ["ffv1", "mjpeg"])
def test_coloured_marks_pass_and_colour_doppler_does_not(tmp_path, codec):
    pix_fmt = {"ffv1": "bgr0", "mjpeg": "yuvj444p"}[codec]
    setup = dict(codec=codec, stamps=range(8), time_base=Fraction(1, 30), rate=30, pix_fmt=pix_fmt)
    setup["bits"] = 8_000_000
    shallow = speckle(mask=fan(far=50))
    write_video(tmp_path / "marks.avi", with_marks(shallow), **setup)
    clip = read_echo(tmp_path / "marks.avi")
    assert not clip.sector[2:8, 2:16].any() and not clip.sector[-2:].any()
    assert read_echo(tmp_path / "marks.avi", sector="whole").sector.all()
    write_video(tmp_path / "flow.avi", doppler(shallow), **setup)
    with pytest.raises(FileFormatError, match=r"colour-Doppler clip.*without colour"):
        read_echo(tmp_path / "flow.avi")


def test_a_tinted_picture_is_not_flow(tmp_path):
    tinted = (coloured(FRAMES) * np.array([1.0, 0.75, 0.45])).astype(np.uint8)
    setup = dict(stamps=range(8), time_base=Fraction(1, 30), rate=30, pix_fmt="bgr0")
    write_video(tmp_path / "sepia.avi", tinted, codec="ffv1", **setup)
    assert "tinted frames made grey" in read_echo(tmp_path / "sepia.avi").notes


@pytest.mark.parametrize(
    ("count", "message"), [(1, "still image, not a clip"), (4, "4 frames.*at least 5")]
)
def test_too_few_frames(tmp_path, count, message):
    np.savez(tmp_path / "a.npz", frames=FRAMES[:count], times_ms=np.arange(count) * 20.0)
    with pytest.raises(FileFormatError, match=message):
        read_echo(tmp_path / "a.npz")


def test_a_thumbnail_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", frames=FRAMES[:, :20, :20], times_ms=np.arange(8) * 20.0)
    with pytest.raises(FileFormatError, match=r"20 × 20.*at least 32 × 32"):
        read_echo(tmp_path / "a.npz")


def test_times_that_no_file_tells_are_asked_for(tmp_path):
    np.savez(tmp_path / "a.npz", frames=FRAMES)
    with pytest.raises(InputError, match="Pass frame_rate_hz"):
        read_echo(tmp_path / "a.npz")
    assert read_echo(tmp_path / "a.npz", frame_rate_hz=25).times_ms[1] == 40


def test_levels_that_are_no_grey_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", frames=FRAMES > 0, times_ms=np.arange(8) * 20.0)
    with pytest.raises(FileFormatError, match=r"frames: found .* of bool.*uint8"):
        read_echo(tmp_path / "a.npz")


@pytest.mark.parametrize("step_ms", [0, 0.02, 1000, np.nan, np.inf])
def test_steps_that_frames_of_echo_do_not_have_are_left_out(tmp_path, step_ms):
    with np.errstate(invalid="ignore"):
        np.savez(tmp_path / "a.npz", frames=FRAMES, times_ms=np.arange(8) * step_ms)
    with pytest.raises(InputError, match=r"frame times of the file left out.*Pass frame_rate_hz"):
        read_echo(tmp_path / "a.npz")
    clip = read_echo(tmp_path / "a.npz", frame_rate_hz=50)
    assert clip.times_ms[1] == 20
    assert any("left out" in note for note in clip.notes)
    assert not any("as given" in note for note in clip.notes)


@pytest.mark.parametrize("rate", [0.001, 1.9, 1001, 30300])
def test_rates_that_no_scanner_has_are_refused(tmp_path, rate):
    np.savez(tmp_path / "a.npz", frames=FRAMES)
    with pytest.raises(InputError, match=r"frame_rate_hz.*≥ 2 and ≤ 1000.*frames a second"):
        read_echo(tmp_path / "a.npz", frame_rate_hz=rate)


def test_unknown_endings_list_the_readable(tmp_path):
    (tmp_path / "a.wmv").write_bytes(b"content")
    with pytest.raises(FileFormatError, match=r"'\.wmv'.*\.avi.*\.dcm.*\.nii\.gz.*\.mhd"):
        read_echo(tmp_path / "a.wmv")
    with pytest.raises(FileFormatError, match=r"'\.mp4'; expected one of \.avi, \.gif, \.npz"):
        write_echo(tmp_path / "a.mp4", EchoClip(FRAMES, UNEVEN))


def test_times_that_avi_and_gif_cannot_hold_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"evenly spaced.*\.npz"):
        write_echo(tmp_path / "a.avi", EchoClip(FRAMES, UNEVEN))
    with pytest.raises(InputError, match=r"8 ms apart.*\.npz"):
        write_echo(tmp_path / "a.gif", EchoClip(FRAMES, np.arange(8) * 8.0))
    assert not list(tmp_path.iterdir())


def test_a_video_under_another_name_is_told_by_its_content(tmp_path):
    write_echo(tmp_path / "a.avi", EchoClip(FRAMES, np.arange(8) * 40.0))
    (tmp_path / "a.avi").rename(tmp_path / "a.mp4")
    assert read_echo(tmp_path / "a.mp4").n_frames == 8
    (tmp_path / "b.avi").write_text("#EXTM3U\nother.avi\n")
    with pytest.raises(FileFormatError, match="first bytes"):
        read_echo(tmp_path / "b.avi")


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_sound_that_outlasts_the_pictures_is_no_truncation(tmp_path, ending):
    import av

    with av.open(str(tmp_path / f"a{ending}"), "w") as container:
        pictures, sound = container.add_stream("mpeg4", rate=25), container.add_stream("aac", 8000)
        pictures.height, pictures.width = FRAMES.shape[1:]
        for grey in FRAMES:
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            container.mux(pictures.encode(frame))
        silence = np.zeros((1, 8000), np.float32)
        for second in range(3):
            block = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            block.sample_rate, block.pts = 8000, 8000 * second
            container.mux(sound.encode(block))
        container.mux([*pictures.encode(None), *sound.encode(None)])
    assert np.allclose(read_echo(tmp_path / f"a{ending}").times_ms, np.arange(8) * 40.0, atol=0.1)


def set_delays(path, delays):
    """Set the delays of a GIF, in hundredths of a second, in its control blocks."""
    left = iter(delays)

    def control(found):
        return found[1] + next(left).to_bytes(2, "little") + found[2]

    content = re.sub(rb"(\x21\xf9\x04.)..(.\0)", control, path.read_bytes(), flags=re.DOTALL)
    path.write_bytes(content)
    assert next(left, None) is None


def test_a_pause_before_a_gif_starts_again_is_no_truncation(tmp_path):
    write_echo(tmp_path / "a.gif", EchoClip(FRAMES, np.arange(8) * 40.0))
    set_delays(tmp_path / "a.gif", [4] * 7 + [500])
    assert np.array_equal(read_echo(tmp_path / "a.gif").times_ms, np.arange(8) * 40.0)


@pytest.mark.parametrize("delays", [[0] * 8, [0] * 7 + [200], [0, 4] * 4])
def test_gif_delays_of_0_state_no_rate(tmp_path, delays):
    write_echo(tmp_path / "a.gif", EchoClip(FRAMES, np.arange(8) * 40.0))
    set_delays(tmp_path / "a.gif", delays)
    with pytest.raises(InputError, match=rf"{delays.count(0)} of 8 are 0.*Pass frame_rate_hz"):
        read_echo(tmp_path / "a.gif")
    assert read_echo(tmp_path / "a.gif", frame_rate_hz=50).times_ms[1] == 20


@pytest.mark.parametrize("ending", [".avi", ".gif", ".npz", ".mp4", ".mkv"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_cut_files_are_refused(tmp_path, ending, share):
    path = tmp_path / f"a{ending}"
    frames = speckle(20)
    if ending in (".mp4", ".mkv"):
        setup = dict(stamps=range(0, 800, 40), time_base=MILLISECOND, rate=25, pix_fmt="yuv420p")
        write_video(path, frames, codec="mpeg4", **setup)
    else:
        write_echo(path, EchoClip(frames, np.arange(20) * 40.0))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FileFormatError, match=path.name):
        read_echo(path)


def test_missing_library_names_the_command(tmp_path, monkeypatch):
    write_echo(tmp_path / "a.avi", EchoClip(FRAMES, np.arange(8) * 40.0))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ImportError, match=r"av: pip install 'cardiotwin\[io\]'"):
        read_echo(tmp_path / "a.avi")
    with pytest.raises(ImportError, match=r"av: pip install 'cardiotwin\[io\]'"):
        write_echo(tmp_path / "b.avi", EchoClip(FRAMES, np.arange(8) * 40.0))
