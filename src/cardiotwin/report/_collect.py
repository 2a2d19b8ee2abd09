"""From a reconstruction in memory to what a result folder keeps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._checks import check_array
from .._errors import InputError
from .._provenance import describe
from .._types import ArrayLike
from ..ecgi import ActivationEstimate, InverseProblem, Reconstruction, estimate_activation
from ..geometry import Surface
from ..signals import Electrodes, Recording
from ._saved import SavedReconstruction


def collect_reconstruction(
    reconstruction: Reconstruction,
    *,
    truth: ArrayLike | None = None,
    metrics: Any = None,
    activation: ActivationEstimate | ArrayLike | Mapping[str, ArrayLike] | None = None,
    torso: Surface | None = None,
    recording: Recording | None = None,
    unit: str | None = None,
    title: str = "",
    notes: Sequence[str] = (),
) -> SavedReconstruction:
    """Gather what a result folder and its report show; arguments as `save_reconstruction`."""
    problem = reconstruction.problem
    potentials = np.asarray(reconstruction.heart_potentials)
    if truth is not None:
        truth = check_array(truth, "truth", shape=potentials.shape)
    names = recording.names if recording is not None else None
    if names is not None and len(names) != problem.n_leads:
        raise InputError(
            "recording",
            found=f"{len(names)} channels",
            expected=f"{problem.n_leads}, the leads of the problem that was solved",
        )
    if names is None and isinstance(problem.rows, Electrodes):
        names = problem.rows.names
    every_name = names if names is not None else [str(i) for i in range(problem.n_leads)]
    surface = _torso_of(problem, torso)
    data, predicted = problem.data, problem.matrix @ potentials
    torso_potentials, measured = _on_torso(problem, surface, potentials, data)
    if activation is None:
        activation = estimate_activation(
            problem.heart, potentials, truth, np.asarray(reconstruction.times_ms)
        )
    if isinstance(activation, ActivationEstimate):
        own, true, how = activation.reconstruction, activation.truth, activation.how
    else:
        how = "Times as given by the maker of this result."
        own, true = _activations(activation, potentials.shape[0])
    return SavedReconstruction(
        title=title or "Heart-surface potentials from the body surface",
        status=reconstruction.status,
        unit=unit if unit is not None else recording.unit if recording is not None else "",
        quantity=problem.operator.source.value,
        heart=problem.heart,
        torso=surface,
        times_ms=np.asarray(reconstruction.times_ms),
        heart_potentials=potentials,
        truth=truth,
        uncertainty=reconstruction.uncertainty,
        activation_ms=own,
        truth_activation_ms=true,
        body_measured=data,
        body_predicted=predicted,
        lead_names=tuple(every_name[i] for i in problem.kept),
        electrodes_mm=_places(problem, surface),
        torso_potentials=torso_potentials,
        torso_potentials_are_measured=measured,
        body_residual=reconstruction.body_residual,
        body_residual_by_time=np.asarray(reconstruction.body_residual_by_time),
        parameter=reconstruction.parameter,
        provenance=reconstruction.provenance,
        activation_method=how,
        metrics=plain_metrics(metrics),
        diagnostics={str(k): float(v) for k, v in reconstruction.diagnostics.items()},
        notes=tuple(str(note) for note in notes),
        problem={
            "operator": problem.operator.description or repr(problem.operator),
            "reference": describe(problem.reference),
            "n_leads": problem.n_leads,
            "n_kept": len(problem.kept),
            "excluded": [
                every_name[i] for i in np.setdiff1d(np.arange(problem.n_leads), problem.kept)
            ],
        },
        seconds=float(reconstruction.seconds),
    )


def plain_metrics(metrics: Any) -> dict[str, float]:
    """Return one number a name: from a mapping, or from anything with ``as_dict()``."""
    if metrics is None:
        return {}
    pairs = metrics.as_dict() if hasattr(metrics, "as_dict") else metrics
    try:
        return {str(name): float(value) for name, value in pairs.items() if value is not None}
    except (AttributeError, TypeError, ValueError):
        raise InputError(
            "metrics",
            found=type(metrics).__name__,
            expected="the result of evaluate(...), or a dictionary of numbers by name",
        ) from None


def _activations(
    activation: ArrayLike | Mapping[str, ArrayLike], n_nodes: int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    given = activation if isinstance(activation, Mapping) else {"reconstruction": activation}
    unknown = set(given) - {"reconstruction", "truth"}
    if unknown:
        raise InputError(
            "activation",
            found=f"{sorted(unknown)[0]!r}",
            expected="times of the reconstruction, or a dictionary with the keys "
            "'reconstruction' and 'truth'",
        )
    checked = {
        key: check_array(times, f"activation of the {key}", shape=(n_nodes,), finite=False)
        for key, times in given.items()
    }
    return checked.get("reconstruction"), checked.get("truth")


def _torso_of(problem: InverseProblem, torso: Surface | None) -> Surface | None:
    observed = problem.operator.observed
    if torso is None or observed is None or torso.n_nodes == observed.n_nodes:
        return observed if observed is not None else torso
    raise InputError(
        "torso",
        found=f"{torso.n_nodes} nodes",
        expected=f"the operator's observed surface of {observed.n_nodes} nodes",
    )


def _on_torso(
    problem: InverseProblem, torso: Surface | None, heart: np.ndarray, data: np.ndarray
) -> tuple[np.ndarray | None, bool]:
    operator = problem.operator
    if torso is None or operator.leads is not None or operator.n_observed != torso.n_nodes:
        return None, False
    if len(data) != torso.n_nodes or isinstance(problem.rows, Electrodes):
        return operator.apply(heart), False
    ordered = np.empty_like(data)
    ordered[slice(None) if problem.rows is None else problem.rows] = data
    return ordered, True


def _places(problem: InverseProblem, torso: Surface | None) -> np.ndarray | None:
    if torso is None:
        return None
    if isinstance(problem.rows, Electrodes):
        places = problem.rows.positions_mm
    else:
        interpolation = problem.operator.leads
        rows = torso.vertices_mm if interpolation is None else interpolation @ torso.vertices_mm
        if len(rows) != problem.operator.n_observed:
            return None
        places = rows if problem.rows is None else rows[problem.rows]
    return np.asarray(places)[problem.kept]
