"""The video network of Med-Real2Sim, five layers of three-dimensional convolutions, to compare."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._errors import InputError
from ._convolutions import GROUP_CHANNELS

CHANNELS = (8, 16, 32, 64, 128)
"""Of the five layers."""

HIDDEN = 512
"""Units between the last maps and the outputs."""

MULTIPLE = 2 ** (len(CHANNELS) - 1)
"""Of which frames and sides are multiples: they are halved after all layers but the last."""


class PaperNetwork(eqx.Module):
    """Five convolutions over time, height and width, pooled after the first four, and two layers.

    Channels are normalized in groups within each clip, where the reference takes statistics of
    the batch, in evaluation too: there a patient's answer depends on who else is in the batch.

    Source: Med-Real2Sim, NEW3DCNN of its code.

    Args:
        n_out: outputs of a clip.
        key: of the random weights.

    Attributes:
        kernels: (3, 3, 3, n_in, n_out) of each convolution.
        scales: (2, n_out) factor and shift of each normalization.
        hidden: linear layer after the mean over space and time.
        last: linear layer of the outputs.

    >>> network = eqx.filter_eval_shape(PaperNetwork, 2, key=jax.random.key(0))
    >>> eqx.filter_eval_shape(network, jnp.zeros((1, 16, 112, 112))).shape
    (1, 2)
    """

    kernels: list[Any]
    scales: list[Any]
    hidden: eqx.nn.Linear
    last: eqx.nn.Linear

    def __init__(self, n_out: int, *, key: Any):
        keys = jax.random.split(key, len(CHANNELS) + 2)
        inputs = (1, *CHANNELS[:-1])
        self.kernels = [
            jnp.sqrt(2.0 / (27 * a)) * jax.random.normal(k, (3, 3, 3, a, b), jnp.float32)
            for k, a, b in zip(keys, inputs, CHANNELS, strict=False)
        ]
        self.scales = [
            jnp.stack([jnp.ones(c, jnp.float32), jnp.zeros(c, jnp.float32)]) for c in CHANNELS
        ]
        self.hidden = eqx.nn.Linear(CHANNELS[-1], HIDDEN, key=keys[-2], dtype=jnp.float32)
        self.last = eqx.nn.Linear(HIDDEN, n_out, key=keys[-1], dtype=jnp.float32)

    def __call__(self, clips: Float[Array, "n t h w"]) -> Float[Array, "n n_out"]:
        """Return the outputs of clips.

        Args:
            clips: grey levels from 0 to 1, sides and frames multiples of 16.

        Raises:
            InputError: sides or frames that are not.
        """
        if any(side % MULTIPLE for side in clips.shape[1:]):
            raise InputError(
                "clips",
                found=" × ".join(map(str, clips.shape[1:])),
                expected=f"frames, height and width that are multiples of {MULTIPLE}",
                advice="Resize the frames, and leave out the last ones.",
            )
        x = (clips - clips.mean((1, 2, 3), keepdims=True))[..., None] / 0.2
        for level, (kernel, scale) in enumerate(zip(self.kernels, self.scales, strict=True)):
            x = jax.lax.conv_general_dilated(
                x, kernel, (1, 1, 1), "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
            )
            x = jax.nn.relu(_normalized(x) * scale[0] + scale[1])
            if level < len(CHANNELS) - 1:
                n, t, h, w, c = x.shape
                x = x.reshape(n, t // 2, 2, h // 2, 2, w // 2, 2, c).max((2, 4, 6))
        hidden = jax.nn.relu(jax.vmap(self.hidden)(x.mean((1, 2, 3))))
        return jax.vmap(self.last)(hidden)


def _normalized(x: Float[Array, "n t h w c"]) -> Float[Array, "n t h w c"]:
    n, t, h, w, c = x.shape
    groups = x.reshape(n, t, h, w, max(1, c // GROUP_CHANNELS), -1)
    mean = groups.mean((1, 2, 3, 5), keepdims=True)
    spread = groups.var((1, 2, 3, 5), keepdims=True)
    return ((groups - mean) * jax.lax.rsqrt(spread + 1e-5)).reshape(x.shape)
