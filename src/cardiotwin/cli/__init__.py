"""The command line: a thin skin over public functions, one verb a file."""

from ._app import main as main
