"""Devices: how one is reached, and the runner that is shipped to it."""
