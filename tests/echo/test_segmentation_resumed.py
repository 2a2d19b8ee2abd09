"""A training of the segmentation is resumed with the settings that it began with, or not at all."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError
from cardiotwin.echo import _segmentation_training, train_segmentation
from cardiotwin.learning import train_on_stream


@pytest.fixture
def train(monkeypatch):
    """Train for one step on frames of the user: two numbers, since a network takes 10 s."""

    def two_numbers(losses, network, optimizer, batches, **settings):
        settings |= {"validate": None, "select": None}
        found = train_on_stream(_squares, jnp.ones(2), optimizer, batches, **settings)
        return replace(found, parameters=network)

    monkeypatch.setattr(_segmentation_training, "train_on_stream", two_numbers)

    def run(folder, size, widths=(8, 8)):
        frames = np.zeros((1, size, size, 3), np.uint8), np.zeros((1, size, size), np.uint8)
        return train_segmentation(
            steps=1,
            size=size,
            widths=widths,
            batches=lambda step: frames,
            validation=frames,
            checkpoint=folder,
            quiet=True,
        )

    return run


def _squares(numbers, batch, key):
    return {"squares": jnp.sum(numbers**2)}


def test_a_checkpoint_of_another_size_or_of_other_widths_is_refused(train, tmp_path):
    train(tmp_path, 32)
    model, training = train(tmp_path, 32)
    assert (model.size, training.step) == (32, 1)
    # Whatever the shapes of the weights, which are the same for every size.
    for size, widths in ((64, (8, 8)), (32, (8, 16))):
        with pytest.raises(InputError, match=r"differs in recipe .*Choose another folder"):
            train(tmp_path, size, widths)


def test_frames_of_the_user_may_be_larger_than_those_of_the_phantom(train):
    assert train(None, 416)[0].size == 416
    with pytest.raises(InputError, match="at most 410"):
        train_segmentation(steps=1, size=416, quiet=True)
