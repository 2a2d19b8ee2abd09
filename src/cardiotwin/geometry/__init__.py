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
from .formats import MatGeometry as MatGeometry
from .formats import SurfaceFile as SurfaceFile
from .formats import SurfaceFormat as SurfaceFormat
from .formats import VertexSet as VertexSet
from .formats import read_channels as read_channels
from .formats import read_geometry_mat as read_geometry_mat
from .formats import read_points as read_points
from .formats import read_region_tags as read_region_tags
from .formats import read_surface as read_surface
from .formats import read_vtx as read_vtx
from .formats import register_format as register_format
from .formats import supported_formats as supported_formats
from .formats import write_surface as write_surface
from .formats import write_vtx as write_vtx
