"""Where the example's weights and samples lie: below the folder that EDGEBUILD_DATA names."""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor


def data_folder() -> Path:
    """The folder that EDGEBUILD_DATA names.

    Raises:
        RuntimeError: if the variable is not set.
    """
    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds mlperf_tiny/ (see README.md)")
    return Path(folder)


def load_weights(name: str) -> dict[str, Tensor]:
    """The tensors of ``mlperf_tiny/models/NAME.safetensors``.

    The file is read by Python itself, so that edgebuild sees that the model depends on it.
    """
    from safetensors.torch import load

    return load((data_folder() / "mlperf_tiny" / "models" / f"{name}.safetensors").read_bytes())
