"""Conditions, interventions and patients: what happens to a circulation, and what if."""

from . import zoo as zoo
from ._heart import DiastolicFailure as DiastolicFailure
from ._heart import HeartRate as HeartRate
from ._heart import Inotrope as Inotrope
from ._heart import SystolicFailure as SystolicFailure
from ._pump import ImplantLvad as ImplantLvad
from ._pump import PumpSpeed as PumpSpeed
from ._transformations import Transformation as Transformation
from ._transformations import transform as transform
from ._valves import AorticRegurgitation as AorticRegurgitation
from ._valves import AorticStenosis as AorticStenosis
from ._valves import MitralRegurgitation as MitralRegurgitation
from ._valves import MitralStenosis as MitralStenosis
from ._valves import regurgitant_fraction as regurgitant_fraction
from ._vessels import Hypertension as Hypertension
from ._vessels import Hypovolaemia as Hypovolaemia
from ._vessels import Vasodilator as Vasodilator
from ._vessels import Vasopressor as Vasopressor
from ._vessels import VolumeLoading as VolumeLoading
from ._what_if import Change as Change
from ._what_if import WhatIf as WhatIf
from ._what_if import what_if as what_if
