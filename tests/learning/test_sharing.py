"""Several devices share a training: the steps are those of one device, up to rounding."""

import subprocess
import sys

import jax
import pytest

from cardiotwin import InputError
from cardiotwin.learning import use_cores

# JAX settles the number of devices when it starts, so each number needs a program of its own.
PROGRAM = """
import sys
from cardiotwin.learning import Adam, EarlyStop, train, use_cores

assert use_cores({cores}) == {cores}
import jax, numpy as np
import jax.numpy as jnp

assert jax.device_count() == {cores}

class Fit:
    def draw(self, key):
        return jax.random.uniform(key, (12,))

    def split(self, x, n_pieces=None):
        n_pieces = 12 if n_pieces is None else n_pieces
        return None if 12 % n_pieces else x.reshape(n_pieces, -1)

    def residuals(self, parameters, x):
        misfit = jnp.tanh(jnp.outer(parameters["a"], x)).sum(0) - jnp.sin(3 * x)
        return {{"data": misfit / np.sqrt(x.size), "ridge": parameters["a"]}}

seen = []
start = {{"a": jnp.linspace(-1.0, 1.0, 5)}}
with jax.enable_x64(True):
    start = jax.tree.map(lambda leaf: jnp.asarray(leaf, "float64"), start)
    found = train(
        Fit(), start, Adam(0.05), steps={steps}, seed=3, weights={{"ridge": 1e-3}},
        report_every=20, checkpoint={folder!r}, quiet=True,
        callbacks=[lambda step, losses, parameters: seen.append(parameters["a"])],
    )
assert len(found.parameters["a"].devices()) == len(seen[-1].devices()) == 1
print(found.settings.get("devices", 1), *np.asarray(found.parameters["a"], float))
"""


def outcome(folder, cores, steps=60):
    program = PROGRAM.format(cores=cores, steps=steps, folder=str(folder))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    devices, *values = done.stdout.split()
    return int(devices), [float(value) for value in values]


def test_shares_of_a_batch_train_like_the_whole(tmp_path):
    _, alone = outcome(tmp_path / "1", 1)
    for cores in (2, 3):
        devices, together = outcome(tmp_path / f"{cores}", cores)
        assert devices == cores
        assert together == pytest.approx(alone, rel=1e-12)
    # Twelve points cannot be cut into five: one device's program on all of them.
    devices, uncut = outcome(tmp_path / "5", 5)
    assert devices == 1 and uncut == pytest.approx(alone, rel=1e-12)


def test_a_shared_training_resumes_exactly(tmp_path):
    _, whole = outcome(tmp_path / "whole", 2)
    outcome(tmp_path / "cut", 2, steps=40)
    assert outcome(tmp_path / "cut", 2)[1] == whole


def test_cores_are_chosen_before_jax_starts():
    assert use_cores(jax.device_count()) == jax.device_count()
    with pytest.raises(InputError, match="before JAX"):
        use_cores(jax.device_count() + 3)
