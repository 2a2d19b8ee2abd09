"""Names of the studies, as the command line knows them."""

from collections.abc import Callable
from dataclasses import dataclass

from ._calibration import agreement, calibration, information
from ._camus_frames import camus_frames
from ._camus_masks import FOLDER as CAMUS_FRAMES
from ._camus_twins import camus_twins
from ._collocation import collocation
from ._comparison import FIG9, fig10, fig11
from ._coverage import coverage
from ._double_layer import double_layer
from ._eand_arn import FIG6, FIG7, TABLE1, TABLE3
from ._ecgsim import FOLDER as ECGSIM
from ._ecgsim import ecgsim
from ._echo_phantom import echo_phantom
from ._echo_pump import echo_pump
from ._echo_robustness import echo_robustness
from ._echo_sequences import echo_sequences
from ._echo_speed import echo_speed
from ._echo_stenosis import echo_stenosis
from ._echo_table2 import echo_table2
from ._echo_twins import echo_twins
from ._frames import frames
from ._golden import golden
from ._initialization import table2
from ._laplacians import laplacians
from ._measured import measured
from ._mismatch import mismatch
from ._mitral_stenosis import mitral_stenosis
from ._pacing_site import pacing_site
from ._paper_like import paper_like
from ._patient_baselines import patient_baselines
from ._pump_cohort import pump_cohort
from ._pump_speed import pump_speed
from ._reference_values import FOLDER as REFERENCE_VALUES
from ._reference_values import reference_values
from ._robustness import robustness
from ._sequence_records import FOLDER as SEQUENCES
from ._simaan import simaan
from ._sock128 import FOLDER as SOCK128
from ._sock128 import sock128
from ._spheres import spheres
from ._subject1 import FOLDER as SUBJECT1
from ._subject1 import subject1
from ._surrogate import surrogate
from ._swine import FOLDER as SWINE
from ._swine import swine
from ._table import StudyTable


@dataclass(frozen=True)
class Study:
    """A table that one command makes.

    Attributes:
        run: function of (data, quick=, seed=).
        summary: what it shows.
        folder: measured data set it needs, empty if none.
        resumable: whether ``run`` takes ``parts=``, what an interrupted run has finished.
        tabled: whether ``run`` takes ``seeds=``, how many runs a cell, and ``runs=``, the folder
            of the tables in which every run is kept.
        works: whether ``run`` takes ``work=``, the folder of checkpoints and encodings from which
            an interrupted run goes on.
    """

    run: Callable[..., StudyTable]
    summary: str
    folder: str = ""
    resumable: bool = False
    tabled: bool = False
    works: bool = False


STUDIES = {
    "spheres": Study(spheres, "transfer matrix against exact solutions"),
    "laplacians": Study(laplacians, "Eq. 15 beside the cotangent Laplacian"),
    "paper-like": Study(
        paper_like, "classical methods on the paper's kind of case", resumable=True
    ),
    "pacing-site": Study(
        pacing_site, "distance to the paced site by 4D-Var, 20 sites", resumable=True
    ),
    "coverage": Study(coverage, "how often the 90 % bands hold the truth", tabled=True),
    "double-layer": Study(
        double_layer, "double layer against ECGSIM's matrix", "ecgi_ecgsim_normal_male"
    ),
    "ecgsim": Study(ecgsim, "activation times of ECGSIM's normal male", ECGSIM, resumable=True),
    "sock128": Study(sock128, "measured tank: every method × every rule", SOCK128, resumable=True),
    "subject1": Study(subject1, "measured patient: left-out leads", SUBJECT1),
    "measured": Study(
        measured, "physics on the measured tank and patient", SOCK128, resumable=True
    ),
    "frames": Study(
        frames, "networks that take no coordinates: losses, time, mismatch", resumable=True
    ),
    "fig6": Study(FIG6, "EP-DL by derivatives: automatic, mixed, numerical", tabled=True),
    "collocation": Study(
        collocation, "RE and residual against the number of collocation points", tabled=True
    ),
    "fig7": Study(FIG7, "EP-DL by neurons a layer", tabled=True),
    "table1": Study(TABLE1, "NN1 to NN6, with and without residual blocks (Fig. 8)", tabled=True),
    "table2": Study(table2, "bad initializations of NN1 to NN6", tabled=True),
    "fig9": Study(FIG9, "the paper's methods and ours at three noise levels", tabled=True),
    "fig10": Study(fig10, "maps of the best runs of fig9", tabled=True),
    "fig11": Study(fig11, "one node's potential by the best runs of fig9", tabled=True),
    "table3": Study(TABLE3, "EAND-ARN by the weight of the physics", tabled=True),
    "mismatch": Study(
        mismatch, "all methods where the inversion is told something wrong", tabled=True
    ),
    "swine": Study(swine, "measured loops: ventricular pressure from volumes and cuff", SWINE),
    "calibration": Study(calibration, "whether the posterior of 500 patients means what it says"),
    "agreement": Study(agreement, "the posterior beside long runs of NUTS"),
    "information": Study(information, "what each clinical number adds"),
    "golden": Study(golden, "golden numbers of the circuit by both routes"),
    "simaan": Study(simaan, "Simaan 2009: normal heart, two families of loops, suction"),
    "pump-speed": Study(pump_speed, "Med-Real2Sim, Fig. 4: a pump and its speed in two patients"),
    "pump-cohort": Study(
        pump_cohort, "Med-Real2Sim, Fig. 4c: EF and output with a pump in a cohort, loops by EF"
    ),
    "mitral-stenosis": Study(
        mitral_stenosis, "Med-Real2Sim, Fig. 3b: average loops with and without stenosis"
    ),
    "reference-values": Study(
        reference_values, "published numbers beside patients of the zoo", REFERENCE_VALUES
    ),
    "robustness": Study(robustness, "random circulations: steady states, and diffrax on a sample"),
    "patient-baselines": Study(
        patient_baselines,
        "Med-Real2Sim, Table 2: PINN and neural ODE of single patients beside identification",
    ),
    "echo-phantom": Study(echo_phantom, "segmentation of synthetic clips of unseen hearts"),
    "echo-robustness": Study(
        echo_robustness, "error and interval of EF in worse clips, and wrong views", resumable=True
    ),
    "camus-frames": Study(
        camus_frames,
        "segmentation of frames of patients, fine-tuned in five folds",
        CAMUS_FRAMES,
        resumable=True,
    ),
    "surrogate": Study(surrogate, "networks in place of the simulator, the paper's and ours"),
    "echo-twins": Study(
        echo_twins,
        "Med-Real2Sim, Table 1 and Fig. 3a: with and without physics, on synthetic clips",
    ),
    "echo-table2": Study(
        echo_table2, "Med-Real2Sim, Table 2, from clips: accuracy and costs of every method"
    ),
    "echo-sequences": Study(
        echo_sequences,
        "Med-Real2Sim, Table 1, on sequences of patients: with and without physics",
        SEQUENCES,
        works=True,
    ),
    "echo-stenosis": Study(
        echo_stenosis, "mitral stenosis in synthetic clips, unlabelled: AUC by loss, and the limit"
    ),
    "echo-speed": Study(
        echo_speed, "training steps and predictions beside the paper's 3-D convolutions"
    ),
    "echo-pump": Study(
        echo_pump, "Med-Real2Sim, Fig. 4, with patients read from synthetic clips, beside the truth"
    ),
    "camus-twins": Study(
        camus_twins,
        "Med-Real2Sim, Table 1: EF of patients from frames, in two ways",
        CAMUS_FRAMES,
        resumable=True,
    ),
}
