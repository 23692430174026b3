"""Train the detector and write weights.safetensors; a few minutes on one core."""

from __future__ import annotations

import time

import torch
from data import training
from model import CLASSES, STRIDE, WEIGHTS, Detector
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

EPOCHS = 14
BATCH = 50
REACH = 1.0
"""A cell answers for a box if its centre is at most so many strides from the box's centre."""


def targets(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (N, M, 5) → what each cell should say: classes (N, 64), -1 where nothing, and distances (N, 64, 4)."""
    centres = (torch.arange(8) + 0.5) * STRIDE
    y, x = (grid.flatten() for grid in torch.meshgrid(centres, centres, indexing="ij"))
    classes = torch.full((len(boxes), 64), -1)
    distances = torch.zeros(len(boxes), 64, 4)
    for box in boxes.unbind(1):
        x1, y1, x2, y2, label = (column[:, None] for column in box.unbind(1))
        off = torch.maximum((x - (x1 + x2) / 2).abs(), (y - (y1 + y2) / 2).abs()) / STRIDE
        reach = torch.stack([x - x1, y - y1, x2 - x, y2 - y], 2) / STRIDE
        own = (label >= 0) & (off <= REACH) & (reach.amin(2) > 0)
        classes[own] = label.expand_as(own)[own].long()
        distances[own] = reach[own]
    return classes, distances


def loss(distances: Tensor, scores: Tensor, classes: Tensor, wanted: Tensor) -> Tensor:
    """Focal loss of the scores (Lin et al. 2017, arXiv:1708.02002), and -ln IoU of the boxes."""
    own = classes >= 0
    truth = F.one_hot(classes.clamp(min=0), CLASSES).float() * own[..., None]
    scores = scores.clamp(1e-6, 1 - 1e-6)
    hit = torch.where(truth > 0, scores, 1 - scores)
    focal = -torch.where(truth > 0, 0.25, 0.75) * (1 - hit) ** 2 * hit.log()
    a, b = distances[own], wanted[own]
    overlap = torch.minimum(a[:, 0], b[:, 0]) + torch.minimum(a[:, 2], b[:, 2])
    overlap = overlap * (torch.minimum(a[:, 1], b[:, 1]) + torch.minimum(a[:, 3], b[:, 3]))
    area = [(c[:, 0] + c[:, 2]) * (c[:, 1] + c[:, 3]) for c in (a, b)]
    iou = (overlap + 0.01) / (area[0] + area[1] - overlap + 0.01)
    count = own.sum().clamp(min=1)
    return focal.sum() / count - iou.log().sum() / count


def main() -> None:
    """Train on other scenes in each epoch."""
    torch.set_num_threads(1)  # sums in one order, whatever the machine's number of cores
    torch.manual_seed(0)
    net = Detector()
    steps = EPOCHS * 6000 // BATCH
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.004, total_steps=steps)
    began = time.monotonic()
    for epoch in range(EPOCHS):
        samples = training(seed=1000 + epoch)
        images = torch.from_numpy(samples["image"]).permute(0, 3, 1, 2).float() / 255
        classes, distances = targets(torch.from_numpy(samples["labels"]))
        total = 0.0
        for chosen in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            found = loss(*net(images[chosen]), classes[chosen], distances[chosen])
            found.backward()
            optimizer.step()
            schedule.step()
            total += float(found.detach()) * len(chosen) / len(images)
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {total:.3f}, {time.monotonic() - began:.0f} s", flush=True)
    save_file(net.state_dict(), WEIGHTS)


if __name__ == "__main__":
    main()
