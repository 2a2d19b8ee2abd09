import numpy as np
import plotly.io
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiotwin import InputError, report
from cardiotwin.ecgi import ParameterChoice
from cardiotwin.geometry import zoo


@pytest.fixture(scope="module")
def ball():
    return zoo.sphere(642, radius_mm=40.0)


def test_isolines_of_a_linear_function_lie_on_its_planes(ball):
    # A linear function is its own interpolant: every point of a line must lie on the level.
    direction = np.array([0.3, -0.5, 0.8])
    values = ball.vertices_mm @ direction
    levels = np.array([-21.7, 0.3, 18.9])
    found = report.isolines(ball, values, levels)
    reached = found.points_mm @ direction
    np.testing.assert_allclose(reached, np.repeat(found.values[:, None], 2, axis=1), atol=1e-12)
    assert set(found.values) == set(levels)


def test_isolines_of_any_values_lie_on_the_interpolant_and_close(ball, rng):
    values = rng.normal(size=ball.n_nodes)
    found = report.isolines(ball, values, [0.25])
    # On a closed surface every end of a segment is the end of exactly one other segment.
    ends = np.round(found.points_mm.reshape(-1, 3), 9)
    counts = np.unique(ends, axis=0, return_counts=True)[1]
    assert (counts == 2).all()
    # Each end stands on an edge, where the value between the two nodes is the level.
    a, b = (ball.vertices_mm[ball.edges[:, k]] for k in range(2))
    for point in ends[:40]:
        along = np.einsum("ex,ex->e", point - a, b - a) / np.einsum("ex,ex->e", b - a, b - a)
        off = np.linalg.norm(a + along[:, None] * (b - a) - point, axis=1)
        off[(along < -1e-9) | (along > 1 + 1e-9)] = np.inf
        edge = int(off.argmin())
        assert off[edge] < 1e-6
        low, high = values[ball.edges[edge]]
        assert low + along[edge] * (high - low) == pytest.approx(0.25, abs=1e-6)


def test_the_equator_has_the_length_of_a_circle(ball):
    ends = report.isolines(ball, ball.vertices_mm[:, 2], [1e-9]).points_mm
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).sum()
    assert length == pytest.approx(2 * np.pi * 40.0, rel=0.01)


def test_nodes_on_a_level_and_unknown_nodes_do_no_harm(ball):
    values = np.round(ball.vertices_mm[:, 2] / 10.0)
    values[:5] = np.nan
    found = report.isolines(ball, values, [0.0, 1.0])
    assert len(found.values) and np.isfinite(found.points_mm).all()


@given(low=st.floats(-1e4, 1e4), width=st.floats(1e-3, 1e4))
def test_isochrone_levels_are_round_and_inside(low, width):
    high = low + width
    levels = report.isochrone_levels([low, high], about=10)
    if high > low:
        assert 3 <= len(levels) <= 26
        assert low < levels[0] + 1e-9 * width and levels[-1] < high + 1e-9 * width
        step = levels[1] - levels[0]
        lead = step / 10 ** np.floor(np.log10(step) + 1e-9)
        assert min(abs(lead - s) for s in (1, 2, 5, 10)) < 1e-2


def test_signed_potentials_are_pale_at_zero_and_symmetric(ball):
    figure = report.plot_map(ball, ball.vertices_mm[:, 2] + 5.0, "mV")
    mesh = figure.data[0]
    assert mesh.cmin == -mesh.cmax == -45.0
    assert mesh.colorscale[len(mesh.colorscale) // 2][1] == "#f7f7f7"
    assert mesh.colorbar.title.text == "mV"
    rising = report.plot_map(ball, abs(ball.vertices_mm[:, 2]), "mV").data[0]
    assert rising.cmin == 0.0


def test_activation_map_draws_isochrones_at_the_ticks_of_its_bar(ball):
    figure = report.plot_activation_map(ball, ball.vertices_mm[:, 2] + 50.0, step_ms=20.0)
    mesh, lines = figure.data
    np.testing.assert_allclose(mesh.colorbar.tickvals, [20.0, 40.0, 60.0, 80.0])
    assert mesh.colorbar.title.text == "ms"
    heights = {text: [] for text in lines.text}
    for z, text in zip(lines.z, lines.text, strict=True):
        if np.isfinite(z):
            heights[text].append(z)
    assert set(heights) == {"20 ms", "40 ms", "60 ms", "80 ms"}
    # The lines are lifted off the mesh by less than half a percent of its size.
    assert np.ptp(heights["40 ms"]) < 0.2 and abs(np.mean(heights["40 ms"]) + 10) < 0.2


def test_electrograms_show_a_band_of_ninety_percent():
    times, wave = np.arange(5.0), np.zeros((1, 5))
    figure = report.plot_electrograms(
        times, wave, wave + 1.0, unit="mV", standard_deviation=np.full((1, 5), 2.0)
    )
    names = [trace.name for trace in figure.data]
    assert names[1:] == ["90 % interval", "truth", "reconstruction"]
    np.testing.assert_allclose(figure.data[1].y[:5], 1.0 + 1.645 * 2.0, atol=1e-3)
    assert "mV" in figure.layout.yaxis.title.text


def test_parameter_choice_shows_its_value_its_interval_and_the_other_rules():
    candidates = np.logspace(-3, 1, 30)
    choice = ParameterChoice(
        "GCV",
        np.array([0.1]),
        candidates,
        np.log10(candidates / 0.1) ** 2,
        (0.05, 0.2),
        {"L-curve": 0.3, "U-curve": np.nan},
    )
    figure = report.plot_parameter_choice([choice, choice])
    shapes = figure.layout.shapes
    assert {(s.x0, s.x1) for s in shapes} == {(0.05, 0.2), (0.1, 0.1)}
    assert figure.data[-1].text == ("L-curve",)
    with pytest.raises(InputError, match="at least one ParameterChoice"):
        report.plot_parameter_choice([])


def test_figures_leave_the_global_template_alone(ball):
    before = plotly.io.templates.default
    report.plot_torso_and_heart(ball, zoo.sphere(162, radius_mm=20.0), electrodes_mm=[[40, 0, 0]])
    assert plotly.io.templates.default == before


def test_wrong_lengths_are_refused_by_name(ball):
    with pytest.raises(InputError, match=r"values: found shape \(3,\)"):
        report.plot_map(ball, [1, 2, 3], "mV")
    with pytest.raises(InputError, match="Did you mean 'front'"):
        report.plot_map(ball, np.zeros(ball.n_nodes), "mV", view="frnt")
