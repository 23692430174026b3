"""Why a run gives nothing, in the words of the wire format."""

from __future__ import annotations


class Fault(Exception):
    """One of the wire format's kinds of failure, with a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
