"""Spreads and means of twins, set on patients that are simulated, by a network written down."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin.circulation import steady_indices
from cardiotwin.echo import EncodedClips, Encoding, TwinModel, calibrate_twins, simulate_twins
from cardiotwin.echo._hidden_spread import (
    hidden_spread,
    hidden_trust,
    spread_out,
    volume_slopes,
)
from cardiotwin.echo._twin_inputs import TwinInputs
from cardiotwin.echo._twin_losses import Known
from cardiotwin.echo._twin_network import Normal, TwinHead
from cardiotwin.echo._witnesses import together
from cardiotwin.hemodynamics import Unknowns

FEW = Unknowns.of(("period_s", "stressed_volume_ml", "emax", "emin", "mitral_resistance"))
READ = FEW.names[1:]
ERROR, BIAS = 0.5, 0.6
"""Of what clips tell of every coordinate; bias of Emax, of which EF depends most."""


def _clips(n, seed):
    """Return clips whose encodings are the coordinates with an error."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, len(FEW.names)))
    found = steady_indices(FEW.circulation(z)).indices
    told = z[:, 1:] + ERROR * rng.standard_normal((n, len(READ)))
    told[:, READ.index("emax")] += BIAS
    period = np.asarray(FEW.circulation(z).period_s)
    encoding = Encoding(told, np.zeros(len(READ)), np.zeros((n, 1)), np.full(n, np.nan), period)
    known = Known(np.asarray(found.edv_ml), np.asarray(found.esv_ml), None)
    return EncodedClips(encoding, known, dict(zip(FEW.names, z.T, strict=True)))


@pytest.fixture(scope="module")
def model():
    """Reads the coordinates as they are told, and is three times as sure as it may be."""
    n_in, n = len(READ) + 3, len(READ)
    inputs = TwinInputs(np.zeros(1), np.ones(1), np.ones((1, 1)), np.zeros(n_in), np.ones(n_in))
    head = TwinHead(n_in, n, depth=0, key=jax.random.key(0))
    weight = np.zeros(head.layers[0].weight.shape, np.float32)
    weight[:n, :n] = np.eye(n)
    rows, columns = np.tril_indices(n)
    # softplus(x + 0.5413) = ERROR / 3
    diagonal = np.log(np.expm1(ERROR / 3)) - 0.5413
    bias = np.concatenate([np.zeros(n), np.where(rows == columns, diagonal, 0.0)])
    head = eqx.tree_at(
        lambda own: (own.layers[0].weight, own.layers[0].bias),
        head,
        (jnp.asarray(weight), jnp.asarray(bias, jnp.float32)),
    )
    return TwinModel((head,), inputs, FEW, "curve", {})


@pytest.fixture(scope="module")
def calibrated(model):
    return calibrate_twins(model, _clips(120, seed=0))


def test_after_calibration_ef_is_neither_too_large_nor_too_small(model, calibrated):
    clips = _clips(200, seed=1)
    truth = 100 * (1 - clips.known.esv / clips.known.edv)
    before, after = (
        np.nanmedian(simulate_twins(own, clips).ef_percent, 1) - truth
        for own in (model, calibrated)
    )
    error = after.std() / np.sqrt(len(after))
    assert before.mean() > 6 * error and abs(after.mean()) < 3 * error
    assert np.abs(after).mean() < 0.8 * np.abs(before).mean()
    told = calibrated.card["calibration"]
    assert told["clips"] == 120 and 0.8 < told["ef_held"] < 0.99


def test_after_calibration_intervals_of_parameters_hold(model, calibrated):
    clips = _clips(300, seed=2)
    shares = {}
    for name, own in (("before", model), ("after", calibrated)):
        low, high = np.nanpercentile(simulate_twins(own, clips, 100).z, [5, 95], axis=1)
        truth = np.stack([clips.truth[k] for k in READ], -1)
        shares[name] = np.mean((low <= truth) & (truth <= high), 0)
    assert (shares["before"] < 0.6).all()
    assert (shares["after"] > 0.78).all() and shares["after"].mean() > 0.84


def test_calibrated_again_it_is_the_same_and_without_truth_nothing_is_hidden(model, calibrated):
    clips = _clips(120, seed=0)
    again = calibrate_twins(calibrated, clips)
    assert again.card == calibrated.card
    untold = calibrate_twins(model, EncodedClips(clips.encoding, clips.known, {}))
    assert "hidden_spread" not in untold.card and "shift" in untold.card
    assert untold.card["widening"] == calibrated.card["widening"]


def test_slopes_are_those_of_small_steps():
    """The mean over patients of the simulator's own slopes, by central differences."""
    slopes = volume_slopes(FEW, READ)
    z = FEW.draw(100, 5)
    for column, name in enumerate(READ):
        step = np.zeros(len(FEW.names))
        step[FEW.names.index(name)] = 0.3
        ends = [steady_indices(FEW.circulation(z + sign * step)).indices for sign in (1, -1)]
        ef = (ends[0].ef_percent - ends[1].ef_percent) / 100
        edv = np.log(np.asarray(ends[0].edv_ml) / ends[1].edv_ml)
        wanted = np.mean([ef, edv], 1) / 0.6
        np.testing.assert_allclose(slopes[:, column], wanted, atol=0.03)


def test_what_is_hidden_lies_across_the_slopes(rng):
    slopes = rng.standard_normal((2, 4))
    draws, truth = rng.standard_normal((400, 60, 4)), 1.5 * rng.standard_normal((400, 4))
    more = hidden_spread(draws, truth, slopes, 0.9)
    np.testing.assert_allclose(slopes @ more, 0.0, atol=1e-9)
    assert np.linalg.eigvalsh(more).min() > -1e-9 and np.trace(more) > 0.5
    # Draws that hold the truth as often as they should lack nothing.
    sound = hidden_spread(draws, rng.standard_normal((400, 4)), slopes, 0.9)
    assert np.trace(sound) < 0.25 * np.trace(more)


def test_what_is_said_across_the_slopes_is_believed_as_far_as_it_is_true(rng):
    """Of truths with an error of the same size: half; what the slopes tell stays."""
    slopes = rng.standard_normal((2, 5))
    truth = rng.standard_normal((20_000, 5))
    means = truth + rng.standard_normal((20_000, 5))
    trust = hidden_trust(means, truth, slopes)
    np.testing.assert_allclose(slopes @ trust, slopes, atol=1e-9)
    across = np.eye(5) - np.linalg.pinv(slopes) @ slopes
    np.testing.assert_allclose(trust, np.eye(5) - across / 2, atol=0.03)
    # Who is right is believed; who says too little is not made to say more.
    for said in (truth, 0.5 * truth):
        np.testing.assert_allclose(hidden_trust(said, truth, slopes), np.eye(5), atol=1e-9)


def test_what_no_volume_tells_is_nearer_to_the_truth_after_calibration(model, calibrated):
    clips, slopes = _clips(400, seed=4), volume_slopes(FEW, READ)
    across = np.eye(len(READ)) - np.linalg.pinv(slopes) @ slopes
    truth = np.stack([clips.truth[k] for k in READ], -1)
    before, after = (
        np.mean(((own.read(clips.encoding).mean[0] - truth) @ across) ** 2)
        for own in (model, calibrated)
    )
    assert after < 0.95 * before


def test_a_second_clip_does_not_tell_what_is_hidden(calibrated):
    more = np.asarray(calibrated.card["hidden_spread"])
    one = calibrated.read(_clips(1, seed=3).encoding)
    wide = spread_out(one, more)
    np.testing.assert_allclose(
        wide.root @ np.swapaxes(wide.root, -1, -2), one.root @ np.swapaxes(one.root, -1, -2) + more
    )
    both = together([one, one])
    drawn = calibrated.drawn(Normal(both.mean, both.root), 20_000, seed=0)[:, 0]
    np.testing.assert_allclose(
        np.cov(drawn.T), both.root[0, 0] @ both.root[0, 0].T + more, atol=0.03
    )
