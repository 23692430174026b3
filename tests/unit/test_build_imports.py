"""What commands that make nothing import: a heavy library there would cost every user seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "onnx", "onnxruntime", "openvino", "nncf", "litert_torch", "ai_edge_litert", "ai_edge_quantizer")
ASK = """
import sys
from edgebuild.cli.main import main
code = main(sys.argv[2:])
print("FOUND", code, *[name for name in sys.argv[1].split(",") if name in sys.modules])
"""


def imported(names: tuple[str, ...], cache: Path, *arguments: str) -> list[str]:
    """The exit code of a command run in a fresh process, and which of some modules it imported."""
    command = [sys.executable, "-c", ASK, ",".join(names), *arguments]
    environment = {**os.environ, "EDGEBUILD_CACHE": str(cache)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stderr.split("FOUND")[-1].split() if "FOUND" in done.stderr else done.stdout.split("FOUND")[-1].split()


@pytest.mark.parametrize("arguments", [("--help",), ("targets", "list"), ("profiles", "list"), ("build", "--help")])
def test_commands_that_only_tell_import_neither_numpy_nor_torch(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert imported((*HEAVY, "numpy"), tmp_path, *arguments) == ["0"]
