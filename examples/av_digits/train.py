"""Train the fused network and write weights.safetensors; and for comparison one network for each modality alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from data import evaluation, training
from model import ALONE, WEIGHTS, AVDigits
from safetensors.torch import save_file
from torch import Tensor, nn

EPOCHS = 25
BATCH = 100
MISSING = 0.15
"""How often, in training, the image is missing; and how often the sound (never both)."""
IMAGE, AUDIO = (35.0, 55.0), (5.2, 1.2)
"""Mean and deviation, as the ``pre`` steps of edgebuild.toml have them."""

Drop = Callable[[int], tuple[Tensor, Tensor]]
"""For so many samples, whether the image and whether the sound is there: 0 or 1, (N, 1, 1, 1)."""


def modality_dropout(count: int) -> tuple[Tensor, Tensor]:
    """Now and then one of the two is missing (Neverova et al. 2016, "ModDrop", arXiv:1501.00102)."""
    drawn = torch.rand(count, 1, 1, 1)
    return (drawn >= MISSING).float(), ((drawn < MISSING) | (drawn >= 2 * MISSING)).float()


def only(image: float, audio: float) -> Drop:
    """Always the one, never the other."""
    return lambda count: (torch.full((count, 1, 1, 1), image), torch.full((count, 1, 1, 1), audio))


def prepared(samples: dict[str, np.ndarray]) -> tuple[Tensor, Tensor, Tensor]:
    """Images, sounds and labels as the network takes them."""
    image = (torch.from_numpy(samples["image"]).permute(0, 3, 1, 2).float() - IMAGE[0]) / IMAGE[1]
    audio = (torch.from_numpy(samples["audio"]) - AUDIO[0]) / AUDIO[1]
    return image, audio, torch.from_numpy(samples["labels"])


def train(drop: Drop, say: Callable[[str], None]) -> AVDigits:
    """One network, with other pairs and other noise in each epoch."""
    torch.manual_seed(0)
    net = AVDigits().train()
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.004, total_steps=EPOCHS * 3000 // BATCH)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    for epoch in range(EPOCHS):
        image, audio, labels = prepared(training(seed=1000 + epoch))
        total = 0.0
        for chosen in torch.randperm(len(labels)).split(BATCH):
            seen, heard = drop(len(chosen))
            optimizer.zero_grad()
            found = loss(net(image[chosen] * seen, audio[chosen] * heard), labels[chosen])
            found.backward()
            optimizer.step()
            schedule.step()
            total += float(found.detach()) * len(chosen) / len(labels)
        if epoch % 5 == 4:
            say(f"epoch {epoch + 1} of {EPOCHS}: loss {total:.3f}")
    return net.eval()


def right(net: AVDigits, image: float, audio: float) -> float:
    """The share of evaluation pairs that a network has right, with what it is given, in percent."""
    pictures, sounds, labels = prepared(evaluation())
    with torch.no_grad():
        return 100 * float((net(pictures * image, sounds * audio).argmax(1) == labels).float().mean())


def main() -> None:
    """Train three networks and say what each has right."""
    torch.set_num_threads(1)  # sums in one order, whatever the machine's number of cores
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{text}, {time.monotonic() - began:.0f} s", flush=True)

    net = train(modality_dropout, say)
    save_file(net.state_dict(), WEIGHTS)
    say(f"fused: {right(net, 1, 1):.1f} %; image alone {right(net, 1, 0):.1f} %, sound alone {right(net, 0, 1):.1f} %")
    for name, image, audio in (("image", 1.0, 0.0), ("sound", 0.0, 1.0)):
        alone = train(only(image, audio), lambda _: None)
        save_file(alone.state_dict(), ALONE[name])
        say(f"a network for the {name} alone: {right(alone, image, audio):.1f} %")


if __name__ == "__main__":
    main()
