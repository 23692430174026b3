"""A project whose profile prunes by counted instructions, on a board that this machine plays: its counts are given."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import pytest
from counted_project import PRUNING, make_counted
from tiny_project import edit

from edgebuild.bench.bench import Bench
from edgebuild.bench.given import Files, Given
from edgebuild.cli.main import main
from edgebuild.core.compression import Compression, LatencyCheck, LatencyTable
from edgebuild.core.device import DeviceEntry, Virtual
from edgebuild.core.lock import LockedLatency
from edgebuild.core.measurement import Run
from edgebuild.core.metric import Mode
from edgebuild.core.target import RuntimeOptions, Target
from edgebuild.devices.base import Device
from edgebuild.devices.transports.local import open_local
from edgebuild.fitting import pricing
from edgebuild.pipeline.project import BuildReport, build_project
from edgebuild.report.build import latency_text
from edgebuild.search import gauges
from edgebuild.store.cache import Cache
from edgebuild.store.catalog import find_target
from edgebuild.store.devices import save_device
from edgebuild.store.lock import load_lock

pytestmark = pytest.mark.slow

EMPTY = 1000
PROBES = 6
Opened = list[tuple[str, str | None, bool]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(tmp_path / "devices"))
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    return make_counted(tmp_path / "project")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """What was opened: no board is booted, and an inference takes as many instructions as its model has numbers."""
    found: Opened = []

    def open_device(target: Target, device: str | None, say: Callable[[str], None], *, exact: bool = False) -> Device:
        found.append((target.name, device, exact))
        versions = {"clock": "instructions"}
        return dataclasses.replace(open_local(), identity=VIRTUAL.identity, versions=versions)

    def count(bench: Bench, runtime: str, files: Files, inputs: Given | None, options: RuntimeOptions) -> Run:
        size = numbers(next(iter(files.values())))
        return Run(mode=Mode.EXACT, samples_ns=(EMPTY + size,) * 20, empty_ns=(EMPTY,) * 20)

    monkeypatch.setattr(gauges, "open_device", open_device)
    monkeypatch.setattr(gauges, "exact_run", count)
    monkeypatch.setattr(gauges, "stands_on", lambda entry, exact: {"cpu": entry.virtual.cpu})
    monkeypatch.setattr("edgebuild.search.latency.PROBES", PROBES)
    return found


VIRTUAL = Virtual(cpu="cortex-a76")


def numbers(model: bytes) -> int:
    """How many numbers a model's weights are."""
    found = onnx.load_from_string(model).graph.initializer
    return sum(len(onnx.numpy_helper.to_array(each).ravel()) for each in found)


def board(name: str = "bench", cpu: str = "cortex-a76", target: str | None = "board") -> None:
    save_device(DeviceEntry(name=name, target=target, transport="ssh", virtual=Virtual(cpu=cpu)))


def build(root: Path, device: str | None, cache: str = "cache") -> BuildReport:
    return build_project(root, cache=Cache(root.parent / cache), pricing=partial(pricing, device=device))


def compression_of(report: BuildReport) -> Compression:
    (built,) = report.built
    assert built.error is None
    assert built.bundle is not None
    assert built.bundle.manifest.compression is not None
    return built.bundle.manifest.compression


def counted(report: BuildReport) -> int:
    return sum(step.stage == "count instructions" and not step.cached for step in report.steps)


def test_widths_come_from_what_a_board_counts_and_the_bundle_says_so(root: Path, opened: Opened) -> None:
    board()
    report = build(root, "bench")
    assert opened == [("board", "bench", True)], "one boot for all counts"
    found = compression_of(report)
    (table,) = found.tables
    assert (table.cost, table.device, table.runtime, table.precision) == (
        "instructions", "virtual/cortex-a76/512MiB", "onnxruntime", "int8",
    )  # fmt: skip
    assert found.measured == "instructions"
    (check,) = found.steps[0].latencies
    assert check.measured == pytest.approx(0.6, rel=0.1)
    assert check.predicted == pytest.approx(check.measured, rel=0.03)
    said = latency_text(check, found.tables)
    assert said.startswith("instructions on board (virtual/cortex-a76/512MiB) in int8: ")
    assert "predicted" in said

    again = build(root, "bench")
    assert [step for step in again.steps if not step.cached] == []
    assert len(opened) == 1, "a build that has all boots nothing"

    locked = load_lock(root).latencies["board"]
    assert {each.device for each in locked.values()} == {VIRTUAL.identity}
    save_device(DeviceEntry(name="real", target="board", transport="ssh", address="somewhere"))
    elsewhere = build(root, "real", "other")
    assert compression_of(elsewhere) == found, "the lock does without a board"
    assert (counted(elsewhere), len(opened)) == (0, 1)


@pytest.mark.long
def test_another_board_counts_anew(root: Path, opened: Opened) -> None:
    board()
    board("older", "cortex-a72")
    first = counted(build(root, "bench"))
    assert first >= PROBES
    edit(root / "profiles" / "tiny.toml", "keep = 0.6", "keep = 0.7")  # only the new widths are counted
    assert counted(build(root, "bench")) <= 2
    assert counted(build(root, "older")) >= PROBES
    assert [device for _, device, _ in opened][-1] == "older"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "no device was given"),
        (("--device", "local"), "local can't count them"),
        (("--device", "real"), "real can't count them"),
    ],
)
def test_without_a_board_it_is_said_how_to_make_one(
    root: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], words: str
) -> None:
    save_device(DeviceEntry(name="real", target="board", transport="ssh", address="somewhere"))
    assert main(["build", str(root), "--json", *given]) == 5
    said = json.loads(capsys.readouterr().out)["error"]["message"]
    assert words in said
    assert "devices add board --virtual auto -t board" in said
    assert not (root / "edgebuild.lock").exists()


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("nowhere", "there is no device 'nowhere'"),
        ("phone", "is pixel-8, not board"),
    ],
)
def test_a_device_that_cannot_count_for_the_target_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str], device: str, words: str
) -> None:
    board("phone", target="pixel-8")
    assert main(["build", str(root), "--json", "--device", device]) == 2
    assert words in json.loads(capsys.readouterr().out)["error"]["message"]


def test_this_machine_is_timed_and_not_counted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(root / "edgebuild.toml", '"board"', '"host-onnxruntime", "board"')
    assert main(["build", str(root), "--json"]) == 2
    said = json.loads(capsys.readouterr().out)["error"]["message"]
    assert "is instructions, and host-onnxruntime is this machine" in said
    assert 'cost = "latency"' in said


def test_a_device_for_a_build_that_counts_nothing_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(root / "profiles" / "tiny.toml", PRUNING, "")
    assert main(["build", str(root), "--json", "--device", "bench"]) == 2
    assert "nothing of this build is measured there" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_model_is_counted_once_and_one_that_takes_nothing_has_no_share(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(tmp_path))
    board(target="raspberry-pi-5")
    given, asked = {b"a": 900, b"b": 450, b"nothing": 0}, []

    def count(bench: Bench, runtime: str, files: Files, inputs: object, options: object) -> Run:
        asked.append(files["model"])
        return Run(mode=Mode.EXACT, samples_ns=(given[files["model"]] + EMPTY,) * 20, empty_ns=(EMPTY,) * 20)

    monkeypatch.setattr(gauges, "exact_run", count)
    target = find_target("raspberry-pi-5", tmp_path)
    meter = gauges.Counting("bench")
    with meter.open(None, 0, print) as gauge:  # type: ignore[arg-type]
        assert gauge.relative(target, ({"model": b"a"}, None), ({"model": b"b"}, None)).relative == 0.5
        assert gauge.relative(target, ({"model": b"a"}, None), ({"model": b"a"}, None)).relative == 1.0
        assert asked == [b"a", b"b"]
        with pytest.raises(gauges.BuildError, match="no more instructions than an empty one"):
            gauge.relative(target, ({"model": b"nothing"}, None), ({"model": b"a"}, None))
    assert meter.takes(LockedLatency(device=VIRTUAL.identity, relative=0.5))
    assert not meter.takes(LockedLatency(device="virtual/cortex-a72/512MiB", relative=0.5))


def test_what_was_measured_before_costs_were_told_apart_is_latency() -> None:
    old = {
        "target": "host-onnxruntime", "device": "x", "runtime": "onnxruntime", "precision": "int8",
        "multiples": (8, 1), "coefficients": {"constant": 1.0}, "probes": (), "error": 0.0,
    }  # fmt: skip
    table = LatencyTable.model_validate(old)
    assert table.cost == "latency"
    check = LatencyCheck(target="host-onnxruntime", predicted=0.5, measured=0.5)
    assert latency_text(check, [table]).startswith("latency on host-onnxruntime in int8: 50.0 %")
