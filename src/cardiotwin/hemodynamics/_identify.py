"""From measurements to the parameters of the circulation."""

import time
from collections.abc import Sequence
from typing import overload

from .._errors import InputError
from .._provenance import make_provenance
from ..circulation import INDEX_NAMES, Indices
from ._forward import Data
from ._identification import Identification
from ._measurements import Measurements
from ._methods import IdentificationMethod, Posterior
from ._priors import Unknowns


@overload
def identify(
    measurements: Measurements,
    *,
    unknowns: Unknowns | None = ...,
    method: IdentificationMethod | None = ...,
    seed: int = ...,
) -> Identification: ...


@overload
def identify(
    measurements: Sequence[Measurements],
    *,
    unknowns: Unknowns | None = ...,
    method: IdentificationMethod | None = ...,
    seed: int = ...,
) -> list[Identification]: ...


def identify(
    measurements: Measurements | Sequence[Measurements],
    *,
    unknowns: Unknowns | None = None,
    method: IdentificationMethod | None = None,
    seed: int = 0,
) -> Identification | list[Identification]:
    """Return the circulations that explain what was measured, as weighted draws.

    p(θ | y) ∝ exp(−½ Σ ((h(θ) − y)/σ)²) p(θ), with h the indices of the periodic beat.

    Args:
        measurements: of one patient, or of several, who are then identified side by side.
        unknowns: free parameters and priors; ten of an adult by default.
        method: `Posterior` by default; `MaximumAPosteriori` is faster, `NoUTurn` the reference.
        seed: of the draws.

    Raises:
        InputError: no patient.

    >>> from cardiotwin.hemodynamics import MaximumAPosteriori
    >>> clinic = Measurements(edv_ml=150, esv_ml=70, heart_rate_bpm=65, systolic_mmhg=125)
    >>> found = identify(clinic, method=MaximumAPosteriori())
    >>> low, high = found.interval("lv_peak_mmhg")
    >>> low < 127 < high
    True
    """
    single = isinstance(measurements, Measurements)
    patients = [measurements] if isinstance(measurements, Measurements) else list(measurements)
    if not patients:
        raise InputError("measurements", found="no patient", expected="at least one")
    unknowns = Unknowns.of() if unknowns is None else unknowns
    method = Posterior() if method is None else method
    begin = time.perf_counter()
    every = method.find(unknowns, Data.of(patients), seed)
    seconds = (time.perf_counter() - begin) / len(patients)
    found = [
        Identification(
            measurements=own,
            unknowns=unknowns,
            coordinates=result.z,
            weights=result.weights,
            predicted=Indices(**dict(zip(INDEX_NAMES, result.indices.T, strict=True))),
            mode=result.mode,
            status=result.status,
            trusted=result.trusted,
            diagnostics=result.diagnostics,
            seconds=seconds,
            provenance=make_provenance(
                {"method": method, "measured": own.as_dict(), "unknowns": dict(unknowns.priors)},
                seed=seed,
            ),
        )
        for own, result in zip(patients, every, strict=True)
    ]
    return found[0] if single else found
