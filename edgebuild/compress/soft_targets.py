"""A teacher's outputs for the training set, computed once and then remembered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgebuild.core.array import Integers
from edgebuild.core.digest import Digest
from edgebuild.core.errors import BuildError
from edgebuild.core.signature import Signature

if TYPE_CHECKING:
    import torch

_LIMIT_BYTES = 256 << 20
_FLOAT_BYTES = 4


class SoftTargets:
    """A table of outputs by sample, filled as samples come along.

    It holds what one teacher says of one training set, as often as there are forms of each sample, so that students of
    the same teacher can share it.

    Attributes:
        key: of the teacher and the training set; None until they are known.
        filled: (N,), which samples are known.
        outputs: one tensor of (N, …) per output; empty until the first samples are known.
    """

    def __init__(self, count: int) -> None:
        import torch

        self.key: Digest | None = None
        self.filled = torch.zeros(count, dtype=torch.bool)
        self.outputs: list[torch.Tensor] = []

    def belong(self, key: Digest) -> None:
        """Take up a teacher and a training set.

        Raises:
            BuildError: the table is of others.
        """
        if self.key not in (None, key):
            raise BuildError(
                "recover",
                "the table of soft targets is of another teacher, training set or kind of output",
                fix="share it only between students of the same teacher on the same data",
            )
        self.key = key

    def missing(self, indices: Integers) -> torch.Tensor:
        """Which of some samples are not known, as positions in ``indices``."""
        import torch

        return torch.nonzero(~self.filled[torch.from_numpy(indices)]).reshape(-1)

    def fill(self, indices: Integers, outputs: tuple[torch.Tensor, ...]) -> None:
        """Remember the outputs of some samples."""
        import torch

        rows = torch.from_numpy(indices)
        if not self.outputs:
            self.outputs = [torch.zeros((len(self.filled), *o.shape[1:]), dtype=o.dtype) for o in outputs]
        for table, output in zip(self.outputs, outputs, strict=True):
            table[rows] = output.to("cpu", table.dtype)
        self.filled[rows] = True

    def take(self, indices: Integers, device: str) -> tuple[torch.Tensor, ...]:
        """The outputs of some samples that are known."""
        import torch

        rows = torch.from_numpy(indices)
        return tuple(table[rows].to(device) for table in self.outputs)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The table as named tensors."""
        return {"filled": self.filled, **{str(number): table for number, table in enumerate(self.outputs)}}

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take up what ``tensors`` gave."""
        self.filled = tensors["filled"].clone()
        self.outputs = [tensors[str(number)].clone() for number in range(len(tensors) - 1)]


def fits_in_memory(signature: Signature, count: int) -> bool:
    """Whether the outputs for so many samples are worth keeping: up to 256 MiB."""
    values = sum(math.prod(spec.shape) for spec in signature.outputs)
    return values * count * _FLOAT_BYTES <= _LIMIT_BYTES
