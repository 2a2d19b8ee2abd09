import base64
import gzip
import json
import re
import struct
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from cardiotwin import ecgi, report
from cardiotwin.report._packing import Pack

VOID = {"meta", "link", "input", "br", "hr", "img"}
OPTIONAL_END = {"td", "th", "li", "tr", "p", "option"}
HOSTILE = '</script><img src=x onerror="window.owned=1"><script>window.owned=1</script>\'"&<!--'


class Page(HTMLParser):
    """Collects addresses and texts, and insists that elements are closed in order."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.loads, self.links, self.scripts, self.ids = [], [], [], {}, []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        for key in ("src", "href", "data", "action", "srcset", "poster"):
            if key in given and tag != "a":
                self.loads.append(given[key])
        if tag not in VOID:
            self.open.append((tag, given))

    def handle_endtag(self, tag):
        while self.open and self.open[-1][0] != tag and self.open[-1][0] in OPTIONAL_END:
            self.open.pop()
        assert self.open and self.open[-1][0] == tag, (tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "script":
            self.scripts[self.open[-1][1].get("id", "")] = data


@pytest.fixture(scope="module")
def page_text(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_loads_nothing(page_text):
    page = Page(page_text)
    assert page.loads == ["data:,"]
    assert len(page.links) >= 4
    assert all(link.startswith("https://doi.org/10.") for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    style = re.search("<style>(.*?)</style>", page_text, re.S)[1]
    assert "url(" not in style and "@import" not in style
    assert "default-src 'none'" in page_text


def test_the_page_says_what_a_reader_must_know(page_text, folder):
    saved = report.load_reconstruction(folder)
    text = re.sub("<[^>]+>", " ", page_text.split('<script type="application/json"')[0])
    assert text.count("Not for clinical use") == 2
    assert "inverse crime" in text
    assert f"{100 * saved.body_residual:.3g} %" in text
    assert saved.parameter.rule in text
    assert "Tikhonov regularization, second order" in text
    assert "(normalized)" in text and "Isochrones every" in text


def test_packed_series_come_back_within_their_step(rng):
    series = np.cumsum(rng.normal(size=(7, 50)), axis=1)
    pack = Pack()
    pack.add("odd", np.arange(5))
    pack.add_series("u", series)
    whole = gzip.decompress(base64.b64decode(pack.text()))
    entry = pack.table["u"]
    count, at = series.size, entry["at"]
    low = np.frombuffer(whole, "u1", count, at).astype(np.uint16)
    high = np.frombuffer(whole, "u1", count, at + count).astype(np.uint16)
    change = (low + 256 * high).reshape(series.shape)
    levels = np.cumsum(change, axis=1, dtype=np.uint16)
    back = entry["low"] + entry["step"] * levels
    assert np.abs(back - series).max() <= np.ptp(series) / 8190 + 1e-12
    first = pack.table["odd"]["at"]
    np.testing.assert_array_equal(np.frombuffer(whole, "<u4", 5, first), np.arange(5))


def test_hostile_names_stay_text(beat, folder, tmp_path):
    saved = report.load_reconstruction(folder)
    settings = {"name": HOSTILE, "note": HOSTILE, "rule": {"name": HOSTILE}}
    poisoned = replace(
        saved,
        title=HOSTILE,
        unit=HOSTILE,
        status=HOSTILE,
        notes=(HOSTILE,),
        lead_names=(HOSTILE, *saved.lead_names[1:]),
        metrics={HOSTILE: 1.0},
        diagnostics={HOSTILE: 1.0},
        activation_method=HOSTILE,
        problem={"operator": HOSTILE, "excluded": [HOSTILE], "reference": {"name": HOSTILE}},
        provenance=replace(saved.provenance, settings=settings, created=HOSTILE),
        parameter=replace(saved.parameter, rule=HOSTILE, others={HOSTILE: 1.0}),
        uncertainty=replace(saved.uncertainty, kind=HOSTILE, assumptions=HOSTILE),
    )
    path = report.write_report(poisoned, tmp_path / "hostile.html")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert "<img" not in text and len(page.scripts) == 3
    assert json.loads(page.scripts["facts"])["unit"] == HOSTILE


def test_hostile_names_do_nothing_in_a_browser(browser, folder, tmp_path):
    saved = report.load_reconstruction(folder)
    poisoned = replace(
        saved, title=HOSTILE, unit=HOSTILE, lead_names=(HOSTILE, *saved.lead_names[1:])
    )
    browser.open(report.write_report(poisoned, tmp_path / "hostile.html"))
    assert browser.script("window.owned === undefined")
    assert browser.script("document.querySelector('#lead option').textContent") == HOSTILE
    assert browser.complaints() == []


def test_a_browser_draws_everything_without_complaint_or_request(browser, folder):
    browser.open(folder / "report.html")
    assert browser.script("document.documentElement.dataset.error") is None
    assert browser.script("document.documentElement.dataset.webgl") == "yes"
    assert [url.split(":")[0] for url in browser.requests() if url != "about:blank"] == ["file"]
    for view in ("torso", "truth", "found", "error", "activation_truth", "spread"):
        assert browser.pixels(view)["painted"] > 5000, view
    charts = "['electrogram', 'leadchart', 'residual', 'choice', 'activation']"
    drawn = browser.script(
        f"{charts}.map(id => document.querySelectorAll('#' + id + ' path').length)"
    )
    assert all(count >= 1 for count in drawn), drawn
    assert browser.script("document.body.scrollWidth <= innerWidth")
    assert browser.complaints() == []
    image = browser.screenshot()
    assert struct.unpack(">II", image[16:24]) == (1100, 1200)


def test_the_fragment_chooses_instant_and_node(browser, folder):
    saved = report.load_reconstruction(folder)
    browser.open(folder / "report.html", "#t=100&node=17")
    frame = int(abs(saved.times_ms - 100).argmin())
    assert browser.script("cardiotwin.frame") == frame
    assert browser.script("document.documentElement.dataset.frame") == str(frame)
    assert browser.script("cardiotwin.node") == 17
    assert browser.script("document.querySelector('#clock').textContent") == "100.0 ms"


def test_the_slider_changes_what_is_drawn_and_keys_turn_the_hearts(browser, folder):
    browser.open(folder / "report.html", "#t=60")
    before = {view: browser.pixels(view)["hash"] for view in ("torso", "truth", "found", "error")}
    still = browser.pixels("activation_truth")["hash"]
    frame = browser.script("cardiotwin.frame")
    browser.script("document.querySelector('#slider').focus()")
    for _ in range(4):
        browser.press("ArrowRight")
    assert browser.script("cardiotwin.frame") == frame + 4
    for view, seen in before.items():
        assert browser.pixels(view)["hash"] != seen, view
    assert browser.pixels("activation_truth")["hash"] == still
    browser.script("document.querySelector('canvas[data-view=found]').focus()")
    turned = browser.pixels("truth")["hash"]
    browser.press("ArrowLeft")
    assert browser.pixels("truth")["hash"] != turned, "cameras are linked"
    assert browser.complaints() == []


def test_a_click_on_a_heart_chooses_the_nearest_node(browser, folder):
    browser.open(folder / "report.html", "#node=0")
    box = browser.script(
        "(() => { const c = document.querySelector('canvas[data-view=found]'); "
        "c.scrollIntoView({block: 'center'}); const b = c.getBoundingClientRect(); "
        "return [b.left + b.width / 2, b.top + b.height / 2]; })()"
    )
    chart = browser.script("document.querySelector('#electrogram').innerHTML")
    for kind in ("mousePressed", "mouseReleased"):
        browser.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=box[0],
            y=box[1],
            button="left",
            clickCount=1,
        )
    node = browser.script("cardiotwin.node")
    assert node != 0
    assert browser.script("document.querySelector('#electrogram').innerHTML") != chart
    # The node chosen faces the viewer: at the start the camera stands at −y, a little to +x.
    saved = report.load_reconstruction(folder)
    assert saved.heart.node_normals[node] @ [0.43, -0.88, 0.18] > 0


def test_playing_moves_time_and_stops(browser, folder):
    browser.open(folder / "report.html", "#t=0")
    browser.script("document.querySelector('#play').click()")
    moved = browser.script(
        "new Promise(done => { const start = performance.now(); const look = () => "
        "cardiotwin.frame > 2 ? done(true) : performance.now() - start > 15000 ? done(false) "
        ": setTimeout(look, 30); look(); })"
    )
    assert moved
    browser.script("document.querySelector('#play').click()")
    assert browser.script("document.querySelector('#play').getAttribute('aria-label')") == "Play"


def test_a_page_without_truth_surfaces_or_parameter_still_draws(browser, tmp_path):
    problem = ecgi.InverseProblem([[0.6, 0.4], [0.3, 0.7]], [[1.0, 2.0], [0.0, 1.0]])
    result = ecgi.reconstruct(problem, ecgi.Tikhonov(order=0, rule=ecgi.Fixed(0.1)))
    folder = report.save_reconstruction(tmp_path / "bare", result)
    text = (folder / "report.html").read_text(encoding="utf-8")
    Page(text)
    assert "The unit of the potentials was not stated" in text
    browser.open(folder / "report.html")
    assert browser.script("document.documentElement.dataset.error") is None
    assert browser.complaints() == []


def test_a_choice_at_the_edge_is_a_warning(folder):
    saved = report.load_reconstruction(folder)
    edge = replace(saved, parameter=replace(saved.parameter, at_edge=True))
    assert any("found no optimum" in text for text in edge.warnings)
    assert not any("found no optimum" in text for text in saved.warnings)


def test_the_paper_like_page_is_small_and_opens_fast(browser, tmp_path, rng):
    """1094 nodes × 661 instants with truth and bands, 352 torso nodes, noise in everything."""
    from cardiotwin.geometry import zoo

    case = zoo.human()
    heart, torso = case.heart, case.torso
    times = np.arange(661) * 1.29
    arrival = np.linalg.norm(heart.vertices_mm - heart.vertices_mm[case.apex_node], axis=1)
    truth = 0.5 * (1 + np.tanh((times - 30 - 2.5 * arrival[:, None]) / 8.0))
    found = truth + rng.normal(scale=0.05, size=truth.shape)
    body = rng.normal(scale=0.05, size=(torso.n_nodes, 661)) + np.sin(times / 100)
    operator = ecgi.ObservationOperator(
        np.full((torso.n_nodes, heart.n_nodes), 1.0 / heart.n_nodes),
        ecgi.Source.EPICARDIAL,
        heart=heart,
        observed=torso,
    )

    class Given:
        def solve(self, problem):
            from cardiotwin.ecgi._reconstruction import Solution, Uncertainty

            return Solution(found, uncertainty=Uncertainty(0.1 + 0 * found, "given", "none"))

    problem = ecgi.InverseProblem(operator, body, times_ms=times)
    saved = report._collect.collect_reconstruction(
        ecgi.reconstruct(problem, Given()),
        truth=truth,
        unit="mV",
        activation={"reconstruction": 30 + 2.5 * arrival, "truth": 30 + 2.5 * arrival},
    )
    path = report.write_report(saved, tmp_path / "paper.html")
    assert path.stat().st_size < 8e6
    browser.open(path)
    # A third of a second on a desktop; software rendering on a shared core is slower.
    assert float(browser.script("document.documentElement.dataset.ms")) < 10_000
    assert browser.pixels("found")["painted"] > 5000
    assert browser.complaints() == []
