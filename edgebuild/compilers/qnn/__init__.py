"""Qualcomm's Hexagon tensor processor (HTP) through onnxruntime's QNN execution provider (onnxruntime-qnn).

What it writes is an ONNX model again: a run of operators that the HTP takes has become one ``EPContext`` node with
their binary, and what it does not take is left as it was, by its name. The package brings a simulator of the HTP for
x86-64, which runs such a binary: its outputs count, its times say nothing.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edgebuild.backends.base import Files
from edgebuild.backends.onnxruntime.graph import QDQ, first, operators
from edgebuild.compilers.base import Compiled, read_off
from edgebuild.compilers.contained import run_contained
from edgebuild.core.array import Tensors, np
from edgebuild.core.errors import BuildError
from edgebuild.core.origin import RuntimeOp
from edgebuild.store.arrays import save_arrays
from edgebuild.store.installed import installed_version

TITLE = "QNN"
DISTRIBUTIONS = ("onnxruntime-qnn", "onnxruntime")
RUNTIMES = ("onnxruntime",)
OPTIONS = ("htp_arch", "soc_model")
TAKES_CONFIG = False
_STAGE = "compile with QNN"
_PROGRAM = "edgebuild.compilers.qnn.program"
_CONTEXT = "EPContext"
_FILE = "model_htp.onnx"
_REFUSED = re.compile(r"Validation FAILED for \d+ nodes")
_NODE = re.compile(r"Operator type: \S+ Node name: (.*) Node index: \d+")
_REASON = re.compile(r"REASON : (.*)")


def version() -> str:
    """The version of onnxruntime-qnn; "" where it is not installed."""
    return installed_version(DISTRIBUTIONS[0])


def compile(files: Files, options: Mapping[str, str]) -> Compiled:  # noqa: A001 - the seam's word
    """Compile for an HTP; ``htp_arch`` and ``soc_model`` are Qualcomm's numbers.

    Raises:
        BuildError: onnxruntime-qnn is not installed, crashed or took too long.
    """
    _check_installed()
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as place:
        folder = Path(place)
        (folder / "model.onnx").write_bytes(first(files))
        printed = _run(folder, "compile", options)
        compiled = {_FILE: (folder / _FILE).read_bytes()} if (folder / _FILE).is_file() else {}
    # Nodes that quantize and dequantize say in which integers the others compute, and are none themselves.
    source = [op for op in operators(files) if op.kind not in QDQ]
    reasons, by = _reasons(printed), f"{TITLE} {version()}"
    there = operators(compiled or files)
    placement = read_off(source, [*there, *_taken_apart(source, there)], _CONTEXT, reasons, by)
    return Compiled(compiled or files, placement, {})


def _taken_apart(source: Sequence[RuntimeOp], compiled: Sequence[RuntimeOp]) -> list[RuntimeOp]:
    """What the CPU computes under other names: refused functions, such as HardSwish, that onnxruntime has unfolded."""
    names = {op.name for op in compiled}
    written = {name for op in compiled if op.kind != _CONTEXT for name in op.outputs}
    return [op for op in source if op.name not in names and not written.isdisjoint(op.outputs)]


def simulate(files: Files, options: Mapping[str, str], inputs: Tensors) -> list[np.ndarray]:
    """What the simulated HTP gives for some samples, (N, …) each; outputs in the model's order, one array each.

    Raises:
        BuildError: as ``compile``.
    """
    _check_installed()
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as place:
        folder = Path(place)
        (folder / "model.onnx").write_bytes(first(files))
        save_arrays(folder / "inputs.npz", inputs)
        _run(folder, "run", options)
        with np.load(folder / "outputs.npz", allow_pickle=False) as made:
            return [made[str(number)] for number in range(len(made.files))]


SIMULATE = simulate


def _check_installed() -> None:
    if not version():
        raise BuildError(_STAGE, "onnxruntime-qnn is not installed", fix='pip install "edgebuild[qnn]"')


def _run(folder: Path, mode: str, options: Mapping[str, str]) -> str:
    request = {"mode": mode, "out": _FILE, "options": dict(options)}
    return run_contained(_STAGE, [sys.executable, "-I", "-m", _PROGRAM, json.dumps(request)], folder)


def _reasons(printed: str) -> dict[str, str]:
    """What the provider's log says of each node that it refuses, by the node's name."""
    found: dict[str, str] = {}
    lines = iter(printed.splitlines())
    for line in lines:
        if _REFUSED.search(line):
            told = "\n".join(_indented(lines))
            reason = _REASON.search(told)
            for name in _NODE.findall(told):
                found.setdefault(name, reason[1].strip() if reason else "QNN gives no reason")
    return found


def _indented(lines: Iterator[str]) -> Iterator[str]:
    """The indented lines that follow."""
    for line in lines:
        if not line.startswith("\t"):
            return
        yield line.strip()
