"""How much code an application has of tflite-micro's for some operators: from what was measured of its x86-64 build.

kernels.json, which scripts/kernel_sizes writes, has the functions that each operator's registration leads to; those
that several operators share count once. A chip's compiler makes other code of the same functions, and an application
may have other kernels, such as CMSIS-NN's.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

_MEASURED = Path(__file__).with_name("kernels.json")
_NAMES = {"ethos-u": "ETHOSU", "TFLite_Detection_PostProcess": "DETECTION_POSTPROCESS"}
"""Registrations that are not called as their operator is."""


def code_size(kinds: Collection[str]) -> int | None:
    """Bytes of the interpreter and of the kernels of some kinds of operators; None if one was not measured."""
    measured = json.loads(_MEASURED.read_text(encoding="utf-8"))
    operators, names = measured["operators"], {_NAMES.get(kind, kind) for kind in kinds}
    if not names <= operators.keys():
        return None
    functions = {place for name in names for place in operators[name]}
    return int(measured["interpreter"] + sum(measured["functions"][place] for place in functions))
