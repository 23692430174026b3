"""Running a torch program on many samples at once, as the check has to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from edgebuild.core.array import Array, np

if TYPE_CHECKING:
    import torch

    from edgebuild.models.graph import TorchModel

Run = Callable[[Mapping[str, Array]], Sequence[Array]]
"""From prepared inputs by name, each (N, …), to the model's outputs in order, each (N, …)."""

_CHUNK_BYTES = 1 << 24


def torch_run(model: TorchModel) -> Run:
    """The model as a function of many samples: vectorized over them where torch can, else one by one."""

    names = [spec.name for spec in model.signature.inputs]

    def run(inputs: Mapping[str, Array]) -> Sequence[Array]:
        parts = [vectorized(model.module, arguments(names, inputs, part)) for part in chunks(inputs)]
        return [np.concatenate([leaf.numpy()[:, 0] for leaf in column]) for column in zip(*parts, strict=True)]

    return run


def chunks(inputs: Mapping[str, Array]) -> list[slice]:
    """Slices of samples whose inputs take about 16 MiB."""
    count = len(next(iter(inputs.values())))
    size = max(1, sum(array[:1].nbytes for array in inputs.values()))
    step = min(64, max(1, _CHUNK_BYTES // size))
    return [slice(start, start + step) for start in range(0, count, step)]


def vectorized(module: Callable[..., object], arguments: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """A module for single samples, given (N, 1, …) each, over all N: the tensors that it returns, (N, 1, …)."""
    import torch

    with torch.no_grad():
        try:
            return _tensors(torch.vmap(module)(*arguments))
        except Exception:  # noqa: BLE001 - what vmap can't do, one by one can, or it says why
            rows = [_tensors(module(*sample)) for sample in zip(*arguments, strict=True)]
            return [torch.stack(column) for column in zip(*rows, strict=True)]


def _tensors(outputs: object) -> list[torch.Tensor]:
    import torch
    from torch.utils._pytree import tree_leaves

    return [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, torch.Tensor)]


def arguments(names: Sequence[str], inputs: Mapping[str, Array], part: slice) -> list[torch.Tensor]:
    """Some samples of each input, with the batch axis of one that a program wants: (N, 1, …)."""
    import torch

    return [torch.from_numpy(np.ascontiguousarray(inputs[name][part]))[:, None] for name in names]
