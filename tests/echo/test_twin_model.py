"""What trained twins say: of several clips together, drawn, saved and read again."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from cardiotwin import FileFormatError, InputError
from cardiotwin.circulation import Circulation
from cardiotwin.echo import EncodedClips, Encoding, TwinModel, calibrate_twins
from cardiotwin.echo._twin_inputs import TwinInputs
from cardiotwin.echo._twin_losses import Known
from cardiotwin.echo._twin_network import Normal, TwinHead
from cardiotwin.echo._witnesses import believed_less, together, widened
from cardiotwin.hemodynamics import ADULT, Unknowns


def _encodings(n, seed=0):
    rng = np.random.default_rng(seed)
    numbers, looks = rng.standard_normal((n, 5)), rng.standard_normal((n, 4))
    return Encoding(numbers, np.ones(5), looks, rng.normal(0, 0.2, n), np.full(n, 0.8))


def _one(every, k):
    return every._replace(
        **{name: getattr(every, name)[k] for name in ("numbers", "looks", "log_mm", "period_s")}
    )


@pytest.fixture(scope="module")
def model():
    """Untrained, of two networks."""
    unknowns = Unknowns.of(("period_s", "emax", "emin"), fixed=Circulation(v0_ml=23.0))
    inputs = TwinInputs.fitted(_encodings(30), 2)
    heads = tuple(TwinHead(9, 2, width=8, key=jax.random.key(k)) for k in (0, 1))
    return TwinModel(heads, inputs, unknowns, "curve", {"what": "untrained"})


def _witness(mean, covariance):
    return Normal(np.array([mean], float), np.linalg.cholesky(np.array([covariance], float)))


def _same(found, wanted):
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-9)
    np.testing.assert_allclose(found.root, wanted.root, atol=1e-9)


FIRST = _witness([1.0, -0.5], [[0.4, 0.2], [0.2, 0.7]])
SECOND = _witness([0.2, 0.3], [[0.8, -0.1], [-0.1, 0.3]])
THIRD = _witness([-0.4, 0.9], [[0.5, 0.0], [0.0, 0.9]])


def test_witnesses_multiply_but_know_the_prior_once():
    """Against the product of densities over the prior, summed up on a grid."""
    line = np.linspace(-6, 6, 401)
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), -1)
    logarithm = 0.5 * (grid**2).sum(-1)
    for one in (FIRST, SECOND):
        precision = np.linalg.inv(one.root[0] @ one.root[0].T)
        away = grid - one.mean[0]
        logarithm -= 0.5 * np.einsum("abi,ij,abj->ab", away, precision, away)
    weights = np.exp(logarithm - logarithm.max())
    weights /= weights.sum()
    mean = np.einsum("ab,abi->i", weights, grid)
    covariance = np.einsum("ab,abi,abj->ij", weights, grid - mean, grid - mean)
    found = together([FIRST, SECOND])
    np.testing.assert_allclose(found.mean[0], mean, atol=1e-6)
    np.testing.assert_allclose(found.root[0] @ found.root[0].T, covariance, atol=1e-6)


def test_their_order_does_not_matter_and_who_knows_nothing_changes_nothing():
    nothing = _witness([0, 0], np.eye(2))
    assert together([FIRST]) is FIRST
    _same(together([FIRST, nothing]), FIRST)
    _same(together([FIRST, SECOND, THIRD]), together([THIRD, FIRST, SECOND]))
    _same(together([FIRST, SECOND, THIRD]), together([together([FIRST, SECOND]), THIRD]))


def test_a_witness_who_knows_less_than_the_prior_cannot_take_it_back():
    vague = _witness([0, 0], 9 * np.eye(2))
    _same(together([FIRST, vague]), FIRST)
    both = together([vague, vague])
    np.testing.assert_allclose(both.root[0] @ both.root[0].T, np.eye(2), atol=1e-9)


def test_draws_are_those_of_the_networks_in_turns(model):
    one = _one(_encodings(1), 0)
    found = model.read(one)
    assert found.mean.shape == (2, 2) and model.names == ("emax", "emin")
    drawn = model.draw(one, 8001, seed=3)
    for head in (0, 1):
        own = drawn[head::2]
        covariance = found.root[head] @ found.root[head].T
        np.testing.assert_allclose(own.mean(0), found.mean[head], atol=0.1)
        np.testing.assert_allclose(np.cov(own.T), covariance, atol=0.15)
    np.testing.assert_array_equal(drawn, model.draw([one], 8001, seed=3))
    with pytest.raises(InputError, match="encodings: found none"):
        model.draw([], 10, seed=0)


def test_a_clip_is_read_alike_alone_and_among_others(model):
    every = _encodings(5)
    many, alone = model.read(every), model.read(_one(every, 3))
    np.testing.assert_allclose(alone.mean, many.mean[:, 3], atol=1e-6)
    np.testing.assert_allclose(alone.root, many.root[:, 3], atol=1e-6)
    wide = model.widened(1.7).read(every)
    np.testing.assert_array_equal(wide.mean, many.mean)
    covariance = wide.root @ np.swapaxes(wide.root, -1, -2)
    np.testing.assert_array_less(np.diagonal(covariance, 0, -2, -1), 1.0 + 1e-9)


def test_a_widened_witness_keeps_the_prior_where_it_knows_nothing():
    """In one dimension the variance is 1/(1 + (1/v − 1)/f²); factors follow each other."""
    one = _witness([0.3, 0.1], [[0.04, 0.0], [0.0, 1.0]])
    found = widened(one, 2.0).root[0]
    np.testing.assert_allclose(np.diagonal(found) ** 2, [1 / (1 + 24 / 4), 1.0])
    assert widened(one, 1.0) is one
    _same(widened(widened(FIRST, 1.3), 2.0), widened(FIRST, 2.6))
    # Several rotated alike stay rotated alike.
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    turned = Normal(one.mean, np.linalg.cholesky(turn @ np.diag([0.04, 1.0]) @ turn.T)[None])
    whole = widened(turned, 2.0).root[0] @ widened(turned, 2.0).root[0].T
    np.testing.assert_allclose(whole, turn @ np.diag([1 / 7, 1.0]) @ turn.T)


def test_a_witness_who_is_not_believed_says_nothing_alone_or_beside_others():
    other = _witness([0.5, -1.2], [[0.3, 0.1], [0.1, 0.6]])
    nobody = believed_less(other, 1e6)
    _same(nobody, _witness([0.0, 0.0], np.eye(2)))
    _same(together([FIRST, nobody]), FIRST)
    assert believed_less(other, 1.0) is other
    _same(believed_less(believed_less(other, 1.3), 2.0), believed_less(other, 2.6))


def test_a_witness_that_overclaims_is_right_once_it_is_believed_less():
    """z of the prior, seen with an error twice what the witness says: the exact posterior."""
    found = believed_less(_witness([0.8], [[0.2]]), 2.0)
    # N(0.8, 0.2) is what y = 1 with the variance 1/4 says; with four times that, N(1/2, 1/2).
    _same(found, _witness([0.5], [[0.5]]))


def test_saved_and_read_again_it_says_the_same(model, tmp_path):
    own = model.widened(1.3)
    own.save(tmp_path)
    again = TwinModel.load(tmp_path)
    every = _encodings(6, seed=1)
    before, after = own.read(every), again.read(every)
    # Weights are kept in half precision.
    np.testing.assert_allclose(after.mean, before.mean, atol=5e-3)
    np.testing.assert_allclose(after.root, before.root, atol=5e-3)
    assert (again.names, again.labels, again.card) == (own.names, own.labels, own.card)
    assert again.unknowns.priors == {name: ADULT[name] for name in ("period_s", "emax", "emin")}
    assert float(again.unknowns.fixed.v0_ml) == 23.0
    other = every._replace(looks=every.looks[:, 1:])
    with pytest.raises(InputError, match="segmentation model that the twins"):
        again.read(other)


def test_a_model_that_was_taught_volumes_has_no_parameters(model):
    direct = replace(model, unknowns=None)
    every = _encodings(3)
    clips = EncodedClips(every, Known(np.full(3, 120.0), np.full(3, 50.0), None), {})
    for ask in (lambda: direct.names, lambda: calibrate_twins(direct, clips)):
        with pytest.raises(InputError, match="taught volumes directly"):
            ask()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"format": "something else"}, "something else"),
        ({"width": 9}, "arrays"),
        ({"width": 10**9}, "layers"),
        ({"heads": 0}, "0 networks"),
        ({"heads": 3}, "arrays"),
        ({"sizes": [9, 10**6]}, "outputs"),
        ({"labels": "videos"}, "videos"),
        ({"card": {"shift": [0.0]}}, "shift of shape"),
        ({"card": {"hidden_spread": [[0.0, 1.0]]}}, "hidden_spread of shape"),
        ({"priors": {"emax": {"median": -1.0, "spread": 1.0}}}, "median"),
    ],
)
def test_damaged_models_are_refused(model, tmp_path, changed, told):
    model.save(tmp_path)
    path = tmp_path / "twins.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(InputError, match=told):
        TwinModel.load(tmp_path)


def test_files_that_are_missing_or_cut_off_are_refused(model, tmp_path):
    with pytest.raises(FileFormatError, match=r"twins\.json"):
        TwinModel.load(tmp_path)
    model.save(tmp_path)
    path = tmp_path / "twins.npz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FileFormatError, match="NPZ"):
        TwinModel.load(tmp_path)
