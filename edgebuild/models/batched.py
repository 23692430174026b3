"""Models exported for batches of any size, which training needs; they live in memory only."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.array import np
from edgebuild.core.digest import Digest
from edgebuild.core.errors import ConfigError, Untrainable
from edgebuild.core.project import InputSpec, ModelSource
from edgebuild.core.signature import Role, Signature
from edgebuild.models.blame import quiet
from edgebuild.models.calling import argument_order, torch_dtype
from edgebuild.models.entry import is_entry
from edgebuild.models.fingerprint import program_digest
from edgebuild.models.graph import export_module
from edgebuild.models.graph_checks import export_failure
from edgebuild.models.load import open_module
from edgebuild.models.nodes import strip_folders
from edgebuild.models.specialized import batch_symbol, specialized_at
from edgebuild.store.cache import Cache

if TYPE_CHECKING:
    import torch

_BATCH = 3
_TOLERANCE = 1e-2
_NEEDS = "a model that takes any batch, sample by sample the same"
_FIX = "use x.shape[0] (without int()), or -1, in place of a fixed batch; or build without recovery"


@dataclass(frozen=True, eq=False)
class BatchedModel:
    """An exported model whose inputs' first axis, and whose outputs', is a batch of any size.

    Attributes:
        program: parameters are named as in the program of a single sample.
        signature: that of a single sample, first axis 1.
    """

    program: torch.export.ExportedProgram
    signature: Signature

    @cached_property
    def digest(self) -> Digest:
        """Of graph, weights and signature."""
        return program_digest(self.program, self.signature, ())


def load_batched(source: ModelSource, root: Path, cache: Cache) -> BatchedModel:
    """The model that ``[model] source`` names, exported for batches.

    Raises:
        ConfigError: the source is a file, which has a fixed batch.
        BuildError: the callable failed, or the model cannot be exported for batches.
    """
    if not is_entry(source.source):
        raise ConfigError(
            "[model] source",
            f"{Path(source.source).name} was exported for one batch size; recovery trains in batches",
            expected="file.py:callable giving the nn.Module",
            fix="name the Python function that builds the model, or build without recovery",
        )
    with open_module(source, root, cache) as module:
        return export_batched(module, source.inputs, source.outputs)


def export_batched(
    module: torch.nn.Module, specs: Mapping[str, InputSpec], outputs: tuple[str, ...] = ()
) -> BatchedModel:
    """Export a module in evaluation mode for batches of any size.

    Args:
        module: the model; it is put into evaluation mode.
        specs: by input name, as for ``export_module``.
        outputs: names for the flattened outputs.

    Raises:
        ConfigError: the declared inputs or outputs do not fit the module.
        BuildError: as ``export_module``, or the module fixes its batch, or a sample's outputs depend on the others.
    """
    signature = export_module(module, specs, outputs).signature
    order = argument_order(module, specs)
    arguments = tuple(_examples(specs[name], number) for number, name in enumerate(order))
    program = _export(module, arguments, tuple(specs[name].role for name in order))
    _check_batches(program)
    _check_alone(module, program, arguments)
    strip_folders(program.graph)
    return BatchedModel(program, signature)


def _export(
    module: torch.nn.Module, arguments: tuple[torch.Tensor, ...], roles: tuple[Role, ...]
) -> torch.export.ExportedProgram:
    import torch

    # AUTO rather than DYNAMIC: it exports what fixes its batch too, and so can tell where that is.
    shapes = tuple({0: torch.export.Dim.AUTO} if role is Role.DATA else None for role in roles)
    try:
        with quiet("torch"), torch.no_grad():
            return torch.export.export(module, arguments, dynamic_shapes=_named(module, shapes), strict=False)
    except Exception as error:
        told = export_failure(error)
        raise Untrainable("recover", f"with a batch of {_BATCH}, {told.found}", expected=_NEEDS, fix=_FIX) from error


def _named(module: torch.nn.Module, shapes: tuple[object, ...]) -> tuple[object, ...]:
    """As ``torch.export`` wants them: a module that takes ``*args`` wants them as one tuple."""
    parameters = inspect.signature(module.forward).parameters.values()
    return (shapes,) if any(p.kind is p.VAR_POSITIONAL for p in parameters) else shapes


def _examples(spec: InputSpec, seed: int) -> torch.Tensor:
    """A batch of different samples (zeros for a state); integers are 0 and 1, which index whatever they index."""
    import torch

    if spec.role is Role.STATE:
        return torch.zeros(spec.shape, dtype=torch_dtype(spec.dtype))
    random, shape = np.random.default_rng(seed), (_BATCH, *spec.shape[1:])
    values = random.standard_normal(shape) if spec.dtype.startswith("float") else random.integers(0, 2, shape)
    return torch.from_numpy(values).to(torch_dtype(spec.dtype))


def _check_batches(program: torch.export.ExportedProgram) -> None:
    """Every data input's and output's first axis must still be open, and the same."""
    nodes = {node.name: node for node in program.graph.nodes}
    batch = next(
        (s for n in program.graph_signature.user_inputs if (s := batch_symbol(nodes[str(n)])) is not None), None
    )
    if batch is None:
        place = specialized_at(program)
        raise Untrainable(
            "recover",
            f"the model fixes its batch{f' at {place}' if place else ''}: "
            f"it takes {_BATCH} samples, never more or fewer",
            expected=_NEEDS,
            fix=_FIX,
        )
    for number, name in enumerate(program.graph_signature.user_outputs):
        if isinstance(name, str) and batch_symbol(nodes[name]) != batch:
            shape = [str(size) for size in nodes[name].meta["val"].shape]
            raise Untrainable(
                "recover",
                f"output {number} has shape [{', '.join(shape)}] for a batch of {batch} samples",
                expected=f"{batch} first: an output for each sample",
                fix=_FIX,
            )


def _check_alone(
    module: torch.nn.Module, program: torch.export.ExportedProgram, arguments: tuple[torch.Tensor, ...]
) -> None:
    """A sample must give the same whether it comes alone or among others."""
    import torch
    from torch.utils._pytree import tree_leaves

    with quiet("torch"), torch.no_grad():
        together = tree_leaves(program.module(check_guards=False)(*arguments))
        alone = tree_leaves(module(*(a[:1] if len(a) == _BATCH else a for a in arguments)))
    for number, (many, one) in enumerate(zip(together, alone, strict=True)):
        if not isinstance(many, torch.Tensor) or not many.is_floating_point():
            continue
        limit = _TOLERANCE * float(one.abs().max().nan_to_num()) + 1e-6
        if not torch.allclose(many[:1], one, rtol=0, atol=limit, equal_nan=True):
            raise Untrainable(
                "recover",
                f"output {number} of a sample depends on the other samples of its batch",
                expected=_NEEDS,
                fix="take means and norms over a sample's own axes, not over axis 0; or build without recovery",
            )
