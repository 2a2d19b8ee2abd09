"""Surfaces: the triangulated heart and torso, their operators, shapes and file formats."""

from . import zoo as zoo
from ._operators import CotangentLaplacian as CotangentLaplacian
from ._operators import PaperLaplacian as PaperLaplacian
from ._operators import mass_matrix as mass_matrix
from ._operators import nodal_gradient as nodal_gradient
from ._operators import surface_gradient as surface_gradient
from ._shapes import gauge_radius as gauge_radius
from ._shapes import icosphere as icosphere
from ._star import star_surface as star_surface
from ._surface import Surface as Surface
from ._surface import solid_angles as solid_angles
