"""One training on several devices: each differentiates its share of the batch."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._checks import check_count
from .._errors import InputError
from .._threads import core_count

AXIS = "share"


def use_cores(count: int | None = None) -> int:
    """Let JAX treat cores of this machine as devices of their own, so that trainings share work.

    A training whose objective can cut its batch (`Objective`) then gives every core a share, and
    adds up the gradients. Say it before anything of JAX runs. The result of a seed depends on the
    number of cores by rounding, which long trainings amplify: the same seed and the same number
    give the same result.

    Args:
        count: number of cores; all that this process may use by default.

    Returns:
        How many there are now.

    Raises:
        InputError: JAX has begun to work with another number already.

    >>> use_cores(jax.device_count()) == jax.device_count()
    True
    """
    wanted = core_count() if count is None else check_count(count, "count")
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:
        if len(jax.devices("cpu")) != wanted:
            raise InputError(
                "count",
                found=f"{wanted} cores, but JAX already works with {len(jax.devices('cpu'))}",
                expected="a choice before JAX has done anything",
                advice="Call use_cores() first thing in the program.",
            ) from None
    return wanted


def mesh_for(split: Callable[..., Any] | None, batch: Any) -> Mesh | None:
    """Return all devices where there are several and the batch can be cut into as many shares.

    Args:
        split: of the objective.
        batch: shapes of a batch.
    """
    devices = jax.local_devices()
    if len(devices) == 1 or split is None:
        return None
    shares = jax.eval_shape(lambda whole: split(whole, len(devices)), batch)
    return None if shares is None else Mesh(np.array(devices), (AXIS,))


def on_all(mesh: Mesh | None, tree: Any) -> Any:
    """Put arrays on every device."""
    if mesh is None:
        return tree
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def on_first(mesh: Mesh | None, tree: Any) -> Any:
    """Put arrays back on the first device alone."""
    return tree if mesh is None else jax.device_put(tree, mesh.devices.flat[0])


def on_every_device(mesh: Mesh | None, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as each device runs it by itself, on arguments that all of them have."""
    if mesh is None:
        return function
    whole = PartitionSpec()
    return jax.shard_map(function, mesh=mesh, in_specs=whole, out_specs=whole, check_vma=False)


def mean_of_shares(function: Callable[[Any, Any], Any], parameters: Any, shares: Any) -> Any:
    """Return the mean over devices of ``function(parameters, share)``, inside `on_every_device`.

    Args:
        function: of parameters and one share of the batch.
        parameters: the same on all devices.
        shares: batch with a leading axis of one share a device.
    """
    mine = jax.tree.map(lambda leaf: leaf[jax.lax.axis_index(AXIS)], shares)
    return jax.lax.pmean(function(parameters, mine), AXIS)
