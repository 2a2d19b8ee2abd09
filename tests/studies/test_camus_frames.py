"""The folds on annotated frames, on a made-up file with the layout of the measured one."""

import csv

import jax
import numpy as np
import pytest

from cardiotwin import FileFormatError
from cardiotwin.echo import SegmentationModel
from cardiotwin.echo._segmentation_network import SegmentationNetwork
from cardiotwin.studies import FinishedParts
from cardiotwin.studies._camus_frames import (
    FineTuning,
    correction,
    cross_validated,
    patients_of_folds,
    shuffled,
    voted,
)
from cardiotwin.studies._camus_masks import (
    FOLDER,
    VIEWS,
    ejection_fractions,
    mended,
    read_camus_frames,
)
from cardiotwin.studies._camus_table import agreement, camus_table

SIDE, SIZE, PATIENTS = 64, 32, 7
BASE = 46
"""Row of the annulus."""
WIDTHS = 9 + np.arange(PATIENTS) % 4
"""Half of the width of each patient's ventricle at end-diastole, pixels."""

RECIPE = FineTuning(folds=3, steps=3, batch=4, networks=2, held_out=1)


def _heart(half_width, length):
    """Return a mask: half an ellipse in a wall that is open below, the atrium underneath."""
    row, column = np.indices((SIDE, SIDE)) + 0.5
    up, aside = BASE - row, abs(column - SIDE / 2)
    wall = (up / (length + 6)) ** 2 + (aside / (half_width + 6)) ** 2 < 1
    cavity = (up / length) ** 2 + (aside / half_width) ** 2 < 1
    atrium = (up > -10) & (aside < half_width)
    return np.where(up > 0, np.where(cavity, 1, 2 * wall), 3 * atrium).astype(np.uint8)


def _all_masks():
    """Return masks (n_patients, 4, SIDE, SIDE) of hearts that differ in width."""
    return np.array([[_heart(w, 30), _heart(w - 3, 28)] * 2 for w in WIDTHS])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Give a folder with a look-alike of the data set."""
    root = tmp_path_factory.mktemp("data")
    folder = root / FOLDER
    folder.mkdir()
    masks = _all_masks()
    noise = np.random.default_rng(0).integers(0, 30, masks.shape)
    images = (np.array([20, 60, 200, 90])[masks] + noise).astype(np.uint8)
    names = [f"patient{k:04d}" for k in range(PATIENTS)]
    np.savez(folder / "camus_edes.npz", patient=names, view_phase=VIEWS, images=images, masks=masks)
    with (folder / "ef_from_masks.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["patient", *(f"ef_{k}_percent" for k in ("biplane", "2ch", "4ch"))])
        writer.writerows([name, 60, 60, 60] for name in names[1:])
    return root


@pytest.fixture(scope="module")
def given(data):
    return read_camus_frames(data / FOLDER, SIZE)


def test_frames_are_averaged_and_masks_keep_their_shares(given):
    assert given.frames.shape == given.masks.shape == (PATIENTS, len(VIEWS), SIZE, SIZE)
    assert given.patients[0] == "patient0000"
    cavity = (given.masks[:, 0] == 1).sum((1, 2))
    area = np.pi / 2 * WIDTHS * 30 / 4
    assert np.allclose(cavity, area, rtol=0.1)
    # A table without a patient leaves a gap, not a wrong line.
    assert np.isnan(given.listed_ef[0]).all() and (given.listed_ef[1:] == 60).all()


def test_ejection_fraction_is_that_of_half_spheroids(given):
    true = 100 * (1 - (WIDTHS - 3) ** 2 * 28 / (WIDTHS**2 * 30))
    assert np.allclose(given.ef, true[:, None], atol=2.5)


def test_pixels_that_are_not_square_hardly_change_the_ejection_fraction():
    masks = _all_masks()
    for sides in ((1.3, 1.0), (1.0, 1.3)):
        assert np.allclose(ejection_fractions(masks, sides), ejection_fractions(masks), atol=2)


def test_a_ventricle_cut_off_by_the_lower_edge_has_a_volume():
    masks = np.array([[_heart(10, 30), _heart(7, 28)] * 2])[:, :, :46]
    assert np.isfinite(ejection_fractions(masks)).all()


def test_false_lines_between_labels_are_removed_and_true_patches_stay():
    true = _heart(10, 30)
    false = true.copy()
    # What rounding makes of interpolated labels: 0|2 gets a line of 1, 1|3 a line of 2.
    false[:BASE][(true[:BASE] == 0) & (np.roll(true[:BASE], -1, 0) == 2)] = 1
    false[BASE, 22:42] = 2
    found = mended(false[None])[0]
    assert ((false == 1) & (true == 0)).sum() > 20 and not ((found == 1) & (true == 0)).any()
    assert (found[BASE, 22:42] != 2).all()
    assert (mended(true[None])[0] != true).mean() < 0.002


@pytest.mark.parametrize("seed", [0, 3])
def test_every_patient_is_tested_once_and_never_by_a_network_that_saw_it(given, seed):
    folds = patients_of_folds(given, 3, seed)
    assert sorted(k for fold in folds for k in fold) == list(range(PATIENTS))
    assert all(set(a).isdisjoint(b) for a in folds for b in folds if a is not b)


def test_rounds_show_every_frame_once_and_depend_on_the_step_only():
    frames = np.arange(12, dtype=np.uint8)[:, None, None]
    batch = shuffled(frames, frames, 4, seed=1)
    rounds = [np.concatenate([batch(3 * k + j)[1].ravel() for j in range(3)]) for k in (0, 1)]
    assert all(sorted(one) == list(range(12)) for one in rounds)
    assert not np.array_equal(*rounds) and np.array_equal(batch(4)[0], batch(4)[0])


def test_trainings_never_see_the_patients_they_are_tested_on(given, tmp_path, monkeypatch):
    seen = []

    def watched(*, batches, validation, steps, start, **others):
        shown = np.concatenate([batches(k)[0] for k in range(20)] + [validation[0]])
        seen.append({image.tobytes() for image in shown[..., 0]})
        return start, None

    monkeypatch.setattr("cardiotwin.studies._camus_frames.train_segmentation", watched)
    model = SegmentationModel(SegmentationNetwork((8, 8), key=jax.random.key(0)), (8, 8), SIZE, {})
    parts = FinishedParts(tmp_path / "parts.jsonl", {})
    before, after = cross_validated(model, given, RECIPE, parts=parts)
    folds = [fold for fold in after for _ in range(RECIPE.networks)]
    for shown, fold in zip(seen, folds, strict=True):
        tested = {image.tobytes() for row in fold for image in given.frames[row[0]]}
        assert len(shown) == (PATIENTS - len(fold)) * len(VIEWS) and not shown & tested
    # Weights were left as they were: each fold repeats what the model scored without it.
    assert sorted(row[:-1] for fold in after for row in fold) == before
    # A run that was interrupted trains no fold twice.
    cross_validated(model, given, RECIPE, parts=FinishedParts(tmp_path / "parts.jsonl", {}))
    assert len(seen) == RECIPE.folds * RECIPE.networks


def test_perfect_masks_have_dice_one_and_no_error(given):
    rows = [[k, *[1.0] * 12, *map(float, given.ef[k]), given.ef[k, 0]] for k in range(PATIENTS)]
    table = camus_table(given, rows, [rows[:3], rows[3:5], rows[5:]], [])
    assert table.rows[0][1:9] == [PATIENTS, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    assert "MISSED" not in table.notes[0] and table.notes[0].count("reached") == 4
    assert table.column("segmentation")[-1] == "mean EF of the other folds"
    assert set(table.figures) == {"ef", "dice"}


def test_the_line_that_corrects_is_found_from_many_patients_and_a_shift_from_few(rng):
    seen = rng.uniform(20, 70, 4000)
    offset, slope = correction(seen, 10 + 0.8 * seen)
    assert slope == pytest.approx(0.8, abs=0.01) and offset == pytest.approx(10, abs=0.4)
    seen = np.array([40.0, 41.0, np.nan])
    offset, slope = correction(seen, np.array([45.0, 44.0, 60.0]))
    assert slope == pytest.approx(1.0, abs=0.01)
    assert offset + slope * 40.5 == pytest.approx(44.5)
    assert correction(np.array([np.nan]), np.array([50.0])) == (0.0, 1.0)


def test_networks_that_vote_are_as_sure_together_as_in_the_mean(given):
    models = [
        SegmentationModel(SegmentationNetwork((8, 8), key=jax.random.key(k)), (8, 8), SIZE, {})
        for k in range(2)
    ]
    frames = given.frames[:2]
    alone = [voted([one], frames) for one in models]
    flat = frames.reshape(-1, SIZE, SIZE)
    assert np.array_equal(alone[0].reshape(flat.shape), models[0].masks(flat))
    both = voted(models, frames)
    agreed = alone[0] == alone[1]
    assert 0 < agreed.mean() < 1 and np.array_equal(both[agreed], alone[0][agreed])
    assert np.array_equal(voted([models[0]] * 2, frames), alone[0])


def test_limits_of_agreement_hold_95_percent_of_normal_errors(rng):
    true = rng.uniform(20, 70, 4000)
    error, bias, low, high, correlation = agreement(true + rng.normal(2, 5, 4000), true)
    found = np.mean((low < rng.normal(2, 5, 4000)) & (rng.normal(2, 5, 4000) < high))
    assert bias == pytest.approx(2, abs=0.3) and 0.9 < found < 0.98
    assert 3.9 < error < 4.6 and 0.9 < correlation < 0.97


@pytest.mark.parametrize("missing", ["camus_edes.npz", "ef_from_masks.csv"])
def test_a_missing_file_is_named(missing, data, tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    for path in (data / FOLDER).iterdir():
        if path.name != missing:
            (folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(FileFormatError, match=missing):
        read_camus_frames(folder, SIZE)


def test_a_file_with_other_views_or_labels_is_refused(data, tmp_path):
    with np.load(data / FOLDER / "camus_edes.npz") as file:
        arrays = dict(file)
    (tmp_path / "ef_from_masks.csv").write_bytes((data / FOLDER / "ef_from_masks.csv").read_bytes())
    wrong = {"view_phase": arrays["view_phase"][::-1], "masks": 2 * arrays["masks"]}
    for name, array in wrong.items():
        np.savez(tmp_path / "camus_edes.npz", **arrays | {name: array})
        with pytest.raises(FileFormatError, match=r"views|labels"):
            read_camus_frames(tmp_path, SIZE)


def test_masks_of_experts_give_the_listed_ejection_fractions(shared_data):
    given = read_camus_frames(shared_data(FOLDER), 112, limit=20)
    biplane, two, four = (
        agreement(own, listed) for own, listed in zip(given.ef.T, given.listed_ef.T, strict=True)
    )
    # Planes are read alike; who made the table joins the two in another way.
    assert two[0] < 0.8 and four[0] < 0.8 and biplane[0] < 2.0
    assert all(abs(one[1]) < 1.0 for one in (biplane, two, four))
