"""What goes into a model file, as the tables of a first ``edgebuild.toml``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebuild.core.errors import EdgebuildError
from edgebuild.core.project import InputSpec
from edgebuild.models.onnx_file import input_ports as onnx_ports
from edgebuild.models.tflite_file import input_ports as tflite_ports

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclass(frozen=True)
class Port:
    """An input of a file; None for what it leaves open."""

    name: str
    dtype: str
    dims: tuple[int | None, ...]


ASSUMED = 64
"""How long an axis that a file leaves open is taken to be, where only a look into the file is wanted."""


def input_tables(path: Path) -> str:
    """``[model.inputs.NAME]`` tables for a foreign file; empty where it can't be read, or tells nothing."""
    return "\n\n".join(_table(port) for port in _ports(path))


def assumed_inputs(path: Path) -> dict[str, InputSpec]:
    """A foreign file's inputs with every open axis closed, if there is one beside the batch; else nothing."""
    ports = _ports(path)
    if not any(None in port.dims[1:] for port in ports):
        return {}
    shapes = {port.name: [1 if place == 0 else ASSUMED for place in range(len(port.dims))] for port in ports}
    return {
        port.name: InputSpec.model_validate({
            "shape": [dim or assumed for dim, assumed in zip(port.dims, shapes[port.name], strict=True)],
            "dtype": port.dtype,
        })
        for port in ports
    }  # fmt: skip


def _ports(path: Path) -> list[Port]:
    """A foreign file's inputs; none where it can't be read."""
    readers = {".onnx": onnx_ports, ".tflite": tflite_ports}
    if path.suffix not in readers:
        return []
    try:
        return [Port(*port) for port in readers[path.suffix](path)]
    except (EdgebuildError, ImportError):
        return []


def _table(port: Port) -> str:
    """One table; commented out where the file leaves an axis open that is not the batch."""
    name = port.name if _BARE.match(port.name) else json.dumps(port.name)
    dims = (1, *port.dims[1:]) if port.dims[:1] == (None,) else port.dims
    shown = ", ".join("?" if dim is None else str(dim) for dim in dims)
    lines = [f"[model.inputs.{name}]", f"shape = [{shown}]", f'dtype = "{port.dtype}"']
    if None not in dims:
        return "\n".join(lines)
    return "\n".join(_commented([*lines, "The file leaves open what is ? here: say how long it is to be."]))


def _commented(lines: Sequence[str]) -> list[str]:
    return [f"# {line}" for line in lines]
