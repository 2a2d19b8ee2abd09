"""EchoNet-Dynamic in a tiny folder of its published layout."""

import numpy as np
import pytest
from look_alikes import write_echonet

from cardiotwin import FileFormatError, InputError
from cardiotwin.echo.datasets import EchoNetDynamic
from cardiotwin.echo.datasets._traces import fill_polygon

pytest.importorskip("av")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("echonet")
    write_echonet(root, 6)
    return root


def test_records_hold_the_numbers_of_the_list(folder):
    data = EchoNetDynamic(folder)
    assert len(data) == 6 and data.excluded == ()
    assert [len(data.splits[name]) for name in ("TRAIN", "VAL", "TEST")] == [4, 1, 1]
    record = data.records[2]
    assert (record.name, record.ef_percent, record.edv_ml, record.esv_ml) == ("0X2", 52, 102, 48)
    assert (record.view, record.n_frames, record.shape) == ("A4C", 12, (112, 112))
    assert "4 TRAIN" in repr(data)


def test_clips_are_read_when_asked_for(folder):
    record = EchoNetDynamic(folder).records[0]
    clip = record.clip()
    assert clip.n_frames == 12 and clip.view == "A4C" and clip.mm_per_pixel is None
    assert clip.frame_rate_hz == pytest.approx(50, rel=1e-3)


def test_masks_are_the_traced_areas_and_the_larger_is_diastole(folder):
    masks = EchoNetDynamic(folder).records[0].masks()
    assert (masks["ED"].frame, masks["ES"].frame) == (2, 8)
    # Boxes of 30 × 50 and 20 × 40 pixels between the outermost chords.
    assert masks["ED"].labels.sum() == pytest.approx(30 * 50, rel=0.06)
    assert masks["ES"].labels.sum() == pytest.approx(20 * 40, rel=0.06)
    assert masks["ED"].labels[56, 56] == 1


def test_polygons_against_a_disc():
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    points = np.stack([50 + 30 * np.cos(angle), 40 + 30 * np.sin(angle)], axis=1)
    row, column = np.mgrid[:80, :100]
    disc = np.hypot(row - 40, column - 50) < 30
    assert (fill_polygon(points, (80, 100)) ^ disc).mean() < 0.005


def test_missing_parts_say_where_to_get_them(tmp_path, folder):
    with pytest.raises(InputError, match=r"no such folder.*echonet\.github\.io"):
        EchoNetDynamic(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no FileList\.csv, VolumeTracings\.csv, Videos;"):
        EchoNetDynamic(tmp_path)


def test_tables_without_their_columns_are_refused(tmp_path):
    write_echonet(tmp_path, 1)
    (tmp_path / "FileList.csv").write_text("FileName,EF\n0X0,50\n")
    with pytest.raises(FileFormatError, match="Missing: ESV, EDV"):
        EchoNetDynamic(tmp_path)


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_unusable_videos_are_listed_with_the_reason(tmp_path):
    write_echonet(tmp_path, 7)
    table = tmp_path / "FileList.csv"
    (tmp_path / "Videos" / "0X0.avi").unlink()
    change(table, "0X1,51", "0X1,nan")
    change(table, "0X2,52,48,102,112,112,50,12,TRAIN", "0X2,52,48,102,112,112,50,5,TRAIN")
    change(table, "50,12,VAL", "50,12,OTHER")
    lines = (tmp_path / "VolumeTracings.csv").read_text().splitlines()
    kept = [line for line in lines if not (line.startswith("0X4") and line.endswith(",8"))]
    (tmp_path / "VolumeTracings.csv").write_text("\n".join(kept) + "\n")
    with open(table, "a") as handle:
        handle.write("0X6,50,50,100,112,112,50,12,TRAIN\n../x,50,50,100,112,112,50,12,TRAIN\n")
    data = EchoNetDynamic(tmp_path)
    reasons = dict(data.excluded)
    assert "no Videos/0X0.avi" in reasons["0X0"]
    assert reasons["0X1"] == "EF is 'nan'"
    assert reasons["0X2"] == "traced frame 8 of 5"
    assert reasons["0X4"] == "1 traced frames, two are needed"
    assert any("OTHER" in reason for reason in reasons.values())
    assert reasons["0X6"] == "listed twice"
    assert "no plain file name" in reasons["../x"]
    assert len(data) == 2


def test_rows_that_were_cut_are_listed(tmp_path):
    write_echonet(tmp_path, 3)
    table = tmp_path / "FileList.csv"
    text = table.read_text()
    table.write_text(text[: text.index("0X2,52,48") + len("0X2,52,4")])
    data = EchoNetDynamic(tmp_path)
    assert [record.name for record in data.records] == ["0X0", "0X1"]
    assert data.excluded == (
        ("0X2", "no EDV, FrameHeight, FrameWidth, FPS, NumberOfFrames, Split"),
    )


def test_a_cut_file_of_tracings_loses_its_last_chord_only(tmp_path):
    write_echonet(tmp_path, 2)
    tracings = tmp_path / "VolumeTracings.csv"
    text = tracings.read_text().rstrip()
    whole = EchoNetDynamic(tmp_path).records[-1].traces
    tracings.write_text(text[: text.rindex(",")])
    cut = EchoNetDynamic(tmp_path).records[-1].traces
    assert {frame: len(rows) for frame, rows in cut.items()} == {
        frame: len(rows) - (frame == max(whole)) for frame, rows in whole.items()
    }


def test_a_video_of_other_frames_than_listed_is_refused(tmp_path):
    write_echonet(tmp_path, 1)
    change(tmp_path / "FileList.csv", "112,112,50,12", "112,112,50,13")
    with pytest.raises(FileFormatError, match=r"12 frames.*13 frames"):
        EchoNetDynamic(tmp_path).records[0].clip()
