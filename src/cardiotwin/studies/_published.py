"""Numbers of Zhu, Bilchick and Xie, Sci Rep 2025;15:31747, on their geometry: mean and SD of 10."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """What the paper prints for one cell: (mean, SD), None where it prints nothing."""

    re: tuple[float, float | None] | None = None
    cc: tuple[float, float | None] | None = None
    mse: tuple[float, float | None] | None = None


EP_DL = Published((0.1435, 0.0122), (0.9816, 0.0028), (0.0066, 0.0010))
"""CC is 0.9830 in section IV-A and 0.9816 in IV-C, for the same cell."""
EP_DL_ND = Published((0.1174, 0.0111), (0.9887, 0.0021), (0.0044, 0.0008))
NEURONS = {
    5: Published((0.1658, 0.0182), None, (0.0088, 0.0019)),
    10: EP_DL_ND,
    15: Published((0.1137, 0.0137), (0.9893, 0.0026), (0.0042, 0.0010)),
}
CONFIGURATIONS = {
    1: Published((0.1449, 0.0219), (0.9824, 0.0052), (0.0068, 0.0020)),
    2: Published((0.1366, 0.0029), (0.9847, 0.0006), (0.0059, 0.0002)),
    3: Published((0.1250, 0.0199), (0.9869, 0.0043), (0.0051, 0.0017)),
    4: Published((0.1121, 0.0064), (0.9897, 0.0012), (0.0040, 0.0005)),
    5: NEURONS[15],
    6: Published((0.0992, 0.0062), (0.9919, 0.0010), (0.0031, 0.0004)),
}
BAD_INITIALIZATIONS = {1: 18, 2: 3, 3: 23, 4: 4, 5: 25, 6: 6}
"""Of 30 starts (Table II; the paper gives no threshold)."""
WEIGHTS = {
    0.05: Published((0.1012, 0.0089), (0.9916, 0.0015), (0.0033, 0.0006)),
    0.1: CONFIGURATIONS[6],
    0.3: Published((0.1256, 0.0021), (0.9871, 0.0004), (0.0050, 0.0002)),
    0.5: Published((0.1252, 0.0035), (0.9872, 0.0007), (0.0050, 0.0003)),
    0.7: Published((0.1279, 0.0005), (0.9866, 0.0001), (0.0052, 0.0001)),
}
COMPARISON = {
    ("Tikhonov 2", 0.01): Published((0.2666, 0.0008), (0.9413, 0.0005), (0.0225, 0.0002)),
    ("Tikhonov 2", 0.1): Published((0.4625, 0.0013), (0.8401, 0.0016), (0.0681, 0.0006)),
    ("STRE", 0.01): Published((0.2185, 0.0005), (0.9606, 0.0002)),
    ("STRE", 0.1): Published((0.2481, 0.0013), (0.9486, 0.0005)),
    ("EP-DL", 0.01): EP_DL,
    ("EP-DL", 0.1): Published((0.1585, 0.0117), (0.9793, 0.0031), (0.0080, 0.0012)),
    ("EAND-ARN", 0.01): CONFIGURATIONS[6],
    ("EAND-ARN", 0.1): Published((0.1303, 0.0206), (0.9859, 0.0045), (0.0055, 0.0017)),
}
BEST_RUNS = {
    "Tikhonov 2": Published((0.5569, None), (0.7501, None), (0.0983, None)),
    "STRE": Published((0.2490, None), (0.9481, None), (0.0197, None)),
    "EP-DL": Published((0.1446, None), (0.9829, None), (0.0066, None)),
    "EAND-ARN": Published((0.1075, None), (0.9906, None), (0.0037, None)),
}
"""Fig. 10 at σ = 0.1. Tikhonov's cannot be a best run: its mean in Fig. 9 is 0.4625 ± 0.0013."""
