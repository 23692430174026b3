"""``${VARIABLE}`` in what people write, filled in from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def filled_in(text: str, environment: Mapping[str, str]) -> str | None:
    """The text with its variables filled in; None where one of them is not set, or empty."""
    if unset(text, environment):
        return None
    return _VARIABLE.sub(lambda match: environment[match[1]], text)


def unset(text: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The variables in a text that are not set, or empty."""
    return tuple(name for name in _VARIABLE.findall(text) if not environment.get(name))
