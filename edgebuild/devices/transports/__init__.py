"""Transports: how a device is reached. One module each, found by its name; ``open_NAME(entry)`` opens a device."""
