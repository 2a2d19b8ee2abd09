import csv
import json
import re
import shutil

import numpy as np
import pytest

from cardiotwin import FileFormatError, InputError, report
from cardiotwin.circulation import PARAMETERS, Beat
from cardiotwin.circulation._beat import WAVEFORMS

from .circulations import draws, failed, healthy, patients, pumped

LOOP = (np.array([100.0, 60.0, 70.0, 100.0]), np.array([8.0, 90.0, 5.0, 8.0]))


@pytest.fixture(scope="module")
def saved_folder(tmp_path_factory):
    return report.save_beat(
        tmp_path_factory.mktemp("beats") / "beat",
        pumped(),
        draws=draws(),
        compared={"healthy": healthy()},
        measured={"catheter": LOOP},
        title="A <b>bold</b> & simulated patient",
        name="pump",
        notes=["Simulated."],
    )


def assert_same(found: Beat, wanted: Beat) -> None:
    for name in (*WAVEFORMS, "period_residual", "beats", "status"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    for name, value in wanted.indices.as_dict().items():
        np.testing.assert_array_equal(getattr(found.indices, name), value)
    for name in PARAMETERS:
        np.testing.assert_array_equal(
            *np.broadcast_arrays(
                getattr(found.circulation, name), getattr(wanted.circulation, name)
            )
        )
    assert found.provenance == wanted.provenance
    if wanted.lvad is None:
        assert found.lvad is None
    else:
        assert found.lvad is not None and found.lvad.coefficients == wanted.lvad.coefficients
        assert found.lvad.speed_rpm == wanted.lvad.speed_rpm


def test_what_is_saved_is_read_back_exactly(saved_folder):
    found = report.load_beat(saved_folder)
    assert_same(found.beat, pumped())
    assert found.draws is not None
    assert_same(found.draws, draws())
    assert_same(found.compared["healthy"], healthy())
    np.testing.assert_array_equal(found.measured["catheter"], LOOP)
    assert (found.name, list(found.notes)) == ("pump", ["Simulated."])
    assert found.title == "A <b>bold</b> & simulated patient"


def test_saving_what_was_loaded_gives_the_same_files(saved_folder, tmp_path):
    again = report.save_beat(tmp_path / "again", report.load_beat(saved_folder))
    names = sorted(path.name for path in saved_folder.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    for name in set(names) - {"arrays.npz"}:
        assert (again / name).read_text() == (saved_folder / name).read_text(), name


def test_files_are_plain(saved_folder):
    facts = json.loads((saved_folder / "result.json").read_text())
    assert facts["indices"]["edv_ml"] == float(pumped().indices.edv_ml)
    assert "not for clinical use" in facts["disclaimer"]
    with np.load(saved_folder / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiU" for name in arrays.files)
    rows = _rows(saved_folder / "indices.csv")
    row = next(row for row in rows if row["name"] == "sv_ml")
    low, high = np.percentile(draws().indices.sv_ml, [5, 95])
    assert (row["unit"], row["draws_5_percent"]) == ("mL", f"{low:.8g}")
    assert row["draws_95_percent"] == f"{high:.8g}"
    assert row["pump"] == f"{float(pumped().indices.sv_ml):.8g}"
    waves = np.genfromtxt(saved_folder / "waveforms.csv", delimiter=",", names=True)
    np.testing.assert_allclose(waves["lv_mmhg"], pumped().lv_mmhg, rtol=1e-7)
    fixed = _rows(saved_folder / "parameters.csv")[0]
    assert (fixed["name"], fixed["draws_5_percent"]) == ("period_s", "")


def _rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "result.json").write_text("{"),
        lambda folder: (folder / "result.json").write_text('{"schema": "other"}'),
        lambda folder: (folder / "result.json").unlink(),
        lambda folder: (folder / "arrays.npz").write_bytes(b"PK nothing"),
        lambda folder: np.savez(folder / "arrays.npz", a=np.zeros(3)),
        lambda folder: _edit(folder, "schema_version", 99),
        lambda folder: _edit(folder, "beats", {}),
        lambda folder: _edit(folder, "compared", ["one", "two"]),
        lambda folder: _edit(folder, "notes", 3),
        lambda folder: _drop(folder, "beat.lv_mmhg"),
        lambda folder: _drop(folder, "beat.circulation.emax"),
        lambda folder: _drop(folder, "compared0.indices.edv_ml"),
        lambda folder: _cut(folder, "draws.volume_ml"),
    ],
)
def test_damaged_folders_are_refused(saved_folder, tmp_path, damage):
    copy = shutil.copytree(saved_folder, tmp_path / "copy")
    damage(copy)
    with pytest.raises(FileFormatError):
        report.load_beat(copy)


def _edit(folder, key, value):
    facts = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**facts, key: value}))


def _arrays(folder):
    with np.load(folder / "arrays.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def _drop(folder, name):
    np.savez(folder / "arrays.npz", **{k: v for k, v in _arrays(folder).items() if k != name})


def _cut(folder, name):
    arrays = _arrays(folder)
    np.savez(folder / "arrays.npz", **{**arrays, name: arrays[name][..., :-1]})


def test_what_the_writer_did_not_know_is_unknown_or_has_no_effect(saved_folder, tmp_path):
    copy = shutil.copytree(saved_folder, tmp_path / "copy")
    facts = json.loads((copy / "result.json").read_text())
    del facts["indices"]["efficiency"], facts["parameters"]["mitral_leak"]
    (copy / "result.json").write_text(json.dumps(facts))
    assert report.load_beat(copy).beat.circulation.mitral_leak == 0
    assert np.isnan(report.load_beat(copy).beat.indices.efficiency)


def test_folder_is_replaced_only_on_request_and_only_whole(saved_folder, tmp_path, monkeypatch):
    target = report.save_beat(tmp_path / "a", healthy(), report=False)
    with pytest.raises(InputError, match="earlier result"):
        report.save_beat(target, patients()[0])
    report.save_beat(target, patients()[0], overwrite=True, report=False)
    monkeypatch.setattr(np, "savez_compressed", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.save_beat(target, patients()[1], overwrite=True)
    monkeypatch.undo()
    assert_same(report.load_beat(target).beat, patients()[0])
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_batches_failures_and_clashing_names_are_refused(tmp_path):
    for wrong in (patients(), failed()):
        with pytest.raises(InputError):
            report.save_beat(tmp_path / "x", wrong)
    with pytest.raises(InputError, match="differ"):
        report.save_beat(tmp_path / "x", healthy(), compared={"a": healthy()}, name="a")
    assert not list(tmp_path.iterdir())


def test_section_draws_the_beat_and_says_what_is_assumed():
    saved = report.collect_beat(healthy(), draws=draws(), measured={"</script>": LOOP})
    text = report.circulation_section(saved)
    data = re.search(r'id="circulation-facts">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    facts = json.loads(data[1])
    np.testing.assert_allclose(facts["loops"][0]["x"], healthy().volume_ml, rtol=1e-5)
    np.testing.assert_allclose(facts["panels"][0]["curves"][1]["y"], healthy().aortic_mmhg, 1e-5)
    assert facts["measured"][0]["label"] == "</script>"
    assert len(facts["fan"]) == 6
    low, high = np.percentile(draws().indices.edv_ml, [5, 95])
    assert f"{low:.1f} to {high:.1f}" in text
    for words in ("not for clinical use", "does not contract", "nine of ten of 6 draws"):
        assert words in text
    assert text.count("held fixed") == len(PARAMETERS) - 2 + text.count("was held fixed")


def test_page_without_draws_says_that_nothing_was_identified(tmp_path):
    page = report.write_beat_report(healthy(), tmp_path / "page.html").read_text()
    assert "not identified" in page and "no interval" in page
    assert "Not for clinical use" in page
    assert "isovolumic contraction" in page


def test_page_escapes_names(saved_folder):
    page = (saved_folder / "report.html").read_text()
    assert "<b>bold" not in page and "A &lt;b&gt;bold&lt;/b&gt; &amp; simulated" in page


def test_report_of_a_reconstruction_holds_the_circulation(beat, tmp_path):
    plain = report.save_reconstruction(tmp_path / "plain", beat["result"], unit="mV")
    assert "circulation-facts" not in (plain / "report.html").read_text()
    both = report.save_reconstruction(
        tmp_path / "both",
        beat["result"],
        unit="mV",
        circulation=report.collect_beat(healthy(), draws=draws()),
    )
    assert_same(report.load_beat(both / "circulation").beat, healthy())
    first = (both / "report.html").read_text()
    assert "Pressure–volume loop" in first
    (both / "report.html").unlink()
    assert report.write_report(both).read_text() == first


def test_browser_draws_the_page_and_the_cursor_moves(browser, saved_folder):
    browser.open(saved_folder / "report.html")
    assert browser.complaints() == []
    assert browser.requests() == [(saved_folder / "report.html").resolve().as_uri()]
    clock = "document.getElementById('circulation-clock').textContent"
    assert browser.script("document.querySelectorAll('#circulation-loops path').length") >= 9
    before = browser.script(clock)
    browser.script("document.getElementById('circulation-wiggers').focus()")
    browser.press("ArrowRight")
    assert browser.script(clock) != before
    assert "never opens" in browser.script("document.body.textContent")


def test_browser_draws_both_halves_on_one_page(browser, beat, tmp_path):
    folder = report.save_reconstruction(
        tmp_path / "both", beat["result"], unit="mV", stride=60, circulation=healthy()
    )
    browser.open(folder / "report.html")
    assert browser.complaints() == []
    assert browser.script("document.querySelectorAll('#circulation-loops path').length") >= 3
    assert browser.script("document.querySelectorAll('#electrogram path').length") >= 1
