"""Compilers behind a runtime's model: one module each. A target's ``[compiler] name`` is the module's name."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import cast

from edgebuild.compilers.base import Compiler
from edgebuild.core.errors import ConfigError

_OWN = ("base", "contained")


@functools.cache
def compiler_names() -> tuple[str, ...]:
    """The compilers there are."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _OWN))


def find_compiler(name: str) -> Compiler:
    """The compiler of a name; its module satisfies `Compiler`.

    Raises:
        ConfigError: for an unknown one, with the names there are.
    """
    if name not in compiler_names():
        raise ConfigError("compiler", f"unknown compiler {name!r}", expected=f"one of {', '.join(compiler_names())}")
    return cast(Compiler, importlib.import_module(f"{__name__}.{name}"))
