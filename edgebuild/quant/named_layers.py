"""The layers that a project names to stay float."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from edgebuild.core.errors import ConfigError
from edgebuild.core.origin import SourceNode


def named_nodes(patterns: Iterable[str], nodes: Iterable[SourceNode]) -> tuple[str, ...]:
    """The source nodes that some patterns name, by the path of their module or by their own name.

    Raises:
        ConfigError: a pattern names none.
    """
    known = tuple(nodes)
    found: dict[str, None] = {}
    for pattern in patterns:
        here = [node.id for node in known if fnmatchcase(node.module, pattern) or fnmatchcase(node.id, pattern)]
        if not here:
            names = sorted({node.module for node in known if node.module} | {node.id for node in known})
            near = difflib.get_close_matches(pattern, names, 3, cutoff=0.5)
            raise ConfigError(
                "build.keep_float", f"no layer of the model is called {pattern!r}",
                expected="a module path, in which * stands for anything, or a node of the exported graph",
                fix=f"did you mean {', '.join(near)}?" if near else "edgebuild inspect BUNDLE shows them",
            )  # fmt: skip
        found |= dict.fromkeys(here)
    return tuple(found)
