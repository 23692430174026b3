"""What an exported graph must be, and plain words for why a module could not be exported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgebuild.core.errors import BuildError
from edgebuild.models.blame import short_text, user_location
from edgebuild.models.nodes import source_node

if TYPE_CHECKING:
    import torch

STAGE = "load"
_DATA_DEPENDENT = re.compile(r"data-dependent|dynamic control flow", re.IGNORECASE)
_NO_FAKE = re.compile(r"(?:CustomOpDef\(|register_fake for |for )(?P<op>\w+::[\w.]+)")


def check_weights(tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights that hold NaN or infinity, naming each tensor.

    Raises:
        BuildError: with the names and how many elements are not finite.
    """
    bad = {name: count for name, tensor in tensors.items() if (count := _not_finite(tensor))}
    if bad:
        listed = ", ".join(f"{name} ({count} of {tensors[name].numel()})" for name, count in list(bad.items())[:5])
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise BuildError(
            STAGE,
            f"NaN or infinite values in {listed}{more}",
            expected="finite weights",
            fix="load a checkpoint that trained without overflow",
        )


def check_graph(program: torch.export.ExportedProgram) -> None:
    """Refuse shapes that are not fixed, and calls that change weights or inputs.

    Raises:
        BuildError: naming the operator, its module and its line.
    """
    for node in program.graph.nodes:
        if not _fixed(node.meta.get("val")):
            raise BuildError(
                STAGE,
                f"the shape of {_place(node)} is not fixed: it depends on the input's values or size",
                expected="fixed shapes, known before the model runs",
                fix="export without dynamic shapes; replace boolean indexing and nonzero() by torch.where or a mask",
            )
        if _changes_placeholder(node):
            raise BuildError(
                STAGE,
                f"{_place(node)} changes {node.args[0]} in place, so one call would change the next",
                expected="a model without state between calls",
                fix="do not write to buffers or inputs in forward()",
            )


def export_failure(error: Exception) -> BuildError:
    """torch.export's failure in plain words: what, on which line, and what to do."""
    place = user_location(error)
    at = f" at {place}" if place else ""
    text = str(error)
    if _DATA_DEPENDENT.search(text):
        return BuildError(
            STAGE,
            f"data-dependent control flow{at}: an if, a loop or a size depends on the values of a tensor",
            expected="one fixed graph for every input",
            fix="use torch.where or masking in place of the Python if, or fix the size",
        )
    if "fake impl" in text or "fake kernel" in text or "meta kernel" in text:
        op = _NO_FAKE.search(text)
        return BuildError(
            STAGE,
            f"unsupported operator {op['op'] if op else 'without a fake implementation'}{at}",
            expected="operators that torch.export can trace",
            fix="replace it by ATen operators, or register a fake implementation for it",
        )
    return BuildError(
        STAGE,
        f"the model cannot be exported{at}: {short_text(error)}",
        expected="a module whose forward() takes the inputs declared under [model.inputs]",
        fix="check the declared shapes and dtypes, and that forward() uses torch operators only",
    )


def _not_finite(tensor: torch.Tensor) -> int:
    import torch

    if not tensor.is_floating_point() or tensor.is_meta:
        return 0
    return int((~torch.isfinite(tensor)).sum())


def _fixed(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_fixed(item) for item in value)
    shape = getattr(value, "shape", ())
    return all(isinstance(size, int) for size in shape)


def _changes_placeholder(node: torch.fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    if schema is None or not schema.is_mutable or not node.args:
        return False
    return getattr(node.args[0], "op", "") == "placeholder"


def _place(node: torch.fx.Node) -> str:
    if node.op != "call_function":
        return f"{node.op} {node.name!r}"
    source = source_node(node)
    where = ", ".join(part for part in (source.module, source.location) if part)
    return f"{source.operator}{f' ({where})' if where else ''}"
