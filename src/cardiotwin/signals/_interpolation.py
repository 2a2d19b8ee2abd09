"""Potentials between the electrodes: the surface whose Laplacian is smallest."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.sparse.linalg import splu

from .._checks import check_array
from .._errors import InputError, NumericsError
from .._types import ArrayLike
from ..geometry import Surface
from ._electrodes import Electrodes

# Weight of φ² against the Laplacian: decides only what the data leave free, such as the level of
# a piece of surface without electrodes.
_RIDGE = 1e-12


@runtime_checkable
class LaplacianOperator(Protocol):
    """A surface Laplacian, such as `geometry.CotangentLaplacian()`."""

    def matrix(self, surface: Surface) -> sparse.csr_array:
        """(n_nodes, n_nodes) operator."""
        ...

    def mass(self, surface: Surface) -> Float[np.ndarray, " n_nodes"]:
        """(n_nodes,) weights that make the operator self-adjoint."""
        ...


@dataclass(frozen=True, eq=False)
class _Constrained:
    """Factorized system min φᵀAφ subject to Wφ = y, solved for any right-hand side."""

    solve: Callable[[np.ndarray], np.ndarray]
    n_nodes: int
    n_leads: int

    def potentials(
        self, values: Float[np.ndarray, "n_leads n_times"]
    ) -> Float[np.ndarray, "n_nodes n_times"]:
        right = np.concatenate([np.zeros((self.n_nodes, values.shape[1])), values])
        return self.solve(right)[: self.n_nodes]

    def energy_matrix(self) -> Float[np.ndarray, "n_leads n_leads"]:
        """K with yᵀKy the smallest φᵀAφ that agrees with y: the multipliers of the unit vectors."""
        right = np.concatenate([np.zeros((self.n_nodes, self.n_leads)), np.eye(self.n_leads)])
        energy = -self.solve(right)[self.n_nodes :]
        return (energy + energy.T) / 2


def interpolate_on_surface(
    surface: Surface,
    electrodes: Electrodes | ArrayLike,
    values: ArrayLike,
    *,
    laplacian: LaplacianOperator | None = None,
) -> Float[np.ndarray, "n_nodes n_times"]:
    """Spread values from electrodes over all nodes of a surface, as smoothly as possible.

    Minimizes Σ_i m_i (Lφ)_i² over all nodes subject to Wφ = y: the values at the electrodes are
    kept, and the surface Laplacian of the rest is as small as it can be.

    Args:
        surface: the surface.
        electrodes: `Electrodes`, or (n_leads,) node numbers.
        values: (n_leads, n_times) or (n_leads,) measured values.
        laplacian: operator L with its mass m; the cotangent Laplacian when left out.

    Returns:
        (n_nodes, n_times) potentials of all nodes.

    Raises:
        InputError: values that do not fit the electrodes, or electrodes of another surface.
        NumericsError: two electrodes in one place.

    References:
        Oostendorp TF, van Oosterom A, Huiskamp G. J Comput Phys 1989;80:331 (method B).

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(162, 50.0)
    >>> known = np.arange(0, ball.n_nodes, 2)
    >>> height = ball.vertices_mm[:, 2]
    >>> error = interpolate_on_surface(ball, known, height[known])[:, 0] - height
    >>> bool(np.abs(error).max() < 2.0)
    True
    """
    leads = as_electrodes(surface, electrodes)
    known = np.asarray(values)
    known = known[:, None] if known.ndim == 1 else known
    known = check_array(known, "values", shape=(leads.n_leads, "n_times"))
    return constrained(surface, leads, laplacian).potentials(known)


def as_electrodes(surface: Surface, electrodes: Electrodes | ArrayLike) -> Electrodes:
    """Return electrodes of this surface, from electrodes or node numbers."""
    if not isinstance(electrodes, Electrodes):
        return Electrodes.on_nodes(surface, electrodes)
    if electrodes.n_nodes != surface.n_nodes:
        raise InputError(
            "electrodes",
            found=f"electrodes of a surface of {electrodes.n_nodes} nodes",
            expected=f"electrodes of {surface.name or 'this surface'} ({surface.n_nodes} nodes)",
        )
    return electrodes


def constrained(
    surface: Surface, electrodes: Electrodes, laplacian: LaplacianOperator | None
) -> _Constrained:
    """Factorize the interpolation problem of these electrodes once, for many instants."""
    if laplacian is None:
        from ..geometry import CotangentLaplacian

        laplacian = CotangentLaplacian()
    operator = sparse.csr_array(laplacian.matrix(surface))
    mass = sparse.diags_array(laplacian.mass(surface))
    energy = operator.T @ mass @ operator
    energy = energy / energy.diagonal().max()
    energy = energy + _RIDGE * sparse.eye_array(surface.n_nodes)
    reading = electrodes.interpolation_matrix
    system = sparse.block_array([[energy, reading.T], [reading, None]], format="csc")
    try:
        solve = splu(system).solve
        worst = np.abs(solve(np.ones(surface.n_nodes + electrodes.n_leads))).max()
    except RuntimeError:
        worst = np.inf
    if not np.isfinite(worst):
        raise NumericsError(
            "electrodes: the interpolation has no unique solution. Two electrodes stand in one "
            "place: keep one of them with electrodes.select(…)."
        )
    return _Constrained(solve, surface.n_nodes, electrodes.n_leads)
