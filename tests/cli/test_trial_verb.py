"""The verb ``trial``."""

import csv

import numpy as np

from cardiotwin._provenance import make_provenance
from cardiotwin.circulation import INDEX_NAMES, Indices
from cardiotwin.hemodynamics import Identification, Measurements, Unknowns
from cardiotwin.report import save_identification


def test_trial_writes_its_files_and_goes_on_from_them(cardiotwin, tmp_path):
    out = tmp_path / "out"
    given = ("trial", "--patients", 20, "--speeds", "9000,11000", "--no-report", "--json")
    given += ("--confidence", 0.9)
    answer = cardiotwin(*given, "--out", out)
    assert answer.code == 0
    assert answer.json["confidence"] == 0.9 and "mean (90 %)" in (out / "trial.md").read_text()
    account = answer.json["accounting"]
    assert account["enrolled"] == 20
    assert account["screened"] == 20 + sum(account["excluded"].values())
    assert [arm["arm"] for arm in account["arms"]] == ["no pump", "9000 rpm", "11000 rpm"]
    assert {arm["analysed"] for arm in account["arms"]} == {20}
    names = {"rows.csv", "cohort.csv", "trial.json", "trial.md"}
    assert names <= {path.name for path in out.iterdir()}
    rows = (out / "rows.csv").read_bytes()
    assert cardiotwin(*given, "--out", out).code == 0
    assert (out / "rows.csv").read_bytes() == rows
    other = cardiotwin(*given, "--out", out, "--seed", 1)
    assert other.code == 2 and "other cases" in other.json["message"]


def test_trial_refuses_what_makes_no_sense(cardiotwin, tmp_path):
    out = tmp_path / "out"
    for wrong, message in (
        (("--speeds", "9000,9000"), "different speeds"),
        (("--speeds", "9"), "Thousands of rpm"),
        (("--speeds", "fast"), "speeds"),
        (("--gamma", 0.5), "gamma"),
        (("--dask", "nowhere"), "address"),
        (("--patients", 0), "patients"),
        (("--confidence", 95), "divided by 100"),
    ):
        answer = cardiotwin("trial", "--patients", 5, "--out", out, *wrong)
        assert answer.code == 2 and message in answer.err, wrong
    assert not out.exists()


def test_a_trial_from_identified_patients(cardiotwin, tmp_path):
    ward = tmp_path / "ward"
    for name, edv, esv in (("ann", 220, 170), ("bob", 250, 180)):
        clinic = ("--edv-ml", edv, "--esv-ml", esv, "--heart-rate-bpm", 75, "--systolic-mmhg", 110)
        answer = cardiotwin(
            "identify", *clinic, "--diastolic-mmhg", 70, "--method", "map", "--out", ward / name
        )
        assert answer.code == 0
    given = ("trial", "--patients", 21, "--speeds", "10000", "--json")
    out = tmp_path / "out"
    answer = cardiotwin(*given, "--from", ward, "--out", out)
    assert answer.code == 0
    assert "posteriors of 2 identified patients" in answer.json["cohort"]["source"]
    account = answer.json["accounting"]
    assert account["screened"] == 21 and account["patients"] == 2
    ann, bob = account["by_patient"]
    assert (ann["patient"], ann["screened"], bob["patient"], bob["screened"]) == (
        *("ann", 11),
        *("bob", 10),
    )
    gains = [own for own in answer.json["subgroups"] if own["arm"] == "10000 rpm"]
    assert [own["subgroup"] for own in gains] == ["ann", "bob"]
    for own in gains:
        assert 0 < own["effect"]["low"] < own["effect"]["mean"] < own["effect"]["high"] < 5
    with (out / "rows.csv").open(newline="") as stream:
        assert {row["patient"] for row in csv.DictReader(stream)} == {"ann", "bob"}
    assert "Draws of each patient" in (out / "report.html").read_text()
    rows = (out / "rows.csv").read_bytes()
    again = ("--from", ward / "ann", "--from", ward / "bob" / "result.json", "--no-report")
    assert cardiotwin(*given, *again, "--out", tmp_path / "again").code == 0
    assert (tmp_path / "again" / "rows.csv").read_bytes() == rows
    refused = cardiotwin(*given, "--from", ward / "ann", "--randomize", "--out", tmp_path / "lot")
    assert refused.code == 2 and "1 patients; expected ≥ 2" in refused.json["message"]


def test_untrusted_identifications_are_refused_unless_allowed(cardiotwin, tmp_path):
    found = weak_heart(trusted=False, status="not to be trusted: k̂ = 0.92")
    folder = save_identification(tmp_path / "ann", found)
    given = ("trial", "--patients", 5, "--speeds", "9000", "--no-report", "--json", "--from")
    out = tmp_path / "out"
    refused = cardiotwin(*given, folder, "--out", out)
    assert refused.code == 2 and not out.exists()
    for words in ("identification of ann", "k̂ = 0.92", "--untrusted"):
        assert words in refused.json["message"]
    allowed = cardiotwin(*given, folder, "--untrusted", "--out", out)
    assert allowed.code == 0
    assert "not to be trusted: ann" in allowed.json["cohort"]["source"]


def test_trial_says_what_is_wrong_with_identified_patients(cardiotwin, tmp_path):
    (tmp_path / "empty").mkdir()
    ward = tmp_path / "ward"
    for name in ("ann", "bob"):
        save_identification(ward / name, weak_heart())
    (ward / "bob" / "arrays.npz").write_bytes(b"PK\x03\x04 broken")
    ann = ward / "ann"
    for wrong, message in (
        (("--untrusted",), "--untrusted without --from"),
        (("--from", tmp_path / "nowhere"), "nothing there"),
        (("--from", tmp_path / "empty"), "no identification"),
        (("--from", ward), "damaged archive"),
        (("--from", ann, "--from", ann), "twice"),
        (("--from", ann, "--patients", 0), "patients"),
    ):
        answer = cardiotwin("trial", "--out", tmp_path / "out", *wrong)
        assert answer.code == 2 and message in answer.err, wrong
    assert not (tmp_path / "out").exists()


def weak_heart(**changes):
    """Return an identification of made-up draws."""
    z = np.random.default_rng(0).normal(-1.5, 0.2, (30, 1))
    none = Indices(**{name: np.full(30, np.nan) for name in INDEX_NAMES})
    given = {
        "measurements": Measurements(edv_ml=200),
        "unknowns": Unknowns.of(["emax"]),
        "predicted": none,
        "mode": np.zeros(1),
        "status": "fine",
        "trusted": True,
        "diagnostics": {},
        "seconds": 0.1,
        "provenance": make_provenance({}, seed=0),
    }
    return Identification(coordinates=z, weights=np.full(30, 1 / 30), **{**given, **changes})
