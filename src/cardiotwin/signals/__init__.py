"""Recordings: measured signals, where they were measured, and what is read off them."""

from ._electrodes import Electrodes as Electrodes
from ._recording import Recording as Recording
from .formats import read_recording as read_recording
from .formats import write_recording as write_recording
