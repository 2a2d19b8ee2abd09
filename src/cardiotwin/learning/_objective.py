"""What is trained: residuals in named parts, and the problem that an optimizer sees of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import Mesh
from jaxtyping import Float

from ._sharing import mean_of_shares


@runtime_checkable
class Objective(Protocol):
    """A sum of squares in named parts: L_name = Σ entry², total = Σ_name weight_name · L_name.

    Both methods are pure JAX: they are compiled once and run many times. An equinox module (any
    registered pytree) hands its arrays to the compiled code as arguments, so that other data of
    the same shapes compile nothing anew; any other object is closed over as a constant.

    An objective may also have ``split(batch, n_pieces=None)``, which cuts a batch into equal
    independent pieces (a leading axis on every leaf) with L(batch) = mean over pieces of L(piece)
    for every part: into as many as it can, or into ``n_pieces``, None where that cannot be.
    Gauss–Newton methods then need the Jacobian of one piece at a time, and several devices share
    a batch.
    """

    def draw(self, key: Any) -> Any:
        """Return a random batch (a pytree of arrays; None where there is nothing to draw)."""
        ...

    def residuals(self, parameters: Any, batch: Any) -> dict[str, Float[Array, "..."]]:
        """Return the parts, each already divided so that Σ entry² is its mean square."""
        ...


@dataclass(frozen=True, eq=False)
class Problem:
    """What one optimizer step works on: the residuals and the weights of their parts.

    Attributes:
        residuals: ``residuals(parameters, batch)`` of the objective.
        weights: one number a part.
        split: the objective's ``split``, None where it has none.
        mesh: devices that share a batch, None for one device.
    """

    residuals: Callable[[Any, Any], dict[str, Any]]
    weights: dict[str, Any]
    split: Callable[..., Any] | None = None
    mesh: Mesh | None = None

    def parts(self, parameters: Any, batch: Any) -> dict[str, Float[Array, ""]]:
        """Return L_name = Σ entry² of every part."""
        residuals = self.residuals(parameters, batch)
        return {name: jnp.sum(jnp.square(entries)) for name, entries in residuals.items()}

    def loss(
        self, parameters: Any, batch: Any
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """Return Σ_name weight_name · L_name and the parts."""
        parts = self.parts(parameters, batch)
        return self.total(parts), parts

    def total(self, parts: dict[str, Any]) -> Float[Array, ""]:
        """Return the weighted sum of the parts."""
        return jnp.stack([self.weights[name] * part for name, part in parts.items()]).sum()

    def gradient(
        self, parameters: Any, batch: Any
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]], Any]:
        """Return total loss, parts, and the gradient of the total loss."""
        both = jax.value_and_grad(self.loss, has_aux=True)
        if self.mesh is None or self.split is None:
            (total, parts), slope = both(parameters, batch)
        else:
            shares = self.split(batch, self.mesh.size)
            (total, parts), slope = mean_of_shares(both, parameters, shares)
        return total, parts, slope

    def vector(self, parameters: Any, batch: Any) -> Float[Array, " n_residuals"]:
        """Return one vector r of all residuals times √weight, so that the total loss is ‖r‖²."""
        residuals = self.residuals(parameters, batch)
        return jnp.concatenate(
            [jnp.sqrt(self.weights[name]) * jnp.ravel(r) for name, r in residuals.items()]
        )
