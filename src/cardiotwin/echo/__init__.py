"""Echocardiography: clips, synthetic clips, from pixels to volumes, from video to circulation."""

from ._clip import VIEWS as VIEWS
from ._clip import EchoClip as EchoClip
