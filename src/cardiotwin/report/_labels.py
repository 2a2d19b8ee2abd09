"""Names of numbers as a reader wants to see them."""

import math

METRICS = {
    "relative_error": "Relative error RE",
    "mse": "Mean squared error (unit²)",
    "correlation": "Correlation CC (Eq. 20)",
    "spatial_correlation_median": "Spatial correlation, median over instants",
    "spatial_correlation_q1": "Spatial correlation, lower quartile",
    "spatial_correlation_q3": "Spatial correlation, upper quartile",
    "temporal_correlation_median": "Electrogram correlation, median over nodes",
    "temporal_correlation_q1": "Electrogram correlation, lower quartile",
    "temporal_correlation_q3": "Electrogram correlation, upper quartile",
    "activation_error_ms": "Activation time, mean absolute error (ms)",
    "activation_correlation": "Activation time, correlation",
    "earliest_distance_mm": "Earliest activation, distance (mm)",
    "earliest_geodesic_mm": "Earliest activation, distance along the surface (mm)",
}


def show_number(value: float | None) -> str:
    """Write a number with three or four digits that matter.

    >>> show_number(0.21684), show_number(1234567.0), show_number(float("nan"))
    ('0.2168', '1.235e+06', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−") if abs(value) < 1e4 else f"{value:.4g}"


def wordy(name: str) -> str:
    """Turn a name of a program into words.

    >>> wordy("RobustGCV"), wordy("physics_weight"), wordy("TruncatedSVD")
    ('robust GCV', 'physics weight', 'truncated SVD')
    """
    spaced = ""
    for i, letter in enumerate(name):
        starts = letter.isupper() and i and not name[i - 1].isupper() and name[i - 1].isalpha()
        spaced += (" " if starts else "") + letter
    words = spaced.replace("_", " ").split()
    return " ".join(word if word.isupper() else word.lower() for word in words)
