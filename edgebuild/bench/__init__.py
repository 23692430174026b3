"""The bench: drives the runner on a device and turns what comes back into Runs and arrays."""
