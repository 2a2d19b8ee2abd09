import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cardiotwin import InputError
from cardiotwin._precision import double_precision
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
from cardiotwin.hemodynamics._forward import Data, _whitened, linearize, predict
from cardiotwin.hemodynamics._pareto import smooth_weights
from cardiotwin.report import load_identification, save_identification

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


def curve_of(generator, n, n_shared):
    """Return a curve with errors of any size, and the covariance of its values."""
    error = np.exp(generator.normal(size=n))
    size = np.exp(generator.uniform(-9, 9, (n_shared, 1)))
    shared = size * generator.normal(size=(n_shared, n))
    times, values = np.sort(generator.uniform(0, 1, n)), 9 + generator.normal(size=n)
    return Curve(times, values, error, shared), np.diag(error**2) + shared.T @ shared


@double_precision
def whitened(misfit, shared):
    """Return what compiled code makes of misfits."""
    return np.asarray(_whitened(jnp.asarray(misfit), jnp.asarray(shared)))


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_shared_errors_whiten_as_the_dense_covariance(seed, counts):
    generator = np.random.default_rng(seed)
    made = [curve_of(generator, generator.integers(1, 12), m) for m in counts]
    other = Measurements(edv_ml=150, pressure_curve=made[0][0])
    data = Data.of([other, *(Measurements(volume_curve=curve) for curve, _ in made)])
    assert data.volume_shared.shape[:2] == data.volumes.shape
    off = generator.normal(size=data.volumes.shape)
    white = whitened(off * data.volume_weights, data.volume_shared)
    assert (white[0] == 0).all()
    for row, (curve, covariance) in enumerate(made, 1):
        n = len(curve.values)
        assert (white[row, n:] == 0).all()
        root = np.linalg.cholesky(covariance)
        wanted = np.sum(np.linalg.solve(root, off[row, :n]) ** 2)
        # The conditions of the dense way limit how well the two can agree.
        rtol = 1e-13 * np.linalg.cond(covariance) + 1e-9
        assert np.sum(white[row] ** 2) == pytest.approx(wanted, rel=rtol)


def test_without_shared_errors_misfits_are_as_they_are():
    """Not one operation is added, whoever else is in the batch."""
    values = np.array([120.0, 60.0, 90.0])
    plain, own = (Curve([0.0, 0.3, 0.6], values, 2.0, s) for s in (None, [0.1 * values]))
    misfit = np.random.default_rng(0).normal(size=(2, 3))
    alone = Data.of([Measurements(volume_curve=plain)] * 2)
    assert alone.volume_shared.shape == (2, 3, 0) and alone.pressure_shared.shape == (2, 0, 0)
    assert _whitened(misfit, alone.volume_shared) is misfit
    both = Data.of([Measurements(volume_curve=curve) for curve in (plain, own)])
    white = whitened(misfit, both.take([0, 1]).volume_shared)
    np.testing.assert_array_equal(white[0], misfit[0])
    assert not np.allclose(white[1], misfit[1])


@pytest.mark.slow
def test_an_error_of_the_scale_moves_volumes_and_not_the_ejection_fraction(tmp_path):
    """Of three curves: with a scale known to 5 %, with none of it, with EF known to 5 points."""
    truth = Unknowns.of().circulation(np.array([0.3, -0.5, 0, 0, 0, 0, 0, 0, 0, 0.0]))
    beat, period = steady_state(truth), float(truth.period_s)
    times = np.arange(25) / 25 * period
    seen = np.interp(times, beat.times_s, beat.volume_ml)
    patients = []
    for by in (1.0, 1.1):
        own = by * seen
        ejected = own.max() - own
        for shared in ([0.05 * own], None, [ejected * 5.0 / float(beat.indices.ef_percent)]):
            curve = Curve(times, own, 2.0, shared)
            patients.append(Measurements(heart_rate_bpm=60 / period, volume_curve=curve))
    found = identify(patients, method=MaximumAPosteriori())
    relative = [own.standard_deviation("edv_ml") / own.mean("edv_ml") for own in found]
    points = [own.standard_deviation("ef_percent") for own in found]
    for scale, none, contraction in ((0, 1, 2), (3, 4, 5)):
        assert relative[scale] > 0.045 and relative[none] < 0.02
        assert points[scale] == pytest.approx(points[none], rel=0.25)
        assert points[contraction] > 3 * points[none]
    one, larger = (steady_state(found[k].most_probable).indices for k in (0, 3))
    assert larger.ef_percent == pytest.approx(float(one.ef_percent), abs=0.2)
    saved = load_identification(save_identification(tmp_path / "one", found[0]))
    assert saved.measurements.as_dict() == found[0].measurements.as_dict()
    assert saved.measurements.volume_curve.shared.shape == (1, 25)
    plain = load_identification(save_identification(tmp_path / "two", found[1]))
    assert plain.measurements.volume_curve.shared.shape == (0, 25)
    with np.load(tmp_path / "two" / "arrays.npz") as arrays:
        assert "volume_curve.shared" not in arrays


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
