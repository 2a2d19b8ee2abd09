"""Tasks, which workers in other processes import too, and cases for them."""

import os
import time
from dataclasses import dataclass

import numpy as np

from cardiotwin._precision import double_precision
from cardiotwin.compute import ThisMachine, run_cases


def make_cases(n_cases: int, failing=()):
    x = np.linspace(0, 11, n_cases)
    x[list(failing)] = -1.0 - np.arange(len(failing))
    return {"x": x, "seed": np.arange(n_cases), "name": [f"case {k}" for k in range(n_cases)]}


def assert_same(one, other):
    assert list(one.columns) == list(other.columns)
    for name, values in one.columns.items():
        assert values.dtype == other[name].dtype, name
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def one_by_one(cases):
    return run_cases(noisy_root, cases, batch=1, backend=ThisMachine(workers=1), quiet=True)


def noisy_root(columns):
    """Whole numbers, real numbers, texts and two-dimensional results; negative cases fail."""
    x = columns["x"]
    if (x < 0).any():
        raise ValueError(f"no root of {x[x < 0][0]:g}")
    noise = np.array([np.random.default_rng(int(seed)).normal() for seed in columns["seed"]])
    return {
        "root": np.sqrt(x) + noise,
        "count": np.floor(x).astype(int),
        "even": np.floor(x) % 2 == 0,
        "kind": np.where(x > 5, "large", "small"),
        "powers": np.stack([x, x**2, x**3], axis=1),
    }


@dataclass(frozen=True)
class SlowRoot:
    """The same, so slowly that something can happen meanwhile."""

    seconds: float = 0.1

    def __call__(self, columns):
        time.sleep(self.seconds)
        return noisy_root(columns)


@dataclass(frozen=True)
class Power:
    exponent: float

    def __call__(self, columns):
        return {"y": columns["x"] ** self.exponent}


def dies(columns):
    """Take the whole process along where x is 13."""
    if (columns["x"] == 13).any():
        os._exit(3)
    time.sleep(0.02)
    return {"y": 2 * columns["x"]}


@double_precision
def in_double_precision(columns):
    import jax.numpy as jnp

    tenth = jnp.asarray(columns["x"]) / 10
    return {"tenth": tenth, "type": np.full(tenth.shape, str(tenth.dtype))}
