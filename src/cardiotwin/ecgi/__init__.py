"""Electrocardiographic imaging: from body-surface potentials to the heart surface."""

from ._operator import ObservationOperator as ObservationOperator
from ._operator import Source as Source
