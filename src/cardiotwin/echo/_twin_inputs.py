"""From an encoding to the input of a twin's network: in mm, few, of mean 0 and spread 1."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .._errors import InputError
from ._encoding import Encoding

LEAST_SPREAD = 1e-3
"""Of an input that hardly varies among the clips of the training."""


class TwinInputs(NamedTuple):
    """How encodings become inputs: fitted to the clips of a training.

    Of what the network saw only the principal components are kept: hundreds of numbers would be
    learned by heart.

    Attributes:
        looks_middle, looks_spread: (n_looks,) among the clips.
        components: (n_components, n_looks) principal directions of the standardized looks.
        middle, spread: (n_in,) of the numbers and of these components, among the clips.
    """

    looks_middle: Float[np.ndarray, " n_looks"]
    looks_spread: Float[np.ndarray, " n_looks"]
    components: Float[np.ndarray, "n_components n_looks"]
    middle: Float[np.ndarray, " n_in"]
    spread: Float[np.ndarray, " n_in"]

    @classmethod
    def fitted(cls, clips: Encoding, n_components: int) -> "TwinInputs":
        """Return the inputs for a training.

        Args:
            clips: encodings (n,) to learn from.
            n_components: that are kept; at most as many as clips.
        """
        middle, spread = clips.looks.mean(0), clips.looks.std(0) + LEAST_SPREAD
        _, _, directions = np.linalg.svd((clips.looks - middle) / spread, full_matrices=False)
        first = cls(middle, spread, directions[:n_components], np.zeros(1), np.ones(1))
        raw = first._raw(clips)
        return first._replace(middle=raw.mean(0), spread=raw.std(0) + LEAST_SPREAD)

    def __call__(self, encoding: Encoding, known: object = True) -> Float[np.ndarray, "*batch n"]:
        """Return the inputs of a clip or a batch.

        Args:
            encoding: of them.
            known: (…) where the pixel size may be used if there is one.

        Raises:
            InputError: encodings by another segmentation model.
        """
        lengths = encoding.numbers.shape[-1] + 2, encoding.looks.shape[-1]
        wanted = len(self.middle) - len(self.components), len(self.looks_middle)
        if lengths != wanted:
            raise InputError(
                "encoding",
                found=f"{lengths} numbers and looks",
                expected=f"{wanted}, as in the training",
                advice="Encode with the segmentation model that the twins were trained with.",
            )
        return (self._raw(encoding, known) - self.middle) / self.spread

    def _raw(self, encoding: Encoding, known: object = True) -> Float[np.ndarray, "*batch n"]:
        looks = (encoding.looks - self.looks_middle) / self.looks_spread
        return np.concatenate([encoding.scaled(known), looks @ self.components.T], -1)
