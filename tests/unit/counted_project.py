"""A small project whose profile prunes by counted instructions."""

from __future__ import annotations

from pathlib import Path

from tiny_project import edit, make_project

MODEL = '''"""A net with three groups of channels."""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 24, 3, padding=1)
        self.second = nn.Conv2d(24, 24, 3, padding=1)
        self.third = nn.Conv2d(24, 24, 3, padding=1)
        self.head = nn.Linear(24, 4)

    def forward(self, image):
        x = torch.relu(self.second(torch.relu(self.first(image))))
        return self.head(torch.relu(self.third(x)).mean((2, 3)))


def make():
    torch.manual_seed(0)
    return Net().eval()
'''
PRUNING = '[pruning]\nkeep = 0.6\ncost = "instructions"\nround_to = 2\n\n'


def make_counted(root: Path) -> Path:
    """Write the whole project into a new folder."""
    place = make_project(root)
    (place / "model.py").write_text(MODEL, encoding="utf-8")
    edit(place / "profiles" / "tiny.toml", "[quantization]", PRUNING + "[quantization]")
    return place
