"""SOAP for many runs at once on few cores: decompositions must not wait for each other."""

import subprocess
import sys

RUNS = """
import jax
import jax.numpy as jnp
from jax import lax
from cardiotwin.learning import SOAP
from cardiotwin.learning._soap import soap_directions

rule = soap_directions(SOAP(refresh_every=1))
shapes = [(40, 64), (64, 48), (48, 56)]
keys = jax.random.split(jax.random.key(0), 20)
weights = jax.vmap(lambda key: [jax.random.normal(key, shape) for shape in shapes])(keys)

@jax.jit
def train(weights):
    def step(number, carry):
        weights, state = carry
        moves, state = jax.vmap(lambda w, s: rule.update(w, s, step=number))(weights, state)
        return jax.tree.map(lambda w, move: w - 1e-3 * move, weights, moves), state

    return lax.fori_loop(0, 200, step, (weights, jax.vmap(rule.init)(weights)))[0]

print(all(bool(jnp.isfinite(leaf).all()) for leaf in jax.block_until_ready(train(weights))))
"""


def test_stacks_of_matrices_are_decomposed_one_after_the_other():
    """Two at a time on two cores waited for ever; in a process of its own, which can be ended."""
    found = subprocess.run(
        [sys.executable, "-c", RUNS], capture_output=True, text=True, timeout=150, check=False
    )
    assert found.stdout.strip() == "True", found.stderr
