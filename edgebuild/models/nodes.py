"""The nodes of an exported graph, each with its operator, module path and source line."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from edgebuild.core.origin import SourceNode

if TYPE_CHECKING:
    import torch

_FRAME = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+)')
_SELF = re.compile(r"^L(__self__|\['self'\])\.?")
_REPEAT = re.compile(r"@\d+")
_TORCH = re.compile(r"(^|[\\/])(site-packages|dist-packages)[\\/]torch[\\/]")


def source_nodes(graph: torch.fx.Graph) -> tuple[SourceNode, ...]:
    """One node per call in the graph, in the order of execution."""
    return tuple(source_node(node) for node in graph.nodes if node.op == "call_function")


def source_node(node: torch.fx.Node) -> SourceNode:
    """Where a call of the graph came from."""
    trace = node.meta.get("stack_trace") or ""
    return SourceNode(id=node.name, operator=operator_name(node), module=module_path(node), location=location(trace))


def operator_name(node: torch.fx.Node) -> str:
    """Such as "aten.conv2d": namespace and name, without the overload."""
    schema = getattr(node.target, "_schema", None)
    if schema is not None:
        return str(schema.name).replace("::", ".")
    return str(getattr(node.target, "__name__", node.target))


def module_path(node: torch.fx.Node) -> str:
    """The path of the innermost module that made the call, such as "layer1.0.conv1"; empty at the top."""
    stack = node.meta.get("nn_module_stack")
    if not stack:
        return ""
    path = str(list(stack.values())[-1][0])
    return _REPEAT.sub("", _SELF.sub("", path))


def location(trace: str) -> str:
    """``file.py:line`` of the innermost frame outside torch, without its folder; empty if unknown."""
    frames = [(m["file"], m["line"]) for m in _FRAME.finditer(trace)]
    own = [frame for frame in frames if not _TORCH.search(frame[0])]
    return f"{_file_name(own[-1][0])}:{own[-1][1]}" if own else ""


def strip_folders(graph: torch.fx.Graph) -> None:
    """Cut every folder out of the graph's stack traces: exporters write them into the files they make."""
    for node in graph.nodes:
        trace = node.meta.get("stack_trace")
        if trace:
            node.meta["stack_trace"] = _FRAME.sub(lambda m: f'File "{_shown(m["file"])}", line {m["line"]}', trace)


def _shown(file: str) -> str:
    """A file's name; torch's own files keep the part that tells them from the user's."""
    name = _file_name(file)
    return f"site-packages/torch/{name}" if _TORCH.search(file) else name


def _file_name(file: str) -> str:
    return PurePath(file.replace("\\", "/")).name
