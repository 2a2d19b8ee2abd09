import csv
import json
import os
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from cardiotwin import FileFormatError, InputError, report
from cardiotwin.ecgi import estimate_activation
from cardiotwin.geometry import read_surface
from cardiotwin.report import _store
from cardiotwin.report._folder import atomic_folder


def test_a_result_comes_back_as_it_was(beat, folder):
    saved, result = report.load_reconstruction(folder), beat["result"]
    np.testing.assert_array_equal(saved.heart_potentials, result.heart_potentials)
    np.testing.assert_array_equal(saved.truth, beat["truth"])
    np.testing.assert_array_equal(saved.body_measured, result.problem.data)
    np.testing.assert_allclose(
        saved.body_predicted, result.problem.matrix @ result.heart_potentials
    )
    np.testing.assert_array_equal(saved.heart.faces, beat["case"].heart.faces)
    np.testing.assert_array_equal(saved.electrodes_mm, beat["case"].torso.vertices_mm)
    np.testing.assert_array_equal(
        saved.uncertainty.standard_deviation, result.uncertainty.standard_deviation
    )
    np.testing.assert_array_equal(saved.parameter.candidates, result.parameter.candidates)
    assert saved.parameter.interval == result.parameter.interval
    assert saved.parameter.others == result.parameter.others
    assert saved.provenance == result.provenance
    assert saved.metrics["relative_error"] == beat["metrics"].relative_error
    assert saved.body_residual == result.body_residual
    assert saved.torso_potentials_are_measured


def test_saving_what_was_loaded_changes_nothing(folder, tmp_path):
    again = report.save_reconstruction(
        tmp_path / "again", report.load_reconstruction(folder), report=False, stride=60
    )
    for name in ("result.json", "metrics.csv", "activation.csv"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    with np.load(folder / "arrays.npz") as first, np.load(again / "arrays.npz") as second:
        assert set(first.files) == set(second.files)
        for name in first.files:
            np.testing.assert_array_equal(first[name], second[name])


def test_numbers_that_json_does_not_know_survive(folder, tmp_path):
    saved = report.load_reconstruction(folder)
    odd = replace(
        saved,
        metrics={"a": np.nan, "b": np.inf},
        parameter=replace(saved.parameter, interval=(0.0, np.inf)),
    )
    back = report.load_reconstruction(
        report.save_reconstruction(tmp_path / "odd", odd, report=False, stride=60)
    )
    assert np.isnan(back.metrics["a"]) and back.metrics["b"] == np.inf
    assert back.parameter.interval == (0.0, np.inf)


def test_tables_say_what_the_arrays_say(folder):
    saved = report.load_reconstruction(folder)
    rows = list(csv.reader((folder / "activation.csv").read_text().splitlines()))
    assert rows[0] == ["node", "activation_ms", "truth_activation_ms"]
    written = np.array(rows[1:], dtype=float)
    np.testing.assert_allclose(written[:, 1], saved.activation_ms, rtol=1e-5)
    metrics = dict(list(csv.reader((folder / "metrics.csv").read_text().splitlines()))[1:])
    assert float(metrics["relative_error"]) == saved.metrics["relative_error"]


def test_activation_times_follow_the_wave(folder):
    saved = report.load_reconstruction(folder)
    arrival = np.linalg.norm(
        saved.heart.vertices_mm - saved.heart.vertices_mm[saved.truth_activation_ms.argmin()],
        axis=1,
    )
    assert np.corrcoef(arrival, saved.truth_activation_ms)[0, 1] > 0.99
    assert np.corrcoef(saved.activation_ms, saved.truth_activation_ms)[0, 1] > 0.8


def test_activation_is_sought_in_one_beat_of_several(beat):
    wave = -np.gradient(beat["truth"], axis=1)
    wave = np.concatenate([wave, 1.1 * wave], axis=1)
    times = 5.0 * np.arange(wave.shape[1])
    found = estimate_activation(beat["case"].heart, wave, wave, times)
    assert found.truth.max() < 305.0 and found.reconstruction.max() < 305.0
    assert "one activation of the record" in found.how and "fall" in found.how
    alone = estimate_activation(beat["case"].heart, wave[:, :61], None, times[:61])
    assert np.corrcoef(alone.reconstruction, found.truth)[0, 1] > 0.95


def test_paraview_files_hold_the_potentials_of_their_instants(folder):
    saved = report.load_reconstruction(folder)
    entries = ElementTree.parse(folder / "heart.pvd").findall("Collection/DataSet")
    moments = [float(entry.get("timestep")) for entry in entries]
    np.testing.assert_allclose(moments, saved.times_ms[::20])
    for entry, column in zip(entries, range(0, 61, 20), strict=True):
        path = folder / entry.get("file")
        surface = read_surface(path)
        np.testing.assert_allclose(surface.vertices_mm, saved.heart.vertices_mm)
        np.testing.assert_array_equal(surface.faces, saved.heart.faces)
        values = _point_data(path)
        np.testing.assert_array_equal(
            values["reconstruction (normalized)"], saved.heart_potentials[:, column]
        )
        np.testing.assert_array_equal(values["activation (ms)"], saved.activation_ms)
    assert ElementTree.parse(folder / "torso.pvd").find("Collection/DataSet") is not None


def _point_data(path):
    import base64

    arrays = ElementTree.parse(path).findall(".//PointData/DataArray")
    decoded = {}
    for array in arrays:
        raw = base64.b64decode("".join(array.text.split()))
        assert int.from_bytes(raw[:8], "little") == len(raw) - 8
        decoded[array.get("Name")] = np.frombuffer(raw[8:], "<f8")
    return decoded


def test_at_most_a_hundred_instants_by_default(tmp_path, beat):
    heart = beat["case"].heart
    chosen = report.write_vtk_series(
        tmp_path, "x", heart, np.arange(661.0), {"u": np.zeros((heart.n_nodes, 661))}, most=10
    )
    assert len(chosen) <= 10 and chosen[0] == 0
    with pytest.raises(InputError, match="letters, digits"):
        report.write_vtk_series(tmp_path, "../x", heart, [0.0], {})


def test_an_interrupted_write_leaves_nothing(beat, tmp_path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_store, "_write_tables", fail)
    with pytest.raises(KeyboardInterrupt):
        report.save_reconstruction(tmp_path / "out", beat["result"], unit="mV", report=False)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_overwrite_leaves_the_old_result(beat, folder, tmp_path, monkeypatch):
    old = report.save_reconstruction(
        tmp_path / "out", report.load_reconstruction(folder), report=False, stride=60
    )
    facts = (old / "result.json").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(_store, "_write_vtk", fail)
    with pytest.raises(OSError, match="disk full"):
        report.save_reconstruction(
            tmp_path / "out", beat["result"], unit="mV", report=False, overwrite=True
        )
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (old / "result.json").read_bytes() == facts


def test_a_folder_that_cannot_take_its_place_gives_the_old_one_back(tmp_path, monkeypatch):
    target = tmp_path / "out"
    with atomic_folder(target) as temporary:
        (temporary / "result.json").write_text('{"schema": "cardiotwin.reconstruction"}')
    real, calls = os.replace, []

    def second_fails(source, destination):
        calls.append(source)
        if len(calls) == 2:
            raise PermissionError("locked")
        real(source, destination)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(PermissionError), atomic_folder(target, overwrite=True) as temporary:
        (temporary / "result.json").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert "schema" in (target / "result.json").read_text()


def test_existing_folders_are_refused_unless_they_are_results(folder, tmp_path):
    saved = report.load_reconstruction(folder)
    with pytest.raises(InputError, match="overwrite=True"):
        report.save_reconstruction(folder, saved)
    precious = tmp_path / "home"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="not a result of cardiotwin"):
        report.save_reconstruction(precious, saved, overwrite=True)
    assert (precious / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "result.json").write_text("{"), "not JSON"),
        (lambda f: (f / "result.json").write_text("[1]"), "schema"),
        (lambda f: (f / "arrays.npz").write_bytes(b"PK\x03\x04 broken"), "damaged archive"),
        (lambda f: (f / "arrays.npz").unlink(), "nothing there"),
        (lambda f: _edit(f, schema_version=99), "schema version 99"),
        (lambda f: _edit(f, provenance={}), "fields that do not fit"),
        (lambda f: _edit(f, lead_names=["one"]), "expected shape"),
        (lambda f: _edit(f, surfaces={"head": "x"}), "fields that do not fit"),
    ],
)
def test_damaged_results_are_refused_with_a_reason(folder, tmp_path, damage, message):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("result.json", "arrays.npz"):
        (copy / name).write_bytes((folder / name).read_bytes())
    damage(copy)
    with pytest.raises(FileFormatError, match=message):
        report.load_reconstruction(copy)


def _edit(folder, **changes):
    path = folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_arguments_that_do_not_fit_are_named(beat, tmp_path):
    result = beat["result"]
    with pytest.raises(InputError, match="truth"):
        report.save_reconstruction(tmp_path / "a", result, truth=np.zeros((2, 2)))
    with pytest.raises(InputError, match="'reconstruction' and 'truth'"):
        report.save_reconstruction(tmp_path / "a", result, activation={"measured": np.zeros(150)})
    with pytest.raises(InputError, match="metrics"):
        report.save_reconstruction(tmp_path / "a", result, metrics="good")
    assert list(tmp_path.iterdir()) == []
