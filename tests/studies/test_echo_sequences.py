"""Sequences of patients: tiny folders with the layouts of the data sets, of synthetic clips."""

import shutil

import numpy as np
import pytest
from sequence_folders import made_clips, write_camus_like, write_echonet_like

from cardiotwin import InputError
from cardiotwin.echo import (
    EncodedClips,
    Encoding,
    LabelledRecords,
    Phantom,
    TwinModel,
    crop_to_sector,
    encode_clips,
    resize,
    shipped_model,
)
from cardiotwin.echo import _encoded_clips as encoded_clips
from cardiotwin.echo._segmentation_network import with_neighbours
from cardiotwin.echo._segmentation_training import PhantomFrames
from cardiotwin.echo._traced_frames import TracedBatches, all_traced_frames, traced_frames
from cardiotwin.echo._twin_inputs import TwinInputs
from cardiotwin.echo._twin_losses import Known
from cardiotwin.studies import STUDIES
from cardiotwin.studies import _echo_sequences as study
from cardiotwin.studies._clip_answers import (
    SCORES,
    Answers,
    answers_by_patient,
    held,
    mae,
    middle,
)
from cardiotwin.studies._echo_sequences import COLUMNS, Recipe, echo_sequences, sequences_table
from cardiotwin.studies._sequence_records import halves, patient_of, read_sequences

pytest.importorskip("av")
pytest.importorskip("nibabel")

TIMES = [COLUMNS.index(name) for name in SCORES[-2:]]
TINY = Recipe(2, 2, 2e-4, 2, 20, 50)


@pytest.fixture(scope="module")
def made():
    return made_clips(10)


@pytest.fixture(scope="module")
def echonet(made, tmp_path_factory):
    root = tmp_path_factory.mktemp("echonet")
    write_echonet_like(root / "data", made, (4, 3, 3))
    return root / "data"


@pytest.fixture(scope="module")
def camus(made, tmp_path_factory):
    root = tmp_path_factory.mktemp("camus")
    write_camus_like(root / "data", made, (2, 2, 2))
    return root / "data"


def test_data_sets_are_recognized(echonet, camus):
    found = read_sequences(echonet)
    assert found.name == "EchoNet-Dynamic" and found.cavity_only
    assert [len(found.splits[part]) for part in ("TRAIN", "VAL", "TEST")] == [4, 3, 3]
    found = read_sequences(camus)
    assert found.name == "CAMUS" and not found.cavity_only
    assert [len(found.splits[part]) for part in ("TRAIN", "VAL", "TEST")] == [4, 4, 4]
    # Of the first patients both views are taken.
    few = read_sequences(echonet, (2, 3, 2))
    assert [one.name for one in few.splits["TRAIN"]] == ["0X0", "0X1"]
    assert few.digest != read_sequences(echonet).digest


def test_a_folder_that_has_moved_is_the_same_data_set(echonet, tmp_path):
    shutil.copytree(echonet, tmp_path / "moved")
    digests = {read_sequences(root).digest for root in (tmp_path / "moved", echonet)}
    assert len(digests) == 1


def test_other_folders_are_refused(echonet, tmp_path):
    (tmp_path / "patients.txt").write_text("none\n")
    with pytest.raises(InputError, match=r"neither FileList\.csv nor patients"):
        echo_sequences(tmp_path)
    (tmp_path / "FileList.csv").write_text("FileName\n")
    with pytest.raises(InputError, match=r"no VolumeTracings\.csv, Videos"):
        echo_sequences(tmp_path)
    with pytest.raises(InputError, match=r"fewer than two patients.* in TEST"):
        read_sequences(echonet, (4, 3, 1))


def test_the_command_hands_its_folder_for_work_to_the_study(echonet, tmp_path, monkeypatch):
    from cardiotwin.cli import main

    given = []

    def stopped(given_, recipe, start, *, seed, work):
        given.append((given_.name, seed, work))
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "sequences_table", stopped)
    monkeypatch.setattr(study, "shipped_model", lambda: None)
    where = ["--data", str(echonet), "--out", str(tmp_path), "--seed", "3"]
    with pytest.raises(SystemExit) as left:
        main(["reproduce", "echo-sequences", *where])
    assert left.value.code == 130
    assert given == [("EchoNet-Dynamic", 3, tmp_path / "echo-sequences.work")]
    assert [name for name, one in STUDIES.items() if one.works] == ["echo-sequences"]


def test_volumes_of_half_beats_come_from_the_masks_and_ef_from_the_list(camus, made):
    for one in (one for part in read_sequences(camus).splits.values() for one in part):
        true = made[2 * (int(one.patient[-4:]) - 1)]
        assert 100 * (1 - one.esv_ml / one.edv_ml) == pytest.approx(true.ef_percent, abs=0.01)
        # Disks of both planes; the largest frame need not be exactly at end-diastole.
        assert one.edv_ml == pytest.approx(true.edv_ml, rel=0.15)


def test_halves_split_no_patient(camus):
    records = [one for part in read_sequences(camus).splits.values() for one in part]
    first, second = ({patient_of(one) for one in own} for own in halves(records, 0))
    assert len(first) == len(second) == 3 and not first & second
    assert {patient_of(one) for one in halves(records[::-1], 0)[0]} == first


def test_traced_frames_are_shown_as_in_clips_and_masks_move_with_them(echonet, made):
    for record, one in zip(read_sequences(echonet).splits["TRAIN"], made[::2], strict=False):
        frames, masks = traced_frames(record, 112, cavity_only=True)
        clip = record.clip()
        apart = max(1, round(0.025 * clip.frame_rate_hz))
        every = with_neighbours(resize(crop_to_sector(clip), 112).frames, apart)
        here = [record.masks()[phase].frame for phase in ("ED", "ES")]
        assert here == [one.volumes_ml.argmax(), one.volumes_ml.argmin()]
        assert np.array_equal(frames, every[here])
        # From 64 to 112 pixels a label covers so many times as many, and nothing is background.
        true = (one.masks[here] == 1).sum((1, 2)) * (112 / 64) ** 2
        assert (masks == 1).sum((1, 2)) == pytest.approx(true, rel=0.03)
        assert set(np.unique(masks)) == {1, 255}


def test_all_labels_of_half_beats_are_kept(camus, made):
    record = read_sequences(camus).splits["TRAIN"][0]
    _, masks = traced_frames(record, 64)
    clip = made[0].clip
    assert clip.mm_per_pixel[0] == pytest.approx(clip.mm_per_pixel[1])
    assert np.array_equal(masks[0], made[0].masks[made[0].volumes_ml.argmax()])


def test_batches_show_every_clip_once_a_round_and_step_over_damaged_ones(echonet, tmp_path):
    shutil.copytree(echonet, tmp_path / "data")
    (tmp_path / "data" / "Videos" / "0X2.avi").write_bytes(b"RIFF0000AVI cut")
    records = read_sequences(tmp_path / "data").splits["TRAIN"]
    alone = [traced_frames(records[k], 64)[0].tobytes() for k in (0, 1, 3)]
    batches = TracedBatches(records, 64, 2, seed=1, cavity_only=True)
    seen = np.concatenate([batches(step)[0] for step in (2, 3)])
    shown = [seen[k : k + 2].tobytes() for k in range(0, 8, 2)]
    assert set(shown) == set(alone) and len(shown) == 4
    assert np.array_equal(batches(3)[0], batches(3)[0])
    frames, masks = all_traced_frames(records, 64, cavity_only=True)
    assert len(frames) == len(masks) == 6
    others = PhantomFrames(Phantom(size=64), clips=1)
    mixed = TracedBatches(records, 64, 2, seed=1, cavity_only=True, others=others)(0)[1]
    assert (mixed[:4] == 255).any((1, 2)).all() and set(np.unique(mixed[4:])) == {0, 1, 2, 3}


def test_answers_without_a_single_draw_are_no_numbers_and_hold_nothing(rng):
    draws = rng.standard_normal((4, 200))
    draws[1], draws[2, :50] = np.nan, np.nan
    assert np.isfinite(middle(draws)).tolist() == [True, False, True, True]
    assert held(draws, np.zeros(4)) == 75
    assert mae(draws, middle(draws) + 2.0) == pytest.approx(2.0)


def test_draws_of_both_views_are_averaged_and_one_view_stays_as_it_is(rng):
    """Patients b, a, b, c: clips 0 and 2 belong together."""
    zeros, none = np.zeros((4, 1)), np.zeros(0)
    encoding = Encoding(zeros, np.zeros(1), zeros, np.full(4, np.nan), np.ones(4))
    edv = np.array([100.0, 110.0, 100.0, 120.0])
    clips = EncodedClips(encoding, Known(edv, 0.5 * edv, None), {"record": np.arange(4.0)})
    inputs = TwinInputs(none, none, np.zeros((0, 0)), none, none)
    model = TwinModel((), inputs, None, "ef", {})
    own = Answers(rng.standard_normal((4, 7)), None, None, None, (), 1.0, 2.0)
    found, of = answers_by_patient(model, own, clips, np.array(["b", "a", "b", "c"]), 0)
    assert of.truth["record"].tolist() == [1, 0, 3]
    expected = [own.ef[1], 0.5 * (own.ef[0] + own.ef[2]), own.ef[3]]
    np.testing.assert_allclose(found.ef, expected)
    assert found.edv is None and found.seconds == 1.0


@pytest.mark.slow
def test_the_study_counts_what_fails_and_goes_on_where_it_was(echonet, tmp_path, monkeypatch):
    """Of ten clips one is damaged; nothing is encoded twice, and the rows are the same again."""
    shutil.copytree(echonet, tmp_path / "data")
    (tmp_path / "data" / "Videos" / "0X9.avi").write_bytes(b"RIFF0000AVI cut")
    given, model = read_sequences(tmp_path / "data"), shipped_model()
    table = sequences_table(given, TINY, model, work=tmp_path / "work")
    assert table.columns == COLUMNS and len(table.rows) == 5
    assert [row[1] for row in table.rows] == [3, 3, 3, 3, 3]
    assert table.column("no answer") == [1, 1, 1, 1, 0]
    assert any("1 of 3 test" in note for note in table.notes)
    assert np.isfinite([row[3] for row in table.rows]).all() and "ef" in table.figures
    truth = [100 * (1 - one.esv_ml / one.edv_ml) for one in given.splits["TEST"]]
    mean = np.mean([100 * (1 - one.esv_ml / one.edv_ml) for one in given.splits["TRAIN"]])
    assert table.rows[-1][3] == pytest.approx(np.mean(np.abs(truth - mean)))

    def never(*given, **named):
        raise AssertionError("encoded twice")

    monkeypatch.setattr(encoded_clips, "segment", never)
    again = sequences_table(given, TINY, model, work=tmp_path / "work")
    for old, new in zip(table.rows, again.rows, strict=True):
        assert [x for k, x in enumerate(old) if k not in TIMES] == [
            x for k, x in enumerate(new) if k not in TIMES
        ]
    # With nothing kept all is done anew.
    with pytest.raises(AssertionError, match="encoded twice"):
        sequences_table(given, TINY, model, work=tmp_path / "other")


@pytest.mark.slow
def test_half_beats_of_both_views_are_told_by_clip_and_by_patient(camus):
    table = sequences_table(read_sequences(camus), TINY, shipped_model())
    lines = {row[0]: row for row in table.rows}
    assert len(lines) == 9 and lines["P-SSL, EF"][1] == 4
    assert lines["P-SSL, EF, by patient"][1] == lines["supervised, EF, by patient"][1] == 2
    assert any("half a beat" in note for note in table.notes)


@pytest.mark.slow
def test_a_damaged_video_is_counted_by_the_encoding(echonet, tmp_path):
    shutil.copytree(echonet, tmp_path / "data")
    (tmp_path / "data" / "Videos" / "0X0.avi").write_bytes(b"RIFF0000AVI cut")
    records = read_sequences(tmp_path / "data").splits["TRAIN"]
    found = encode_clips(LabelledRecords(records), 4, quiet=True)
    assert found.failed == 1 and found.truth["record"].tolist() == [1, 2, 3]
