"""CAMUS in tiny folders of both published layouts."""

import numpy as np
import pytest
from look_alikes import write_camus

from cardiotwin import FileFormatError, InputError
from cardiotwin.echo.datasets import Camus

LAYOUTS = ["nifti", "mhd"]


@pytest.fixture(scope="module", params=LAYOUTS)
def folder(request, tmp_path_factory):
    pytest.importorskip("nibabel")
    root = tmp_path_factory.mktemp(request.param)
    write_camus(root, 4, layout=request.param)
    return root


def test_records_of_both_views(folder):
    data = Camus(folder, frame_rate_hz=50)
    assert len(data) == 8 and data.excluded == ()
    record = data.records[0]
    assert (record.name, record.patient, record.view) == ("patient0001_4CH", "patient0001", "A4C")
    assert (record.ef_percent, record.sex, record.age, record.quality) == (51, "F", 56, "Good")
    assert (record.ed_frame, record.es_frame, record.n_frames) == (0, 7, 8)
    assert data.records[1].view == "A2C"


def test_the_older_layout_tells_volumes_and_the_newer_the_frame_rate(folder):
    record = Camus(folder).records[0]
    if folder.name.startswith("mhd"):
        assert (record.edv_ml, record.esv_ml, record.frame_rate_hz) == (110.5, 54.1, None)
        with pytest.raises(InputError, match=r"FrameRate.*frame_rate_hz="):
            record.clip()
    else:
        assert (record.edv_ml, record.esv_ml, record.frame_rate_hz) == (None, None, 47.3)
        assert record.clip().times_ms[1] == pytest.approx(1000 / 47.3)


def test_clips_have_depth_down_and_sizes_of_their_own_on_both_axes(folder):
    clip = Camus(folder, frame_rate_hz=50).records[0].clip()
    assert clip.shape == (60, 72) and clip.mm_per_pixel == pytest.approx((0.154, 0.308))
    assert clip.frames[:, 1, 30:42].any() and not clip.frames[:, 1, :20].any()


def test_masks_and_stills(folder):
    record = Camus(folder, frame_rate_hz=50).records[0]
    masks = record.masks()
    assert (masks["ED"].frame, masks["ES"].frame) == (0, 7)
    assert masks["ED"].labels.shape == (60, 72) and set(np.unique(masks["ED"].labels)) == {0, 1, 2}
    assert (masks["ED"].labels == 1).sum() > (masks["ES"].labels == 1).sum()
    still = record.still("ED")
    assert still.n_frames == 1 and np.array_equal(still.frames[0], record.clip().frames[0])


def test_masks_of_every_frame_in_the_newer_layout(folder):
    record = Camus(folder).records[0]
    if folder.name.startswith("mhd"):
        with pytest.raises(InputError, match="NIfTI layout"):
            record.sequence_masks()
    else:
        masks = record.sequence_masks()
        assert len(masks) == 8
        assert np.array_equal(masks[0].labels, record.masks()["ED"].labels)


def test_patients_are_never_split(folder):
    data = Camus(folder, fractions=(0.5, 0.25, 0.25), seed=3)
    sides = [{record.patient for record in part} for part in data.splits.values()]
    assert [len(side) for side in sides] == [2, 1, 1]
    assert len(set.union(*sides)) == 4
    again = Camus(folder, fractions=(0.5, 0.25, 0.25), seed=3)
    assert [r.split for r in data.records] == [r.split for r in again.records]
    tested = []
    for train, test in data.folds(4, seed=1):
        assert not {r.patient for r in train} & {r.patient for r in test}
        assert len(train) == 6 and len(test) == 2
        tested += [record.name for record in test]
    assert sorted(tested) == sorted(record.name for record in data.records)
    with pytest.raises(InputError, match="at most the 4 patients"):
        data.folds(5)
    with pytest.raises(InputError, match="add up to 1"):
        Camus(folder, fractions=(0.5, 0.2, 0.2))


def test_the_published_lists_are_followed(tmp_path):
    pytest.importorskip("nibabel")
    write_camus(tmp_path, 4, layout="nifti")
    lists = tmp_path / "database_split"
    lists.mkdir()
    (lists / "subgroup_training.txt").write_text("patient0002\n")
    (lists / "subgroup_validation.txt").write_text("patient0004\n")
    assert len(Camus(tmp_path).splits["TRAIN"]) == 6
    (lists / "subgroup_testing.txt").write_text("patient0001\npatient0099\n")
    data = Camus(tmp_path)
    assert [record.patient for record in data.splits["TRAIN"]] == ["patient0002"] * 2
    assert [record.patient for record in data.splits["TEST"]] == ["patient0001"] * 2
    assert dict(data.excluded)["patient0003_4CH"] == "in none of the lists of database_split"
    assert len(Camus(tmp_path / "database_nifti").splits["VAL"]) == 2
    assert len(Camus(tmp_path, fractions=(0.5, 0.25, 0.25)).splits["TRAIN"]) == 4


def test_unpacked_images_are_found(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    write_camus(tmp_path, 1, layout="nifti")
    for path in (tmp_path / "database_nifti" / "patient0001").glob("*.nii.gz"):
        nibabel.load(path).to_filename(path.with_suffix(""))
        path.unlink()
    record = Camus(tmp_path).records[0]
    assert record.clip().n_frames == 8 and len(record.sequence_masks()) == 8


def test_unusable_views_are_listed_with_the_reason(tmp_path):
    write_camus(tmp_path, 3, layout="mhd")
    patients = tmp_path / "training"
    (patients / "patient0001" / "Info_2CH.cfg").unlink()
    (patients / "patient0002" / "patient0002_4CH_sequence.mhd").unlink()
    (patients / "patient0002" / "Info_2CH.cfg").write_text("ED: 1\nES: 9\nNbFrame: 8\n")
    (patients / "patient0003" / "Info_4CH.cfg").write_text("ED: 1\nES: 8\n")
    (patients / "patient0003" / "Info_2CH.cfg").write_text("nothing\n")
    reasons = dict(Camus(tmp_path).excluded)
    assert reasons["patient0001_2CH"] == "no Info_2CH.cfg"
    assert reasons["patient0002_4CH"] == "no patient0002_4CH_sequence.mhd"
    assert reasons["patient0002_2CH"] == "ED 1 and ES 9 of 8 frames"
    assert "NbFrame, ED or ES missing" in reasons["patient0003_4CH"]
    assert "lines such as NbFrame: 20" in reasons["patient0003_2CH"]


def test_damage_is_told(tmp_path):
    write_camus(tmp_path, 1, layout="mhd")
    folder = tmp_path / "training" / "patient0001"
    record = Camus(tmp_path, frame_rate_hz=50).records[0]
    info = folder / "Info_4CH.cfg"
    info.write_text(info.read_text().replace("NbFrame: 8", "NbFrame: 9"))
    with pytest.raises(FileFormatError, match=r"8 frames.*9 as NbFrame says"):
        Camus(tmp_path, frame_rate_hz=50).records[0].clip()
    labels = folder / "patient0001_4CH_ED_gt.raw"
    labels.write_bytes(b"\x07" * len(labels.read_bytes()))
    with pytest.raises(FileFormatError, match="labels 0 to 3"):
        record.masks()
    labels.with_suffix(".mhd").unlink()
    with pytest.raises(FileFormatError, match="nothing there"):
        record.masks()


def test_no_patients_says_where_to_get_them(tmp_path):
    with pytest.raises(InputError, match=r"database_nifti/patient0001.*creatis"):
        Camus(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        Camus(tmp_path / "nowhere")
