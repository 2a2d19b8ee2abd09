"""Published tables and our own, each one command."""

from ._registry import STUDIES as STUDIES
from ._registry import Study as Study
from ._resume import FinishedParts as FinishedParts
from ._run_table import Run as Run
from ._run_table import RunTable as RunTable
from ._table import StudyTable as StudyTable
