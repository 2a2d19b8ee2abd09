"""The transmembrane double layer beside the matrix of ECGSIM's normal male."""

import numpy as np

from .. import ecgi, geometry
from .._types import PathLike
from ._data import dataset
from ._table import StudyTable

FOLDER = "ecgi_ecgsim_normal_male"


def double_layer(data: PathLike | None, *, quick: bool = False, seed: int = 0) -> StudyTable:
    """Compare our double-layer matrix with the supplied one, without and with guessed organs.

    Lungs (0.2 of the torso's conductivity) and blood (3 times) are ellipsoids that fill the room
    beside the heart and the hollows of the ventricles: the supplied model's own are not known.

    Args:
        data: folder that holds ``ecgi_ecgsim_normal_male``.
        quick: not used, it takes seconds.
        seed: not used.
    """
    del quick, seed
    path = dataset(data, FOLDER) / "normal_male.npz"
    heart = geometry.read_surface(path, name="heart")
    torso = geometry.read_surface(path, name="torso")
    with np.load(path, allow_pickle=False) as arrays:
        supplied = arrays["edl_matrix_wct"]
        steps = np.arange(110) >= arrays["depolarization_bsp_ms"][:, None]
        qrs = arrays["bsp_simulated_mV"][:, :110]
    rows = [["supplied matrix", 1.0, 0.0, _correlation(supplied @ steps, qrs)]]
    for name, organs in guessed_organs(heart, torso).items():
        ours = ecgi.double_layer_matrix(heart, torso, torso, inclusions=organs).matrix
        one, other = (matrix - matrix.mean(axis=0) for matrix in (ours, supplied))
        gain = np.sum(one * other) / np.sum(one**2)
        error = float(np.linalg.norm(gain * one - other) / np.linalg.norm(other))
        rows.append([name, _correlation(ours, supplied), error, _correlation(ours @ steps, qrs)])
    return StudyTable(
        "Double layer, ECGSIM normal male, spatial means removed",
        ["torso", "CC with supplied matrix", "RE at best gain", "CC of QRS map"],
        rows,
        notes=["QRS map: steps at the supplied activation times through each matrix."],
    )


def guessed_organs(
    heart: geometry.Surface, torso: geometry.Surface
) -> dict[str, list[ecgi.Inclusion]]:
    """Return what may fill the torso of the normal male, by name of the model."""
    beside = [(heart, 8.0), (torso, 20.0)]
    hollow = [(heart, 2.0)]
    lungs = [
        ((10, 115, 40), (85, 60, 90), beside, "left lung"),
        ((0, -95, 40), (85, 60, 90), beside, "right lung"),
    ]
    blood = [
        ((31, 51, -5), (28, 28, 45), hollow, "left cavity"),
        ((62, 16, -15), (30, 40, 40), hollow, "right cavity"),
    ]

    def fill(places: list, ratio: float) -> list[ecgi.Inclusion]:
        return [
            ecgi.Inclusion(geometry.ellipsoid_within(centre, axes, walls, name=name), ratio)
            for centre, axes, walls, name in places
        ]

    with_lungs = fill(lungs, 0.2)
    return {
        "ours, homogeneous": [],
        "ours, guessed lungs": with_lungs,
        "ours, guessed lungs and blood": [*with_lungs, *fill(blood, 3.0)],
    }


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    one, other = (values - values.mean(axis=0) for values in (one, other))
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
