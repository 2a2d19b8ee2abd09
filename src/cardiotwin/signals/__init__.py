"""Recordings: measured signals, where they were measured, and what is read off them."""
