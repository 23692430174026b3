"""PyTorch models as exported graphs: the one form in which they travel down the road."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.array import Array, np
from edgebuild.core.digest import Digest
from edgebuild.core.origin import SourceNode
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Signature
from edgebuild.models.archive import load_program
from edgebuild.models.blame import quiet
from edgebuild.models.calling import argument_order, make_signature, torch_dtype
from edgebuild.models.fingerprint import program_digest
from edgebuild.models.graph_checks import check_graph, check_weights, export_failure
from edgebuild.models.nodes import source_nodes, strip_folders

if TYPE_CHECKING:
    import torch

_MODEL, _INFO = "model.pt2", "info.json"


@dataclass(frozen=True, eq=False)
class TorchModel:
    """An exported model: a graph of ATen operators with fixed shapes, batch first.

    Attributes:
        program: as ``torch.export`` gives it (training IR), stack traces without folders.
        signature: inputs in the order of the graph's arguments, outputs flattened.
        nodes: where each call of the graph came from.
    """

    program: torch.export.ExportedProgram
    signature: Signature
    nodes: tuple[SourceNode, ...]

    @cached_property
    def digest(self) -> Digest:
        """Of graph, weights, signature and origins; the same in any folder and any process."""
        return program_digest(self.program, self.signature, self.nodes)

    @cached_property
    def module(self) -> torch.nn.Module:
        """The program as a module that takes the inputs in order."""
        return self.program.module(check_guards=False)

    def run(self, inputs: Mapping[str, Array], steps: int | None = None) -> tuple[Array, ...]:
        """The outputs for N samples, computed one sample at a time in float.

        Args:
            inputs: one array per input, of shape (N, *shape[1:]).
            steps: the rows are sequences of so many steps, and the states are not among the inputs: they are zero in a
                sequence's first row, and in each further one what the row before gave.

        Returns:
            One array per output, of shape (N, *shape[1:]), or (N, *shape) where a shape has no batch of 1.
        """
        rows: list[list[Array]] = []
        for i in range(len(next(iter(inputs.values())))):
            given = {name: array[i : i + 1] for name, array in inputs.items()}
            if steps is not None:
                start = i % steps == 0
                given |= {
                    fed.state.name: np.zeros(fed.state.shape, fed.state.dtype) if start else rows[-1][fed.place]
                    for fed in self.signature.fed
                }
            rows.append(self._run_one(given))
        return tuple(_together(column) for column in zip(*rows, strict=True))

    def _run_one(self, inputs: Mapping[str, Array]) -> list[Array]:
        import torch
        from torch.utils._pytree import tree_leaves

        arguments = [
            torch.from_numpy(np.ascontiguousarray(inputs[spec.name]).reshape(spec.shape))
            for spec in self.signature.inputs
        ]
        with torch.no_grad():
            leaves = tree_leaves(self.module(*arguments))
        return [leaf.numpy() for leaf in leaves if isinstance(leaf, torch.Tensor)]

    def save(self, folder: Path) -> None:
        """Write ``model.pt2`` and ``info.json`` into an existing folder."""
        import torch

        info = {
            "signature": self.signature.model_dump(mode="json"),
            "nodes": [node.model_dump(mode="json") for node in self.nodes],
            "digest": self.digest,
        }
        with quiet("torch"):
            torch.export.save(self.program, folder / _MODEL)
        (folder / _INFO).write_text(json.dumps(info, sort_keys=True, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TorchModel:
        """Read back what ``save`` wrote."""
        info = json.loads((folder / _INFO).read_text(encoding="utf-8"))
        nodes = tuple(SourceNode.model_validate(node) for node in info["nodes"])
        program = load_program((folder / _MODEL).read_bytes(), _MODEL)
        return cls(program, Signature.model_validate(info["signature"]), nodes)


def _together(values: Sequence[Array]) -> Array:
    """One sample after the other, as the runner puts them."""
    alike = all(value.ndim > 0 and value.shape[0] == 1 for value in values)
    return np.concatenate(values) if alike else np.stack(values)


def export_module(module: torch.nn.Module, specs: Mapping[str, InputSpec], outputs: tuple[str, ...] = ()) -> TorchModel:
    """Export a module in evaluation mode for the declared inputs.

    Args:
        module: the model; it is put into evaluation mode.
        specs: by input name; matched to ``forward``'s arguments by name, else by order.
        outputs: names for the flattened outputs; default ``output``, or ``output_0``, ``output_1``, …

    Raises:
        ConfigError: the declared inputs or outputs do not fit the module.
        BuildError: a weight is not finite, or the module cannot be exported; names the line and what to do.
    """
    import torch

    module.eval()
    check_weights({**dict(module.named_parameters()), **dict(module.named_buffers())})
    order = argument_order(module, specs)
    arguments = tuple(torch.zeros(specs[name].shape, dtype=torch_dtype(specs[name].dtype)) for name in order)
    try:
        with quiet("torch"), torch.no_grad():
            program = torch.export.export(module, arguments, strict=False)
    except Exception as error:
        raise export_failure(error) from error
    return wrap_program(program, order, specs, outputs)


def wrap_program(
    program: torch.export.ExportedProgram,
    order: tuple[str, ...],
    specs: Mapping[str, InputSpec],
    outputs: tuple[str, ...],
) -> TorchModel:
    """Check an exported program and give it its signature and origins."""
    check_graph(program)
    strip_folders(program.graph)
    signature = make_signature(program, order, specs, outputs)
    return TorchModel(program, signature, source_nodes(program.graph))
