"""Models as they come in: PyTorch modules, exported programs and foreign files; their data, and how they are scored."""
