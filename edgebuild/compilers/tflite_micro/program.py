"""Run by another Python, which has tflite-micro and nothing of edgebuild: ``python program.py MODE [INPUT …]``.

Mode "arena" writes told.json: how many bytes the tensor arena takes for model.tflite. Mode "run" runs it on inputs.npz,
one sample at a time, the inputs in the order given, and writes outputs.npz, outputs by their number.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

_TOTAL = re.compile(r"Arena allocation total (\d+) bytes")


def main(mode: str, names: list[str]) -> None:
    """Answer one request in the working directory."""
    from tflite_micro.python.tflite_micro import runtime  # type: ignore[import-not-found]

    interpreter = runtime.Interpreter.from_file("model.tflite")
    if mode == "arena":
        Path("told.json").write_text(json.dumps({"arena": arena(interpreter)}), encoding="utf-8")
    else:
        run(interpreter, names)


def arena(interpreter: Any) -> int:
    """Bytes that the interpreter allocated; it only prints them."""
    saved = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(saved, 2)
        log.seek(0)
        told = log.read().decode(errors="replace")
    found = _TOTAL.search(told)
    if found is None:
        sys.exit(f"tflite-micro did not say what it allocated: {told[:300]}")
    return int(found[1])


def run(interpreter: Any, names: list[str]) -> None:
    """All samples, one after another."""
    import numpy as np

    with np.load("inputs.npz") as stored:
        inputs = [stored[name] for name in names]
    rows = []
    for number in range(len(inputs[0])):
        for slot, array in enumerate(inputs):
            interpreter.set_input(array[number : number + 1], slot)
        interpreter.invoke()
        rows.append(_outputs(interpreter))
    made: dict[str, Any] = {str(slot): np.concatenate([row[slot] for row in rows]) for slot in range(len(rows[0]))}
    np.savez("outputs.npz", **made)


def _outputs(interpreter: Any) -> list[Any]:
    """Copies of all outputs; the interpreter says by an error that there are no more."""
    found: list[Any] = []
    while True:
        try:
            interpreter.get_output_details(len(found))
        except (IndexError, ValueError, RuntimeError):
            return found
        found.append(interpreter.get_output(len(found)).copy())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
