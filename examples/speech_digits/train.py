"""Train the classifier on the WAV files, through the steps that edgebuild.toml declares: minutes on two cores.

    python train.py [--epochs 40]

Writes ``$SPEECH_DIGITS/weights.safetensors``. The clips of the evaluation set are read once, at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import torch
from front_end import declared
from model import Classifier, weights_file
from safetensors.torch import save_file
from torch import Tensor, nn

from edgebuild.core.project import DataSource
from edgebuild.models.data import load_samples, prepare_inputs
from edgebuild.store.cache import default_cache

SHIFT = 6
"""Frames, of 16 ms, by which a clip is moved at most while learning."""


def read(name: str) -> tuple[Tensor, Tensor]:
    """Spectrograms and digits of one set."""
    root, specs = Path(os.environ["SPEECH_DIGITS"]), {"spectrum": declared()}
    samples = load_samples(DataSource(source=name, labels=f"{name}.csv"), specs, root, default_cache(), name)
    assert samples.labels is not None
    return torch.from_numpy(prepare_inputs(samples, specs)["spectrum"]), torch.from_numpy(samples.labels)


def varied(spectra: Tensor) -> Tensor:
    """Moved in time, louder or softer, and with a band of frequencies left out."""
    made = torch.roll(spectra, int(torch.randint(-SHIFT, SHIFT + 1, ())), dims=2)
    made = made + 0.2 * torch.randn(len(made), 1, 1, 1)
    start, width = int(torch.randint(0, 36, ())), int(torch.randint(0, 6, ()))
    made[..., start : start + width] = made.mean()
    return made


@torch.no_grad()
def accuracy(model: nn.Module, spectra: Tensor, digits: Tensor) -> float:
    """The share that is right."""
    model.eval()
    return float((model(spectra).argmax(1) == digits).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--epochs", type=int, default=40)
    epochs = parser.parse_args().epochs
    place = weights_file()
    torch.manual_seed(0)
    spectra, digits = read("training")
    print(f"{len(spectra)} clips; mean {spectra.mean():.3f}, standard deviation {spectra.std():.3f}", file=sys.stderr)
    model, batch = Classifier(), 64
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    steps = -(-len(spectra) // batch) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    began = time.monotonic()
    for epoch in range(epochs):
        model.train()
        for chosen in torch.randperm(len(spectra)).split(batch):
            loss = nn.functional.cross_entropy(model(varied(spectra[chosen])), digits[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: loss {loss.item():.3f}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    save_file(model.state_dict(), place)
    print(f"takes that it did not learn from: {accuracy(model, *read('evaluation')):.1%} right; wrote {place}")


if __name__ == "__main__":
    main()
