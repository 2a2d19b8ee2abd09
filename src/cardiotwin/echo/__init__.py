"""Echocardiography: clips, synthetic clips, from pixels to volumes, from video to circulation."""

from ._clip import VIEWS as VIEWS
from ._clip import EchoClip as EchoClip
from ._sector import find_sector as find_sector
from .formats import read_echo as read_echo
from .formats import write_echo as write_echo
