"""The declared steps around a model, in numpy only: the same code here and, packed into the runner, on a device.

Therefore nothing is imported but ``core/array.py`` and ``core/errors.py``; a step is told by its ``op``, not its class.
"""
