"""A small convolutional network for handwritten digits, trained from scratch in seconds."""

from __future__ import annotations

import torch
from data import training
from torch import Tensor, nn

EPOCHS = 12
BATCH = 50


class Block(nn.Sequential):
    """A 3x3 convolution with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class DigitsNet(nn.Module):
    """(N, 1, 8, 8) in 0..1 → logits (N, 10); 4.7 million multiply-accumulates an image."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(Block(1, 32), Block(32, 64), Block(64, 96))
        self.classifier = nn.Linear(96, 10)

    def forward(self, image: Tensor) -> Tensor:
        """The logits of the ten digits."""
        return self.classifier(self.features(image).mean((2, 3)))


def trained() -> nn.Module:
    """The network, trained on the training images: the same weights on every call on one machine."""
    samples = training()
    # What the ``pre`` steps of edgebuild.toml do to the raw pixels.
    images = torch.from_numpy(samples["image"]).permute(0, 3, 1, 2).float() / 16
    labels = torch.from_numpy(samples["labels"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # Sums in one order, whatever the machine's number of cores.
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return _train(DigitsNet(), images, labels).eval()
    finally:
        torch.set_num_threads(threads)


def _train(net: nn.Module, images: Tensor, labels: Tensor) -> nn.Module:
    steps = EPOCHS * -(-len(images) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.005, total_steps=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            loss(net(images[chosen]), labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    return net
