"""Training: optimizers, one loop with logs and checkpoints, many seeds at once."""

from ._adam import Adam as Adam
from ._gauss_newton import ConjugateGradient as ConjugateGradient
from ._gauss_newton import DenseNormalEquations as DenseNormalEquations
from ._gauss_newton import GaussNewtonSolver as GaussNewtonSolver
from ._lbfgs import LBFGS as LBFGS
from ._levenberg_marquardt import LevenbergMarquardt as LevenbergMarquardt
from ._objective import Objective as Objective
from ._objective import Problem as Problem
from ._optimizer import Advance as Advance
from ._optimizer import Optimizer as Optimizer
from ._schedules import Constant as Constant
from ._schedules import CosineDecay as CosineDecay
from ._schedules import ExponentialDecay as ExponentialDecay
from ._schedules import Schedule as Schedule
from ._sharing import use_cores as use_cores
from ._soap import SOAP as SOAP
from ._soap import soap_directions as soap_directions
from ._stopping import EarlyStop as EarlyStop
from ._stopping import KeepBest as KeepBest
from ._stream import StreamResult as StreamResult
from ._stream import train_on_stream as train_on_stream
from ._train import TrainingResult as TrainingResult
from ._train import train as train
from ._weights import FixedWeights as FixedWeights
from ._weights import GradientNormBalance as GradientNormBalance
from ._weights import Weighting as Weighting
