"""The pretext network of Med-Real2Sim as its code trains it, to compare with."""

import os
import time
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from .._checks import check_count, check_number
from .._precision import double_precision
from .._provenance import Provenance, make_provenance
from ..circulation import FAST, Circulation, steady_state
from ..learning import Adam, train

GRID = {
    "period_s": (0.4, 1.7, 4),
    "start_volume_ml": (0.0, 280.0, 3),
    "emax": (0.5, 3.5, 5),
    "emin": (0.02, 0.1, 4),
    "mitral_resistance": (0.005, 0.1, 4),
    "aortic_valve_resistance": (0.0001, 0.25, 4),
}
"""Smallest, largest, number of levels of each input: 3,840 points."""

GRID_V0_ML = 4.0
"""Vd of all points of the grid."""


@dataclass(frozen=True)
class TenfoldCuts:
    """Divide the learning rate by ten, `cuts` times, evenly over the training.

    Attributes:
        start: first rate.
        cuts: how often.
        steps: length of the training; None for all of it.

    >>> round(float(TenfoldCuts(1e-2).over(900).rate(450)), 6)
    0.001
    """

    start: float
    cuts: int = 2
    steps: int | None = None

    def __post_init__(self):
        check_number(self.start, "start", above=0)
        check_count(self.cuts, "cuts")

    def over(self, steps: int) -> "TenfoldCuts":
        """Return the rule with its length settled."""
        return self if self.steps else TenfoldCuts(self.start, self.cuts, steps)

    def rate(self, step: Any) -> Any:
        """Return the rate of a step."""
        every = -(-check_count(self.steps, "steps") // (self.cuts + 1))
        cuts = {every * (k + 1): 0.1 for k in range(self.cuts)}
        return optax.piecewise_constant_schedule(self.start, cuts)(step)


class OneHiddenLayer(eqx.Module):
    """Six inputs, one hidden layer with ReLU, two outputs; raw numbers on both sides."""

    inner: eqx.nn.Linear
    outer: eqx.nn.Linear

    def __call__(self, x: Float[Any, "6"]) -> Float[Any, "2"]:
        """Return EDV and ESV, mL, at Vd = 4 mL."""
        return self.outer(jax.nn.relu(self.inner(x)))


class GridPoints(eqx.Module):
    """All points of the grid at every step."""

    inputs: Any
    targets: Any

    def draw(self, key: Any) -> None:
        """Return nothing: the batch is everything."""
        del key

    def residuals(self, parameters: OneHiddenLayer, batch: Any) -> dict[str, Any]:
        """Return differences in mL."""
        del batch
        found = jax.vmap(parameters)(self.inputs) - self.targets
        return {"volumes": found / np.sqrt(found.size)}


@dataclass(frozen=True, eq=False)
class PretextNetwork:
    """The paper's surrogate: EDV and ESV from six parameters, V = network + Vd − 4.

    Attributes:
        network: trained.
        provenance: version, seed, settings, and the time that the training took.
    """

    network: OneHiddenLayer
    provenance: Provenance

    @double_precision
    def predict(
        self, circulation: Circulation, start_volume_ml: Any
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Return volumes at the paper's fixed times, mL.

        Args:
            circulation: (n,) circulations.
            start_volume_ml: from which their stressed volumes come.
        """
        own = circulation.values() | {"start_volume_ml": start_volume_ml}
        inputs = np.stack([np.broadcast_to(own[n], circulation.shape) for n in GRID], -1)
        found = np.asarray(_volumes(self.network, inputs)) + (own["v0_ml"] - GRID_V0_ML)[..., None]
        return found[..., 0], found[..., 1]


def pretext_grid() -> tuple[Circulation, Float[np.ndarray, "3840 6"]]:
    """Return the circulations of the paper's grid, and what the paper's network reads of them.

    >>> pretext_grid()[0].shape
    (3840,)
    """
    axes = [np.linspace(*spacing) for spacing in GRID.values()]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(len(axes), -1)
    values = dict(zip(GRID, points, strict=True))
    return Circulation.from_start_volume(**values, v0_ml=GRID_V0_ML), points.T


def train_pretext(*, steps: int = 30_000, seed: int = 0, quiet: bool = False) -> PretextNetwork:
    """Return the paper's network, trained on its grid as its code does.

    Linear(6, 256), ReLU, Linear(256, 2) on raw numbers; mean square over the whole grid; Adam at
    0.01, cut by ten. The paper's code repeats rounds of 30,000 steps until the loss is below one;
    here the length is given, with two cuts, and the loss that was reached is told. Single
    precision, where its code has double.

    Args:
        steps: of the training.
        seed: of the weights.
        quiet: show no progress.

    Raises:
        InputError: a number out of range.
    """
    begun, cpu = time.perf_counter(), time.process_time()
    circulation, inputs = pretext_grid()
    found = steady_state(circulation, solver=FAST).indices
    targets = np.stack([found.paper_edv_ml, found.paper_esv_ml], -1)
    single = [jnp.asarray(part, jnp.float32) for part in (inputs, targets)]
    first, second = jax.random.split(jax.random.key(seed))
    network = OneHiddenLayer(
        eqx.nn.Linear(6, 256, key=first, dtype=jnp.float32),
        eqx.nn.Linear(256, 2, key=second, dtype=jnp.float32),
    )
    result = train(
        GridPoints(*single),
        network,
        Adam(TenfoldCuts(1e-2)),
        steps=steps,
        seed=seed,
        report_every=min(1000, steps),
        quiet=quiet,
        label="pretext network",
    )
    provenance = make_provenance(
        {
            "verb": "train_pretext",
            "steps": steps,
            "training": {
                "loss": float(result.history["total"][-1]),
                "seconds": round(time.perf_counter() - begun, 2),
                "cpu_seconds": round(time.process_time() - cpu, 2),
                "load": round(os.getloadavg()[0], 2),
            },
        },
        seed=seed,
    )
    return PretextNetwork(result.parameters, provenance)


@eqx.filter_jit
def _volumes(network: OneHiddenLayer, inputs: Any) -> Any:
    return jax.vmap(network)(inputs)
