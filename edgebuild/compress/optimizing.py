"""The optimizer of a recovery, its learning rate, and its state as named tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgebuild.core.recovery import Recovery

if TYPE_CHECKING:
    import torch

_MOMENTUM = 0.9


def make_optimizer(module: torch.nn.Module, settings: Recovery) -> torch.optim.Optimizer:
    """AdamW, or SGD with Nesterov momentum; norms and biases are not decayed."""
    import torch

    own = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in own if p.ndim > 1], "weight_decay": settings.decay},
        {"params": [p for p in own if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.peak_rate, momentum=_MOMENTUM, nesterov=True)
    return torch.optim.AdamW(groups, lr=settings.peak_rate)


def learning_rate(step: int, steps: int, settings: Recovery) -> float:
    """The rate of a step, counted from 0: up in a line, then down along half a cosine (Loshchilov and Hutter 2017)."""
    rising = math.ceil(settings.warmup * steps)
    if step < rising:
        return settings.peak_rate * (step + 1) / rising
    share = (step - rising) / max(1, steps - rising)
    return settings.peak_rate * 0.5 * (1 + math.cos(math.pi * share))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use a learning rate from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def optimizer_tensors(module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's state: ``PARAMETER/KEY``."""
    return {
        f"{name}/{key}": value
        for name, parameter in module.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(
    module: torch.nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Take up a state of the same optimizer over the same parameters."""
    import torch

    parameters = dict(module.named_parameters())
    for path, tensor in tensors.items():
        name, _, key = path.rpartition("/")
        parameter = parameters[name]
        like = tensor if key == "step" else parameter.detach()  # on its device, in its order of memory
        optimizer.state[parameter][key] = torch.empty_like(like).copy_(tensor)
