"""The verb ``identify``: clinical numbers in, intervals and loops out."""

from cardiotwin.report import load_beat

CLINIC = ("--edv-ml", 150, "--esv-ml", 70, "--heart-rate-bpm", 65, "--systolic-mmhg", 125)


def test_identify_writes_loops_with_intervals(cardiotwin, tmp_path):
    out = tmp_path / "twin"
    answer = cardiotwin(
        "identify", *CLINIC, "--diastolic-mmhg", 78, "--method", "map", "--out", out, "--json"
    )
    assert answer.code == 0
    low, high = answer.json["predicted"]["lv_peak_mmhg"]
    assert 100 < low < 127 < high < 160
    assert "Not determined" in answer.json["identifiability"]
    assert answer.json["measurements"]["errors"]["edv_ml"] == 15.0
    saved = load_beat(out)
    assert saved.draws is not None and len(saved.draws.status) > 100
    assert (out / "report.html").stat().st_size > 20_000
    refused = cardiotwin("identify", *CLINIC, "--out", out, "--json")
    assert refused.code == 2 and "overwrite" in refused.json["message"]


def test_identify_names_what_is_wrong(cardiotwin):
    for arguments, words in [
        (("--edv-ml", 70, "--esv-ml", 90), ("esv_ml", "ESV < EDV")),
        (("--ef-percent", 0.55), ("ef_percent", "percent")),
        (("--systolic-mmhg", 16), ("systolic_mmhg", "kPa")),
        ((), ("measurements", "at least one number")),
        (("--edv-ml", 150, "--error", "edv_ml"), ("error", "NAME=SD")),
        (("--edv-ml", 150, "--method", "magic"), ("method", "posterior")),
    ]:
        answer = cardiotwin("identify", *arguments, "--json")
        assert answer.code == 2
        assert all(word in answer.json["message"] for word in words), answer.json
