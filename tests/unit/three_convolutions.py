"""The text of a small net with three groups of channels."""

from __future__ import annotations

_TEXT = '''"""A net with three groups of channels."""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, WIDTH, 3, padding=1)
        self.second = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.third = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, image):
        x = torch.relu(self.second(torch.relu(self.first(image))))
        return self.head(torch.relu(self.third(x)).mean((2, 3)))


def make():
    torch.manual_seed(0)
    return Net().eval()
'''


def three_convolutions(width: int) -> str:
    """A ``model.py`` whose ``make`` gives the net; wide ones compute long enough for their width to show."""
    return _TEXT.replace("WIDTH", str(width))
