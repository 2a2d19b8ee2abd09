"""A physics written down by hand and patients of it, to train twins on without images."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cardiotwin._provenance import make_provenance
from cardiotwin.echo import EncodedClips, Encoding
from cardiotwin.echo._twin_losses import Known
from cardiotwin.echo._twin_physics import SurrogatePhysics, aligned_harmonics
from cardiotwin.hemodynamics import ADULT_BOX, Surrogate, Unknowns
from cardiotwin.hemodynamics._surrogate import blank_weights
from cardiotwin.hemodynamics._surrogate_outputs import N_PHASES, PRIMARIES

FEW = Unknowns.of(("period_s", "stressed_volume_ml", "emax", "emin"))
"""Of these the stiffness of filling changes no volume of `made_surrogate`."""


def made_surrogate():
    """Return a surrogate with weights written down: contractility ejects, resistance hinders."""
    names, outputs = ADULT_BOX.names, list(PRIMARIES)
    shapes = eqx.filter_eval_shape(blank_weights, len(names), 1, len(names), 1)
    weights = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape) if hasattr(leaf, "shape") else leaf, shapes
    )
    last = np.zeros((len(outputs) + 1, len(names)))
    last[outputs.index("sv"), names.index("emax")] = 0.8
    last[outputs.index("sv"), names.index("systemic_resistance")] = -0.5
    last[outputs.index("edv"), names.index("emax")] = -0.3
    last[-1, names.index("period_s")] = 1.0
    mean = np.zeros(len(outputs) + 1)
    mean[[outputs.index("edv"), outputs.index("sv")]] = np.log([0.45, 0.22])
    phase = np.linspace(0, 1, N_PHASES)
    own = (
        0.5 * np.eye(len(names)),
        last,
        mean,
        np.ones(len(mean)),
        0.34 + 0.11 * np.cos(2 * np.pi * phase),
        0.03 * np.sin(4 * np.pi * phase)[None],
    )
    weights = eqx.tree_at(
        lambda w: (
            w.network.layers[0].weight,
            w.network.layers[1].weight,
            w.mean,
            w.scale,
            w.mean_loop,
            w.components,
        ),
        weights,
        tuple(jnp.asarray(np.float32(leaf)) for leaf in own),
    )
    return Surrogate(weights, ADULT_BOX, {}, make_provenance({}))


def made_clips(n, seed):
    """Return encodings that tell both volumes with an error of 3 %, beside noise."""
    rng = np.random.default_rng(seed)
    physics = SurrogatePhysics(made_surrogate(), FEW)
    z = rng.standard_normal((n, 4))
    period = np.exp(0.22 * z[:, 0]) * 0.85

    @jax.jit
    def solve(z, period):
        edv, esv, curve = jax.vmap(physics.volumes)(z, period)
        return edv, esv, jax.vmap(aligned_harmonics)(curve)

    edv, esv, waves = (np.asarray(leaf) for leaf in solve(np.float32(z[:, 1:]), np.float32(period)))
    log_mm = rng.normal(0, 0.2, n)
    told = np.log(np.stack([edv, esv], -1)) + 0.03 * rng.standard_normal((n, 2))
    numbers = np.concatenate([told - 3 * log_mm[:, None], rng.standard_normal((n, 4))], -1)
    powers = np.array([3.0, 3.0, 0, 0, 0, 0])
    encoding = Encoding(numbers, powers, rng.standard_normal((n, 5)), log_mm, period)
    truth = dict(zip(FEW.names, z.T, strict=True))
    return EncodedClips(encoding, Known(edv, esv, waves), truth)
