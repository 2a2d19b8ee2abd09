"""What data assimilation may ask for: fields on the heart, as few Gaussian coefficients."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy import linalg

from .._checks import check_array, check_count, check_number
from .._errors import InputError
from .._types import ArrayLike
from ..geometry import Surface
from ..tissue import IonicModel, SurfaceLaplacian


@dataclass(frozen=True, eq=False)
class SurfaceModes:
    """Eigenfunctions of a Laplacian, smooth ones first.

    Attributes:
        modes: (n_nodes, n_modes), orthonormal in the mass, whose mean is one.
        squares: (n_modes,) eigenvalues of −Δ in 1/mm², ascending.
        mass: (n_nodes,) node masses over their mean.
    """

    modes: Float[np.ndarray, "n_nodes n_modes"]
    squares: Float[np.ndarray, " n_modes"]
    mass: Float[np.ndarray, " n_nodes"]

    @classmethod
    def of(cls, surface: Surface, laplacian: SurfaceLaplacian, n_modes: int) -> "SurfaceModes":
        """Find the ``n_modes`` smoothest eigenfunctions."""
        mass = laplacian.mass(surface)
        mass = mass / mass.mean()
        root = np.sqrt(mass)
        stiffness = -root[:, None] * laplacian.matrix(surface).toarray() / root
        last = min(n_modes, surface.n_nodes) - 1
        squares, modes = linalg.eigh((stiffness + stiffness.T) / 2, subset_by_index=(0, last))
        # The sign of an eigenvector is arbitrary: the largest entry is made positive.
        largest = modes[np.abs(modes).argmax(axis=0), np.arange(last + 1)]
        return cls(modes * np.sign(largest) / root[:, None], np.maximum(squares, 0.0), mass)

    def basis(
        self, sd: float, length_mm: float, n_modes: int
    ) -> Float[np.ndarray, "n_nodes n_used"]:
        """Return B such that B ξ with ξ ~ N(0, I) is a smooth random field.

        Its spectrum is Matérn's of smoothness 1, amplitudes ∝ 1 / (1 + length² κ²), and its
        standard deviation averaged over the nodes is ``sd``.
        """
        parts = self.modes[:, :n_modes] / (1 + length_mm**2 * self.squares[:n_modes])
        return parts * (sd / np.sqrt((parts**2).sum(axis=1).mean()))


@runtime_checkable
class TissueUnknown(Protocol):
    """A field that is estimated beside the initial potential: name, and Gaussian prior."""

    @property
    def name(self) -> str:
        """Which field it is."""
        ...

    def basis(self, modes: SurfaceModes) -> Float[np.ndarray, "n_nodes n_coefficients"]:
        """Return the prior's basis: the field is B ξ with ξ ~ N(0, I)."""
        ...

    def check(self, model: IonicModel) -> None:
        """Refuse a model that has no such field."""
        ...


def _check_field(unknown: "UnknownDiffusion | UnknownParameter | UnknownRecovery") -> None:
    check_count(unknown.n_modes, "n_modes")
    check_number(unknown.length_mm, "length_mm", above=0)


@dataclass(frozen=True)
class UnknownDiffusion:
    """Let the diffusion coefficient be D · exp(field).

    Args:
        log_sd: prior standard deviation of ln D about the given value; 0.5 allows a factor of
            0.6 to 1.6 easily and of 0.4 to 2.7 with effort.
        n_modes: 1 for one factor for the whole heart; more for a smooth map.
        length_mm: correlation length of the map.

    >>> UnknownDiffusion().name
    'diffusion'
    """

    log_sd: float = 0.5
    n_modes: int = 1
    length_mm: float = 30.0

    name = "diffusion"

    def __post_init__(self):
        check_number(self.log_sd, "log_sd", above=0)
        _check_field(self)

    def basis(self, modes: SurfaceModes) -> Float[np.ndarray, "n_nodes n_coefficients"]:
        """Return the basis of ln D."""
        return modes.basis(self.log_sd, self.length_mm, self.n_modes)

    def check(self, model: IonicModel) -> None:
        """Every tissue has a diffusion coefficient."""


@dataclass(frozen=True)
class UnknownParameter:
    """Let a parameter p of the ionic model be p · exp(field), for instance the excitability a.

    Args:
        parameter: name of the model's field.
        log_sd: prior standard deviation of ln p about the model's value.
        n_modes: 1 for one factor for the whole heart; more for a smooth map.
        length_mm: correlation length of the map.

    >>> UnknownParameter("a").name
    'a'
    """

    parameter: str = "a"
    log_sd: float = 0.3
    n_modes: int = 1
    length_mm: float = 30.0

    def __post_init__(self):
        check_number(self.log_sd, "log_sd", above=0)
        _check_field(self)

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.parameter

    def basis(self, modes: SurfaceModes) -> Float[np.ndarray, "n_nodes n_coefficients"]:
        """Return the basis of ln p."""
        return modes.basis(self.log_sd, self.length_mm, self.n_modes)

    def check(self, model: IonicModel) -> None:
        """Refuse a model without this parameter."""
        if self.parameter not in vars(model):
            raise InputError(
                "unknown",
                found=f"parameter {self.parameter!r}",
                expected=f"one of {', '.join(sorted(vars(model)))} of {type(model).__name__}",
            )


@dataclass(frozen=True)
class UnknownRecovery:
    """Let the second variable start anywhere between rest and rest + reach.

    v(0) = rest + reach · sigmoid(−8 + field), for records that begin within a beat. The sigmoid
    is needed: below rest the second variable of Aliev and Panfilov runs away.

    Args:
        reach: farthest value minus rest: about 2.4 for `AlievPanfilov`, −1 for
            `MitchellSchaeffer`, whose gate falls from 1 to 0.
        logit_sd: prior standard deviation of the field.
        n_modes: number of smooth modes.
        length_mm: correlation length.

    >>> UnknownRecovery().name
    'recovery'
    """

    reach: float = 2.4
    logit_sd: float = 6.0
    n_modes: int = 60
    length_mm: float = 20.0

    name = "recovery"

    def __post_init__(self):
        check_number(self.reach, "reach")
        check_number(self.logit_sd, "logit_sd", above=0)
        _check_field(self)

    def basis(self, modes: SurfaceModes) -> Float[np.ndarray, "n_nodes n_coefficients"]:
        """Return the basis of the logit."""
        return modes.basis(self.logit_sd, self.length_mm, self.n_modes)

    def check(self, model: IonicModel) -> None:
        """Every model has a second variable."""


def fit_coefficients(
    basis: Float[np.ndarray, "n_nodes n_coefficients"], field: ArrayLike
) -> Float[np.ndarray, " n_coefficients"]:
    """Return the ξ of N(0, I) whose B ξ is nearest to a field known to one unit a node."""
    values = check_array(field, "field", shape=(len(basis),))
    normal = basis.T @ basis
    normal[np.diag_indices_from(normal)] += 1.0
    return linalg.solve(normal, basis.T @ values, assume_a="pos")
