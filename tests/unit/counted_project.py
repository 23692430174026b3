"""A small project whose profile prunes by counted instructions."""

from __future__ import annotations

from pathlib import Path

from three_convolutions import three_convolutions
from tiny_project import edit, make_project

PRUNING = '[pruning]\nkeep = 0.6\ncost = "instructions"\nround_to = 2\n\n'


def make_counted(root: Path) -> Path:
    """Write the whole project into a new folder."""
    place = make_project(root)
    (place / "model.py").write_text(three_convolutions(24), encoding="utf-8")
    edit(place / "profiles" / "tiny.toml", "[quantization]", PRUNING + "[quantization]")
    return place
