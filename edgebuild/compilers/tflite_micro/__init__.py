"""Microcontrollers through TensorFlow Lite Micro: a model as C source, the memory it takes, and what it computes there.

Nothing is compiled for the chip here: the model is what tflite-micro interprets, and the application is linked with
it. What is made is what such an application includes: the model as an array, and the list of the operators it needs, so
that no others are linked. tflite-micro's own interpreter, on this machine, says whether it has the kernels, how large
the tensor arena is, and what comes out.

Its package needs a Python of its own (3.10, 3.12 or 3.13): ``EDGEBUILD_TFLITE_MICRO_PYTHON`` names one.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edgebuild.backends.base import Files
from edgebuild.backends.litert.graph import first, operators, read_one_graph
from edgebuild.compilers.base import Compiled
from edgebuild.compilers.contained import run_contained
from edgebuild.compilers.tflite_micro.code_size import code_size
from edgebuild.core.array import Tensors, np
from edgebuild.core.artifact import Placed, Placement
from edgebuild.core.errors import BuildError
from edgebuild.store.arrays import save_arrays

TITLE = "tflite-micro"
DISTRIBUTIONS = ()
RUNTIMES = ("litert",)
OPTIONS = ()
TAKES_CONFIG = False
VARIABLE = "EDGEBUILD_TFLITE_MICRO_PYTHON"
_STAGE = "try with tflite-micro"
_PROGRAM = Path(__file__).with_name("program.py")
_MODEL = "model.tflite"
_ASK_S = 60.0
_IRREGULAR = {
    "BATCH_MATMUL": "AddBatchMatMul", "CUMSUM": "AddCumSum", "PADV2": "AddPadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM", "ethos-u": "AddEthosU",
    "TFLite_Detection_PostProcess": "AddDetectionPostprocess",
}  # fmt: skip
"""Methods of ``tflite::MicroMutableOpResolver`` that are not an operator's words, each with a capital.

The last two are custom operators that it has; others have to be registered by hand, with the application's own code.
"""


def version() -> str:
    """The version of tflite-micro in the Python that is named; "" where there is none."""
    return _version(os.environ.get(VARIABLE, sys.executable))


@functools.cache
def _version(python: str) -> str:
    ask = "import importlib.metadata as m; print(m.version('tflite-micro'))"
    try:
        done = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, timeout=_ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def compile(files: Files, options: Mapping[str, str]) -> Compiled:  # noqa: A001, ARG001 - the seam's words
    """The C source of a model, and the arena that tflite-micro allocates for it.

    Raises:
        BuildError: tflite-micro is not installed, has no kernel for an operator, crashed or took too long.
    """
    told = json.loads(_run(files, "arena", {}, "told.json"))
    read_one_graph(files, TITLE)
    found = operators(files)
    placement = Placement(
        by=f"{TITLE} {version()}", ops=tuple(Placed(op=op.name, unit="mcu") for op in found), partitions=1
    )
    kinds = [op.kind for op in found]
    made = {"model.cc": _array(first(files)), "operators.h": _resolver(kinds)}
    code = code_size(kinds)
    estimates = {"arena": float(told["arena"]), "flash": float(len(first(files)))}
    return Compiled(made, placement, estimates if code is None else {**estimates, "code_size": float(code)})


def simulate(files: Files, options: Mapping[str, str], inputs: Tensors) -> list[np.ndarray]:  # noqa: ARG001
    """What tflite-micro's interpreter gives for some samples, (N, …) each; outputs in the model's order.

    Args:
        files: what ``compile`` made; the array in it is read back.

    Raises:
        BuildError: as ``compile``.
    """
    model = {_MODEL: _read_back(files["model.cc"])}
    stored = _run(model, "run", inputs, "outputs.npz")
    with tempfile.TemporaryFile() as file:
        file.write(stored)
        file.seek(0)
        with np.load(file, allow_pickle=False) as made:
            return [made[str(number)] for number in range(len(made.files))]


SIMULATE = simulate


def _run(files: Files, mode: str, inputs: Tensors, wanted: str) -> bytes:
    """Run the program in the other Python, and take a file that it wrote."""
    if not version():
        fix = f"set {VARIABLE} to a Python 3.10, 3.12 or 3.13 that has it; scripts/tflite_micro_env makes one"
        named = os.environ.get(VARIABLE)
        where = f" in {named}, which {VARIABLE} names" if named else ""
        raise BuildError(_STAGE, f"tflite-micro is not installed{where}", fix=fix)
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as place:
        folder = Path(place)
        (folder / _MODEL).write_bytes(first(files))
        if inputs:
            save_arrays(folder / "inputs.npz", inputs)
        python = os.environ.get(VARIABLE, sys.executable)
        printed = run_contained(_STAGE, [python, "-I", str(_PROGRAM), mode, *inputs], folder)
        if not (folder / wanted).is_file():
            raise BuildError(_STAGE, f"wrote no {wanted}\n{printed[-500:]}")
        return (folder / wanted).read_bytes()


def _array(data: bytes) -> bytes:
    """The model as C++ source: aligned as tflite-micro wants it."""
    rows = (", ".join(f"0x{byte:02x}" for byte in data[at : at + 16]) for at in range(0, len(data), 16))
    body = ",\n    ".join(rows)
    head = "// A TensorFlow Lite model, made by edgebuild.\n#include <cstddef>\n\n"
    return (
        f"{head}alignas(16) extern const unsigned char model_data[] = {{\n    {body}}};\n"
        f"extern const std::size_t model_size = {len(data)};\n"
    ).encode()


def _read_back(source: bytes) -> bytes:
    text = source.decode()
    return bytes(int(word, 16) for word in text[text.index("{") + 1 : text.index("}")].split(",") if word.strip())


def _resolver(kinds: Sequence[str]) -> bytes:
    """A function that gives an op resolver the operators that the model needs, and no others."""
    wanted = sorted(set(kinds))
    calls = "".join(f"  if (resolver.{_method(kind)}() != kTfLiteOk) return kTfLiteError;\n" for kind in wanted)
    return (
        "// The operators that the model needs, made by edgebuild.\n#pragma once\n"
        '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"\n\n'
        f"using ModelOpResolver = tflite::MicroMutableOpResolver<{len(wanted)}>;\n\n"
        f"inline TfLiteStatus AddModelOps(ModelOpResolver& resolver) {{\n{calls}  return kTfLiteOk;\n}}\n"
    ).encode()


def _method(kind: str) -> str:
    """The resolver's method for an operator, such as AddConv2D for CONV_2D."""
    return _IRREGULAR.get(kind) or "Add" + "".join(_words(kind))


def _words(kind: str) -> Iterator[str]:
    for word in kind.split("_"):
        yield word if word[0].isdigit() else word.capitalize()
