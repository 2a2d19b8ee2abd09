"""Fit a network to given fields before it meets the physics."""

import equinox as eqx
import numpy as np
from jax import Array
from jaxtyping import Float

from ._collocation import RandomPoints
from ._derivatives import Field
from ._physics_loss import PhysicsObjective


class GuessObjective(eqx.Module):
    """Misfit between the network and given fields, at the instants of a batch.

    Attributes:
        physics: whose inputs, nodes and batches are used.
        fields: (1 or 2, n_nodes, n_times) target for u, or for u and v.
    """

    physics: PhysicsObjective
    fields: Float[Array, "n_fields n_nodes n_times"]

    def draw(self, key: Array) -> Array:
        """Return random instants."""
        d = self.physics.derivatives
        return RandomPoints(1, 48).draw(key, d.n_nodes, d.n_times, 0).data_instants

    def split(self, batch: Array, n_pieces: int | None = None) -> Array | None:
        """Cut a batch into equal pieces, into single instants without a number."""
        n_pieces = len(batch) if n_pieces is None else n_pieces
        return None if len(batch) % n_pieces else batch.reshape(n_pieces, -1)

    def residuals(self, parameters: Field, batch: Array) -> dict[str, Float[Array, "..."]]:
        """Return the misfit, divided so that its sum of squares is a mean square."""
        found = self.physics.derivatives.maps(parameters, batch)[: len(self.fields)]
        return {"guess": (found - self.fields[:, :, batch]) / np.sqrt(found[0].size)}
