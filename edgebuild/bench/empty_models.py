"""The empty model of each runtime: one float, given back as it came. Made by ``scripts/empty_models``.

What a runtime takes for it is the runtime's own cost of an inference, its dispatch floor.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from edgebuild.core.errors import ConfigError

FOLDER = Path(__file__).with_name("empty")


def runtimes_with_empty() -> tuple[str, ...]:
    """The runtimes there is an empty model for."""
    return tuple(sorted({path.stem for path in FOLDER.iterdir()}))


def empty_model(runtime: str) -> dict[str, bytes]:
    """Its files by name, the one that the runtime opens first.

    Raises:
        ConfigError: there is none for that runtime.
    """
    found = sorted(FOLDER.glob(f"{runtime}.*"), key=lambda path: path.suffix == ".bin")
    if not found:
        raise ConfigError("runtime", f"there is no empty model of {runtime}", expected=", ".join(runtimes_with_empty()))
    return {path.name: path.read_bytes() for path in found}


def empty_chain(runtimes: Sequence[str]) -> dict[str, bytes]:
    """The empty models of some runtimes, one after the other, as the runner takes a chain of parts; errors as above."""
    files: dict[str, bytes] = {}
    parts: list[dict[str, object]] = []
    for number, runtime in enumerate(runtimes):
        own = {f"{number}/{name}": data for name, data in empty_model(runtime).items()}
        tensors = {"inputs": [f"t{number}"], "outputs": [f"t{number + 1}"]}
        parts.append({"name": f"empty{number}", "runtime": runtime, "model": next(iter(own)), **tensors})
        files |= own
    told = {"schema": 1, "inputs": ["t0"], "outputs": [f"t{len(parts)}"], "parts": parts}
    return {"chain.json": json.dumps(told).encode(), **files}
