"""The command line: a thin skin over public functions, one verb a file."""
