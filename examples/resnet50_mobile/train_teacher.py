"""Train the teacher: ResNet-50 on Fashion-MNIST, on a GPU where there is one, otherwise on the CPU.

    python train_teacher.py [--out FOLDER]

Writes FOLDER/weights.safetensors. A training that was interrupted goes on with the epoch it was in when the same
command is given again, and comes to the same result. The recipe was chosen on the selection images; the test images
are read once, at the end.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import torch
from augment import normalized
from data import Samples, evaluation, selection, training
from model import WEIGHTS
from torch import Tensor, nn
from trainer import Recipe, Training

GOAL = 0.925
"""The share of the test images that the teacher is meant to have right."""


class Progress:
    """Lines on stderr, one every ten seconds: where the training is, and how long it will still take."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.steps = epochs, 0
        self.began = self.last = time.monotonic()

    def tell(self, epoch: int, step: int, steps: int, loss: Tensor) -> None:
        """Say it, if ten seconds have passed.

        Raises:
            SystemExit: if the loss is not a number.
        """
        self.steps += 1
        now = time.monotonic()
        if now - self.last < 10 and step + 1 < steps:
            return
        self.last = now
        place = f"epoch {epoch + 1}/{self.epochs}, step {step + 1}/{steps}"
        if not math.isfinite(value := loss.item()):
            sys.exit(f"{place}: the loss is {value}; try a smaller --lr")
        left = (now - self.began) / self.steps * ((self.epochs - epoch) * steps - step - 1)
        print(f"{place}: loss {value:.3f}, {left / 60:.0f} min left", file=sys.stderr, flush=True)


def tensors(samples: Samples, device: str) -> tuple[Tensor, Tensor]:
    """Raw images (N, 1, 32, 32) uint8 and labels (N)."""
    images = torch.from_numpy(samples["image"]).permute(0, 3, 1, 2).contiguous()
    return images.to(device), torch.from_numpy(samples["labels"]).to(device)


@torch.no_grad()
def accuracy(net: nn.Module, samples: Samples, device: str) -> float:
    """The share of the samples that the network has right, in float32."""
    images, labels = tensors(samples, device)
    net.eval()
    outputs = torch.cat([net(normalized(batch)) for batch in images.split(250)])
    return float((outputs.argmax(1) == labels).float().mean())


def train(recipe: Recipe, checkpoint: Path, device: str) -> nn.Module:
    """Train, or go on with a training that was interrupted."""
    run = Training(recipe, device)
    if checkpoint.is_file():
        run.restore(checkpoint)
    chosen, (images, labels) = selection(), tensors(training(), device)
    progress = Progress(recipe.epochs)
    while run.epoch < recipe.epochs:
        run.run_epoch(images, labels, progress.tell)
        run.save(checkpoint)
        right = accuracy(run.net, chosen, device)
        print(f"epoch {run.epoch}/{recipe.epochs}: {right:.2%} of selection", file=sys.stderr, flush=True)
    run.net.cpu()
    return run.net


def write(net: nn.Module, path: Path) -> None:
    """The weights, in whole or not at all."""
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def options(arguments: list[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--out", type=Path, default=WEIGHTS.parent, help="folder for the weights (default: %(default)s)"
    )
    for name, kind in (("epochs", int), ("batch", int), ("lr", float), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind, default=getattr(Recipe, name), help="default: %(default)s")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="default: %(default)s")
    given = parser.parse_args(arguments)
    if given.epochs < 1 or given.batch < 2 or not given.lr > 0 or given.seed < 0:
        parser.error("--epochs is at least 1, --batch at least 2, --lr above 0 and --seed not below 0")
    return given


def main(arguments: list[str]) -> None:
    """Train, write the weights, and say how good they are."""
    given = options(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    weights, checkpoint = given.out / "weights.safetensors", given.out / "checkpoint.safetensors"
    try:
        test = evaluation()  # Before hours of training: that all data are there.
    except (RuntimeError, OSError) as error:
        sys.exit(str(error))
    recipe = Recipe(epochs=given.epochs, batch=given.batch, lr=given.lr, seed=given.seed)
    net = train(recipe, checkpoint, given.device)
    write(net, weights)
    checkpoint.unlink()
    found = accuracy(net, test, "cpu")
    print(f"{weights}: {accuracy(net, selection(), 'cpu'):.2%} of selection, {found:.2%} of test")
    if found < GOAL:
        print(f"less than the {GOAL:.1%} that the teacher should have: more --epochs help", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with this epoch", file=sys.stderr)
        sys.exit(130)
