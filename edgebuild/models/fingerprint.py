"""The digest of an exported program: equal for the same model in any folder and any process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgebuild.core.digest import Digest, digest_json
from edgebuild.core.origin import SourceNode
from edgebuild.core.signature import Signature

if TYPE_CHECKING:
    import torch


def program_digest(
    program: torch.export.ExportedProgram, signature: Signature, nodes: tuple[SourceNode, ...]
) -> Digest:
    """The digest of the graph's text, the weights, the signature and the origins."""
    hasher = hashlib.sha256()
    for line in graph_lines(program):
        hasher.update(line.encode() + b"\n")
    for name, tensor in _tensors(program):
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hasher.update(tensor_bytes(tensor))
    hasher.update(digest_json(signature).encode())
    for node in nodes:
        hasher.update(digest_json(node).encode())
    return hasher.hexdigest()


def graph_lines(program: torch.export.ExportedProgram) -> Iterator[str]:
    """The graph as text: a line per node with its operator, arguments, dtype and shape."""
    targets = {spec.arg.name: spec.target for spec in program.graph_signature.input_specs}
    for node in program.graph.nodes:
        target = targets.get(node.name) if node.op == "placeholder" else node.target
        yield f"{node.op} {node.name} {target} {node.args!r} {sorted(node.kwargs.items())!r} {_value(node)}"


def tensor_bytes(tensor: torch.Tensor) -> bytes:
    """The elements of a tensor in row-major order, little-endian as on every supported host."""
    import torch

    flat = tensor.detach().to("cpu").contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def _value(node: torch.fx.Node) -> str:
    import torch

    value = node.meta.get("val")
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else ""


def _tensors(program: torch.export.ExportedProgram) -> Iterator[tuple[str, torch.Tensor]]:
    import torch

    for group in (program.state_dict, program.constants):
        for name in sorted(group):
            if isinstance(group[name], torch.Tensor):
                yield name, group[name]
