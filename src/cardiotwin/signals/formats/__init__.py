"""Readers and writers of recordings, one format a file."""

from ._dispatch import read_recording as read_recording
from ._dispatch import write_recording as write_recording
from ._edf import read_edf as read_edf
from ._igb import read_dat as read_dat
from ._igb import read_igb as read_igb
from ._igb import write_igb as write_igb
from ._matlab import read_matlab as read_matlab
from ._npz import read_npz as read_npz
from ._npz import write_npz as write_npz
from ._text import read_ascii as read_ascii
from ._text import read_csv as read_csv
from ._text import write_csv as write_csv
from ._wfdb import read_wfdb as read_wfdb
