import itertools

import numpy as np
import plotly.io
import pytest

from cardiotwin import InputError, report
from cardiotwin.circulation import end_systolic_line
from cardiotwin.report._phases import open_spans

from .circulations import (
    RESISTANCES,
    VOLUMES,
    draws,
    failed,
    healthy,
    patients,
    pumped,
    pumped_slowly,
)


def trace(figure, name):
    return next(own for own in figure.data if own.name == name)


def every_beat():
    return [patients()[i] for i in range(16)] + [pumped_slowly(), pumped()]


def test_loop_is_the_beat_closed_and_its_area_is_the_stroke_work():
    beat = healthy()
    loop = trace(report.plot_pv_loop(beat), "loop")
    np.testing.assert_array_equal(loop.x, beat.volume_ml)
    np.testing.assert_array_equal(loop.y, beat.lv_mmhg)
    np.testing.assert_allclose([loop.x[-1], loop.y[-1]], [loop.x[0], loop.y[0]], rtol=1e-4)
    area = -np.sum((loop.y[1:] + loop.y[:-1]) / 2 * np.diff(loop.x))
    assert area == pytest.approx(float(beat.indices.stroke_work_mmhg_ml), rel=1e-3)


def test_pointer_reads_time_and_phase():
    beat = healthy()
    loop = trace(report.plot_pv_loop(beat), "loop")
    np.testing.assert_allclose(loop.customdata[:, 0], 1000 * beat.times_s)
    flowing = beat.aortic_valve_ml_s > 0
    assert set(np.array(loop.text)[flowing]) <= {"ejection", "isovolumic contraction"}
    assert (np.array(loop.text) == "ejection").sum() == pytest.approx(flowing.sum(), abs=2)


def test_corners_lie_on_the_relations_and_on_the_loop():
    beat = healthy()
    figure = report.plot_pv_loop(beat)
    v0, emin = float(beat.circulation.v0_ml), float(beat.circulation.emin)
    diastole, systole = trace(figure, "end diastole"), trace(figure, "end systole")
    assert diastole.y[0] == pytest.approx(emin * (diastole.x[0] - v0), rel=1e-6)
    ees = float(beat.indices.ees_mmhg_ml)
    assert systole.y[0] == pytest.approx(ees * (systole.x[0] - v0), rel=1e-6)
    away = np.hypot(beat.volume_ml - systole.x[0], beat.lv_mmhg - systole.y[0])
    assert away.min() < 1.0
    line = trace(figure, "ESPVR")
    assert line.y[1] == pytest.approx(float(f"{ees:.4g}") * (line.x[1] - v0))


def test_relations_that_two_beats_share_are_drawn_once():
    figure = report.plot_pv_loop([healthy(), pumped()], names=["a", "b"])
    assert sum(own.name == "ESPVR" for own in figure.data) == 2
    assert sum(own.name == "EDPVR" for own in figure.data) == 1
    bare = report.plot_pv_loop(patients()[:2], espvr=False)
    assert not [own for own in bare.data if own.name in ("ESPVR", "EDPVR")]


def test_fan_is_made_of_loops_of_draws_alone():
    figure = report.plot_pv_loop(healthy(), bands=draws(), most_draws=3)
    fan = trace(figure, "draws of loop (3 of 6)")
    parts = np.split(fan.x, np.flatnonzero(np.isnan(fan.x)))
    shown = [part[~np.isnan(part)] for part in parts if np.isfinite(part).any()]
    assert len(shown) == 3
    for own in shown:
        assert any(np.array_equal(own, volume) for volume in draws().volume_ml)


def test_measured_loop_is_closed():
    figure = report.plot_pv_loop(healthy(), measured={"catheter": ([100, 60, 70], [8, 90, 5])})
    loop = trace(figure, "catheter")
    assert (loop.x[0], loop.y[0]) == (loop.x[-1], loop.y[-1]) == (100, 8)


def test_arrows_point_along_the_loop():
    beat = healthy()
    arrows = next(own for own in report.plot_pv_loop(beat).data if own.mode == "markers")
    for before, here, gap in _triples(arrows):
        assert gap[0] is None
        index = int(np.argmin(np.hypot(beat.volume_ml - here[0], beat.lv_mmhg - here[1])))
        assert (beat.volume_ml[index - 1], beat.lv_mmhg[index - 1]) == before


def _triples(arrows):
    points = list(zip(arrows.x, arrows.y, strict=True))
    return [points[i : i + 3] for i in range(0, len(points), 3)]


def test_central_draw_is_no_extreme():
    order = np.argsort(draws().indices.sv_ml)
    assert report.central_draw(draws()) not in (order[0], order[-1])
    line = patients()[np.array([0, 1, 2])]
    assert report.central_draw(line) == 1


def test_phases_tile_the_beat_and_agree_with_the_flows():
    for beat in every_beat():
        phases = report.beat_phases(beat)
        assert phases[0].start_s == beat.times_s[0] and phases[-1].end_s == beat.times_s[-1]
        for before, after in itertools.pairwise(phases):
            assert before.end_s == after.start_s
        for phase in phases:
            assert phase.end_s > phase.start_s
            inside = (beat.times_s > phase.start_s) & (beat.times_s < phase.end_s)
            assert (beat.mitral_ml_s[inside] > 0).all() == phase.mitral_open or not inside.any()
            assert not (beat.aortic_valve_ml_s[inside] > 0).any() or phase.aortic_open
            assert (beat.aortic_valve_ml_s[inside] > 0).all() == phase.aortic_open or (
                not inside.any()
            )


def test_isovolumic_phases_keep_the_volume():
    beat = healthy()
    kept = [phase for phase in report.beat_phases(beat) if phase.name.startswith("isovolumic")]
    assert [phase.name for phase in kept] == ["isovolumic contraction", "isovolumic relaxation"]
    for phase in kept:
        inside = (beat.times_s > phase.start_s) & (beat.times_s < phase.end_s)
        assert np.ptp(beat.volume_ml[inside]) < 0.02


def test_phases_are_not_called_isovolumic_under_a_pump_or_with_a_leak():
    for beat in (pumped_slowly(), pumped(), patients()[14], patients()[15]):
        names = {phase.name for phase in report.beat_phases(beat)}
        assert not any("isovolumic" in name for name in names)
        assert {"contraction, valves closed", "relaxation, valves closed"} <= names


def test_peak_pressure_parts_the_beat_of_a_valve_that_never_opens():
    beat = pumped()
    phases = report.beat_phases(beat)
    assert not any(phase.aortic_open for phase in phases)
    relaxation = next(phase for phase in phases if phase.name.startswith("relaxation"))
    assert relaxation.start_s == beat.times_s[np.argmax(beat.lv_mmhg)]
    assert "never opens" in [note.text for note in report.plot_wiggers(beat).layout.annotations]


@pytest.mark.parametrize("number", [5, 14])
def test_wiggers_holds_the_beat_and_its_valves(number):
    beat = patients()[number]
    figure = report.plot_wiggers(beat)
    named = {
        "left ventricle": beat.lv_mmhg,
        "aorta": beat.aortic_mmhg,
        "left atrium": beat.atrial_mmhg,
        "volume": beat.volume_ml,
        "mitral valve": beat.mitral_ml_s,
        "aortic valve": beat.aortic_valve_ml_s,
    }
    for name, values in named.items():
        np.testing.assert_array_equal(trace(figure, name).y, values)
        np.testing.assert_array_equal(trace(figure, name).x, 1000 * beat.times_s)
    assert "pump" not in {own.name for own in figure.data}
    assert "pump" in {own.name for own in report.plot_wiggers(pumped_slowly()).data}
    for valve, flow in (("mitral", beat.mitral_ml_s), ("aortic", beat.aortic_valve_ml_s)):
        strip = trace(figure, f"{valve} valve open")
        spans = open_spans(report.beat_phases(beat), valve)
        assert [at for at in strip.x if at is not None] == [1000 * t for ab in spans for t in ab]
        opened = sum(end - start for start, end in spans)
        assert opened == pytest.approx(
            np.trapezoid((flow > 0).astype(float), beat.times_s), abs=0.01
        )


def test_shades_of_wiggers_are_the_phases():
    beat = healthy()
    figure = report.plot_wiggers(beat)
    phases = [phase for phase in report.beat_phases(beat) if phase.name != "filling"]
    shades = [(shape.name, shape.x0, shape.x1) for shape in figure.layout.shapes]
    assert shades == [(phase.name, 1000 * phase.start_s, 1000 * phase.end_s) for phase in phases]


def test_band_of_wiggers_is_made_of_percentiles_at_every_phase():
    beat, batch = healthy(), draws()
    figure = report.plot_wiggers(beat, batch)
    low = next(own for own in figure.data if own.name is None)
    high = trace(figure, "left ventricle, nine of ten draws")
    # All draws have the period of the beat and the same times.
    limits = np.percentile(batch.lv_mmhg, [5, 95], axis=0)
    np.testing.assert_allclose([low.y, high.y], limits, atol=1e-9)


@pytest.mark.parametrize(
    ("numbers", "values"), [(slice(0, 4), VOLUMES), (slice(4, 8), RESISTANCES)]
)
def test_family_recovers_the_end_systolic_relation(numbers, values):
    beats = patients()[numbers]
    line = end_systolic_line(beats)
    assert line.ees_mmhg_ml == pytest.approx(float(beats.indices.ees_mmhg_ml[0]), rel=0.01)
    assert line.v0_ml == pytest.approx(10.0, abs=0.7)
    figure = report.plot_loop_family(beats, values, "value")
    for loop, volume in zip(figure.data, beats.volume_ml, strict=False):
        np.testing.assert_array_equal(loop.x, volume)
    assert len({loop.line.color for loop in figure.data[:4]}) == 4
    assert any(f"{line.ees_mmhg_ml:.3g} mmHg/mL" in (own.name or "") for own in figure.data)


def test_family_of_pump_speeds_recovers_it_too():
    line = end_systolic_line([pumped_slowly(), pumped()])
    assert line.ees_mmhg_ml == pytest.approx(float(pumped().indices.ees_mmhg_ml), rel=0.01)
    assert line.v0_ml == pytest.approx(10.0, abs=1.0)


def test_no_line_where_the_points_coincide():
    same = [healthy(), healthy()]
    assert np.isnan(end_systolic_line(same).ees_mmhg_ml)
    figure = report.plot_loop_family(same, [1.0, 2.0], "nothing")
    assert not any("end-systolic" in (own.name or "") for own in figure.data)


def test_sweep_draws_each_index_over_sorted_values():
    order = [3, 0, 1, 2]
    beats = patients()[order]
    figure = report.plot_sweep(VOLUMES[order], beats, label="stressed volume (mL)")
    first = figure.data[0]
    np.testing.assert_array_equal(first.x, VOLUMES)
    np.testing.assert_array_equal(first.y, patients().indices.co_l_min[:4])
    assert len(figure.data) == 6


def test_sweep_has_a_band_of_draws_and_gaps_where_nothing_is_known():
    own = {"co_l_min": np.array([4.0, np.nan, 6.0])}
    block = np.linspace(-1, 1, 21)[:, None] + own["co_l_min"]
    figure = report.plot_sweep([1, 2, 3], own, label="x", draws={"co_l_min": block})
    low, high, line = figure.data
    np.testing.assert_allclose(low.y, [3.1, 5.1])
    np.testing.assert_allclose(high.y, [4.9, 6.9])
    assert np.isnan(line.y[1])


@pytest.mark.parametrize(
    "call",
    [
        lambda: report.plot_pv_loop([]),
        lambda: report.plot_pv_loop(failed()),
        lambda: report.plot_pv_loop(healthy(), names=["a", "b"]),
        lambda: report.plot_pv_loop(healthy(), bands=healthy()),
        lambda: report.plot_pv_loop(patients()[:2], bands=[draws()]),
        lambda: report.plot_pv_loop(healthy(), measured=([1, 2], [1, 2, 3])),
        lambda: report.plot_pv_loop(healthy(), measured=[1, 2, 3]),
        lambda: report.plot_wiggers(patients()),
        lambda: report.plot_wiggers(failed()),
        lambda: report.plot_wiggers(healthy(), band=healthy()),
        lambda: report.plot_loop_family(patients()[:3], [1, 2], "x"),
        lambda: report.plot_loop_family(healthy(), [1], "x"),
        lambda: report.plot_sweep([1, 2], patients(), label="x"),
        lambda: report.plot_sweep(VOLUMES, patients()[:4], label="x", names=["cardiac output"]),
        lambda: report.plot_sweep(VOLUMES, patients()[:4], label="x", names=[]),
        lambda: report.plot_sweep(VOLUMES, patients()[:4], label="x", draws=patients()[:4]),
        lambda: report.central_draw(healthy()),
        lambda: report.beat_phases(patients()),
    ],
)
def test_bad_input_is_refused_with_its_name(call):
    with pytest.raises(InputError):
        call()


def test_drawing_leaves_the_global_template_alone():
    before = plotly.io.templates.default
    report.plot_wiggers(healthy())
    assert plotly.io.templates.default == before
