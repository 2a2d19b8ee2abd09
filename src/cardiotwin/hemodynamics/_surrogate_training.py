"""Training of a surrogate, with the simulator as the source of its data."""

import os
import time
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_count
from .._errors import InputError
from .._precision import double_precision
from .._provenance import make_provenance
from ..circulation import FAST, Circulation, Indices, steady_state
from ..learning import SOAP, CosineDecay, Optimizer, train
from ._surrogate import HeldOut, Surrogate, Weights, blank_weights
from ._surrogate_box import PAPER_BOX, SurrogateBox
from ._surrogate_outputs import N_PHASES, PRIMARIES, loop_times, primaries

CHUNK = 4096
"""Circulations whose waveforms are held at a time."""

VOLUMES_WEIGHT = 2.0
"""Weight of the volumes' residuals among those of all outputs."""

N_VOLUMES = 5
"""How many of the outputs, the first, are volumes."""

LEAST_WEIGHT = 0.2
"""Weight of the last principal components: errors count in mL, but not only."""


class Simulated(NamedTuple):
    """What the simulator says of circulations.

    Attributes:
        circulation: those.
        indices: clinical indices.
        primaries: (n, n_primaries) logarithms that the network is to learn.
        share: (n, n_phases) (V − Vd)/Vtot over the beat.
        failed: how many have no periodic beat, and were left out.
    """

    circulation: Circulation
    indices: Indices
    primaries: Float[np.ndarray, "n n_primaries"]
    share: Float[np.ndarray, "n n_phases"]
    failed: int


class Examples(eqx.Module):
    """Outputs to learn: random batches of all examples.

    Attributes:
        inputs: (n, n_inputs).
        targets: (n, n_outputs) of mean 0 and standard deviation 1.
        weights: (n_outputs,) of their residuals.
        batch: examples a step.
    """

    inputs: Any
    targets: Any
    weights: Any
    batch: int = eqx.field(static=True)

    def draw(self, key: Any) -> Any:
        """Return the numbers of some examples."""
        return jax.random.randint(key, (self.batch,), 0, len(self.inputs))

    def residuals(self, parameters: eqx.nn.MLP, batch: Any) -> dict[str, Any]:
        """Return weighted differences."""
        found = jax.vmap(parameters)(self.inputs[batch]) - self.targets[batch]
        return {"outputs": found * self.weights / np.sqrt(found.size)}


def train_surrogate(
    box: SurrogateBox = PAPER_BOX,
    *,
    n_train: int = 16_384,
    n_held_out: int = 2048,
    steps: int = 8000,
    width: int = 64,
    depth: int = 3,
    n_components: int = 20,
    batch: int = 1024,
    optimizer: Optimizer | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> Surrogate:
    """Return a surrogate of the simulator in a box, with its errors on held-out patients.

    The same arguments give the same weights, bit for bit on the same machine.

    Args:
        box: `PAPER_BOX`, `ADULT_BOX`, or another.
        n_train: circulations to learn from, even; a power of two fills the box best.
        n_held_out: random patients on which the errors are measured.
        steps: of the training.
        width: neurons a hidden layer.
        depth: hidden layers.
        n_components: principal components of the volume over the beat.
        batch: examples a step.
        optimizer: SOAP by default, its rate falling along a cosine from 0.003.
        seed: of design, weights, batches and held-out patients.
        quiet: show no progress.

    Raises:
        InputError: a number out of range.

    >>> found = train_surrogate(n_train=64, n_held_out=32, steps=20, quiet=True)
    >>> found.errors["edv_ml"].mean < found.errors["edv_ml"].largest
    True
    """
    for name, value in {"n_held_out": n_held_out, "width": width, "depth": depth}.items():
        check_count(value, name)
    limit = min(N_PHASES, n_train)
    if not 1 <= check_count(n_components, "n_components") <= limit:
        raise InputError("n_components", found=str(n_components), expected=f"1 to {limit}")
    optimizer = optimizer or SOAP(CosineDecay(3e-3, warmup_steps=100))
    settings = {
        "verb": "train_surrogate", "box": box.names, "of_adults": box.of_adults,
        "n_train": n_train, "n_held_out": n_held_out, "steps": steps, "width": width,
        "depth": depth, "n_components": n_components, "batch": batch, "optimizer": optimizer,
    }  # fmt: skip
    provenance = make_provenance(settings, seed=seed)
    begun, cpu = time.perf_counter(), time.process_time()
    known = simulate_design(box.space_filling(n_train, seed))
    simulated = time.perf_counter() - begun
    blank = blank_weights(len(box.axes), n_components, width, depth, jax.random.key(seed))
    weights, loss = _fit(blank, box, known, batch, optimizer, steps, seed, quiet)
    told = {
        "seconds": round(time.perf_counter() - begun, 2),
        "seconds_simulating": round(simulated, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "load": round(os.getloadavg()[0], 2),
        "loss": loss,
        "failed": known.failed,
    }
    provenance = replace(provenance, settings=provenance.settings | {"training": told})
    # A seed of its own: the held-out patients are no points of the design.
    held_out = simulate_design(box.patients(n_held_out, seed=seed + 1_000_003))
    made = Surrogate(weights, box, {}, provenance)
    return replace(made, errors=held_out_errors(made, held_out))


def simulate_design(circulation: Circulation) -> Simulated:
    """Return what the simulator says of a batch, without the patients that it cannot solve."""
    found = []
    for start in range(0, circulation.shape[0], CHUNK):
        beat = steady_state(circulation[start : start + CHUNK], solver=FAST, throw=False)
        beat = beat[np.asarray(beat.succeeded)]
        circuit = beat.circulation.circuit()
        above = beat.volume_ml - circuit.v0_ml[:, None]
        share = np.stack(
            [
                np.interp(at, times, own)
                for at, times, own in zip(
                    loop_times(circuit.period_s), beat.times_s, above, strict=True
                )
            ]
        )
        share /= circuit.stressed_volume_ml[:, None]
        logarithms = primaries(beat.indices, circuit)
        found.append((beat.circulation.values(), beat.indices, logarithms, share))
    values, indices, logarithms, share = zip(*found, strict=True)
    return Simulated(
        Circulation(**{name: np.concatenate([v[name] for v in values]) for name in values[0]}),
        jax.tree.map(lambda *parts: np.concatenate(parts), *indices),
        np.concatenate(logarithms),
        np.concatenate(share),
        circulation.shape[0] - sum(len(part) for part in share),
    )


def held_out_errors(surrogate: Surrogate, truth: Simulated) -> dict[str, HeldOut]:
    """Return the surrogate's differences from the simulator, by index."""
    said, meant = surrogate.predict(truth.circulation).as_dict(), truth.indices.as_dict()
    found = {name: _held_out(said[name] - meant[name]) for name in said}
    loop, circuit = surrogate.loop(truth.circulation), truth.circulation.circuit()
    stressed = truth.share * circuit.stressed_volume_ml[:, None]
    difference = loop.volume_ml - circuit.v0_ml[:, None] - stressed
    stiffness = loop.lv_mmhg / (loop.volume_ml - circuit.v0_ml[:, None])
    found["loop_volume_ml"] = _held_out(difference)
    found["loop_lv_mmhg"] = _held_out(stiffness * difference)
    return found


@double_precision
def _fit(
    blank: Weights,
    box: SurrogateBox,
    known: Simulated,
    batch: int,
    optimizer: Optimizer,
    steps: int,
    seed: int,
    quiet: bool,
) -> tuple[Weights, float]:
    """Return trained weights in double precision, and the last loss."""
    n_components = len(blank.components)
    mean_loop = known.share.mean(0)
    _, _, components = np.linalg.svd(known.share - mean_loop, full_matrices=False)
    components = components[:n_components]
    coefficients = (known.share - mean_loop) @ components.T
    raw = np.concatenate([known.primaries, coefficients], 1)
    mean, scale = raw.mean(0), raw.std(0)
    importance = np.ones(raw.shape[1])
    importance[:N_VOLUMES] = VOLUMES_WEIGHT
    sizes = scale[len(PRIMARIES) :]
    importance[len(PRIMARIES) :] = np.sqrt(np.maximum(sizes / sizes[0], LEAST_WEIGHT**2))
    own = known.circulation.values()
    inputs = np.stack([np.asarray(axis.coordinate(own[axis.name])) for axis in box.axes], -1)
    single = [jnp.asarray(part, jnp.float32) for part in (inputs, (raw - mean) / scale, importance)]
    found = train(
        Examples(*single, batch=min(check_count(batch, "batch"), len(inputs))),
        blank.network,
        optimizer,
        steps=steps,
        seed=seed,
        report_every=min(500, steps),
        quiet=quiet,
        label="surrogate",
    )
    double = jax.tree.map(
        lambda leaf: leaf.astype(jnp.float64) if eqx.is_array(leaf) else leaf, found.parameters
    )
    arrays = [jnp.asarray(part) for part in (mean, scale, mean_loop, components)]
    return Weights(double, *arrays), float(found.history["total"][-100:].mean())


def _held_out(difference: Any) -> HeldOut:
    # Valves that never open have no area; such patients say nothing of the surrogate.
    size = np.abs(difference)[np.isfinite(difference)]
    return HeldOut(float(size.mean()), float(np.quantile(size, 0.95)), float(size.max()))
