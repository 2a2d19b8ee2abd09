"""Virtual patients from identified ones: draws of their posteriors, in equal shares."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from .._checks import check_count
from .._errors import InputError
from ..circulation import PARAMETERS, Circulation
from ._identification import Identification
from ._steady_batch import parameter_columns


class PosteriorPatients(NamedTuple):
    """Virtual patients, the draws of one identified patient after those of another.

    Attributes:
        circulation: batch (n,).
        patient: (n,) whose draw it is.
        weight: (n,) such that every identified patient counts the same.
        source: one line for the report.
    """

    circulation: Circulation
    patient: Shaped[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]
    source: str


def posterior_patients(
    identified: Identification | Sequence[Identification],
    patient: Any,
    n: int,
    seed: int,
    untrusted: bool,
) -> PosteriorPatients:
    """Draw patients from posteriors.

    Args:
        identified: one of each patient.
        patient: labels, "patient 1" and so on where None.
        n: draws of all patients together.
        seed: of the draws.
        untrusted: whether identifications that failed their own checks are taken.

    Raises:
        InputError: see `Cohort.from_identifications`.
    """
    every = [identified] if isinstance(identified, Identification) else list(identified)
    for place, own in enumerate(every):
        if not isinstance(own, Identification):
            raise InputError(
                f"identified[{place}]", found=type(own).__name__, expected="an Identification"
            )
    if not every:
        raise InputError("identified", found="no patient", expected="at least one")
    count = len(every)
    names = [f"patient {k + 1}" for k in range(count)] if patient is None else list(patient)
    if len(names) != count or len(set(names)) < count:
        raise InputError("patient", found=f"{names}", expected=f"{count} labels that differ")
    doubted = [name for name, own in zip(names, every, strict=True) if not own.trusted]
    if doubted and not untrusted:
        first = every[names.index(doubted[0])]
        raise InputError(
            f"identification of {doubted[0]}",
            found=f"“{first.status}”" + _more(len(doubted) - 1),
            expected="draws whose own checks hold",
            advice="Identify again with more rounds or NUTS, or allow it: untrusted=True "
            "(--untrusted).",
        )
    check_count(seed, "seed", at_least=0)
    if check_count(n, "n") < count:
        raise InputError("n", found=f"{n}", expected=f"≥ {count}, one an identified patient")
    shares = [n // count + (place < n % count) for place in range(count)]
    # Neighbouring seeds of neighbouring patients would share their lots.
    seeds = np.random.SeedSequence(seed).generate_state(count).tolist()
    drawn = [
        parameter_columns(own.resample(share, number))
        for own, share, number in zip(every, shares, seeds, strict=True)
    ]
    columns = {name: np.concatenate([own[name] for own in drawn]) for name in PARAMETERS}
    whose = "posterior of one identified patient"
    if count > 1:
        whose = f"posteriors of {count} identified patients"
    source = f"drawn from the {whose}, seed {seed}"
    if doubted:
        source += f"; identifications that are not to be trusted: {', '.join(doubted)}"
    return PosteriorPatients(
        Circulation(**columns),
        np.repeat(np.array([str(name) for name in names]), shares),
        np.repeat(n / (count * np.array(shares)), shares),
        source,
    )


def _more(others: int) -> str:
    return f", and {others} more" if others else ""
