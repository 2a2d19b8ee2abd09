"""The circulation: elastance, valves, closed circuit, pump; its steady state and its beats."""

from ._beat import Beat as Beat
from ._circulation import Circulation as Circulation
from ._elastance import contraction_time as contraction_time
from ._elastance import double_hill as double_hill
from ._elastance import elastance as elastance
from ._indices import Indices as Indices
from ._lvad import CHOI_1997 as CHOI_1997
from ._lvad import PUMPS as PUMPS
from ._lvad import SIMAAN_2009 as SIMAAN_2009
from ._lvad import Lvad as Lvad
from ._lvad import PumpCoefficients as PumpCoefficients
from ._parameters import PARAMETERS as PARAMETERS
from ._parameters import Parameter as Parameter
from ._parameters import parameter_table as parameter_table
from ._steady_state import FAST as FAST
from ._steady_state import PRECISE as PRECISE
from ._steady_state import CycleSolver as CycleSolver
from ._steady_state import SteadyIndices as SteadyIndices
from ._steady_state import steady_indices as steady_indices
from ._steady_state import steady_state as steady_state
