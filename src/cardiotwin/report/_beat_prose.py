"""What the model of the circulation is and is not, in sentences, with references."""

from ._beat_saved import SavedBeat
from ._prose import Source

SIMAAN = Source(
    "Simaan MA, Ferreira A, Chen S, Antaki JF, Galati DG. A dynamical state space representation "
    "and performance analysis of a feedback-controlled rotary left ventricular assist device. "
    "IEEE Trans Control Syst Technol 2009;17:15–28.",
    "10.1109/TCST.2008.912123",
)
STERGIOPULOS = Source(
    "Stergiopulos N, Meister JJ, Westerhof N. Determinants of stroke volume and systolic and "
    "diastolic aortic pressure. Am J Physiol 1996;270:H2050–H2059.",
    "10.1152/ajpheart.1996.270.6.H2050",
)
SUGA = Source(
    "Suga H, Sagawa K. Instantaneous pressure-volume relationships and their ratio in the "
    "excised, supported canine left ventricle. Circ Res 1974;35:117–126.",
    "10.1161/01.RES.35.1.117",
)

ASSUMPTIONS = (
    "The ventricle is an elastance that depends on time only: pressure is E(t) (V − Vd), so that "
    "both the end-systolic and the end-diastolic relation are straight lines. A real ventricle "
    "gets stiffer as it fills.",
    "The left atrium is a passive reservoir together with the pulmonary veins: it does not "
    "contract, and there is no A wave.",
    "The right heart and the lungs are left out; the blood returns from the arteries to the left "
    "atrium through one resistance.",
    "An open valve is a resistance, a closed one lets nothing or a leak through; it moves at "
    "once. Stenosis therefore shows as a pressure proportional to the flow.",
    "The beat repeats itself exactly: no breathing, no reflexes, no change of rate.",
)
"""What the model assumes, one sentence or two each."""


def describe_circulation(saved: SavedBeat) -> tuple[list[str], list[Source]]:
    """Return paragraphs about how the beat was computed, and the publications they rest on."""
    beat = saved.beat
    text = (
        "The left heart and the systemic circulation are a closed circuit of five states: volume "
        "of the left ventricle, pressures of left atrium, arteries and aortic root, flow in the "
        "aorta (Simaan et al. 2009). The ventricle is driven by a time-varying elastance (Suga "
        "and Sagawa 1974) with the double Hill function (Stergiopulos et al. 1996)."
    )
    sources = [SIMAAN, SUGA, STERGIOPULOS]
    change = f"{float(beat.period_residual):.1e} of the stressed volume"
    if beat.succeeded:
        solved = (
            "The beat shown is the periodic solution: the state at its end differs from that at "
            f"its start by {change}."
        )
    else:
        solved = (
            f"The beat shown does not repeat itself ({beat.status}): the state changes by {change} "
            "from its start to its end, and the loop is not closed."
        )
    paragraphs = [text, solved]
    if beat.lvad is not None:
        paragraphs.append(
            f"A rotary pump ({beat.lvad.coefficients.name}) runs at "
            f"{float(beat.lvad.speed_rpm):.0f} rpm from the ventricle to the aorta. With a pump "
            "the ejection fraction and the stroke volume no longer measure what the body gets: "
            "read the cardiac output."
        )
    if float(beat.circulation.mitral_leak) > 0 or float(beat.circulation.aortic_leak) > 0:
        paragraphs.append(
            "A closed valve leaks: the volume changes while both are shut, and stroke volume "
            "counts what flows back."
        )
    paragraphs.append(spread_sentence(saved))
    return paragraphs, sources


def spread_sentence(saved: SavedBeat) -> str:
    """Say where the intervals come from, or that there are none."""
    if saved.draws is None:
        return (
            "No uncertainty is given: the parameters were set, not identified from measurements, "
            "and the numbers are exact for these parameters only. How well they describe a "
            "patient is not said by this page."
        )
    n_draws = len(saved.draws.volume_ml)
    return (
        f"Intervals and bands hold nine of ten of {n_draws} draws, beats with other parameters "
        "that fit the data as well. The bands are taken phase by phase: a whole curve may leave "
        "them, and their edges are no curves of the model. A parameter without an interval was "
        "held fixed at its value, not found."
    )
