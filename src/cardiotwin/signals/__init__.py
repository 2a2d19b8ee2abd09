"""Recordings: measured signals, where they were measured, and what is read off them."""

from ._electrodes import Electrodes as Electrodes
from ._recording import Recording as Recording
