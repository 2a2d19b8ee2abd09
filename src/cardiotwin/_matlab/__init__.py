"""MATLAB files of versions 4 to 7.3 as named arrays and texts, every size checked before use.

Written here because scipy.io.loadmat can crash the interpreter on damaged files (scipy pull
request 25349).
"""

from ._read import read_matlab_variables as read_matlab_variables
from ._variables import MatlabVariables as MatlabVariables
