"""A project whose profile prunes by measured latency: what is recorded, what is kept, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from three_convolutions import three_convolutions
from tiny_project import edit, make_project

from edgebuild.cli.main import main
from edgebuild.core.compression import Compression
from edgebuild.fitting import pricing
from edgebuild.pipeline.project import BuildReport, build_project
from edgebuild.store.cache import Cache
from edgebuild.store.lock import load_lock

pytestmark = pytest.mark.slow

PROBES = 5
FEW = 3
"""Where what they say is not looked at, only that they were asked."""
PRUNING = '[pruning]\nkeep = 0.7\ncost = "latency"\nround_to = 16\n\n'


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("edgebuild.search.latency.PROBES", PROBES)
    place = make_project(tmp_path / "project")
    (place / "model.py").write_text(three_convolutions(96), encoding="utf-8")
    edit(place / "edgebuild.toml", '"board"', '"host-onnxruntime"')
    edit(place / "profiles" / "tiny.toml", "[quantization]", PRUNING + "[quantization]")
    edit(place / "profiles" / "tiny.toml", "min_samples = 5", "min_samples = 40")
    return place


def build(root: Path, cache: Path) -> BuildReport:
    return build_project(root, cache=Cache(cache), pricing=pricing)


def compression_of(report: BuildReport) -> Compression:
    (built,) = report.built
    assert built.error is None
    assert built.bundle is not None
    assert built.bundle.manifest.compression is not None
    return built.bundle.manifest.compression


def measured(report: BuildReport) -> list[str]:
    return [step.subject for step in report.steps if step.stage == "measure latency" and not step.cached]


def test_widths_come_from_what_was_measured_and_it_is_measured_once(root: Path, tmp_path: Path) -> None:
    report = build(root, tmp_path / "cache")
    found = compression_of(report)
    (table,) = found.tables
    assert (table.target, table.runtime, table.precision) == ("host-onnxruntime", "onnxruntime", "int8")
    assert len(table.probes) == PROBES
    assert {group for probe in table.probes for group in probe.widths} == {"first", "second", "third"}
    (step,) = found.steps
    (check,) = step.latencies
    assert check.target == "host-onnxruntime"
    assert 0 < check.predicted < 1
    assert any(group.after < group.before for group in found.groups)
    assert all(group.after % 16 == 0 for group in found.groups)
    # One or two choices are measured too, if they are none of the probes.
    assert len(table.probes) <= len(measured(report)) <= len(table.probes) + 2

    again = build(root, tmp_path / "cache")
    assert [step for step in again.steps if not step.cached] == []
    assert compression_of(again) == found

    locked = load_lock(root).latencies["host-onnxruntime"]
    assert len(locked) == len(measured(report))
    elsewhere = build(root, tmp_path / "other")
    assert measured(elsewhere) == []
    assert compression_of(elsewhere) == found

    edit(root / "profiles" / "tiny.toml", "keep = 0.7", "keep = 0.8")  # only the new widths are measured
    wider = build(root, tmp_path / "cache")
    assert len(measured(wider)) <= 2  # none, if what is chosen is one that was measured
    assert compression_of(wider).tables == found.tables


def test_without_calibration_data_float_is_measured(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgebuild.search.latency.PROBES", FEW)
    text = (root / "edgebuild.toml").read_text(encoding="utf-8")
    start, end = text.index("[data.calibration]"), text.index("[data.selection]")
    (root / "edgebuild.toml").write_text(text[:start] + text[end:], encoding="utf-8")
    (table,) = compression_of(build(root, tmp_path / "cache")).tables
    assert table.precision == "float32"


def test_a_share_that_cannot_be_reached_is_said(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("edgebuild.search.latency.PROBES", FEW)
    edit(root / "profiles" / "tiny.toml", "keep = 0.7", "keep = 0.0001")
    assert main(["build", str(root), "--json"]) == 3
    said = json.loads(capsys.readouterr().out)["error"]["message"]
    assert "of the dense model's latency" in said


def test_a_device_that_is_not_at_hand_is_said(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    edit(root / "edgebuild.toml", '"host-onnxruntime"', '"host-onnxruntime", "board"')
    assert main(["build", str(root), "--json"]) == 2
    said = json.loads(capsys.readouterr().out)["error"]["message"]
    assert "the device of board is not at hand" in said
    assert 'cost = "macs"' in said


def test_other_costs_do_without_the_search() -> None:
    code = (
        "import sys; import edgebuild.fitting, edgebuild.pipeline.project, edgebuild.compress.compression; "
        "print([name for name in sys.modules if name.startswith('edgebuild.search')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
