"""From unknowns to what would be measured, compiled, with derivatives."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..circulation import INDEX_NAMES, Indices
from ..circulation._circulation import Circuit
from ..circulation._groups import LANES, in_groups
from ..circulation._indices import indices
from ..circulation._integrate import Trace, prepare, trace_beat
from ..circulation._periodic import period_residual
from ..circulation._sensitivity import differentiable_beat, find_start
from ._measurements import QUANTITIES, Curve, Measurements
from ._priors import Unknowns

STEPS = 120
"""Steps a beat while parameters are sought: right to 0.05 mL, far below what anybody measures."""

TOLERANCE = 1e-5
"""Largest change over a beat relative to the stressed volume."""

DRAW_LANES, SLOPE_LANES = LANES[-1:], (32,)
"""Patients that are computed together: one program for draws, one for derivatives."""


class Data(NamedTuple):
    """Measurements of patients as arrays; what was not measured has weight zero.

    Curves have errors that all values share, m at most in any of the patients (`Curve.shared`);
    whoever has fewer has columns of zeros.

    Attributes:
        values: (n_patients, n_quantities) in the order of `QUANTITIES`.
        weights: (n_patients, n_quantities) 1 / standard deviation.
        volume_times: (n_patients, n_volumes) s.
        volumes: (n_patients, n_volumes) mL.
        volume_weights: (n_patients, n_volumes) 1 / standard deviation.
        volume_shared: (n_patients, n_volumes, m) F of `_shared_by`.
        pressure_times: (n_patients, n_pressures) s.
        pressures: (n_patients, n_pressures) mmHg.
        pressure_weights: (n_patients, n_pressures).
        pressure_shared: (n_patients, n_pressures, m) the same of pressures.
    """

    values: Any
    weights: Any
    volume_times: Any
    volumes: Any
    volume_weights: Any
    volume_shared: Any
    pressure_times: Any
    pressures: Any
    pressure_weights: Any
    pressure_shared: Any

    @classmethod
    def of(cls, patients: Sequence[Measurements]) -> "Data":
        """Return the measurements of some patients as arrays."""
        values = np.zeros((len(patients), len(QUANTITIES)))
        weights = np.zeros_like(values)
        for row, own in enumerate(patients):
            for column, name in enumerate(QUANTITIES):
                if name in own.used:
                    values[row, column] = getattr(own, name)
                    weights[row, column] = 1 / own.error(name)
        volumes = _curves([own.volume_curve for own in patients])
        pressures = _curves([own.pressure_curve for own in patients])
        return cls(values, weights, *volumes, *pressures)

    def take(self, patients: Any) -> "Data":
        """Return the rows of some patients."""
        return Data(*(leaf[patients] for leaf in self))


def _curves(
    curves: Sequence[Curve | None],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    length = max((len(curve.times_s) for curve in curves if curve is not None), default=0)
    times, values, weights = np.zeros((3, len(curves), length))
    every = [None if curve is None else _shared_by(curve) for curve in curves]
    most = max((own.shape[1] for own in every if own is not None), default=0)
    shared = np.zeros((len(curves), length, most))
    for row, (curve, own) in enumerate(zip(curves, every, strict=True)):
        if curve is not None and own is not None:
            n = len(curve.times_s)
            times[row, :n], values[row, :n] = curve.times_s, curve.values
            weights[row, :n] = 1 / np.asarray(curve.error)
            shared[row, :n, : own.shape[1]] = own
    return times, values, weights, shared


def _shared_by(curve: Curve) -> Float[np.ndarray, "n_values m"]:
    """Return F, which takes from the misfits of a curve what its shared errors explain.

    Over the errors of single values the covariance of the values is 1 + W Wᵀ, with a column of W
    for each shared error. With W = U S Vᵀ,

    (1 + W Wᵀ)^(-1/2) = 1 - F Fᵀ,  F = U √(1 - 1/√(1 + S²))
    """
    columns = (np.asarray(curve.shared) / np.asarray(curve.error)).T
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return left * np.sqrt(1 - 1 / np.sqrt(1 + size**2))


class Predicted(NamedTuple):
    """What compiled code says of coordinates, patients first.

    Attributes:
        misfit: (n, n_data) differences from the data over their standard deviations; of curves
            with shared errors the whitened ones.
        indices: (n, n_indices) in the order of `INDEX_NAMES`.
        good: (n,) whether the beat is periodic.
    """

    misfit: Any
    indices: Any
    good: Any


def predict(unknowns: Unknowns, z: Float[np.ndarray, "n n_unknowns"], data: Data) -> Predicted:
    """Return misfits and indices at coordinates, one row of data for each."""
    return in_groups(_predict, _circuit(unknowns, z), data, sizes=DRAW_LANES)


def linearize(
    unknowns: Unknowns, z: Float[np.ndarray, "n n_unknowns"], data: Data
) -> tuple[Predicted, Float[np.ndarray, "n n_data n_unknowns"]]:
    """Return the same with the derivatives of the misfits in the coordinates."""
    seen, slopes = in_groups(_linearize, _circuit(unknowns, z), data, sizes=SLOPE_LANES)
    columns = [
        slopes[..., Circuit._fields.index(name)] * prior.slope(z[:, k])[:, None]
        for k, (name, prior) in enumerate(unknowns.priors.items())
    ]
    return seen, np.stack(columns, -1)


def _circuit(unknowns: Unknowns, z: Float[np.ndarray, "n n_unknowns"]) -> Circuit:
    """Return circuits, also those that nobody has: far draws may have Emin above Emax."""
    own = {name: np.full(len(z), value) for name, value in unknowns.fixed.values().items()}
    return Circuit(**(own | unknowns.values(z)))


def misfit_of(trace: Trace, circuit: Circuit, data: Data) -> tuple[Float[Any, "n n_data"], Indices]:
    """Return misfits (n, n_data) and the indices of traced beats.

    Half of the sum of their squares is the negative logarithm of the likelihood, but for the
    determinant of the covariances, which does not depend on the circuit. Shared errors of curves
    are in it: u over the errors of single values becomes (1 + W Wᵀ)^(-1/2) u = u - F (Fᵀ u).
    """
    found = indices(trace, circuit)
    forward = found.co_l_min * circuit.period_s / 0.06
    extra = {"heart_rate_bpm": 60 / circuit.period_s, "forward_ml": forward}
    own = [
        extra[quantity.index] if quantity.index in extra else getattr(found, quantity.index)
        for quantity in QUANTITIES.values()
    ]
    misfits = [(jnp.stack(own, -1) - data.values) * data.weights]
    if data.volumes.shape[-1]:
        volume = trace.states[0] + circuit.v0_ml
        at = _sample(trace, volume, data.volume_times, circuit)
        misfits.append(_whitened((at - data.volumes) * data.volume_weights, data.volume_shared))
    if data.pressures.shape[-1]:
        at = _sample(trace, trace.elastance * trace.states[0], data.pressure_times, circuit)
        own = (at - data.pressures) * data.pressure_weights
        misfits.append(_whitened(own, data.pressure_shared))
    return jnp.concatenate(misfits, -1), found


def _whitened(misfit: Any, shared: Any) -> Any:
    """Return misfits (n, n_values) that are independent: without what shared errors explain."""
    if not shared.shape[-1]:
        return misfit
    along = jnp.einsum("nvm,nv->nm", shared, misfit)
    return misfit - jnp.einsum("nvm,nm->nv", shared, along)


def _sample(trace: Trace, wave: Any, times: Any, circuit: Circuit) -> Any:
    """Return (n, n_times) values of a wave (n_nodes, n), linear between nodes."""
    phase = times % circuit.period_s[..., None]
    return jax.vmap(jnp.interp, in_axes=(0, 1, 1))(phase, trace.times, wave)


def _seen(misfit: Any, found: Indices, residual: Any, circuit: Circuit) -> Predicted:
    numbers = jnp.stack([getattr(found, name) for name in INDEX_NAMES], -1)
    possible = circuit.emin < circuit.emax
    return Predicted(misfit, numbers, possible & (residual < 30 * TOLERANCE))


@jax.jit
def _predict(circuit: Circuit, data: Data) -> Predicted:
    start = find_start(circuit, None, STEPS, TOLERANCE)
    end, trace = trace_beat(start, circuit, prepare(circuit, STEPS))
    residual = period_residual(start, end, circuit)
    return _seen(*misfit_of(trace, circuit, data), residual, circuit)


@jax.jit
def _linearize(circuit: Circuit, data: Data) -> tuple[Predicted, Any]:
    """Return misfits and their derivatives in all parameters, (n, n_data, n_parameters).

    In all, free or not, so that one program serves every choice of unknowns.
    """

    def solve(circuit: Circuit) -> Any:
        trace, residual = differentiable_beat(circuit, None, STEPS, TOLERANCE)
        misfit, found = misfit_of(trace, circuit, data)
        return misfit, (found, residual)

    n, lanes = len(circuit), circuit.period_s.shape
    basis = Circuit(*(jnp.eye(n)[k][:, None] * jnp.ones((n, *lanes)) for k in range(n)))
    misfit, along, (found, residual) = jax.linearize(solve, circuit, has_aux=True)
    slopes = jax.vmap(along, out_axes=-1)(basis)
    return _seen(misfit, found, residual, circuit), slopes
