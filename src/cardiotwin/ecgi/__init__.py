"""Electrocardiographic imaging: from body-surface potentials to the heart surface."""
