"""Random, cut and altered clips: one kind of error, never a crash, a warning or false silence."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from look_alikes import dicom_clip, dicom_region, speckle, write_metaimage, write_video

from cardiotwin import CardiotwinError
from cardiotwin.echo import EchoClip, read_echo, write_echo

NAMES = ["a.avi", "a.gif", "a.npz", "a.mkv", "a.mp4", "a.dcm", "a.nii", "a.nii.gz", "a.mha"]
FEW = settings(max_examples=12)


@pytest.fixture(scope="module")
def good_files(tmp_path_factory):
    """One good file of every format, as bytes."""
    nibabel = pytest.importorskip("nibabel")
    pytest.importorskip("pydicom")
    pytest.importorskip("av")
    folder = tmp_path_factory.mktemp("good")
    frames = speckle(6)[:, 5:45, 10:60]
    for ending in ("avi", "gif", "npz"):
        write_echo(folder / f"a.{ending}", EchoClip(frames, np.arange(6) * 40.0))
    for ending in ("mkv", "mp4"):
        setup = dict(stamps=range(6), time_base=Fraction(1, 25), rate=25, pix_fmt="yuv420p")
        write_video(folder / f"a.{ending}", frames, codec="mpeg4", **setup)
    regions = [dicom_region((0, 0, 49, 39), (0.05, 0.05))]
    dataset = dicom_clip(frames, SequenceOfUltrasoundRegions=regions)
    dataset.save_as(folder / "a.dcm", enforce_file_format=True)
    image = nibabel.Nifti1Image(frames.transpose(2, 1, 0), np.eye(4))
    for ending in ("nii", "nii.gz"):
        image.to_filename(folder / f"a.{ending}")
    write_metaimage(folder / "a.mha", frames)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def attempt(path):
    """Read; success must be a sound clip, failure must be ours."""
    try:
        clip = read_echo(path, frame_rate_hz=50)
    except CardiotwinError as error:
        assert len(str(error)) > 20
        return None
    assert clip.n_frames >= 5 and min(clip.shape) >= 32
    return clip


@pytest.mark.parametrize("name", NAMES)
def test_the_unharmed_files_are_read(tmp_path, good_files, name):
    (tmp_path / name).write_bytes(good_files[name])
    assert attempt(tmp_path / name) is not None


@pytest.mark.parametrize("name", [*NAMES, "a.mhd"])
@FEW
@given(content=st.binary(min_size=1, max_size=300), keep=st.integers(0, 16))
def test_random_bytes(tmp_path_factory, good_files, name, content, keep):
    path = tmp_path_factory.getbasetemp() / f"random_{name}"
    # Behind the true first bytes, so that parsers do not turn away at once.
    path.write_bytes(good_files.get(name, b"")[:keep] + content)
    attempt(path)


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(data=st.data())
def test_cut_and_altered_files(tmp_path_factory, good_files, name, data):
    content = bytearray(good_files[name])
    front = st.integers(0, min(len(content), 600) - 1) | st.integers(0, len(content) - 1)
    for place, value in data.draw(
        st.lists(st.tuples(front, st.integers(0, 255)), min_size=1, max_size=6)
    ):
        content[place] = value
    length = data.draw(st.integers(1, len(content)) | st.just(len(content)))
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(bytes(content[:length]))
    attempt(path)
