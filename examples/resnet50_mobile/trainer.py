"""A network in training: the recipe, an epoch, and the checkpoint that an interrupted training goes on from."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from augment import erased, mirrored, normalized, shifted
from model import Bottleneck, ResNet50
from torch import Tensor, nn

Tell = Callable[[int, int, int, Tensor], None]
"""What is called after every step: with the epoch, the step in it, how many steps it has, and the loss."""


@dataclass(frozen=True)
class Recipe:
    """Everything that the weights depend on, beside the data and the machine's arithmetic."""

    epochs: int = 18
    batch: int = 128
    lr: float = 0.1
    warmup: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    smoothing: float = 0.1
    shift: int = 2
    erase: int = 8
    seed: int = 0

    def rate(self, done: float) -> float:
        """The learning rate after this share of the training: a straight line up, then half a cosine down to 0."""
        if done < self.warmup:
            return self.lr * done / self.warmup
        return self.lr * (1 + math.cos(math.pi * (done - self.warmup) / (1 - self.warmup))) / 2


def beginning() -> ResNet50:
    """An untrained network whose blocks give their shortcut alone (Goyal et al., 2017, section 5.1).

    Without, eight epochs lead to 85 % of the selection images instead of 92 %.
    """
    net = ResNet50()
    for module in net.modules():
        if isinstance(module, Bottleneck):
            nn.init.zeros_(module.bn3.weight)
    return net


class Training:
    """A network in training, as of the end of some epoch."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        self.recipe, self.device = recipe, device
        self.epoch = 0
        self.format = torch.contiguous_format if device == "cpu" else torch.channels_last  # the faster one
        torch.manual_seed(recipe.seed)
        self.net = beginning().to(device).to(memory_format=self.format)
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        others = [p for p in self.net.parameters() if p.ndim == 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=True)

    def run_epoch(self, images: Tensor, labels: Tensor, tell: Tell) -> None:
        """Train on all images once. What is random depends on the seed and the number of the epoch alone."""
        r = self.recipe
        rng = torch.Generator().manual_seed(1000 * r.seed + self.epoch)
        order = torch.randperm(len(images), generator=rng).to(self.device)
        steps = len(images) // r.batch
        self.net.train()
        for step, chosen in enumerate(order.split(r.batch)[:steps]):
            for group in self.optimizer.param_groups:
                group["lr"] = r.rate((self.epoch + step / steps) / r.epochs)
            tell(self.epoch, step, steps, self._step(images[chosen], labels[chosen], rng))
        self.epoch += 1

    def _step(self, raw: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        r = self.recipe
        x = normalized(erased(shifted(mirrored(raw, rng), r.shift, rng), r.erase, rng))
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu"):
            logits = self.net(x.contiguous(memory_format=self.format))
        loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=r.smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def save(self, path: Path) -> None:
        """Write network and optimizer to a file, in whole or not at all."""
        from safetensors.torch import save_file

        tensors = {f"net.{name}": tensor.contiguous() for name, tensor in self.net.state_dict().items()}
        for place, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{place}.{key}": tensor.contiguous() for key, tensor in state.items()}
        about = {"epoch": str(self.epoch), "recipe": json.dumps(asdict(self.recipe))}
        save_file(tensors, path.with_suffix(".new"), about)
        path.with_suffix(".new").replace(path)

    def restore(self, path: Path) -> None:
        """Go on where ``save`` was called.

        Raises:
            SystemExit: if that was with another recipe, or the file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt", self.device) as file:
                about = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
        except SafetensorError as error:
            sys.exit(f"{path} cannot be read ({error}): remove it to begin again")
        if about.get("recipe") != json.dumps(asdict(self.recipe)):
            sys.exit(
                f"{path} is of another recipe, {about.get('recipe')}: remove it, or choose another folder with --out"
            )
        self.epoch = int(about["epoch"])
        self.net.load_state_dict(_below("net", tensors))
        whole = self.optimizer.state_dict()
        for name, tensor in _below("optimizer", tensors).items():
            place, _, key = name.partition(".")
            whole["state"].setdefault(int(place), {})[key] = tensor
        self.optimizer.load_state_dict(whole)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = prefix + "."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
