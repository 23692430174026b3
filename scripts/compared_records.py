"""The records of scripts/pruning_compared: one JSON file for each way to prune of each comparison.

Whole comparisons are copied to one file beside the results, a line a record, so that all of them need not be made on
one machine in one go.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from compared_rivals import METHODS
from numpy.typing import NDArray

from edgebuild.store.files import write_atomic

RUNTIMES = ("onnxruntime", "litert")
POINTS = (0.7, 0.5, 0.35, 0.25)
SEEDS = (0, 1, 2)
OURS = "edgebuild"


@dataclass(frozen=True)
class Cell:
    """A network, a runtime, a share of the dense model's latency, and the seed of all that is drawn."""

    subject: str
    runtime: str
    point: float
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.subject}-{self.runtime}-{self.point:g}-{self.seed}"


@dataclass(frozen=True)
class Record:
    """What came of one way to prune.

    Attributes:
        by: ours, or which of theirs.
        how: what was asked for: the share that is kept, or theirs and the multiple that widths are rounded to.
        setting: of its quantizer.
        macs: that are left, as torch-pruning counts theirs; 0 of ours.
        relative: its latency as a share of our dense int8 model's.
        slower: its latency over ours, by pairs side by side: the median and its 95 % interval; of ours None.
        selection: top-1 in percent on the images that the setting was chosen on.
        count, right: so many test images, and of each whether it was told right, packed.
        seconds: that it took to make.
        dense: the first digits of the digest of the dense weights.
        commit: of the code that made it.
    """

    by: str
    how: str
    setting: str
    macs: float
    relative: float
    slower: tuple[float, float, float] | None = None
    selection: float = 0.0
    count: int = 0
    right: str = ""
    seconds: float = 0.0
    dense: str = ""
    commit: str = ""

    @property
    def told(self) -> NDArray[np.bool_]:
        """``right`` unpacked."""
        bits = np.unpackbits(np.frombuffer(base64.b64decode(self.right), np.uint8))
        return bits[: self.count].astype(bool)


def packed(right: NDArray[np.bool_]) -> str:
    """What ``told`` unpacks."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def path_of(work: Path, cell: Cell, by: str) -> Path:
    """Where a record is."""
    return work / "records" / f"{cell.name}-{by.replace(', ', '-').replace(' ', '-')}.json"


def read(work: Path, cell: Cell, by: str) -> Record | None:
    """A record that was made before."""
    path = path_of(work, cell, by)
    if not path.exists():
        return None
    return _record(json.loads(path.read_text(encoding="utf-8")))


def _record(found: dict[str, Any]) -> Record:
    return Record(**{**found, "slower": found["slower"] and tuple(found["slower"])})


def done(work: Path, cell: Cell) -> bool:
    """Whether nothing of a cell is missing."""
    return all(path_of(work, cell, by).exists() for by in (OURS, *METHODS))


def keep(work: Path, cell: Cell, record: Record) -> None:
    """Write a record."""
    write_json(path_of(work, cell, record.by), dataclasses.asdict(record))


def copy_whole(work: Path, cell: Cell, kept: Path) -> None:
    """Add a comparison of which nothing is missing to those that are kept."""
    records = [record for by in (OURS, *METHODS) if (record := read(work, cell, by)) is not None]
    lines = [json.dumps({**dataclasses.asdict(cell), **dataclasses.asdict(record)}) for record in records]
    with kept.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def kept_in(path: Path) -> dict[Cell, dict[str, Record]]:
    """The comparisons that are kept, each with its records by who made the model."""
    found: dict[Cell, dict[str, Record]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        row = json.loads(line)
        record = _record({name: value for name, value in row.items() if name not in Cell.__dataclass_fields__})
        found.setdefault(Cell(*(row[name] for name in Cell.__dataclass_fields__)), {})[record.by] = record
    return found


def write_json(path: Path, value: object) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(value, indent=1).encode())
