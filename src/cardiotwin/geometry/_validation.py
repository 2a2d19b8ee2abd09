"""The whole report on a surface, and the check that its numbers are millimetres."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from .._checks import check_number
from .._errors import GeometryError, UnitError
from ._intersections import find_self_intersections
from ._quality import MeshQuality, measure_quality
from ._repair import face_parts, flat_faces
from ._surface import Surface

_MOST_FACES_FOR_INTERSECTIONS = 20_000


@dataclass(frozen=True)
class SurfaceReport:
    """What `validate` found; printing it gives a table.

    Args:
        name: label of the surface.
        n_nodes: number of nodes.
        n_faces: number of triangles.
        closed: whether every edge has two triangles that agree on their orientation.
        oriented: whether all neighbouring triangles agree.
        outward: whether every part has its normals outward; None unless closed.
        euler_number: nodes in use − edges + triangles.
        genus: number of handles of all parts together; None unless closed.
        n_parts: number of parts connected through edges.
        rim_lengths_mm: length of every open rim.
        duplicate_nodes: nodes at the place of an earlier one.
        duplicate_faces: triangles with the corners of an earlier one.
        degenerate_faces: triangles without area.
        unused_nodes: nodes that no triangle uses.
        nonmanifold_edges: edges with more than two triangles.
        self_intersections: edges that pierce triangles; None where not looked for.
        quality: edges, angles, aspect ratios and area.
        volume_ml: signed enclosed volume; None unless closed.
        problems: a sentence with advice for everything that stands in the way of using the
            surface as the boundary of a body.
        notes: remarks that are no problems.
    """

    name: str
    n_nodes: int
    n_faces: int
    closed: bool
    oriented: bool
    outward: bool | None
    euler_number: int
    genus: int | None
    n_parts: int
    rim_lengths_mm: tuple[float, ...]
    duplicate_nodes: int
    duplicate_faces: int
    degenerate_faces: int
    unused_nodes: int
    nonmanifold_edges: int
    self_intersections: int | None
    quality: MeshQuality
    volume_ml: float | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the surface can bound a body: no problems."""
        return not self.problems

    @property
    def n_rims(self) -> int:
        """Number of open rims."""
        return len(self.rim_lengths_mm)

    def __str__(self) -> str:
        q, crossings = self.quality, self.self_intersections
        unknown = "–"
        edge = " / ".join(f"{x:.4g}" for x in q.edge_mm)
        angle = " / ".join(f"{x:.1f}" for x in q.smallest_angle_degrees)
        rims = ", ".join(f"{x:.4g}" for x in self.rim_lengths_mm[:6])
        rims += ", …" if self.n_rims > 6 else ""
        rows = [
            ("nodes, triangles", f"{self.n_nodes}, {self.n_faces}"),
            ("closed", _yes(self.closed)),
            ("consistently oriented", _yes(self.oriented)),
            ("normals outward", unknown if self.outward is None else _yes(self.outward)),
            ("Euler number", str(self.euler_number)),
            ("genus", unknown if self.genus is None else str(self.genus)),
            ("connected parts", str(self.n_parts)),
            ("open rims", f"{self.n_rims} ({rims} mm)" if self.n_rims else "0"),
            ("duplicate nodes, triangles", f"{self.duplicate_nodes}, {self.duplicate_faces}"),
            ("triangles without area", str(self.degenerate_faces)),
            ("unused nodes", str(self.unused_nodes)),
            ("edges with > 2 triangles", str(self.nonmanifold_edges)),
            ("self-intersections", "not looked for" if crossings is None else str(crossings)),
            ("edge min / mean / max", f"{edge} mm"),
            ("smallest angle 0 / 5 / 50 %", f"{angle}°"),
            ("aspect ratio median, max", f"{q.aspect_ratio[0]:.3g}, {q.aspect_ratio[1]:.3g}"),
            ("area", f"{q.area_mm2 / 100:.5g} cm²"),
            ("volume", unknown if self.volume_ml is None else f"{self.volume_ml:.5g} mL"),
        ]
        width = max(len(label) for label, _ in rows)
        lines = [f"Surface {self.name!r}: " + ("ok" if self.ok else "has problems")]
        lines += [f"  {label:<{width}}  {value}" for label, value in rows]
        lines += [f"  problem: {text}" for text in self.problems]
        lines += [f"  note: {text}" for text in self.notes]
        return "\n".join(lines)


def validate(surface: Surface) -> SurfaceReport:
    """Look for everything that can be wrong with a surface.

    Args:
        surface: any surface with at least one triangle. Self-intersections are looked for up to
            20,000 triangles.

    Returns:
        A report whose `ok` says whether the surface can bound a body, and whose `problems` say
        what to do otherwise.

    Raises:
        GeometryError: there is no triangle.

    >>> from cardiotwin.geometry import zoo
    >>> ball = zoo.sphere(162)
    >>> validate(ball).ok, validate(ball.flipped()).problems[0]
    (True, 'The normals point inward: use surface.flipped() or geometry.orient.')
    """
    if not surface.n_faces:
        raise GeometryError(
            surface.name or "surface", found="no triangles", expected="at least one triangle"
        )
    counts = surface._edge_counts[1]
    part = face_parts(surface)
    n_parts = int(part.max()) + 1
    volumes = _part_volumes(surface, part) if surface.is_closed else None
    many = surface.n_faces > _MOST_FACES_FOR_INTERSECTIONS
    found = {
        "closed": surface.is_closed,
        "oriented": len(np.unique(surface._half_edges, axis=0)) == 3 * surface.n_faces,
        "outward": None if volumes is None else bool((volumes > 0).all()),
        "genus": None if volumes is None else int(n_parts - surface.euler_number // 2),
        "n_parts": n_parts,
        "rim_lengths_mm": _rim_lengths(surface),
        "duplicate_nodes": _count_duplicate_nodes(surface),
        "duplicate_faces": surface.n_faces - len(np.unique(np.sort(surface.faces, axis=1), axis=0)),
        "degenerate_faces": int(flat_faces(surface.vertices_mm, surface.faces).sum()),
        "unused_nodes": surface.n_nodes - len(np.unique(surface.faces)),
        "nonmanifold_edges": int((counts > 2).sum()),
        "self_intersections": None if many else len(find_self_intersections(surface)),
        "volume_ml": None if volumes is None else surface.volume_ml,
    }
    notes = []
    if many:
        notes.append(
            f"Self-intersections were not looked for: more than {_MOST_FACES_FOR_INTERSECTIONS} "
            "triangles."
        )
    if n_parts > 1:
        notes.append(f"The surface has {n_parts} connected parts.")
    return SurfaceReport(
        name=surface.name,
        n_nodes=surface.n_nodes,
        n_faces=surface.n_faces,
        euler_number=surface.euler_number,
        quality=measure_quality(surface),
        problems=_advise(found),
        notes=tuple(notes),
        **found,
    )


def check_anatomical_size(
    surface: Surface,
    where: str,
    *,
    smallest_mm: float = 20.0,
    largest_mm: float = 3000.0,
) -> Surface:
    """Return the surface if it has the size of a heart or a torso in millimetres.

    Args:
        surface: any surface.
        where: what to call it in the message, e.g. "torso".
        smallest_mm: least diagonal of the box around it. A torso in centimetres measures as much
            as a heart in millimetres: raise this to 150 where it must be a torso.
        largest_mm: greatest diagonal.

    Raises:
        UnitError: too small or too large; the message names the likely unit.

    >>> from cardiotwin.geometry import zoo
    >>> heart_in_metres = zoo.sphere(42, radius_mm=0.05)
    >>> check_anatomical_size(heart_in_metres, "heart")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    cardiotwin._errors.UnitError: heart: found ... metres: multiply them by 1000.
    """
    low = check_number(smallest_mm, "smallest_mm", above=0)
    high = check_number(largest_mm, "largest_mm", above=low)
    extent = surface.extent_mm
    if low <= extent <= high:
        return surface
    if extent > high:
        advice = "The coordinates look like micrometres: divide them by 1000."
    elif extent < 3:
        advice = "The coordinates look like metres: multiply them by 1000."
    else:
        advice = "The coordinates look like centimetres: multiply them by 10."
    raise UnitError(
        where,
        found=f"an extent of {extent:.4g} (diagonal of its box)",
        expected=f"{low:g} to {high:g} mm",
        advice=advice,
    )


def _advise(found: dict) -> tuple[str, ...]:
    sentences = [
        (
            found["nonmanifold_edges"],
            "{} edges have more than two triangles: remove inner walls and doubled triangles.",
        ),
        (
            len(found["rim_lengths_mm"]),
            "{} open rims: close them with geometry.cap.",
        ),
        (
            not found["oriented"],
            "Neighbouring triangles disagree on their orientation: use geometry.orient.",
        ),
        (
            found["outward"] is False and found["n_parts"] == 1,
            "The normals point inward: use surface.flipped() or geometry.orient.",
        ),
        (
            found["outward"] is False and found["n_parts"] > 1,
            "The normals of a part point inward: use geometry.orient, unless it is a cavity.",
        ),
        (
            found["duplicate_nodes"],
            "{} nodes stand where another one stands: merge them with geometry.clean.",
        ),
        (found["duplicate_faces"], "{} triangles are there twice: use geometry.clean."),
        (
            found["degenerate_faces"],
            "{} triangles have no area: use geometry.clean, then look for new rims.",
        ),
        (
            found["unused_nodes"],
            "{} nodes belong to no triangle: drop them with geometry.clean.",
        ),
        (
            found["self_intersections"],
            "The surface passes through itself at {} places: repair it in a mesh editor.",
        ),
    ]
    return tuple(text.format(int(count)) for count, text in sentences if count)


def _part_volumes(surface: Surface, part: np.ndarray) -> np.ndarray:
    a, b, c = (surface.vertices_mm[surface.faces[:, k]] - surface.centroid_mm for k in range(3))
    return np.bincount(part, np.einsum("fx,fx->f", a, np.cross(b, c)) / 6000)


def _rim_lengths(surface: Surface) -> tuple[float, ...]:
    rim = surface.boundary_edges
    if not len(rim):
        return ()
    n = surface.n_nodes
    graph = sparse.coo_array((np.ones(len(rim)), (rim[:, 0], rim[:, 1])), shape=(n, n))
    loop = connected_components(graph, directed=False)[1][rim[:, 0]]
    ends = surface.vertices_mm[rim]
    lengths = np.bincount(loop, np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1))
    return tuple(float(x) for x in lengths[np.unique(loop)])


def _count_duplicate_nodes(surface: Surface) -> int:
    pairs = KDTree(surface.vertices_mm).query_pairs(1e-9 * surface.extent_mm, output_type="ndarray")
    return len(np.unique(pairs.max(axis=1))) if len(pairs) else 0


def _yes(value: bool) -> str:
    return "yes" if value else "no"
