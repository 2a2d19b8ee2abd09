"""What identify finds can be saved and read back: nothing is lost, damage is told."""

import json
import shutil
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identified import WEAK, identified, weak_heart

from cardiotwin import FileFormatError, InputError
from cardiotwin._provenance import make_provenance
from cardiotwin.circulation import INDEX_NAMES, Circulation, steady_state
from cardiotwin.hemodynamics import (
    ADULT,
    Curve,
    MaximumAPosteriori,
    Measurements,
    Prior,
    Unknowns,
    identify,
)
from cardiotwin.report import (
    load_beat,
    load_identification,
    load_identifications,
    save_beat,
    save_identification,
)

NUMBERS = st.floats(-1e3, 1e3) | st.sampled_from([1e-300, -0.0, np.pi])
ODD = NUMBERS | st.sampled_from([np.nan, np.inf, -np.inf])


def assert_same(found, wanted):
    for name in ("status", "trusted", "seconds", "provenance"):
        assert getattr(found, name) == getattr(wanted, name), name
    np.testing.assert_equal(found.diagnostics, wanted.diagnostics)
    for name in ("coordinates", "weights", "mode"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)
    for name in INDEX_NAMES:
        np.testing.assert_array_equal(found.values(name), wanted.values(name), err_msg=name)
    assert list(found.unknowns.priors.items()) == list(wanted.unknowns.priors.items())
    assert found.unknowns.fixed.values() == wanted.unknowns.fixed.values()
    assert found.measurements.as_dict() == wanted.measurements.as_dict()
    assert found.measurements.errors == wanted.measurements.errors
    assert found.measurements.names == wanted.measurements.names
    assert {item.name for item in fields(found)} == {
        *("coordinates", "weights", "mode", "predicted", "status", "trusted", "diagnostics"),
        *("seconds", "provenance", "measurements", "unknowns"),
    }


@st.composite
def plans(draw):
    """Draw the numbers and names of an identification."""
    names = draw(st.lists(st.sampled_from(list(ADULT)), min_size=1, max_size=4, unique=True))
    n, k = draw(st.integers(1, 5)), len(names)
    return {
        "names": names,
        "shares": draw(st.lists(st.floats(0.0, 1.0), min_size=n, max_size=n)),
        "rows": draw(st.lists(NUMBERS, min_size=(n + 1) * k, max_size=(n + 1) * k)),
        "times": draw(st.none() | st.lists(st.floats(0, 1), min_size=1, max_size=4, unique=True)),
        "edv_ml": draw(st.floats(100, 300)),
        "systolic_mmhg": draw(st.none() | st.floats(90, 200)),
        "errors": draw(st.dictionaries(st.sampled_from(["edv_ml", "lvedp_mmhg"]), st.floats(1, 9))),
        "prior": (draw(st.floats(0.1, 9)), draw(st.text(max_size=5))),
        "fixed": {"emin": draw(st.floats(0.03, 0.1)), "mitral_leak": draw(st.floats(0, 0.1))},
        "status": draw(st.text(max_size=20)),
        "trusted": draw(st.booleans()),
        "diagnostics": {"k_hat": draw(ODD)},
        "seconds": draw(st.floats(0, 1e4)),
        "seed": draw(st.none() | st.integers(0)),
    }


def build(plan):
    """Return the identification of a plan."""
    shares, times = np.array(plan["shares"]) + 1e-9, plan["times"]
    rows = np.array(plan["rows"]).reshape(len(shares) + 1, -1)
    curve = None if times is None else Curve(np.sort(times), 100 + 10 * np.sort(times), 3.5)
    priors = {name: ADULT[name] for name in plan["names"]}
    median, source = plan["prior"]
    priors[plan["names"][0]] = Prior(median, 0.4, source=source)
    return identified(
        rows[1:],
        shares / shares.sum(),
        mode=rows[0],
        measurements=Measurements(
            edv_ml=plan["edv_ml"],
            systolic_mmhg=plan["systolic_mmhg"],
            volume_curve=curve,
            errors=plan["errors"],
        ),
        unknowns=Unknowns(priors, Circulation(**plan["fixed"])),
        provenance=make_provenance(MaximumAPosteriori(), seed=plan["seed"]),
        **{name: plan[name] for name in ("status", "trusted", "diagnostics", "seconds")},
    )


@settings(max_examples=30)
@given(plan=plans())
def test_whatever_is_saved_is_read_back_exactly(plan, tmp_path_factory):
    found = build(plan)
    folder = save_identification(tmp_path_factory.mktemp("any") / "one", found)
    assert_same(load_identification(folder), found)
    again = save_identification(folder.parent / "two", load_identification(folder))
    for name in ("result.json", "parameters.csv"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_an_identification_is_read_back_and_answers_the_same(tmp_path):
    clinic = Measurements(edv_ml=150, esv_ml=70, heart_rate_bpm=65, systolic_mmhg=125)
    found = identify(clinic, method=MaximumAPosteriori(), seed=4)
    read = load_identification(save_identification(tmp_path / "patient", found))
    assert_same(read, found)
    assert read.interval("lv_peak_mmhg") == found.interval("lv_peak_mmhg")
    one, other = (own.resample(20, seed=1).values() for own in (read, found))
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


def test_a_beat_keeps_what_it_was_found_by(tmp_path):
    found = weak_heart(-1.0)
    beat = steady_state(Circulation(emax=[1.0]))[0]
    folder = save_beat(tmp_path / "beat", beat, identification=found, report=False)
    kept = load_beat(folder)
    assert kept.identification is not None
    assert_same(kept.identification, found)
    assert_same(load_identification(folder), found)
    assert_same(load_identification(folder / "result.json"), found)
    save_beat(tmp_path / "again", kept, report=False)
    assert_same(load_identification(tmp_path / "again"), found)
    shutil.rmtree(folder / "identification")
    with pytest.raises(FileFormatError, match="identification"):
        load_beat(folder)


def test_several_patients_have_the_names_of_their_folders(tmp_path):
    for name in ("ward/ann", "ward/bob", "other/ann"):
        save_identification(tmp_path / name, weak_heart(-1.0, status=name))
    (tmp_path / "ward" / "notes").mkdir()
    assert list(load_identifications([tmp_path / "ward"])) == ["ann", "bob"]
    both = load_identifications([tmp_path / "other" / "ann", tmp_path / "ward"])
    assert list(both) == [str(tmp_path / "other" / "ann"), str(tmp_path / "ward" / "ann"), "bob"]
    assert [own.status for own in both.values()] == ["other/ann", "ward/ann", "ward/bob"]
    with pytest.raises(InputError, match=r"twice.*each patient once"):
        load_identifications([tmp_path / "ward", tmp_path / "ward" / "bob" / "result.json"])
    with pytest.raises(InputError, match="at least one folder"):
        load_identifications([])


def test_the_folder_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    # Once: another second would be another provenance.
    kept = weak_heart(-1.0)
    folder = save_identification(tmp_path / "a", kept)
    with pytest.raises(InputError, match="earlier result"):
        save_identification(folder, weak_heart(-2.0))
    monkeypatch.setattr(np, "savez_compressed", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_identification(folder, weak_heart(-2.0), overwrite=True)
    monkeypatch.undo()
    assert_same(load_identification(folder), kept)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    later = weak_heart(-2.0)
    save_identification(folder, later, overwrite=True)
    assert_same(load_identification(folder), later)


def _edit(folder, **changes):
    facts = json.loads((folder / "result.json").read_text())
    facts = {name: value for name, value in {**facts, **changes}.items() if value != "gone"}
    (folder / "result.json").write_text(json.dumps(facts))


def _rewrite(folder, **changes):
    with np.load(folder / "arrays.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays = {name: own for name, own in {**arrays, **changes}.items() if own is not None}
    np.savez(folder / "arrays.npz", **arrays)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "result.json").write_text("{"), "result.json: found not JSON"),
        (lambda f: (f / "result.json").unlink(), "no identification.*identify --out"),
        (lambda f: _edit(f, schema="cardiotwin.beat"), '"schema": "cardiotwin.identification"'),
        (lambda f: _edit(f, schema_version=9), "found schema version 9; expected version 1"),
        (lambda f: _edit(f, status="gone"), "fields that do not fit.*status"),
        (lambda f: _edit(f, trusted="yes"), "trusted is 'yes'"),
        (lambda f: _edit(f, fixed={"emaxx": 1.0}), "emaxx.*identify the patient again"),
        (lambda f: _edit(f, unknowns={}), "at least one free parameter"),
        (lambda f: _edit(f, measurements={"edv_ml": 1e9}), "edv_ml"),
        (lambda f: _edit(f, curves=["volume_curve"]), "volume_curve"),
        (lambda f: (f / "arrays.npz").unlink(), "arrays.npz"),
        (lambda f: (f / "arrays.npz").write_bytes(b"PK\x03\x04 broken"), "damaged archive"),
        (lambda f: _rewrite(f, weights=None), "fields that do not fit.*weights"),
        (lambda f: _rewrite(f, weights=np.full(40, 0.5)), "weights that sum to 20"),
        (lambda f: _rewrite(f, weights=np.full(39, 1 / 39)), "shape"),
        (lambda f: _rewrite(f, coordinates=np.full((40, 2), np.nan)), "NaN"),
        (lambda f: _rewrite(f, mode=np.zeros(3)), "mode"),
        (lambda f: _rewrite(f, **{"predicted.edv_ml": np.zeros(3)}), "edv_ml"),
    ],
)
def test_damaged_files_are_refused_with_their_name(damage, message, tmp_path):
    folder = save_identification(tmp_path / "one", weak_heart(-1.0))
    damage(folder)
    with pytest.raises(FileFormatError, match=message) as refused:
        load_identification(folder)
    assert str(folder) in str(refused.value)


def test_what_is_no_identification_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for wrong, message in (
        (tmp_path / "nowhere", "nothing there"),
        (tmp_path / "empty", "no identification"),
        (__file__, "no identification"),
    ):
        with pytest.raises(FileFormatError, match=message):
            load_identifications([wrong])


def test_an_index_that_the_writer_did_not_know_is_unknown(tmp_path):
    folder = save_identification(tmp_path / "one", weak_heart(-1.0))
    facts = json.loads((folder / "result.json").read_text())
    _edit(folder, indices=[name for name in facts["indices"] if name != "efficiency"])
    found = load_identification(folder)
    assert np.isnan(found.values("efficiency")).all()
    assert WEAK.names == found.unknowns.names
