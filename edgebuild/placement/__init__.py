"""What accelerators take, as rules: one file of data each, found by its name; nothing else lists them."""

from __future__ import annotations

import functools
from pathlib import Path

from edgebuild.core.errors import ConfigError
from edgebuild.placement.rules import RuleBook, load_rules

_FOLDER = Path(__file__).parent / "rulebooks"


@functools.cache
def rulebook_names() -> tuple[str, ...]:
    """The accelerators whose rules are known."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.toml")))


@functools.cache
def find_rules(name: str) -> RuleBook:
    """The rules of an accelerator.

    Raises:
        ConfigError: there are none of that name.
    """
    if name not in rulebook_names():
        raise ConfigError("rules", f"there are none for {name!r}", expected=f"one of {', '.join(rulebook_names())}")
    return load_rules(_FOLDER / f"{name}.toml")
