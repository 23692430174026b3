"""What makes a run on a device: a command and a parser. Python's runner, a vendor's own program, and a fake."""
