"""Identified patients without an identification, so that nothing is simulated."""

import numpy as np

from cardiotwin._provenance import make_provenance
from cardiotwin.circulation import INDEX_NAMES, Circulation, Indices
from cardiotwin.hemodynamics import Identification, Measurements, Unknowns

WEAK = Unknowns.of(["emax", "stressed_volume_ml"], Circulation(emin=0.07))


def identified(coordinates, weights, **changes):
    """Return an identification with these draws; what it predicts is made up."""
    coordinates, weights = np.asarray(coordinates, float), np.asarray(weights, float)
    made_up = np.random.default_rng(3).normal(100.0, 9.0, (len(INDEX_NAMES), len(weights)))
    made_up[-1, 0] = np.nan
    given = {
        "measurements": Measurements(edv_ml=150, esv_ml=70.5, errors={"edv_ml": 7.0}),
        "unknowns": WEAK,
        "predicted": Indices(**dict(zip(INDEX_NAMES, made_up, strict=True))),
        "mode": coordinates.mean(0),
        "status": "400 effective draws of 1000, k̂ = 0.31",
        "trusted": True,
        "diagnostics": {"k_hat": 0.31},
        "seconds": 0.25,
        "provenance": make_provenance({"method": "made up"}, seed=2),
    }
    return Identification(coordinates=coordinates, weights=weights, **{**given, **changes})


def weak_heart(emax_z, n=40, **changes):
    """Return an identified patient whose contractility lies about this far above the median."""
    spread = 0.3 * np.random.default_rng(int(100 * abs(emax_z))).standard_normal((n, 2))
    return identified(np.array([emax_z, 0.5]) + spread, np.full(n, 1 / n), **changes)
