import json

import jax.numpy as jnp
import numpy as np
import pytest

from cardiotwin import InputError, NumericsError
from cardiotwin.learning import Adam, train_on_stream

TRUE = np.array([2.0, -1.0], np.float32)


def batch(step):
    rng = np.random.default_rng(step)
    x = rng.standard_normal((16, 2)).astype(np.float32)
    return x, x @ TRUE + 0.01 * rng.standard_normal(16).astype(np.float32)


def losses(slope, batch, key):
    x, y = batch
    return {"data": jnp.mean((x @ slope - y) ** 2)}


def distance(slope):
    return {"distance": float(np.abs(np.asarray(slope) - TRUE).max())}


def run(**changes):
    settings = {"steps": 300, "seed": 0, "average": 0.95, "quiet": True, **changes}
    return train_on_stream(losses, jnp.zeros(2), Adam(0.05), batch, **settings)


def test_linear_regression_is_solved():
    assert distance(run().parameters)["distance"] < 0.01


def test_the_same_bits_whoever_makes_the_batches():
    assert np.array_equal(run(workers=1).parameters, run(workers=3).parameters)


def test_a_training_cut_in_two_gives_the_same_bits(tmp_path):
    whole = run(validate=distance, validate_every=40, select="distance")
    log = tmp_path / "log.jsonl"

    def stopping(step):
        if step == 130:
            raise RuntimeError("power cut")
        return batch(step)

    settings = {"checkpoint": tmp_path / "c", "validate": distance, "validate_every": 40}
    settings |= {"select": "distance", "seed": 0, "average": 0.95, "quiet": True, "steps": 300}
    half = train_on_stream(
        losses, jnp.zeros(2), Adam(0.05), batch, **{**settings, "steps": 120}, log=log
    )
    assert half.step == 120
    with pytest.raises(RuntimeError, match="power cut"):
        train_on_stream(losses, jnp.zeros(2), Adam(0.05), stopping, **settings)
    rest = train_on_stream(losses, jnp.zeros(2), Adam(0.05), batch, **settings, log=log)
    assert np.array_equal(rest.parameters, whole.parameters)
    assert np.array_equal(rest.history["data"], whole.history["data"])
    assert rest.validation == whole.validation
    steps = [json.loads(row)["step"] for row in log.read_text().splitlines()]
    assert steps == sorted(steps)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path):
    first = run(steps=20, checkpoint=tmp_path, recipe={"size": 32})
    again = run(steps=20, checkpoint=tmp_path, recipe={"size": 32})
    assert np.array_equal(again.parameters, first.parameters)
    for recipe in ({"size": 64}, {}, None):
        with pytest.raises(InputError, match=r"differs in recipe .*Choose another folder"):
            run(steps=20, checkpoint=tmp_path, recipe=recipe)


def test_validation_chooses_the_best_average():
    found = run(validate=distance, validate_every=30, select="distance")
    best = min(numbers["distance"] for _, numbers in found.validation)
    assert distance(found.parameters)["distance"] == pytest.approx(best, rel=1e-6)
    assert dict(found.validation)[found.best_step]["distance"] == pytest.approx(best)


def test_gradients_are_shortened():
    one = run(steps=1, average=0.0, largest_gradient=1e-12).parameters
    # Adam's first step is the learning rate whatever the gradient, unless ε outweighs it.
    assert np.abs(one).max() < 0.05 * 1e-3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 0}, "steps"),
        ({"average": 1.0}, "average"),
        ({"select": "x"}, "select"),
        ({"validate": distance, "select": "far", "validate_every": 10}, "'distance'"),
    ],
)
def test_wrong_settings_are_refused(changes, says):
    with pytest.raises(InputError, match=says):
        run(**changes)


def test_a_loss_that_is_not_finite_ends_it():
    def broken(slope, batch, key):
        return {"data": jnp.sum(slope) / 0.0}

    with pytest.raises(NumericsError, match="not finite"):
        train_on_stream(broken, jnp.ones(2), Adam(0.1), batch, steps=30, seed=0, quiet=True)
