"""From a request file to a response file; whatever goes wrong on the way is an answer too."""

# mypy: disable-error-code="import-not-found, no-any-return"
from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from runner.environment import read_environment
from runner.faults import Fault
from runner.modes import MODES

SCHEMA = 1
_LONGEST = 9000


def main(argv: list[str]) -> int:
    """Answer ``argv[0]`` in ``argv[1]``: 0 if a response was written, whatever it says; 2 for a wrong call."""
    if len(argv) != 2:
        sys.stderr.write("usage: python runner.pyz REQUEST.json RESPONSE.json\n")
        return 2
    response = answer(Path(argv[0]))
    scratch = Path(argv[1] + ".tmp")
    scratch.write_text(json.dumps(response), encoding="utf-8")
    os.replace(str(scratch), argv[1])  # noqa: PTH105 (atomic on every Python there is)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # runtimes' own threads and destructors have crashed at exit; the answer is on the disk


def answer(path: Path) -> dict[str, Any]:
    """The response to one request, as plain JSON values."""
    head = {"schema": SCHEMA, "python": platform.python_version(), "machine": platform.machine()[:100]}
    before = read_environment()
    try:
        request = _request(path)
        body = {"ok": True, **MODES[request["mode"]](request, path.parent)}
    except Fault as fault:
        body = _failed(fault.kind, str(fault))
    except MemoryError as error:
        body = _failed("out_of_memory", str(error) or "out of memory")
    except Exception as error:  # noqa: BLE001 (a device's runner answers, whatever happens)
        body = _failed("inference_failed", f"{type(error).__name__}: {error}")
    return {**head, **body, "before": before, "after": read_environment()}


def _failed(kind: str, message: str) -> dict[str, Any]:
    return {"ok": False, "failure": {"kind": kind, "message": message[:_LONGEST]}}


def _request(path: Path) -> dict[str, Any]:
    try:
        request = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Fault("bad_request", f"{path.name}: {error}") from error
    if request.get("schema") != SCHEMA:
        raise Fault("bad_request", "schema {!r}; this runner reads {}".format(request.get("schema"), SCHEMA))
    if request.get("mode") not in MODES:
        raise Fault("bad_request", "mode {!r} is not in this version".format(request.get("mode")))
    return request
