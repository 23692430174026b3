"""Programs of one file each that run on the device: standard library, Python 3.9, importing nothing of edgebuild."""
