"""Double precision for JAX inside our functions only, never for the whole program."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def double_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` with 64-bit JAX numbers; the caller's setting is restored afterwards.

    JAX's switch is a context of the running thread: the decorator therefore stands on the
    function that a thread or worker calls, not around the code that starts it.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        import jax

        with jax.enable_x64(True):
            return function(*args, **kwargs)

    return wrapper
