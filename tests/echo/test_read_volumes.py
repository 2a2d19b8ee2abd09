"""NIfTI and MetaImage: axes turned upright, sizes in mm, times only where they are stated."""

import numpy as np
import pytest
from look_alikes import speckle, write_metaimage

from cardiotwin import FileFormatError, InputError
from cardiotwin.echo import read_echo

FRAMES = speckle()


def write_nifti(path, frames, *, zooms=(0.5, 0.25, 1.0), units=("mm", "sec"), four=False):
    nibabel = pytest.importorskip("nibabel")
    values = frames.transpose(2, 1, 0)
    values = values[:, :, None] if four else values
    image = nibabel.Nifti1Image(values, np.eye(4))
    image.header.set_zooms(zooms)
    image.header.set_xyzt_units(*units)
    image.to_filename(path)
    return path


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nifti_lies_with_depth_down(tmp_path, ending):
    path = write_nifti(tmp_path / f"a{ending}", FRAMES)
    clip = read_echo(path, frame_rate_hz=50, sector="whole")
    assert np.array_equal(clip.frames, FRAMES)
    assert clip.mm_per_pixel == (0.25, 0.5)


@pytest.mark.parametrize(
    ("zooms", "units", "step_ms"),
    [
        ((0.5, 0.25, 1.0, 0.02), ("mm", "sec"), 20),
        ((0.5, 0.25, 1.0, 25.0), ("mm", "msec"), 25),
        ((0.5, 0.25, 0.04), ("mm", "sec"), 40),
    ],
)
def test_nifti_time_steps(tmp_path, zooms, units, step_ms):
    path = write_nifti(tmp_path / "a.nii", FRAMES, zooms=zooms, units=units, four=len(zooms) == 4)
    assert np.allclose(read_echo(path).times_ms, np.arange(8) * step_ms)


@pytest.mark.parametrize(
    ("zooms", "units"),
    [
        ((0.5, 0.25, 1.0), ("mm", "sec")),
        ((0.5, 0.25, 0.02), ("mm", "unknown")),
        ((0.5, 0.25, 1.54), ("mm", "sec")),
    ],
)
def test_nifti_steps_that_say_nothing_are_asked_for(tmp_path, zooms, units):
    path = write_nifti(tmp_path / "a.nii", FRAMES, zooms=zooms, units=units)
    with pytest.raises(InputError, match="Pass frame_rate_hz"):
        read_echo(path)


def test_other_units_of_length(tmp_path):
    path = write_nifti(tmp_path / "a.nii", FRAMES, zooms=(5e-4, 2.5e-4, 1), units=("meter", "sec"))
    assert read_echo(path, frame_rate_hz=50).mm_per_pixel == pytest.approx((0.25, 0.5))


def test_levels_beyond_bytes_are_scaled_and_told(tmp_path):
    path = write_nifti(tmp_path / "a.nii", FRAMES.astype(np.int16) * 16)
    clip = read_echo(path, frame_rate_hz=50, sector="whole")
    assert clip.frames.max() == 255
    assert any("scaled to 255" in note for note in clip.notes)
    path = write_nifti(tmp_path / "a.nii", FRAMES.astype(np.int16) - 40)
    with pytest.raises(FileFormatError, match="from -40"):
        read_echo(path, frame_rate_hz=50)


def test_fractions_up_to_1_are_grey_levels_and_masks_stay(tmp_path):
    path = write_nifti(tmp_path / "a.nii", FRAMES.astype(np.float32) / 255)
    clip = read_echo(path, frame_rate_hz=50, sector="whole")
    assert np.array_equal(clip.frames, FRAMES)
    assert "grey levels 0 to 1 taken as 0 to 255" in clip.notes
    write_metaimage(tmp_path / "a.mhd", FRAMES / 255)
    clip = read_echo(tmp_path / "a.mhd", frame_rate_hz=50, sector="whole")
    assert np.array_equal(clip.frames, FRAMES)
    write_metaimage(tmp_path / "a.mhd", (FRAMES > 0).astype("f4"))
    clip = read_echo(tmp_path / "a.mhd", frame_rate_hz=50, sector="whole")
    assert clip.frames.max() == 1 and not any("levels" in note for note in clip.notes)


def test_nifti_volumes_stills_and_damage_are_refused(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    path = tmp_path / "a.nii"
    nibabel.Nifti1Image(np.zeros((40, 40, 40, 6), np.uint8), np.eye(4)).to_filename(path)
    with pytest.raises(FileFormatError, match="3-D echo"):
        read_echo(path)
    write_nifti(path, FRAMES[:1])
    with pytest.raises(FileFormatError, match="still image"):
        read_echo(path)
    write_nifti(path, FRAMES)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FileFormatError, match="size that the file can hold"):
        read_echo(path)
    packed = write_nifti(tmp_path / "a.nii.gz", FRAMES)
    packed.write_bytes(packed.read_bytes()[:5000])
    with pytest.raises(FileFormatError, match=r"a\.nii\.gz"):
        read_echo(packed)


@pytest.mark.parametrize("ending", [".mhd", ".mha"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("kind", "big"), [("u1", False), ("u2", True), ("f4", False)])
def test_metaimage(tmp_path, ending, compressed, kind, big):
    path = tmp_path / f"a{ending}"
    write_metaimage(path, FRAMES.astype(kind), compressed=compressed, big=big)
    clip = read_echo(path, frame_rate_hz=50, sector="whole")
    assert np.array_equal(clip.frames, FRAMES)
    assert clip.mm_per_pixel == (0.25, 0.5)
    with pytest.raises(InputError, match="Pass frame_rate_hz"):
        read_echo(path)


@pytest.mark.parametrize(
    "name", ["../a.raw", "/etc/hostname", "sub/a.raw", "..\\a.raw", "..", "C:\\a.raw", "LIST"]
)
def test_metaimage_never_leaves_its_folder(tmp_path, name):
    write_metaimage(tmp_path / "a.mhd", FRAMES, data=name)
    with pytest.raises(FileFormatError, match="in the same folder"):
        read_echo(tmp_path / "a.mhd", frame_rate_hz=50)


def test_metaimage_whose_sizes_lie(tmp_path):
    path = tmp_path / "a.mhd"
    write_metaimage(path, FRAMES)
    raw = tmp_path / "a.raw"
    content = raw.read_bytes()
    raw.write_bytes(content[:-1])
    with pytest.raises(FileFormatError, match=r"34559 bytes.*34560 bytes.*truncated"):
        read_echo(path, frame_rate_hz=50)
    raw.unlink()
    with pytest.raises(FileFormatError, match=r"a\.raw.*nothing there"):
        read_echo(path, frame_rate_hz=50)
    write_metaimage(path, FRAMES, compressed=True)
    path.write_text(path.read_text().replace("72 60 8", "72 60 9"))
    with pytest.raises(FileFormatError, match=r"34560 bytes.*38880"):
        read_echo(path, frame_rate_hz=50)
    path.write_text(path.read_text().replace("72 60 9", "72 60 90000000"))
    with pytest.raises(FileFormatError, match="GiB in all"):
        read_echo(path, frame_rate_hz=50)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MET_UCHAR", "MET_ULONG_LONG", "ElementType"),
        ("72 60 8", "72 x", "DimSize"),
        ("72 60 8", "72", "DimSize"),
        ("NDims = 3", "NDims = 4", "NDims: found 4; expected 3"),
        ("BinaryData = True", "BinaryData = False", "BinaryData: found False.*binary form"),
        ("0.5 0.25", "0 nan", "ElementSpacing"),
        ("ElementDataFile", "Comment", "the last one ElementDataFile"),
    ],
)
def test_metaimage_headers_that_cannot_be(tmp_path, old, new, message):
    path = tmp_path / "a.mhd"
    write_metaimage(path, FRAMES)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(FileFormatError, match=message):
        read_echo(path, frame_rate_hz=50)
