"""DICOM: pixel sizes of the region that fits, true frame times, every colour space to grey."""

import numpy as np
import pytest
from look_alikes import dicom_clip, dicom_region, speckle

from cardiotwin import FileFormatError, InputError
from cardiotwin.echo import read_echo

pydicom = pytest.importorskip("pydicom")
FRAMES = speckle()
# Scaled until the brightest is white.
STRETCHED = np.round(FRAMES * (255.0 / FRAMES.max())).astype(np.uint8)


def read(tmp_path, dataset, **options):
    path = tmp_path / "clip.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return read_echo(path, **options)


def test_the_real_clip(shared_data):
    clip = read_echo(shared_data("echo_a4c_clip") / "a4c_clip.dcm")
    assert clip.n_frames == 30 and clip.shape == (240, 320)
    assert np.allclose(clip.mm_per_pixel, 1.021, atol=5e-4)
    assert clip.frame_rate_hz == pytest.approx(30, rel=1e-4)
    assert clip.heart_rate_per_min is None
    assert any("taken as that of 640 × 480" in note for note in clip.notes)
    # The red plane of the same pixels; the other two differ by a few levels.
    known = np.load(shared_data("echo_a4c_clip") / "a4c_clip.npz")["frames"]
    difference = clip.frames[:, clip.sector].astype(int) - known[:, clip.sector]
    assert abs(difference).mean() < 1 and np.percentile(abs(difference), 99.9) <= 6


def test_a_region_in_centimetres_gives_millimetres(tmp_path):
    region = dicom_region((4, 2, 67, 57), (0.05, 0.04))
    clip = read(tmp_path, dicom_clip(FRAMES, SequenceOfUltrasoundRegions=[region]))
    assert clip.mm_per_pixel == pytest.approx((0.4, 0.5))
    assert not clip.sector[:2].any() and not clip.sector[:, :4].any()
    assert np.array_equal(clip.times_ms, np.arange(8) * 20.0)


@pytest.mark.parametrize("scale", [2, 3])
def test_a_region_of_the_frame_before_shrinking_is_shrunk(tmp_path, scale):
    place = (4 * scale, 2 * scale, 68 * scale - 1, 58 * scale - 1)
    region = dicom_region(place, (0.05, 0.05))
    clip = read(tmp_path, dicom_clip(FRAMES, SequenceOfUltrasoundRegions=[region]))
    assert clip.mm_per_pixel == pytest.approx((0.5 * scale, 0.5 * scale))
    assert any(f"pixels {scale} times as large" in note for note in clip.notes)


def test_a_region_that_no_scale_explains_leaves_the_size_unknown(tmp_path):
    region = dicom_region((0, 0, 5000, 50), (0.05, 0.05))
    clip = read(tmp_path, dicom_clip(FRAMES, SequenceOfUltrasoundRegions=[region]))
    assert clip.mm_per_pixel is None
    assert any("no scale explains it" in note for note in clip.notes)


@pytest.mark.parametrize("place", [(0, 0, 3, 3), (60, 50, 20, 20), (140, 118, 143, 119)])
def test_regions_too_small_to_cut_out(tmp_path, place):
    region = dicom_region(place, (0.05, 0.05))
    clip = read(tmp_path, dicom_clip(FRAMES, SequenceOfUltrasoundRegions=[region]))
    assert clip.sector.sum() > 1000


def test_only_tissue_in_two_dimensions_counts(tmp_path):
    regions = [
        dicom_region((0, 0, 71, 59), (0.9, 0.9), spatial=3),
        dicom_region((0, 0, 71, 59), (0.8, 0.8), data_type=2),
        dicom_region((0, 0, 20, 20), (0.7, 0.7)),
        dicom_region((0, 0, 70, 58), (0.05, 0.05)),
    ]
    clip = read(tmp_path, dicom_clip(FRAMES, SequenceOfUltrasoundRegions=regions))
    assert clip.mm_per_pixel == pytest.approx((0.5, 0.5))
    assert any("largest of 2" in note for note in clip.notes)


def test_pixel_spacing_where_no_region_tells(tmp_path):
    assert read(tmp_path, dicom_clip(FRAMES, PixelSpacing=[0.3, 0.2])).mm_per_pixel == (0.3, 0.2)
    region = dicom_region((0, 0, 70, 58), (0.05, 0.05), units=0)
    dataset = dicom_clip(FRAMES, SequenceOfUltrasoundRegions=[region], PixelSpacing=[0.3, 0.2])
    assert read(tmp_path, dataset).mm_per_pixel == (0.3, 0.2)
    assert read(tmp_path, dicom_clip(FRAMES)).mm_per_pixel is None
    assert read(tmp_path, dicom_clip(FRAMES), mm_per_pixel=0.5).mm_per_pixel == (0.5, 0.5)


@pytest.mark.parametrize(
    ("tags", "times"),
    [
        ({"FrameTimeVector": [0, 20, 21, 19, 25, 20, 20, 30]}, [0, 20, 41, 60, 85, 105, 125, 155]),
        ({"FrameTimeVector": [20, 21, 19, 25, 20, 20, 30]}, [0, 20, 41, 60, 85, 105, 125, 155]),
        ({"FrameTimeVector": [0, *[0.02] * 7]}, np.arange(8) * 20.0),
        ({"FrameTime": None, "CineRate": 50}, np.arange(8) * 20.0),
        ({"FrameTime": "0.033", "CineRate": 30}, np.arange(8) * 1000 / 30),
        ({"FrameTime": None, "RecommendedDisplayFrameRate": 25}, np.arange(8) * 40.0),
        ({"FrameTime": "33.333"}, np.arange(8) * 33.333),
    ],
)
def test_frame_times(tmp_path, tags, times):
    assert np.allclose(read(tmp_path, dicom_clip(FRAMES, **tags)).times_ms, times)


def test_a_vector_that_does_not_fit_is_left_out(tmp_path):
    clip = read(tmp_path, dicom_clip(FRAMES, FrameTimeVector=[0, 30, 30]))
    assert clip.times_ms[1] == 20
    assert any("3 steps for 8 frames" in note for note in clip.notes)


def test_two_frame_times_that_differ_are_told(tmp_path):
    clip = read(tmp_path, dicom_clip(FRAMES, FrameTimeVector=[0, *[30] * 7]))
    assert clip.times_ms[1] == 30
    assert "frames 30 ms apart by FrameTimeVector, 20 by FrameTime" in clip.notes


def test_without_any_rate_it_is_asked_for(tmp_path):
    with pytest.raises(InputError, match=r"Pass frame_rate_hz.*--frame-rate"):
        read(tmp_path, dicom_clip(FRAMES, FrameTime=None))


def test_what_was_left_out_is_told_where_the_rate_is_asked_for(tmp_path):
    dataset = dicom_clip(FRAMES, FrameTime="0.033", FrameTimeVector=[0, 30, 30])
    with pytest.raises(InputError, match=r"3 steps for 8 frames; FrameTime left out.*0\.033 ms"):
        read(tmp_path, dataset)
    assert read(tmp_path, dataset, frame_rate_hz=30).frame_rate_hz == pytest.approx(30)


@pytest.mark.parametrize(("tag", "rate"), [("0", None), ("64", 64), ("900", None)])
def test_heart_rate(tmp_path, tag, rate):
    assert read(tmp_path, dicom_clip(FRAMES, HeartRate=tag)).heart_rate_per_min == rate


def test_view_by_its_code(tmp_path):
    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator = "G-A19B", "SRT"
    item.CodeMeaning = "Apical two chamber"
    assert read(tmp_path, dicom_clip(FRAMES, ViewCodeSequence=[item])).view == "A2C"


def test_colour_spaces_give_the_same_grey(tmp_path):
    whole = {"sector": "whole"}
    assert np.array_equal(read(tmp_path, dicom_clip(FRAMES), **whole).frames, FRAMES)
    rgb = np.repeat(FRAMES[..., None], 3, axis=-1)
    assert np.array_equal(read(tmp_path, dicom_clip(rgb), **whole).frames, FRAMES)
    ybr = np.stack([FRAMES, np.full_like(FRAMES, 128), np.full_like(FRAMES, 128)], axis=-1)
    full = dicom_clip(ybr, PhotometricInterpretation="YBR_FULL")
    assert np.array_equal(read(tmp_path, full, **whole).frames, FRAMES)
    negative = dicom_clip(255 - FRAMES, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read(tmp_path, negative, **whole).frames, FRAMES)


@pytest.mark.parametrize(
    ("levels", "bits", "shown", "note"),
    [
        (FRAMES.astype(np.uint16), 16, FRAMES, None),
        (FRAMES.astype(np.int16), 16, FRAMES, None),
        ((FRAMES // 2).astype(np.int8), 8, FRAMES // 2, None),
        ((FRAMES.astype(np.int16) - 128).astype(np.int8), 8, FRAMES, "from -128 on raised"),
        (FRAMES.astype(np.uint16) << 4, 12, STRETCHED, "up to 3184 scaled to 255"),
        (FRAMES.astype(np.uint16) << 4, 16, STRETCHED, "up to 3184 scaled to 255"),
        (FRAMES.astype(np.int16) * 16 - 2048, 16, STRETCHED, "from -2048 on raised"),
        (FRAMES.astype(np.int16) - 100, 16, FRAMES, "from -100 on raised"),
    ],
)
def test_deep_and_signed_levels_fill_the_bytes(tmp_path, levels, bits, shown, note):
    signed = int(levels.dtype.kind == "i")
    dataset = dicom_clip(levels, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=signed)
    clip = read(tmp_path, dataset, sector="whole")
    assert np.array_equal(clip.frames, shown)
    assert (note is None) == (not any("levels" in told for told in clip.notes))
    assert note is None or any(note in told for told in clip.notes)


def test_the_window_of_the_header_tells_black_and_white(tmp_path):
    deep = FRAMES.astype(np.uint16) * 16
    # Black at 0, white at 3184 = 16 × 199, seen through a slope and an intercept.
    window = dict(WindowCenter=[1584.5, 1], WindowWidth=[3185, 2])
    rescaled = dict(RescaleSlope="2", RescaleIntercept="-1000")
    wider = dict(WindowCenter=2184.5, WindowWidth=6369)
    for tags in (window, {**wider, **rescaled}):
        clip = read(tmp_path, dicom_clip(deep, **tags), sector="whole")
        assert abs(clip.frames.astype(int) - STRETCHED).max() <= 1
        assert any("the window of the header" in note for note in clip.notes)
    narrow = read(tmp_path, dicom_clip(deep, WindowCenter=1600, WindowWidth=801), sector="whole")
    assert not narrow.frames[deep <= 1199].any() and (narrow.frames[deep >= 2000] == 255).all()
    none = read(tmp_path, dicom_clip(deep, WindowCenter=1, WindowWidth=0), sector="whole")
    assert np.array_equal(none.frames, STRETCHED)
    assert any("window of the header left out" in note for note in none.notes)


def test_half_sampled_chroma(tmp_path):
    packed = np.full((*FRAMES.shape[:2], FRAMES.shape[2] // 2, 4), 128, np.uint8)
    packed[..., :2] = FRAMES.reshape(*FRAMES.shape[:2], -1, 2)
    dataset = dicom_clip(np.repeat(FRAMES[..., None], 3, axis=-1))
    dataset.PhotometricInterpretation, dataset.PixelData = "YBR_FULL_422", packed.tobytes()
    assert np.array_equal(read(tmp_path, dataset, sector="whole").frames, FRAMES)


def test_palette(tmp_path):
    dataset = dicom_clip(255 - FRAMES, PhotometricInterpretation="PALETTE COLOR")
    table = (np.arange(255, -1, -1, dtype=np.uint16) * 257).tobytes()
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table)
    assert np.array_equal(read(tmp_path, dataset, sector="whole").frames, FRAMES)


def test_jpeg_frames(tmp_path):
    image = pytest.importorskip("PIL.Image")
    import io

    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    packed = []
    for frame in FRAMES:
        stream = io.BytesIO()
        image.fromarray(frame).save(stream, "JPEG", quality=95)
        packed.append(stream.getvalue())
    dataset = dicom_clip(FRAMES)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate(packed)
    dataset["PixelData"].VR = "OB"
    clip = read(tmp_path, dataset, sector="whole")
    assert abs(clip.frames.astype(int) - FRAMES).mean() < 4
    dataset.NumberOfFrames = 9
    with pytest.raises(FileFormatError, match=r"clip\.dcm"):
        read(tmp_path, dataset)


def test_files_without_ending_are_known_by_their_mark(tmp_path):
    dicom_clip(FRAMES).save_as(tmp_path / "IM_0001", enforce_file_format=True)
    assert read_echo(tmp_path / "IM_0001").n_frames == 8


def test_cut_colour_and_pixel_less_files_are_refused(tmp_path):
    path = tmp_path / "clip.dcm"
    dicom_clip(FRAMES).save_as(path, enforce_file_format=True)
    content = path.read_bytes()
    for share in (0.01, 0.5, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(FileFormatError, match=r"clip\.dcm"):
            read_echo(path)
    flow = np.repeat(FRAMES[..., None], 3, axis=-1)
    flow[:, 20:40, 30:40] = (200, 20, 0)
    flow[:, 20:40, 40:45] = (0, 20, 200)
    with pytest.raises(FileFormatError, match="colour-Doppler"):
        read(tmp_path, dicom_clip(flow))
    dataset = dicom_clip(FRAMES)
    del dataset.PixelData
    with pytest.raises(FileFormatError, match=r"no pixels.*DICOMDIR"):
        read(tmp_path, dataset)
    with pytest.raises(FileFormatError, match="still image"):
        read(tmp_path, dicom_clip(FRAMES[:1]))
    with pytest.raises(FileFormatError, match=r"PhotometricInterpretation.*HSV"):
        read(tmp_path, dicom_clip(FRAMES, PhotometricInterpretation="HSV"))


def test_claims_of_size_are_not_believed(tmp_path):
    with pytest.raises(FileFormatError, match="60000 × 60000"):
        read(tmp_path, dicom_clip(FRAMES, Rows=60000, Columns=60000))
    with pytest.raises(FileFormatError, match="truncated"):
        read(tmp_path, dicom_clip(FRAMES, NumberOfFrames=100000))


@pytest.mark.parametrize("name", ["JPEGLSLossless", "MPEG4HP41"])
def test_encodings_without_decoder_say_what_to_do(tmp_path, name):
    from pydicom.encaps import encapsulate

    dataset = dicom_clip(FRAMES)
    dataset.file_meta.TransferSyntaxUID = getattr(pydicom.uid, name)
    dataset.PixelData = encapsulate([b"1234"] * 8)
    dataset["PixelData"].VR = "OB"
    with pytest.raises(FileFormatError, match=r"TransferSyntaxUID.*JPEG Baseline"):
        read(tmp_path, dataset)


def test_missing_library_names_the_command(tmp_path, monkeypatch):
    dicom_clip(FRAMES).save_as(tmp_path / "clip.dcm", enforce_file_format=True)
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(ImportError, match=r"pydicom: pip install 'cardiotwin\[io\]'"):
        read_echo(tmp_path / "clip.dcm")
