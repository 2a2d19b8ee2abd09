"""Figures, result folders and the self-contained report of a reconstruction."""

from ._charts import plot_electrograms as plot_electrograms
from ._charts import plot_metrics_table as plot_metrics_table
from ._charts import plot_parameter_choice as plot_parameter_choice
from ._folder import check_free as check_free
from ._html import write_report as write_report
from ._isolines import Isolines as Isolines
from ._isolines import isochrone_levels as isochrone_levels
from ._isolines import isolines as isolines
from ._maps import plot_activation_map as plot_activation_map
from ._maps import plot_body_map as plot_body_map
from ._maps import plot_map as plot_map
from ._maps import plot_torso_and_heart as plot_torso_and_heart
from ._saved import SavedReconstruction as SavedReconstruction
from ._store import load_reconstruction as load_reconstruction
from ._store import save_reconstruction as save_reconstruction
from ._template import make_template as make_template
from ._vtk_series import write_vtk_series as write_vtk_series
