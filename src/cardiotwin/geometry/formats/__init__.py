"""File formats of surfaces: one family of formats a file, all found by suffix."""

from ._channels import read_channels as read_channels
from ._mat_search import MatGeometry as MatGeometry
from ._mat_search import read_geometry_mat as read_geometry_mat
from ._opencarp import VertexSet as VertexSet
from ._opencarp import read_region_tags as read_region_tags
from ._opencarp import read_vtx as read_vtx
from ._opencarp import write_vtx as write_vtx
from ._registry import SurfaceFile as SurfaceFile
from ._registry import SurfaceFormat as SurfaceFormat
from ._registry import register_format as register_format
from ._registry import supported_formats as supported_formats
from ._surfaces import read_points as read_points
from ._surfaces import read_surface as read_surface
from ._surfaces import write_surface as write_surface
