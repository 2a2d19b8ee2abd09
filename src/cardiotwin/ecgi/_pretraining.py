"""Fit a network to given potentials before it meets the physics."""

import equinox as eqx
import numpy as np
from jax import Array
from jaxtyping import Float

from ._collocation import RandomPoints
from ._networks import Network
from ._physics_loss import PhysicsObjective


class PotentialObjective(eqx.Module):
    """Misfit between u of the network and given potentials, at the instants of a batch.

    Attributes:
        physics: whose inputs, nodes and batches are used.
        potentials: (n_nodes, n_times) target.
    """

    physics: PhysicsObjective
    potentials: Float[Array, "n_nodes n_times"]

    def draw(self, key: Array) -> Array:
        """Return random instants."""
        d = self.physics.derivatives
        return RandomPoints(1, 48).draw(key, d.n_nodes, d.n_times, 0).data_instants

    def residuals(self, parameters: Network, batch: Array) -> dict[str, Float[Array, "..."]]:
        """Return the misfit, divided so that its sum of squares is a mean square."""
        found = self.physics.derivatives.maps(parameters, batch)[0]
        return {"guess": (found - self.potentials[:, batch]) / np.sqrt(found.size)}
