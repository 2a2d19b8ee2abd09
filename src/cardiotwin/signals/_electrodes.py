"""Where signals were measured: electrodes on nodes or anywhere on the triangles of a surface."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from .._checks import check_array, check_count, check_indices, check_number, freeze
from .._errors import GeometryError, InputError
from .._types import ArrayLike
from ..geometry import Surface
from ._nearest import nearest_on_surface
from ._recording import channel_indices, check_names, find_names

# Barycentric weights are allowed to miss 1, or fall below 0, by rounding only.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Electrodes:
    """Named places on a surface, each inside one triangle of it.

    The value at electrode i is Σ_k weights[i, k] φ[triangles[i, k]]: linear interpolation on the
    triangle, exact on nodes. Make one with `on_nodes` or `project`.

    Args:
        n_nodes: number of nodes of the surface.
        triangles: (n_leads, 3) nodes around each electrode.
        weights: (n_leads, 3) barycentric coordinates, at least 0 with sum 1.
        positions_mm: (n_leads, 3) places on the surface in mm.
        distance_mm: (n_leads,) how far the given positions lay from the surface; 0 on nodes.
        names: one different name an electrode; "1" … "n" when left out.

    Raises:
        InputError: shapes that do not fit, nodes out of range, weights that are negative or do
            not add up to 1, names that repeat.
    """

    n_nodes: int
    triangles: Int[np.ndarray, "n_leads 3"]
    weights: Float[np.ndarray, "n_leads 3"]
    positions_mm: Float[np.ndarray, "n_leads 3"]
    distance_mm: Float[np.ndarray, " n_leads"]
    names: tuple[str, ...]

    def __init__(
        self,
        n_nodes: int,
        triangles: ArrayLike,
        weights: ArrayLike,
        positions_mm: ArrayLike,
        distance_mm: ArrayLike | None = None,
        names: Sequence[str] | None = None,
    ):
        count = check_count(n_nodes, "n_nodes")
        corners = check_indices(triangles, "triangles", upper=count, shape=("n_leads", 3))
        n_leads = len(corners)
        if not n_leads:
            raise InputError("electrodes", found="none", expected="at least one electrode")
        shares = check_array(weights, "weights", shape=(n_leads, 3))
        if shares.min() < -_ROUNDING or np.abs(shares.sum(axis=1) - 1).max() > _ROUNDING:
            raise InputError(
                "weights",
                found=f"smallest {shares.min():.3g}, sums from {shares.sum(axis=1).min():.6g} to "
                f"{shares.sum(axis=1).max():.6g}",
                expected="weights of at least 0 that add up to 1 for every electrode",
            )
        places = check_array(positions_mm, "positions_mm", shape=(n_leads, 3))
        gaps = np.zeros(n_leads) if distance_mm is None else distance_mm
        gaps = check_array(gaps, "distance_mm", shape=(n_leads,))
        object.__setattr__(self, "n_nodes", count)
        object.__setattr__(self, "triangles", freeze(corners.copy()))
        object.__setattr__(self, "weights", freeze(shares.copy()))
        object.__setattr__(self, "positions_mm", freeze(places.copy()))
        object.__setattr__(self, "distance_mm", freeze(gaps.copy()))
        object.__setattr__(self, "names", check_names(names, n_leads, "names"))

    def __repr__(self) -> str:
        return f"Electrodes({self.n_leads} on a surface of {self.n_nodes} nodes)"

    @classmethod
    def on_nodes(
        cls, surface: Surface, nodes: ArrayLike, names: Sequence[str] | None = None
    ) -> "Electrodes":
        """Return electrodes that sit on nodes of the surface.

        Args:
            surface: the surface that carries them.
            nodes: (n_leads,) 0-based node numbers.
            names: one name an electrode.

        Raises:
            InputError: node numbers out of range, or names that do not fit.

        >>> from cardiotwin.geometry import Surface
        >>> sheet = Surface([[0, 0, 0], [30, 0, 0], [0, 30, 0]], [[0, 1, 2]])
        >>> Electrodes.on_nodes(sheet, [2, 0]).interpolation_matrix.toarray().tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
        """
        chosen = check_indices(nodes, "nodes", upper=surface.n_nodes)
        # The node thrice, all weight on the first: valid even where no triangle uses the node.
        return cls(
            surface.n_nodes,
            np.repeat(chosen[:, None], 3, axis=1),
            np.tile([1.0, 0.0, 0.0], (len(chosen), 1)),
            surface.vertices_mm[chosen],
            names=names,
        )

    @classmethod
    def project(
        cls,
        surface: Surface,
        positions_mm: ArrayLike,
        names: Sequence[str] | None = None,
        max_distance_mm: float | None = None,
    ) -> "Electrodes":
        """Return electrodes at the points of the surface nearest to the given positions.

        Args:
            surface: the surface that carries them.
            positions_mm: (n_leads, 3) measured positions in mm.
            names: one name an electrode.
            max_distance_mm: refuse positions farther than this from the surface; None accepts
                any distance (`distance_mm` tells them).

        Raises:
            InputError: positions of the wrong shape or not finite, names that do not fit.
            GeometryError: a position farther than ``max_distance_mm``, or no triangles.

        >>> from cardiotwin.geometry import Surface
        >>> sheet = Surface([[0, 0, 0], [30, 0, 0], [0, 30, 0]], [[0, 1, 2]])
        >>> lead = Electrodes.project(sheet, [[10, 10, 4]], names=["V1"])
        >>> lead.distance_mm.tolist(), lead.weights.round(6).tolist()
        ([4.0], [[0.333333, 0.333333, 0.333333]])
        """
        points = check_array(positions_mm, "positions_mm", shape=("n_leads", 3))
        labels = check_names(names, len(points), "names")
        near = nearest_on_surface(surface, points)
        if max_distance_mm is not None:
            limit = check_number(max_distance_mm, "max_distance_mm", at_least=0)
            far = np.flatnonzero(near.distance_mm > limit)
            if far.size:
                worst = int(far[np.argmax(near.distance_mm[far])])
                raise GeometryError(
                    "positions_mm",
                    found=f"{far.size} electrodes off the surface, {labels[worst]!r} by "
                    f"{near.distance_mm[worst]:.4g} mm",
                    expected=f"at most {limit:g} mm",
                    advice="Check that positions and surface share unit and frame, or raise "
                    "max_distance_mm.",
                )
        return cls(
            surface.n_nodes,
            surface.faces[near.faces],
            near.weights,
            near.points_mm,
            near.distance_mm,
            labels,
        )

    @property
    def n_leads(self) -> int:
        """Number of electrodes."""
        return len(self.triangles)

    @property
    def interpolation_matrix(self) -> sparse.csr_array:
        """(n_leads, n_nodes) matrix that reads node values at the electrodes; rows sum to 1."""
        rows = np.repeat(np.arange(self.n_leads), 3)
        matrix = sparse.csr_array(
            (self.weights.ravel(), (rows, self.triangles.ravel())),
            shape=(self.n_leads, self.n_nodes),
        )
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def indices(self, electrodes: ArrayLike | Sequence[str] | str) -> Int[np.ndarray, " n"]:
        """Return the numbers of electrodes given by name, 0-based index or boolean mask.

        Raises:
            InputError: a name that is not there, an index out of range, a mask that does not fit.
        """
        return channel_indices(electrodes, self.names, "electrodes")

    def select(self, electrodes: ArrayLike | Sequence[str] | str) -> "Electrodes":
        """Return some of the electrodes, by names, 0-based indices or a boolean mask."""
        rows = self.indices(electrodes)
        return Electrodes(
            self.n_nodes,
            self.triangles[rows],
            self.weights[rows],
            self.positions_mm[rows],
            self.distance_mm[rows],
            [self.names[i] for i in rows],
        )

    def renamed(self, names: Mapping[str, str] | Sequence[str]) -> "Electrodes":
        """Return the electrodes with some names replaced (mapping old to new) or all of them."""
        if isinstance(names, Mapping):
            find_names(list(names), self.names, "names")
            names = [names.get(name, name) for name in self.names]
        return Electrodes(
            self.n_nodes,
            self.triangles,
            self.weights,
            self.positions_mm,
            self.distance_mm,
            names,
        )
