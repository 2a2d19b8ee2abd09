"""The page and the figures of an in-silico trial."""

import itertools
import json
import re
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from cardiotwin import InputError, report
from cardiotwin.circulation import Circulation
from cardiotwin.hemodynamics import (
    Accounting,
    Arm,
    ArmAccount,
    Between,
    Cohort,
    FixedSpeed,
    Largest,
    OptimizedSpeed,
    Strata,
    Trial,
    run_trial,
)
from cardiotwin.report._flow_diagram import flow_diagram


@pytest.fixture(scope="module")
def result():
    weak = Circulation(emax=np.linspace(0.4, 1.2, 24), period_s=0.8, v0_ml=40.0)
    narrow = OptimizedSpeed(
        Largest("co_l_min"), (Between("mean_arterial_mmhg", 90.0, 91.0),), (9e3, 10e3), 0
    )
    arms = (
        Arm("no pump"),
        Arm("slow <b>", speed=FixedSpeed(9000.0)),
        Arm("fast", speed=FixedSpeed(12000.0)),
        Arm("narrow", speed=narrow),
    )
    options = {"subgroups": (Strata("ef_percent", (20.0, 30.0)),), "confidence": 0.9}
    cohort = Cohort.from_circulation(weak, source="24 hearts")
    return run_trial(Trial(cohort, arms, title="Pumps & hearts", **options), quiet=True)


@pytest.fixture(scope="module")
def page(result, tmp_path_factory):
    return report.write_trial_report(result, tmp_path_factory.mktemp("trial") / "trial.html")


def test_the_page_says_who_is_where_and_what_to_be_careful_of(result, page):
    text = page.read_text(encoding="utf-8")
    assert "Not for clinical use" in text and "ejection fraction says little" in text
    assert "Pumps &amp; hearts" in text and "slow &lt;b&gt;" in text and "slow <b>" not in text
    assert "Mean (90 %)" in text and "hold 90 % of the draws" in text and "95 %" not in text
    account = result.accounting.arms[3]
    assert 0 < account.analysed < 24
    assert f"<td>24<td>{account.analysed}<td>{account.infeasible}<td>0" in text
    assert "keeps mean arterial pressure 90 to 91 mmHg" in text
    assert not re.search(r"(src|href)=[\"']?https?:", text) and "NaN" not in text


def test_the_flow_of_patients_is_drawn_and_adds_up(result, page):
    text = page.read_text(encoding="utf-8")
    drawn = ET.fromstring(quoted(re.search(r"<svg class=flow.*?</svg>", text, re.DOTALL)[0]))
    rows = [own.text for own in drawn.iter("text")]
    assert rows[:2] == ["Screened: 24", "Enrolled: 24"]
    for arm in result.accounting.arms:
        place = rows.index(arm.arm)
        assert rows[place + 1 : place + 3] == [
            f"allocated: {arm.allocated}",
            f"Analysed: {arm.analysed}",
        ]
    assert f"no admissible speed: {result.accounting.arms[3].infeasible}" in rows
    assert "slow <b>: 24 of 24 analysed." in drawn.get("aria-label")
    assert "The same as tables" in text


def test_no_box_of_the_flow_overlaps_another_however_long_its_text_is():
    words = "a criterion that takes many words to tell " * 4
    arms = tuple(ArmAccount(f"arm {k} {words}", 90, 80, 7, 3, {}) for k in range(8))
    account = Accounting(200, {words: 90, "EF ≤ 35 % not met": 20}, 90, 30, arms)
    drawn = ET.fromstring(quoted(flow_diagram(account)))
    boxes = [
        [float(own.get(k)) for k in ("x", "y", "width", "height")] for own in drawn.iter("rect")
    ]
    assert len(boxes) == 3 + 2 * 8
    for (x, y, w, h), (u, v, p, q) in itertools.combinations(boxes, 2):
        assert x + w < u or u + p < x or y + h < v or v + q < y
    left, top, width, height = map(float, drawn.get("viewBox").split())
    for x, y, w, h in boxes:
        assert left <= x and x + w <= left + width and top <= y and y + h <= top + height
    rows = [(float(own.get("x")), float(own.get("y"))) for own in drawn.iter("text")]
    for x, y in rows:
        assert any(u < x < u + p and v < y < v + q for u, v, p, q in boxes)
    assert "draws of 30 patients" in [own.text for own in drawn.iter("text")]


def quoted(svg):
    """Return what HTML allows without quotes as XML asks for it."""
    return re.sub(r"(class|role)=(\w+)", r'\1="\2"', svg)


def test_the_page_draws_what_the_result_has(result, page):
    found = re.search(r'id="trial-facts">(.*?)</script>', page.read_text(encoding="utf-8"))
    facts = json.loads(found[1])
    assert facts["sweep"]["speeds"] == [9000.0, 12000.0]
    middle = np.median(result.values("co_l_min")[2])
    assert facts["sweep"]["panels"][0]["median"][1] == pytest.approx(middle, rel=1e-5)
    assert facts["boxes"][0]["boxes"][3]["values"][2] == pytest.approx(middle, rel=1e-5)
    assert [own["arm"] for own in facts["loops"]] == ["fast"] * 3


def test_the_figures_draw_what_the_result_has(result):
    figure = report.plot_trial_before_after(result)
    assert [box.name for box in figure.data] == ["before", "no pump", "slow <b>", "fast", "narrow"]
    assert figure.data[3].median[0] == pytest.approx(np.median(result.values("co_l_min")[2]))
    sweep = report.plot_trial_sweep(result, ["co_l_min"])
    middle = np.median(result.values("co_l_min")[1:3], axis=1)
    np.testing.assert_allclose(sweep.data[-1].y, middle)
    loops = report.plot_trial_loops(result, "fast")
    names = [trace.name for trace in loops.data if trace.name and "EF, " in trace.name]
    assert len(set(names)) == 6 and sum(name.endswith(", fast") for name in set(names)) == 3
    with pytest.raises(InputError, match="Did you mean 'fast'"):
        report.plot_trial_loops(result, "fest")
    with pytest.raises(InputError, match="no value"):
        report.plot_before_after([1.0], [[np.nan]], ["a"], "CO")


def test_a_browser_draws_the_page_without_complaints(page):
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine")
    from .browser import Browser

    browser = Browser(program)
    try:
        browser.open(page)
        assert browser.complaints() == []
        assert browser.requests() == [page.resolve().as_uri()]
        drawn = "document.querySelectorAll('.chart svg').length"
        assert browser.script(drawn) == 4 + 1 + 4
        assert browser.script("document.documentElement.scrollWidth <= innerWidth")
    finally:
        browser.close()
