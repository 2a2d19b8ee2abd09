import numpy as np
import pytest
from scipy import stats

from cardiotwin import InputError
from cardiotwin.circulation import steady_state
from cardiotwin.hemodynamics import (
    Curve,
    MaximumAPosteriori,
    Measurements,
    Posterior,
    Unknowns,
    identifiability,
    identify,
)
from cardiotwin.hemodynamics._forward import Data, linearize, predict
from cardiotwin.hemodynamics._pareto import smooth_weights

NAMES = ("edv_ml", "esv_ml", "heart_rate_bpm", "systolic_mmhg", "diastolic_mmhg")
VOLUMES = Measurements(edv_ml=150, esv_ml=70)
CLINIC = Measurements(
    edv_ml=150, esv_ml=70, heart_rate_bpm=65, systolic_mmhg=125, diastolic_mmhg=78
)
QUICK = Posterior(effective_draws=400, draws_per_round=1024, max_rounds=8)


def measure(circulation, generator):
    """Return clinical numbers of synthetic patients, with the errors that are declared."""
    own = steady_state(circulation).indices
    true = {
        "edv_ml": own.edv_ml,
        "esv_ml": own.esv_ml,
        "heart_rate_bpm": 60 / circulation.period_s,
        "systolic_mmhg": own.systolic_mmhg,
        "diastolic_mmhg": own.diastolic_mmhg,
    }
    errors = {"edv_ml": 8.0, "esv_ml": 6.0, "heart_rate_bpm": 2.0}
    errors |= {"systolic_mmhg": 6.0, "diastolic_mmhg": 5.0}
    found = []
    for k in range(circulation.shape[0]):
        numbers = {n: float(true[n][k] + errors[n] * generator.normal()) for n in NAMES}
        found.append(Measurements(**numbers, errors=errors))
    return found


@pytest.fixture(scope="module")
def both():
    return identify([VOLUMES, CLINIC], method=QUICK)


def test_misfits_have_the_derivatives_of_finite_differences():
    unknowns = Unknowns.of()
    z = 0.5 * unknowns.draw(3, seed=2)
    data = Data.of([CLINIC] * 3)
    _, slopes = linearize(unknowns, z, data)
    # The foot of the aortic pressure has a kink where the valve opens within a step.
    step = 1e-4
    for k in range(z.shape[1]):
        shift = step * np.eye(z.shape[1])[k]
        up, down = (predict(unknowns, z + sign * shift, data).misfit for sign in (1, -1))
        difference = (up - down) / (2 * step)
        np.testing.assert_allclose(slopes[..., k], difference, rtol=1e-3, atol=2e-3)


def test_without_news_the_posterior_is_the_prior():
    vague = Measurements(edv_ml=150, errors={"edv_ml": 1e5})
    found = identify(vague, method=QUICK)
    np.testing.assert_allclose(found.weights @ found.coordinates, 0, atol=0.12)
    second = found.weights @ found.coordinates**2
    np.testing.assert_allclose(second, 1, atol=0.2)


def test_exact_measurements_of_everything_bring_back_the_patient():
    unknowns = Unknowns.of(["stressed_volume_ml", "emax", "systemic_resistance"])
    truth = unknowns.circulation(np.array([0.7, -0.8, 0.5]))
    own = steady_state(truth).indices
    exact = Measurements(
        edv_ml=float(own.edv_ml),
        esv_ml=float(own.esv_ml),
        mean_pressure_mmhg=float(own.mean_aortic_mmhg),
        errors={"edv_ml": 0.1, "esv_ml": 0.1, "mean_pressure_mmhg": 0.1},
    )
    found = identify(exact, unknowns=unknowns, method=MaximumAPosteriori())
    np.testing.assert_allclose(found.mode, [0.7, -0.8, 0.5], atol=0.02)


def test_volumes_alone_do_not_determine_pressure(both):
    volumes, clinic = both
    wide, narrow = (np.diff(own.interval("lv_peak_mmhg"))[0] for own in both)
    assert wide > 2.5 * narrow
    assert "Pressure is not determined" in identifiability(volumes).summary()
    assert "Pressure is not determined" not in identifiability(clinic).summary()
    best = identifiability(volumes).candidates[0]
    assert "mmhg" in best.quantity


def test_the_data_are_explained(both):
    clinic = both[1]
    assert clinic.trusted and clinic.diagnostics["k_hat"] < 0.7
    for name in ("edv_ml", "esv_ml", "systolic_mmhg", "diastolic_mmhg"):
        low, high = clinic.interval(name)
        assert low < getattr(CLINIC, name) < high


def test_what_is_predicted_to_help_does_help(both):
    volumes = both[0]
    report = identifiability(volumes, ["lv_peak_mmhg"])
    expected = {row.quantity: row.remaining["lv_peak_mmhg"] for row in report.candidates}
    middle = float(volumes.quantile("systolic_mmhg", 0.5))
    after = identify(Measurements(edv_ml=150, esv_ml=70, systolic_mmhg=middle), method=QUICK)
    left = after.standard_deviation("lv_peak_mmhg") / volumes.standard_deviation("lv_peak_mmhg")
    assert left == pytest.approx(expected["systolic_mmhg"], rel=0.35)


@pytest.mark.slow
def test_a_curve_says_more_than_its_ends():
    truth = Unknowns.of().circulation(np.array([0, 0, 0, 0, 0, 2.5, 0, 0, 0, 0.0]))
    beat = steady_state(truth)
    times = np.linspace(0, 0.8 * float(truth.period_s), 12)
    volumes = np.interp(times, beat.times_s, beat.volume_ml)
    ends = Measurements(
        edv_ml=float(beat.indices.edv_ml),
        esv_ml=float(beat.indices.esv_ml),
        heart_rate_bpm=float(truth.heart_rate_bpm),
        errors={"edv_ml": 4.0, "esv_ml": 4.0},
    )
    curve = Measurements(
        heart_rate_bpm=float(truth.heart_rate_bpm), volume_curve=Curve(times, volumes, 4.0)
    )
    by_ends, by_curve = identify(ends, method=QUICK), identify(curve, method=QUICK)
    name = "mitral_resistance"
    assert by_curve.mean(name) > 1.5 * by_ends.mean(name)
    low, high = by_curve.interval(name)
    assert low < float(truth.mitral_resistance) < high


def test_the_same_seed_gives_the_same_draws():
    # One group of simulations a round, and a second round fitted to the first.
    method = Posterior(effective_draws=1000, draws_per_round=256, max_rounds=2)
    one, other, another = (identify(CLINIC, method=method, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.coordinates, other.coordinates)
    assert not np.array_equal(one.coordinates, another.coordinates)


@pytest.mark.slow  # the test of the study `calibration` asserts the same of 40 patients
def test_intervals_cover_the_truth_as_often_as_they_say():
    unknowns, generator = Unknowns.of(), np.random.default_rng(5)
    z = unknowns.draw(24, seed=4)
    patients = measure(unknowns.circulation(z), generator)
    found = identify(patients, method=QUICK)
    ranks = np.array(
        [own.weights @ (own.coordinates < truth) for own, truth in zip(found, z, strict=True)]
    )
    covered = np.mean((ranks > 0.05) & (ranks < 0.95))
    assert 0.82 < covered < 0.97
    assert stats.kstest(ranks.ravel(), "uniform").pvalue > 1e-3


def test_loops_of_draws_are_a_band(both):
    loops = both[1].loops(16, seed=0)
    assert loops.succeeded.all() and loops.volume_ml.shape[0] == 16
    assert np.std(loops.indices.edv_ml) > 2


def test_smoothed_weights_know_when_they_fail():
    generator = np.random.default_rng(0)
    good = generator.normal(size=4000)
    assert smooth_weights(-0.1 * good**2)[1] < 0.5
    heavy = stats.genpareto.rvs(1.2, size=4000, random_state=1)
    assert smooth_weights(np.log(heavy))[1] > 0.8


def test_no_patient_is_an_error():
    with pytest.raises(InputError, match="no patient"):
        identify([])
