"""Parameter rules: how much regularization, one rule a file."""

from ._as_tikhonov import AsTikhonov as AsTikhonov
from ._base import Rule as Rule
from ._checked_gcv import CheckedGCV as CheckedGCV
from ._consensus import Consensus as Consensus
from ._consensus import advice as advice
from ._consensus import choose_parameter as choose_parameter
from ._creso import CRESO as CRESO
from ._discrepancy import Discrepancy as Discrepancy
from ._fixed import Fixed as Fixed
from ._gcv import GCV as GCV
from ._gcv import RobustGCV as RobustGCV
from ._l_curve import LCurve as LCurve
from ._leave_one_lead_out import LeaveOneLeadOut as LeaveOneLeadOut
from ._oracle import Oracle as Oracle
from ._quasi_optimality import QuasiOptimality as QuasiOptimality
from ._u_curve import UCurve as UCurve
