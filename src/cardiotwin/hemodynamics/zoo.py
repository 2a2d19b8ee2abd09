"""Named patients, so that an example is three lines; each made from the reference, offline.

Resistances and leaks stand where a clinician would say area or fraction, so that nothing must be
solved to get a patient. Severities are ours, chosen for the indices that the descriptions name.

>>> get("aortic_stenosis").shape
()
"""

from dataclasses import dataclass

from .._checks import check_choice
from ..circulation import Circulation
from ._heart import DiastolicFailure, HeartRate, Inotrope, SystolicFailure
from ._transformations import Transformation, transform
from ._valves import AorticRegurgitation, AorticStenosis, MitralRegurgitation, MitralStenosis
from ._vessels import Hypertension, Hypovolaemia, Vasodilator, Vasopressor, VolumeLoading


@dataclass(frozen=True)
class Patient:
    """A patient of the zoo.

    Attributes:
        name: under which `get` knows the patient.
        description: one line.
        transformations: what turns the reference into this patient, compensation included.
    """

    name: str
    description: str
    transformations: tuple[Transformation, ...]


_PATIENTS = (
    Patient("healthy", "The reference: a healthy adult at rest, 60 beats a minute.", ()),
    Patient(
        "mitral_stenosis",
        "Severe mitral stenosis: area about 1 cm², congested atrium, low output.",
        (MitralStenosis(resistance=0.1), HeartRate(75.0), VolumeLoading(10.0)),
    ),
    Patient(
        "aortic_stenosis",
        "Severe aortic stenosis: area about 0.8 cm², mean gradient above 40 mmHg, thick wall.",
        (
            AorticStenosis(resistance=0.2),
            Inotrope(1.35),
            DiastolicFailure(1.4),
            HeartRate(70.0),
        ),
    ),
    Patient(
        "mitral_regurgitation",
        "Severe mitral regurgitation: half goes back; high ejection fraction, large ventricle.",
        (
            MitralRegurgitation(leak=2.6),
            SystolicFailure(1.0, dilation_ml=10.0),
            HeartRate(75.0),
            VolumeLoading(35.0),
        ),
    ),
    Patient(
        "aortic_regurgitation",
        "Severe aortic regurgitation: half comes back; wide pulse pressure, very large ventricle.",
        (
            AorticRegurgitation(leak=2.6),
            SystolicFailure(0.9, dilation_ml=20.0),
            HeartRate(75.0),
            Vasodilator(0.85),
            VolumeLoading(70.0),
        ),
    ),
    Patient(
        "dilated_cardiomyopathy",
        "Dilated cardiomyopathy: ejection fraction about 20 %, compensated by volume and rate.",
        (
            SystolicFailure(0.4, dilation_ml=50.0),
            DiastolicFailure(1.2),
            HeartRate(80.0),
            Vasopressor(1.2),
            VolumeLoading(100.0),
        ),
    ),
    Patient(
        "cardiogenic_shock",
        "Acute failure of a ventricle of normal size: low output, low pressure, congestion.",
        (
            SystolicFailure(0.25),
            DiastolicFailure(1.5),
            HeartRate(105.0),
            Vasopressor(1.2),
            VolumeLoading(60.0),
        ),
    ),
    Patient(
        "hfpef",
        "Heart failure with preserved ejection fraction: stiff ventricle, filling above 15 mmHg.",
        (
            DiastolicFailure(2.6),
            Inotrope(1.5),
            Hypertension(1.1, stiffness_factor=1.4),
            HeartRate(70.0),
            VolumeLoading(10.0),
        ),
    ),
    Patient(
        "hypertensive",
        "Arterial hypertension, about 160/100 mmHg, with a ventricle that keeps the output up.",
        (Hypertension(1.3, stiffness_factor=1.4), Inotrope(1.3), HeartRate(70.0)),
    ),
    Patient(
        "hypovolaemic",
        "Haemorrhage with reflexes: fast, narrowed vessels, small ventricle, low pressures.",
        (Hypovolaemia(fraction=0.45), HeartRate(115.0), Vasopressor(1.3), Inotrope(1.2)),
    ),
    Patient(
        "septic",
        "Warm septic shock: wide vessels, high output, mean pressure below 65 mmHg.",
        (Vasodilator(0.45, volume_factor=0.75), HeartRate(115.0), SystolicFailure(0.8)),
    ),
)

PATIENTS = {patient.name: patient for patient in _PATIENTS}
"""Every patient by name."""


def names() -> list[str]:
    """Return the names of the patients.

    >>> names()[:2]
    ['healthy', 'mitral_stenosis']
    """
    return list(PATIENTS)


def get(name: str) -> Circulation:
    """Return a patient's circulation.

    Args:
        name: one of `names`; `PATIENTS[name].description` says who it is.

    Raises:
        InputError: no such patient.

    >>> get("septic")
    Circulation(period_s=0.521739, stressed_volume_ml=212.032, emax=1.6, systemic_resistance=0.45)
    """
    check_choice(name, "name", PATIENTS)
    return transform(Circulation(), *PATIENTS[name].transformations)[0]
