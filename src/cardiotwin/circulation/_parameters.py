"""What the circulation is made of: every parameter with meaning, unit, values and source."""

from dataclasses import dataclass

SIMAAN = "Simaan et al. 2009, Table I"
ELASTANCE = "Simaan et al. 2009, Fig. 3"
PRETEXT = "range: Med-Real2Sim, pretext grid"
WIDE = "range: ours, from shock to hypertension"


@dataclass(frozen=True)
class Parameter:
    """One parameter of the circulation.

    Attributes:
        name: its field in `Circulation`.
        symbol: as the papers print it.
        meaning: what it is.
        unit: of its value.
        reference: value of a healthy adult at rest.
        box: range that Med-Real2Sim samples; a single value where it holds the parameter fixed.
        limits: range that is accepted without asking back: everything a patient could have.
        source: where the values come from.
    """

    name: str
    symbol: str
    meaning: str
    unit: str
    reference: float
    box: tuple[float, float]
    limits: tuple[float, float]
    source: str


_ROWS = (
    Parameter(
        "period_s", "Tc", "duration of a beat", "s", 1.0, (0.4, 1.7), (0.25, 2.5),
        f"{ELASTANCE}; {PRETEXT}",
    ),
    Parameter(
        "stressed_volume_ml", "Vtot",
        "blood that stretches the vessels and the ventricle; the same at every instant",
        "mL", 282.71, (105.75, 535.0), (20.0, 2000.0),
        "start of Med-Real2Sim: start_V (1 + Cr Emin) + 75 mmHg (Cs + Ca)",
    ),
    Parameter(
        "emax", "Emax", "end-systolic elastance of the left ventricle: contractility",
        "mmHg/mL", 2.0, (0.5, 3.5), (0.1, 15.0), f"{ELASTANCE}; {PRETEXT}",
    ),
    Parameter(
        "emin", "Emin", "diastolic elastance of the left ventricle: stiffness",
        "mmHg/mL", 0.06, (0.02, 0.1), (0.005, 0.5), f"{ELASTANCE}; {PRETEXT}",
    ),
    Parameter(
        "v0_ml", "Vd", "volume of the left ventricle at zero pressure",
        "mL", 10.0, (4.0, 25.0), (-100.0, 200.0), "Simaan et al. 2009, Sec. III; Med-Real2Sim",
    ),
    Parameter(
        "mitral_resistance", "Rm", "resistance of the open mitral valve",
        "mmHg s/mL", 0.005, (0.005, 0.1), (0.0005, 1.0), f"{SIMAAN}; {PRETEXT}",
    ),
    Parameter(
        "aortic_valve_resistance", "Ra", "resistance of the open aortic valve",
        "mmHg s/mL", 0.001, (0.0001, 0.25), (0.0001, 2.0), f"{SIMAAN}; {PRETEXT}",
    ),
    Parameter(
        "systemic_resistance", "Rs", "resistance of the systemic vessels: afterload",
        "mmHg s/mL", 1.0, (1.0, 1.0), (0.1, 10.0), f"{SIMAAN}; {WIDE}",
    ),
    Parameter(
        "characteristic_resistance", "Rc", "characteristic resistance of the aorta",
        "mmHg s/mL", 0.0398, (0.0398, 0.0398), (0.004, 0.4), f"{SIMAAN}; {WIDE}",
    ),
    Parameter(
        "atrial_compliance", "Cr", "compliance of left atrium and pulmonary veins",
        "mL/mmHg", 4.4, (4.4, 4.4), (0.4, 44.0), f"{SIMAAN}; {WIDE}",
    ),
    Parameter(
        "arterial_compliance", "Cs", "compliance of the systemic arteries",
        "mL/mmHg", 1.33, (1.33, 1.33), (0.1, 10.0), f"{SIMAAN}; {WIDE}",
    ),
    Parameter(
        "aortic_compliance", "Ca", "compliance of the aortic root",
        "mL/mmHg", 0.08, (0.08, 0.08), (0.01, 1.0), f"{SIMAAN}; {WIDE}",
    ),
    Parameter(
        "aortic_inertance", "Ls", "inertia of the blood in the aorta",
        "mmHg s²/mL", 0.0005, (0.0005, 0.0005), (0.00005, 0.01), f"{SIMAAN}; {WIDE}",
    ),
    Parameter(
        "mitral_leak", "gm", "flow back through the closed mitral valve per pressure",
        "mL/(s mmHg)", 0.0, (0.0, 0.0), (0.0, 10.0), "ours; 0: tight",
    ),
    Parameter(
        "aortic_leak", "ga", "flow back through the closed aortic valve per pressure",
        "mL/(s mmHg)", 0.0, (0.0, 0.0), (0.0, 10.0), "ours; 0: tight",
    ),
)  # fmt: skip

PARAMETERS: dict[str, Parameter] = {row.name: row for row in _ROWS}
"""Every parameter of `Circulation` by name."""


def parameter_table() -> str:
    """Return the parameters as a Markdown table.

    >>> parameter_table().splitlines()[0]
    '| name | symbol | meaning | unit | reference | range of the paper | limits | source |'
    """
    lines = [
        "| name | symbol | meaning | unit | reference | range of the paper | limits | source |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in _ROWS:
        low, high = row.box
        box = "fixed" if low == high else f"{low:g} to {high:g}"
        limits = f"{row.limits[0]:g} to {row.limits[1]:g}"
        cells = (f"`{row.name}`", row.symbol, row.meaning, row.unit, f"{row.reference:g}")
        lines.append("| " + " | ".join([*cells, box, limits, row.source]) + " |")
    return "\n".join(lines)
