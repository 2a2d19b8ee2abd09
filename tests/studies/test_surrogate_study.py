"""The table of surrogates, in its small form."""

import pytest

from cardiotwin import studies


@pytest.mark.slow
def test_ours_is_closer_to_the_simulator_than_the_papers_network():
    table = studies.STUDIES["surrogate"].run(None, quick=True)
    errors = {(row[0], row[1]): dict(zip(table.columns, row, strict=True)) for row in table.rows}
    ours, theirs = errors["ours", "paper"], errors["paper's, on its grid", "paper"]
    shipped = errors["shipped by the authors", "paper"]
    for name in ("EDV at 0 (mL)", "ESV at Tmax (mL)", "EF of these (points)"):
        assert ours[name] < min(shipped[name], theirs[name]), name
    assert theirs["EDV (mL)"] is None and ours["EDV (mL)"] < shipped["EDV at 0 (mL)"]
    simulator = errors["simulator, 200 steps a beat", "paper"]
    assert ours["evaluations/s"] > simulator["evaluations/s"] > 0
