"""Array aliases whose shapes are checked at run time by the test suite."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool, Float, Int

# NumPy's own alias does not count a tuple as a sequence when it is checked at run time.
ArrayLike = npt.ArrayLike | Sequence[Any]
PathLike = str | os.PathLike[str]

Points = Float[np.ndarray, "n_points 3"]
Vertices = Float[np.ndarray, "n_nodes 3"]
Faces = Int[np.ndarray, "n_faces 3"]
Potentials = Float[np.ndarray, "n_nodes n_times"]
Vector = Float[np.ndarray, " n"]
Matrix = Float[np.ndarray, "n m"]
Indices = Int[np.ndarray, " n"]
Mask = Bool[np.ndarray, " n"]
