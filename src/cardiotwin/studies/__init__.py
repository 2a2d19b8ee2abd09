"""Published tables and our own, each one command."""
