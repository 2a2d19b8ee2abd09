"""Names of the studies, as the command line knows them."""

from collections.abc import Callable
from dataclasses import dataclass

from ._coverage import coverage
from ._double_layer import double_layer
from ._laplacians import laplacians
from ._paper_like import paper_like
from ._sock128 import FOLDER as SOCK128
from ._sock128 import sock128
from ._spheres import spheres
from ._subject1 import FOLDER as SUBJECT1
from ._subject1 import subject1
from ._table import StudyTable


@dataclass(frozen=True)
class Study:
    """A table that one command makes.

    Attributes:
        run: function of (data, quick=, seed=).
        summary: what it shows.
        folder: measured data set it needs, empty if none.
        resumable: whether ``run`` takes ``parts=``, what an interrupted run has finished.
    """

    run: Callable[..., StudyTable]
    summary: str
    folder: str = ""
    resumable: bool = False


STUDIES = {
    "spheres": Study(spheres, "transfer matrix against exact solutions"),
    "laplacians": Study(laplacians, "Eq. 15 beside the cotangent Laplacian"),
    "paper-like": Study(
        paper_like, "classical methods on the paper's kind of case", resumable=True
    ),
    "coverage": Study(coverage, "how often the 90 % bands hold the truth"),
    "double-layer": Study(
        double_layer, "double layer against ECGSIM's matrix", "ecgi_ecgsim_normal_male"
    ),
    "sock128": Study(sock128, "measured tank: every method × every rule", SOCK128, resumable=True),
    "subject1": Study(subject1, "measured patient: left-out leads", SUBJECT1),
}
