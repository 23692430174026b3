"""From a plan by source node to ranges by a runtime's tensors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from edgebuild.core.array import np
from edgebuild.core.errors import ConfigError
from edgebuild.core.origin import OriginMap, SourceNode
from edgebuild.core.plan import QuantPlan, Range
from edgebuild.quant.numerics import pick_range

_DRAWN = 2048


def runtime_ranges(plan: QuantPlan, origins: OriginMap, tensors: Mapping[str, np.ndarray]) -> dict[str, Range]:
    """The planned range of every float tensor whose source node is known."""
    return {
        name: plan.activations[origins.tensors[name]]
        for name, value in tensors.items()
        if np.issubdtype(value.dtype, np.floating) and origins.tensors.get(name) in plan.activations
    }


def observed_ranges(
    plan: QuantPlan, names: Iterable[str], observations: Iterable[Mapping[str, np.ndarray]]
) -> dict[str, Range]:
    """Ranges of tensors that have no source node of their own (inside a decomposed operator), from the runtime."""
    wanted = tuple(names)
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
    limits: dict[str, tuple[float, float]] = {}
    for tensors in observations:
        for name in wanted:
            value = tensors[name].astype(np.float32).ravel()
            low, high = limits.get(name, (0.0, 0.0))
            limits[name] = min(low, float(value.min(initial=0))), max(high, float(value.max(initial=0)))
            drawn[name].append(value[:: (value.size // _DRAWN) | 1])
    symmetric = plan.scheme.activation_symmetric
    return {name: pick_range(np.concatenate(drawn[name]), *limits[name], plan.setting, symmetric) for name in wanted}


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


def float_operators(plan: QuantPlan, origins: OriginMap) -> tuple[str, ...]:
    """The runtime's operators that the plan keeps float."""
    kept = set(plan.keep_float)
    return tuple(op.name for op in origins.ops if kept & set(op.origins))
