"""Subgroups of a trial: by what patients were like before, or patient by patient."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from .._checks import check_array, check_choice
from .._errors import InputError
from ..circulation import INDEX_NAMES
from ._between import label_of
from ._cohort import Cohort
from ._what_if import LABELS


@runtime_checkable
class Subgroups(Protocol):
    """What subgroups must know: who belongs to which."""

    def members(self, cohort: Cohort) -> Mapping[str, Bool[np.ndarray, " n"]]:
        """Return who belongs to which subgroup, name → (n,) of truth values."""
        ...


@dataclass(frozen=True)
class Strata:
    """Subgroups by a clinical index before the trial, [−∞, e₁), [e₁, e₂), …, [e_k, ∞).

    Attributes:
        index: a field of `Indices`.
        edges: increasing.

    Raises:
        InputError: no such index, no edge, or not increasing.

    >>> Strata("ef_percent", (20.0, 30.0)).names
    ('EF < 20 %', 'EF 20 to 30 %', 'EF ≥ 30 %')
    """

    index: str
    edges: tuple[float, ...]

    def __post_init__(self):
        check_choice(self.index, "index", INDEX_NAMES)
        edges = check_array(self.edges, "edges", shape=("n_edges",))
        if not len(edges) or (np.diff(edges) <= 0).any():
            raise InputError("edges", found=f"{edges.tolist()}", expected="some, increasing")
        object.__setattr__(self, "edges", tuple(edges.tolist()))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each subgroup."""
        short = {"ef_percent": "EF", "co_l_min": "CO", "lvedp_mmhg": "LVEDP", "edv_ml": "EDV"}
        label = short.get(self.index) or label_of(self.index)
        unit = f" {LABELS.get(self.index, ('', ''))[1]}".rstrip()
        edges = [f"{edge:g}" for edge in self.edges]
        between = [f"{label} {a} to {b}{unit}" for a, b in pairwise(edges)]
        return (f"{label} < {edges[0]}{unit}", *between, f"{label} ≥ {edges[-1]}{unit}")

    def members(self, cohort: Cohort) -> Mapping[str, Bool[np.ndarray, " n"]]:
        """Return who belongs to which subgroup, name → (n,) of truth values."""
        place = np.searchsorted(self.edges, cohort.baseline[self.index], side="right")
        return {name: place == number for number, name in enumerate(self.names)}


@dataclass(frozen=True)
class ByPatient:
    """A subgroup for every patient, whose members are the patient's draws.

    For cohorts of identified patients: what a treatment does to each of them, with an interval
    that holds so many of the draws.

    >>> from cardiotwin.circulation import Circulation
    >>> cohort = Cohort.from_circulation(Circulation(emax=[0.5, 0.6, 0.9]), ["a", "a", "b"])
    >>> {name: int(own.sum()) for name, own in ByPatient().members(cohort).items()}
    {'a': 2, 'b': 1}
    """

    def members(self, cohort: Cohort) -> Mapping[str, Bool[np.ndarray, " n"]]:
        """Return whose rows they are, label → (n,) of truth values."""
        labels = dict.fromkeys([*cohort.draws, *cohort.patient.tolist()])
        return {label: cohort.patient == label for label in labels}
