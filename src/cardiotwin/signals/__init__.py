"""Recordings: measured signals, where they were measured, and what is read off them."""

from ._average import AverageBeat as AverageBeat
from ._average import average_beat as average_beat
from ._bad_leads import BadLeads as BadLeads
from ._bad_leads import find_bad_leads as find_bad_leads
from ._bad_leads import interpolate_bad_leads as interpolate_bad_leads
from ._baseline import HighPassBaseline as HighPassBaseline
from ._baseline import MedianBaseline as MedianBaseline
from ._baseline import SplineBaseline as SplineBaseline
from ._baseline import remove_baseline as remove_baseline
from ._beats import detect_beats as detect_beats
from ._electrodes import Electrodes as Electrodes
from ._fiducials import Fiducials as Fiducials
from ._fiducials import fiducials as fiducials
from ._filters import band_pass as band_pass
from ._filters import notch as notch
from ._interpolation import interpolate_on_surface as interpolate_on_surface
from ._leads import LeadSystem as LeadSystem
from ._leads import limb_leads as limb_leads
from ._leads import standard_12_lead as standard_12_lead
from ._leads import wilson_central_terminal as wilson_central_terminal
from ._recording import Recording as Recording
from .formats import read_recording as read_recording
from .formats import write_recording as write_recording
