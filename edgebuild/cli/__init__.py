"""The command line: one file a command; parses, calls, renders, and holds no logic."""
