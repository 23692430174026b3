"""Weights from files, without unpickling anything but tensors."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.errors import ConfigError
from edgebuild.models.blame import quiet, short_text
from edgebuild.store.files import read_bytes

if TYPE_CHECKING:
    import torch

_SAFETENSORS_FIX = "save it with safetensors.torch.save_file, or load it yourself in the entry point if you trust it"


def looks_pickled(data: bytes) -> bool:
    """Whether bytes are a pickle, or a torch checkpoint that holds one."""
    is_pickle = data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    return is_pickle or (data[:4] == b"PK\x03\x04" and b"data.pkl" in data[:4096])


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a weights file, by name.

    ``.safetensors`` files and torch checkpoints are read, the latter with ``weights_only=True``; a checkpoint's
    ``state_dict`` is taken out if it holds one. Read through Python, so edgebuild sees when the file changes.

    Raises:
        ConfigError: the file is missing, damaged, or holds more than tensors.
    """
    file = Path(path)
    data = read_bytes(file)
    return _safetensors(data, file.name) if file.suffix == ".safetensors" else _checkpoint(data, file.name)


def _safetensors(data: bytes, name: str) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    if looks_pickled(data):
        raise ConfigError(
            name, "is a pickle, not a safetensors file", expected="a file written by safetensors", fix=_SAFETENSORS_FIX
        )
    try:
        return dict(load(data))
    except (SafetensorError, ValueError, KeyError) as error:
        raise ConfigError(name, f"not a readable safetensors file ({error})", fix="copy or convert it again") from error


def _checkpoint(data: bytes, name: str) -> dict[str, torch.Tensor]:
    import torch

    try:
        with quiet("torch"):
            loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        raise ConfigError(
            name,
            f"is a pickle of more than tensors, or damaged, and is not loaded ({short_text(error)[:160]})",
            expected="a safetensors file, or a checkpoint that torch.load(weights_only=True) reads",
            fix=_SAFETENSORS_FIX,
        ) from error
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping):
        raise ConfigError(name, f"holds {type(loaded).__name__}", expected="tensors by name", fix=_SAFETENSORS_FIX)
    return {str(key): value for key, value in loaded.items() if isinstance(value, torch.Tensor)}
