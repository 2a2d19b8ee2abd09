"""Figures 6, 7 and 8 and Tables I and III of the EAND-ARN paper."""

from . import _published as published
from ._cells import Cell
from ._experiment import Experiment
from ._methods import preset

NOISE_SD = 0.01
COTANGENT = "cotangent truth"
DRAWN_AGAIN = (
    "Bad initializations are drawn again before the training (table2 counts them); otherwise the "
    "means would tell how often a network starts at the pole of the recovery rate, not how well it "
    "does."
)

FIG6 = Experiment(
    "fig6",
    "Fig. 6: derivatives automatic, numerical in space, numerical in both; 10 × 10 network",
    tuple(
        Cell(case, name, NOISE_SD, preset(build), beside if case == "matched" else None)
        for case in ("matched", COTANGENT)
        for name, build, beside in (
            ("EP-DL (AD)", "ep_dl", published.EP_DL),
            ("EP-DL ΔND", "ep_dl_delta_nd", None),
            ("EP-DL ND", "ep_dl_nd", published.EP_DL_ND),
        )
    ),
    lambda cell: cell.method,
    (
        "The paper's truth obeys the very stencil (Eq. 15) that ΔND and ND differentiate with; "
        "automatic derivatives see the surface Laplacian, which Eq. 15 does not converge to. The "
        "rows of cotangent truth take that advantage away.",
        "The paper prints no number for EP-DL ΔND, only a bar between the two others.",
        DRAWN_AGAIN,
    ),
)

FIG7 = Experiment(
    "fig7",
    "Fig. 7: neurons of a layer, 10 layers, numerical derivatives",
    tuple(
        Cell("matched", "EP-DL ND", NOISE_SD, _width, published.NEURONS[width], {"neurons": width})
        for width, _width in ((n, preset("ep_dl_nd", width=n)) for n in (5, 10, 15))
    ),
    lambda cell: f"{cell.columns['neurons']}",
    (DRAWN_AGAIN,),
)

TABLE1 = Experiment(
    "table1",
    "Table I and Fig. 8: NN1 to NN6, with and without adaptive residual blocks",
    tuple(
        Cell(
            "matched",
            f"NN{number}",
            NOISE_SD,
            preset(f"nn{number}"),
            published.CONFIGURATIONS[number],
            {"layers": layers, "blocks": blocks},
        )
        for number, layers, blocks in (
            (1, 4, 0),
            (2, 4, 1),
            (3, 7, 0),
            (4, 7, 2),
            (5, 10, 0),
            (6, 10, 3),
        )
    ),
    lambda cell: cell.method,
    (DRAWN_AGAIN,),
)

TABLE3 = Experiment(
    "table3",
    "Table III: weight λ of the physics, EAND-ARN",
    tuple(
        Cell(
            "matched",
            "EAND-ARN",
            NOISE_SD,
            preset("eand_arn", physics_weight=weight),
            beside,
            {"λ": weight},
        )
        for weight, beside in published.WEIGHTS.items()
    ),
    lambda cell: f"λ = {cell.columns['λ']}",
    (
        "The data part of the loss cannot fall below σ² = 1e-4, its noise floor: what λ trades "
        "against it is how much of that noise the network is allowed to follow.",
        DRAWN_AGAIN,
    ),
)
