"""Why a run gives nothing, in the words of the wire format."""

from __future__ import annotations

import errno

_NO_MEMORY = ("bad_alloc", "bad allocation", "cannot allocate memory", "failed to allocate memory", "out of memory")
"""How C++, the kernel and the runtimes say it; they have no exception of their own for it in Python."""


class Fault(Exception):
    """One of the wire format's kinds of failure, with a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def kind_of(error: Exception, otherwise: str) -> str:
    """``out_of_memory`` for a failure that says so, whatever its class; that is never the model's fault."""
    lacking = isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY)
    return "out_of_memory" if lacking else otherwise


def is_full(error: Exception) -> bool:
    """Whether a disk is full, or the user's share of it."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
