"""Named, seeded, offline cases of electrocardiographic imaging with known truth."""

from ._lead_noise import CorrelatedNoise as CorrelatedNoise
from ._lead_noise import WhiteNoise as WhiteNoise
from ._mismatch import MismatchCase as MismatchCase
from ._mismatch import mismatch_cases as mismatch_cases
from ._simulated_case import SimulatedCase as SimulatedCase
from ._simulated_case import paper_like as paper_like
