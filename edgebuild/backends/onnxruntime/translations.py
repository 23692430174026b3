"""torch's translations of its operators to ONNX, read once a process."""

from __future__ import annotations

import functools


@functools.cache
def read_once() -> None:
    """From now on, let torch's exporter take the table that it read before, for the same opset.

    By itself it parses the source of all its translations anew for each export, which is half of the time of a small
    one. The table is only read: nothing is added to it but translations of a caller's own, of which we have none.
    """
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry
    except ImportError:  # a torch that keeps it elsewhere only takes longer
        return
    ONNXRegistry.from_torchlib = staticmethod(functools.cache(ONNXRegistry.from_torchlib))  # type: ignore[method-assign]
