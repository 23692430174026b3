"""``build --fit`` on a Ray cluster: a real one, of this machine alone."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fit_project import make_fit_project
from tiny_project import edit
from waiting import eventually

from edgebuild.cli.main import main

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='needs pip install "edgebuild[ray]"'),
]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cluster of two processors, which is gone afterwards."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    head = ["start", "--head", "--block", f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen([*ray, *head], env=environment, stdout=subprocess.DEVNULL) as started:
        try:
            address = f"127.0.0.1:{port}"
            asked = [*ray, "status", "--address", address]
            eventually(lambda: not subprocess.run(asked, capture_output=True, check=False).returncode, "Ray is up", 120)
            monkeypatch.setenv("RAY_ADDRESS", address)
            yield
        finally:
            import ray as library

            library.shutdown()
            started.terminate()


@pytest.mark.usefixtures("cluster")
def test_builds_on_a_cluster_are_found_in_the_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    root = make_fit_project(tmp_path / "project")
    edit(root / "edgebuild.toml", "host-onnxruntime", "raspberry-pi-5")
    edit(root / "profiles" / "small.toml", "trials = 12", 'trials = 3\nat_once = 2\nbuilders = "ray"')
    assert main(["build", str(root), "--fit", "--json"]) in (0, 1)
    captured = capsys.readouterr()
    keeps = [trial["setting"]["keep"] for trial in json.loads(captured.out)["result"]["fit"]["trials"]]
    assert all(f"keep-{keep}-float: built on the cluster" in captured.err for keep in keeps[1:])
    assert "compress: model" not in captured.err.splitlines()


def test_a_cluster_that_is_gone_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free.getsockname()[1]}")
    root = make_fit_project(tmp_path / "project")
    edit(root / "edgebuild.toml", "host-onnxruntime", "raspberry-pi-5")
    edit(root / "profiles" / "small.toml", "trials = 12", 'trials = 3\nat_once = 2\nbuilders = "ray"')
    assert main(["build", str(root), "--fit"]) == 2
    assert "no cluster answers: [Errno 111] Connection refused" in capsys.readouterr().err
