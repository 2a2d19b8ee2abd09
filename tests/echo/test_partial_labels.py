"""Frames of which only the cavity was traced, beside those of which every pixel is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin.echo import dice
from cardiotwin.echo._augmentation import augmented
from cardiotwin.echo._labels import LABELS, NOT_CAVITY
from cardiotwin.echo._segmentation_training import label_losses

LOSSES = jax.jit(label_losses)


@pytest.fixture(scope="module")
def logits():
    return jnp.asarray(np.random.default_rng(0).standard_normal((4, 12, 12, 4)), jnp.float32)


@pytest.fixture(scope="module")
def masks():
    return jnp.asarray(np.random.default_rng(1).integers(0, 4, (4, 12, 12)))


def partly(masks):
    """Return masks in which only the cavity is told."""
    return jnp.where(masks == 1, 1, NOT_CAVITY)


def test_where_all_is_known_the_losses_are_the_usual_ones(logits, masks):
    logarithms = jax.nn.log_softmax(logits)
    found = LOSSES(logarithms, masks)
    p, truth = np.exp(logarithms), np.eye(4)[np.asarray(masks)]
    assert found["entropy"] == pytest.approx(-np.mean(np.log((p * truth).sum(-1))), rel=1e-5)
    overlap = (2 * (p * truth).sum((1, 2)) + 1) / ((p + truth).sum((1, 2)) + 1)
    assert found["dice"] == pytest.approx(0.5 - 0.5 * overlap[:, 1:].mean(), rel=1e-5)
    areas = (p[..., 1].sum((1, 2)) + 10) / (truth[..., 1].sum((1, 2)) + 10)
    assert found["area"] == pytest.approx(np.mean(np.log(areas) ** 2), rel=1e-4)


@pytest.mark.parametrize("label", [0, 2, 3])
def test_any_other_label_is_right_where_only_the_cavity_is_known(masks, label):
    """Sure of the cavity and of any other label elsewhere: nothing is lost."""
    sure = 40.0 * jax.nn.one_hot(jnp.where(masks == 1, 1, label), len(LABELS))
    found = LOSSES(jax.nn.log_softmax(sure), partly(masks))
    assert all(float(value) == pytest.approx(0, abs=1e-6) for value in found.values())


def test_a_cavity_where_none_is_costs_as_much_as_it_should(masks):
    everywhere = 9.0 * jax.nn.one_hot(jnp.ones_like(masks), len(LABELS))
    found = LOSSES(jax.nn.log_softmax(everywhere), partly(masks))
    p = np.exp(9) / (np.exp(9) + 3)
    share = float((masks == 1).mean())
    entropy = -share * np.log(p) - (1 - share) * np.log(1 - p)
    assert found["entropy"] == pytest.approx(entropy, rel=1e-4)


def test_shares_among_the_other_labels_are_left_alone(logits, masks):
    """The gradient in their logits is in proportion to their probabilities, whichever they are."""

    @jax.jit
    @jax.grad
    def slope_of(logits):
        return sum(label_losses(jax.nn.log_softmax(logits), partly(masks)).values())

    slope = np.asarray(slope_of(logits))
    p = np.asarray(jax.nn.softmax(logits))
    per = slope[..., [0, 2, 3]] / p[..., [0, 2, 3]]
    np.testing.assert_allclose(per, np.broadcast_to(per[..., :1], per.shape), atol=1e-6, rtol=1e-3)
    # At pixels that are no cavity it lowers the logit of the cavity.
    assert (slope[..., 1][np.asarray(masks) != 1] != 0).all()


def test_losses_of_a_mixed_batch_are_the_mean_of_those_of_its_frames(logits, masks):
    """Frames weigh alike, whatever is known of them."""
    mixed = jnp.concatenate([masks[:2], partly(masks[2:])])
    logarithms = jax.nn.log_softmax(logits)
    whole = LOSSES(logarithms, mixed)
    each = [LOSSES(logarithms[k : k + 1], mixed[k : k + 1]) for k in range(4)]
    for name, value in whole.items():
        assert value == pytest.approx(np.mean([float(one[name]) for one in each]), rel=1e-5)


def test_the_dice_of_the_cavity_weighs_as_much_as_where_all_is_known(logits, masks):
    """Perfect wall and atrium: then the Dice loss is that of the cavity alone, in both."""
    sure = jnp.where((masks == 1)[..., None], logits, 40.0 * jax.nn.one_hot(masks, 4))
    logarithms = jax.nn.log_softmax(sure)
    cavity = jax.nn.one_hot(masks, 4)[..., 1]
    p = jnp.exp(logarithms[..., 1])
    overlap = (2 * (p * cavity).sum((1, 2)) + 1) / ((p + cavity).sum((1, 2)) + 1)
    found = LOSSES(logarithms, partly(masks))["dice"]
    assert found == pytest.approx(float(0.5 * jnp.mean(1 - overlap) / 3), rel=1e-4)


def test_dice_knows_what_it_cannot_know():
    truth = np.zeros((2, 4, 4), int)
    truth[:, :2], truth[0, 2] = 1, 2
    truth[1][truth[1] == 0] = NOT_CAVITY
    found = np.where(truth == NOT_CAVITY, 3, truth)
    assert dice(found, truth) == {"cavity": 1.0, "wall": 1.0, "atrium": 1.0}
    found[0, 2] = 0
    assert dice(found, truth)["wall"] == 0.0
    assert list(dice(found[1:], truth[1:])) == ["cavity"]


def test_nothing_is_called_background_in_frames_that_do_not_tell_it(masks):
    frames = jnp.full((4, 12, 12, 3), 0.5)
    mixed = jnp.concatenate([masks[:2], partly(masks[2:])])
    change = jax.jit(augmented)
    _, moved = change(frames, mixed, jax.random.key(0))
    _, usual = change(frames, masks, jax.random.key(0))
    assert np.array_equal(moved[:2], usual[:2])
    assert np.array_equal(moved[2:], partly(usual[2:]))
    assert set(np.unique(moved[2:])) == {1, NOT_CAVITY}
