"""Train the segmenter and write weights.safetensors; a few minutes on one core."""

from __future__ import annotations

import time

import torch
from data import training
from model import WEIGHTS, Segmenter
from safetensors.torch import save_file
from torch import nn

EPOCHS = 8
BATCH = 25


def main() -> None:
    """Train on other scenes in each epoch."""
    torch.set_num_threads(1)  # sums in one order, whatever the machine's number of cores
    torch.manual_seed(0)
    net = Segmenter()
    steps = EPOCHS * 3000 // BATCH
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.005, total_steps=steps)
    loss = nn.CrossEntropyLoss()
    began = time.monotonic()
    for epoch in range(EPOCHS):
        samples = training(seed=1000 + epoch)
        images = torch.from_numpy(samples["image"]).permute(0, 3, 1, 2).float() / 255
        labels = torch.from_numpy(samples["labels"]).long()
        total = 0.0
        for chosen in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            found = loss(net(images[chosen]), labels[chosen])
            found.backward()
            optimizer.step()
            schedule.step()
            total += float(found.detach()) * len(chosen) / len(images)
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {total:.3f}, {time.monotonic() - began:.0f} s", flush=True)
    save_file(net.state_dict(), WEIGHTS)


if __name__ == "__main__":
    main()
