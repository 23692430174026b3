"""Every command there is, failing inside for no foreseen reason: exit code 70, never a verdict."""

from __future__ import annotations

import json
import shlex

import pytest
from corpus_place import Place, contents

from edgebuild.cli.app import command_names
from edgebuild.cli.main import main

LINES = {
    "bench": ["bench {bundle}"],
    "build": ["build {project} -o {out}"],
    "cache": ["cache stats", "cache gc"],
    "check": ["check {project}"],
    "compare": ["compare {bundle} {bundle}"],
    "devices": [
        "devices list",
        "devices add board --ssh pi@board",
        "devices add board --virtual cortex-a76",
        "devices setup board",
        "devices probe board",
        "devices up board",
        "devices down board",
        "devices remove board",
    ],
    "doctor": ["doctor {project}"],
    "eval": ["eval {bundle} --project {project}"],
    "gate": ["gate {bundle} --budget 'latency_p50=1 s'"],
    "history": ["history", "history digits", "history --export {out}", "history --import {root}/x.jsonl"],
    "init": ["init {out} --model model.py:make"],
    "inspect": ["inspect {bundle}"],
    "profiles": ["profiles list", "profiles show default"],
    "release": ["release {project} -o {out}"],
    "report": ["report {bundle} --html {root}/page.html"],
    "run": ["run {bundle} --input {root}/x.npz"],
    "sign": ["sign {bundle}"],
    "targets": ["targets list", "targets show raspberry-pi-5", "targets check"],
    "verify": ["verify {bundle}"],
}
"""Arguments with which each command, and each of its sub-commands, would do something."""


def test_every_command_is_here() -> None:
    assert sorted(LINES) == command_names()


@pytest.mark.parametrize("line", [line for lines in LINES.values() for line in lines])
def test_an_internal_error_is_70(line: str, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    name = line.partition(" ")[0]
    place.patch.setenv("EDGEBUILD_INJECT_FAULT", name)
    filled = line.format(bundle=place.bundle, project=place.project, out=place.out, root=place.root)
    before = contents(place.root)
    capfd.readouterr()
    assert main([*shlex.split(filled), "--json"]) == 70
    out, err = capfd.readouterr()
    document = json.loads(out)
    assert (document["exit_code"], document["error"]["kind"]) == (70, "InternalError")
    assert f"internal error: RuntimeError: injected fault in {name}" in err
    assert "EDGEBUILD_DEBUG=1" in err
    assert "Traceback" not in err
    assert contents(place.root) == before
