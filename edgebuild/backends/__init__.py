"""Backends: one folder a runtime. A target's ``runtime`` is the folder's name; nothing else lists them."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import cast

from edgebuild.backends.base import Backend
from edgebuild.core.errors import ConfigError


@functools.cache
def backend_names() -> tuple[str, ...]:
    """The runtimes there are."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg))


def find_backend(name: str) -> Backend:
    """The backend of a runtime; its module satisfies `Backend`.

    Raises:
        ConfigError: for an unknown runtime, with the names there are.
    """
    if name not in backend_names():
        raise ConfigError("runtime", f"unknown runtime {name!r}", expected=f"one of {', '.join(backend_names())}")
    return cast(Backend, importlib.import_module(f"{__name__}.{name}"))
