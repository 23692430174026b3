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
from runner.faults import Fault, is_full, kind_of
from runner.modes import MODES

SCHEMA = 1
FULL = 28
"""The exit code when the disk is full, so that nothing can be answered: the number of ENOSPC."""

_LONGEST = 9000


def main(argv: list[str]) -> int:
    """Answer ``argv[0]`` in ``argv[1]``: 0 if a response was written, whatever it says; 2 for a wrong call.

    This process ends here: runtimes' own threads and destructors have crashed at exit, when the answer was on the disk.
    """
    if len(argv) != 2:
        sys.stderr.write("usage: python runner.pyz REQUEST.json RESPONSE.json\n")
        return 2
    code = 0
    try:
        _write(Path(argv[1]), answer(Path(argv[0])))
    except OSError as error:
        if not is_full(error):
            raise
        sys.stderr.write(f"{error}\n")
        code = FULL
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _write(place: Path, response: dict[str, Any]) -> None:
    scratch = place.with_name(place.name + ".tmp")
    try:
        scratch.write_text(json.dumps(response), encoding="utf-8")
        os.replace(str(scratch), str(place))  # noqa: PTH105 (atomic on every Python there is)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise


def answer(path: Path) -> dict[str, Any]:
    """The response to one request, as plain JSON values. Raises OSError only if the disk is full."""
    head = {"schema": SCHEMA, "python": platform.python_version(), "machine": platform.machine()[:100]}
    before = read_environment()
    try:
        request = _request(path)
        body = {"ok": True, **MODES[request["mode"]](request, path.parent)}
    except Fault as fault:
        body = _failed(fault.kind, str(fault))
    except Exception as error:
        if is_full(error):
            raise
        body = _failed(kind_of(error, "inference_failed"), f"{type(error).__name__}: {error}")
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
