"""Surfaces: the triangulated heart and torso, their operators, shapes and file formats."""

from ._surface import Surface as Surface
from ._surface import solid_angles as solid_angles
