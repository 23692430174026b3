"""The module that litert-torch converts: named inputs and outputs, channels last outside, torch's layout inside.

It stands in a file of its own because the converter writes its module and class into tensor names.
"""

from __future__ import annotations

from collections.abc import Mapping

# Only export.py's function imports this file: a module class cannot be defined without torch.
import torch  # noqa: TID253
from torch.utils._pytree import tree_leaves  # noqa: TID253


class Boundary(torch.nn.Module):
    """Calls a program's module with its inputs permuted, and names its outputs."""

    def __init__(
        self,
        module: torch.nn.Module,
        permutes: Mapping[str, tuple[int, ...] | None],
        outputs: tuple[str, ...],
    ) -> None:
        super().__init__()
        module.training = self.training = False
        self.module, self.permutes, self.outputs = module, dict(permutes), outputs

    def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """All inputs by name, in the order of the signature."""
        turned = [
            inputs[name] if order is None else inputs[name].permute(order) for name, order in self.permutes.items()
        ]
        flat = tree_leaves(self.module(*turned))
        return dict(zip(self.outputs, flat, strict=True))
