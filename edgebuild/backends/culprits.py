"""Which of the user's modules an exporter's refusal is about: exporters name operators, people know their modules."""

from __future__ import annotations

import re
from collections.abc import Iterable

from edgebuild.core.errors import BuildError
from edgebuild.core.origin import SourceNode

_SHOWN = 3


def with_modules(error: BuildError, nodes: Iterable[SourceNode]) -> BuildError:
    """The error with the module and line of each operator that it names; the same error if it names none."""
    named = [node for node in nodes if _names(error.found, node.operator)]
    places = list(dict.fromkeys(f"{n.operator} in {n.module or 'the model itself'} ({n.location})" for n in named))
    if not places:
        return error
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    found = f"unsupported operator {'; '.join(places[:_SHOWN])}{more}: {error.found}"
    return BuildError(error.stage, found, expected=error.expected, fix=error.fix or "replace that operator by another")


def _names(text: str, operator: str) -> bool:
    """Whether a text names an operator, with "." or "::" after its namespace."""
    pattern = re.escape(operator).replace(r"\.", r"(?:\.|::)")
    return re.search(rf"(?<![\w.]){pattern}(?!\w)", text) is not None
