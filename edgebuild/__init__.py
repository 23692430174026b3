"""edgebuild: name a device and a budget; get a bundle that meets it, with evidence anyone can re-check."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgebuild.models.weights import read_weights

__version__ = "0.1.0"
__all__ = ["__version__", "read_weights"]


def __getattr__(name: str) -> object:
    """Import what entry points use only when they use it: this package must stay light."""
    if name == "read_weights":
        from edgebuild.models.weights import read_weights

        return read_weights
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
