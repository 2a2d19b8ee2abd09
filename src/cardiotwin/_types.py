"""Array aliases whose shapes are checked at run time by the test suite."""

import os

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike as ArrayLike

PathLike = str | os.PathLike[str]

Points = Float[np.ndarray, "n_points 3"]
Vertices = Float[np.ndarray, "n_nodes 3"]
Faces = Int[np.ndarray, "n_faces 3"]
Potentials = Float[np.ndarray, "n_nodes n_times"]
Vector = Float[np.ndarray, " n"]
Matrix = Float[np.ndarray, "n m"]
Indices = Int[np.ndarray, " n"]
Mask = Bool[np.ndarray, " n"]
