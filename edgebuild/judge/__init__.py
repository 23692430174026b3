"""Judging: pure functions from evidence to a verdict. No I/O, no clock, no random numbers."""
