"""Readers and writers of echocardiographic clips, one format a file."""

from ._dispatch import read_echo as read_echo
from ._dispatch import write_echo as write_echo
