"""The verb ``trial``."""


def test_trial_writes_its_files_and_goes_on_from_them(cardiotwin, tmp_path):
    out = tmp_path / "out"
    given = ("trial", "--patients", 20, "--speeds", "9000,11000", "--no-report", "--json")
    answer = cardiotwin(*given, "--out", out)
    assert answer.code == 0
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
    ):
        answer = cardiotwin("trial", "--patients", 5, "--out", out, *wrong)
        assert answer.code == 2 and message in answer.err, wrong
    assert not out.exists()
