"""A network in place of the simulator: clinical indices and the loop of a circulation at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_choice
from .._provenance import Provenance
from .._types import PathLike
from ..circulation import PARAMETERS, Circulation, Indices, Sensitivities, elastance
from ..circulation._circulation import Circuit
from ..circulation._groups import in_groups
from ._surrogate_box import SurrogateBox
from ._surrogate_outputs import N_PHASES, PRIMARIES, indices_from, loop_times

LANES = (16, 4096)
"""Circulations evaluated together; few sizes, so that little is compiled."""


class Weights(eqx.Module):
    """What was learned, as arrays.

    Attributes:
        network: from the coordinates of the box to outputs of mean 0 and standard deviation 1:
            `PRIMARIES`, then principal components of the volume over the beat.
        mean: of each output.
        scale: standard deviation of each output.
        mean_loop: (n_phases,) mean of (V − Vd)/Vtot.
        components: (n_components, n_phases) principal components of it, orthonormal.
    """

    network: eqx.nn.MLP
    mean: Any
    scale: Any
    mean_loop: Any
    components: Any


def blank_weights(
    n_inputs: int, n_components: int, width: int, depth: int, key: Any = None
) -> Weights:
    """Return weights before a training: a random network of smooth activations, unit scales.

    In single precision, in which it is trained.
    """
    n_outputs = len(PRIMARIES) + n_components
    key = jax.random.key(0) if key is None else key
    network = eqx.nn.MLP(
        n_inputs, n_outputs, width, depth, activation=jnp.tanh, key=key, dtype=jnp.float32
    )
    return Weights(
        network,
        mean=jnp.zeros(n_outputs),
        scale=jnp.ones(n_outputs),
        mean_loop=jnp.zeros(N_PHASES),
        components=jnp.zeros((n_components, N_PHASES)),
    )


class SurrogateLoop(NamedTuple):
    """A predicted pressure–volume loop, of the shape of the batch, then the instants.

    Attributes:
        times_s: from the start of the contraction to the next.
        volume_ml: of the left ventricle, with Vd.
        lv_mmhg: ventricular pressure, E(t) (V − Vd).
    """

    times_s: Float[np.ndarray, "*batch n_phases"]
    volume_ml: Float[np.ndarray, "*batch n_phases"]
    lv_mmhg: Float[np.ndarray, "*batch n_phases"]


class HeldOut(NamedTuple):
    """Differences from the simulator on random circulations that were not trained on.

    Attributes:
        mean: of the absolute differences.
        p95: exceeded by one in twenty.
        largest: of all.
    """

    mean: float
    p95: float
    largest: float


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A trained network with the box in which it holds and its errors there.

    With s the shape parameters (all but stressed volume and Vd) the network N predicts what does
    not depend on those two::

        V(t) − Vd = Vtot · N_V(s),   P = Vtot · N_P(s),   stroke work = Vtot² · N_W(s)

    Both laws therefore hold exactly, as in the simulator, for any stressed volume and any Vd.
    Tight valves, no pump.

    Attributes:
        weights: what was learned.
        box: where it holds.
        errors: index → differences from the simulator on held-out patients; ``loop_volume_ml``
            and ``loop_lv_mmhg`` over all instants of their loops.
        provenance: version, seed, settings, and the time that the training took.

    >>> from cardiotwin.hemodynamics import train_surrogate
    >>> tiny = train_surrogate(n_train=64, n_held_out=32, steps=20, quiet=True)
    >>> one, double = (tiny.predict(Circulation(stressed_volume_ml=v)) for v in (250.0, 500.0))
    >>> round(float(double.systolic_mmhg / one.systolic_mmhg), 12)
    2.0
    """

    weights: Weights
    box: SurrogateBox
    errors: Mapping[str, HeldOut]
    provenance: Provenance

    def predict(self, circulation: Circulation, *, throw: bool = True) -> Indices:
        """Return the clinical indices.

        Args:
            circulation: one or a batch.
            throw: raise if one lies outside of the box; otherwise its indices are NaN.

        Raises:
            InputError: outside of the box.
        """
        good = self._good(circulation, throw)
        found = self._grouped(circulation, "indices")
        return found.map(lambda own: np.where(good, own.reshape(circulation.shape), np.nan))

    def loop(self, circulation: Circulation, *, throw: bool = True) -> SurrogateLoop:
        """Return the pressure–volume loop; arguments and errors as of `predict`."""
        good = self._good(circulation, throw)[..., None]
        found = self._grouped(circulation, "loop")
        return SurrogateLoop(
            *(np.where(good, own.reshape(*circulation.shape, -1), np.nan) for own in found)
        )

    def sensitivities(self, circulation: Circulation, names: Sequence[str] = ()) -> Sensitivities:
        """Return the indices with their derivatives, as `circulation.sensitivities` does.

        Args:
            circulation: one or a batch.
            names: parameters; by default those of the box, the stressed volume and Vd.

        Raises:
            InputError: outside of the box, or no such parameter.
        """
        names = tuple(names) or (*self.box.names, "stressed_volume_ml", "v0_ml")
        for name in names:
            check_choice(name, "names", (*self.box.names, "stressed_volume_ml", "v0_ml"))
        self.box.check(circulation)
        found, slopes = self._grouped(circulation, "slopes")
        shape, chosen = circulation.shape, [list(PARAMETERS).index(name) for name in names]
        return Sensitivities(
            names,
            found.map(lambda own: own.reshape(shape)),
            slopes.map(lambda own: own[:, chosen].reshape(*shape, len(names))),
        )

    def compiled(self, circuit: Circuit) -> Indices:
        """Return the indices inside compiled code, in double precision, without any check.

        Args:
            circuit: (n,) values of each parameter.
        """
        return _indices(self.weights, circuit, self.box)

    def save(self, folder: PathLike) -> None:
        """Write ``surrogate.json`` and ``surrogate.npz`` into a folder."""
        # Inside, because reading and writing are built on this class.
        from ._surrogate_files import save_surrogate

        save_surrogate(self, folder)

    @classmethod
    def load(cls, folder: PathLike) -> "Surrogate":
        """Return the surrogate of a folder.

        Raises:
            FileFormatError: a file is missing, damaged, or of something else.
        """
        from ._surrogate_files import load_surrogate

        return load_surrogate(folder)

    def _good(self, circulation: Circulation, throw: bool) -> np.ndarray:
        if throw:
            self.box.check(circulation)
        return np.asarray(self.box.inside(circulation))

    def _grouped(self, circulation: Circulation, what: str) -> Any:
        circuit = circulation.circuit()

        def solve(own: Circuit) -> Any:
            return _compiled(self.weights, own, self.box, what)

        return in_groups(solve, circuit, sizes=LANES)


def outputs(weights: Weights, circuit: Circuit, box: SurrogateBox) -> Float[Any, "n n_outputs"]:
    """Return what the network says, in its own units."""
    columns = [axis.coordinate(getattr(circuit, axis.name)) for axis in box.axes]
    return jax.vmap(weights.network)(jnp.stack(columns, -1)) * weights.scale + weights.mean


def _indices(weights: Weights, circuit: Circuit, box: SurrogateBox) -> Indices:
    return indices_from(outputs(weights, circuit, box)[:, : len(PRIMARIES)], circuit)


def _loop(weights: Weights, circuit: Circuit, box: SurrogateBox) -> SurrogateLoop:
    components = outputs(weights, circuit, box)[:, len(PRIMARIES) :]
    share = weights.mean_loop + components @ weights.components
    times = loop_times(circuit.period_s)
    stressed = share * circuit.stressed_volume_ml[:, None]
    own = [leaf[:, None] for leaf in (circuit.period_s, circuit.emin, circuit.emax)]
    # The last instant is the first of the next beat, where the elastance begins anew.
    stiffness = elastance(times % own[0], *own)
    return SurrogateLoop(times, stressed + circuit.v0_ml[:, None], stiffness * stressed)


def _slopes(weights: Weights, circuit: Circuit, box: SurrogateBox) -> tuple[Indices, Indices]:
    found, push = jax.linearize(lambda own: _indices(weights, own, box), circuit)
    n, lanes = len(circuit), circuit.period_s.shape
    basis = Circuit(*(jnp.eye(n)[k][:, None] * jnp.ones((n, *lanes)) for k in range(n)))
    return found, jax.vmap(push, out_axes=-1)(basis)


@eqx.filter_jit
def _compiled(weights: Weights, circuit: Circuit, box: SurrogateBox, what: str) -> Any:
    circuit = jax.tree.map(jnp.asarray, circuit)
    return {"indices": _indices, "loop": _loop, "slopes": _slopes}[what](weights, circuit, box)
