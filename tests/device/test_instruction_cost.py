"""Pruning by instructions, priced on a board that counts them for real."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from counted_project import make_counted

from edgebuild.core.device import DeviceEntry
from edgebuild.devices.board.up import bring_up
from edgebuild.fitting import pricing
from edgebuild.pipeline.project import build_project
from edgebuild.provisioning import set_up
from edgebuild.store.cache import Cache
from edgebuild.store.devices import find_device

pytestmark = [pytest.mark.device, pytest.mark.long]
PROBES = 2


def test_a_tiny_model_is_priced_by_what_the_board_executes(
    add: Callable[..., DeviceEntry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgebuild.search.latency.PROBES", PROBES)
    add("pi", memory_mib=512)
    set_up("pi", ["onnxruntime"])
    bring_up(find_device("pi"), exact=True)
    root = make_counted(tmp_path / "project")
    (built,) = build_project(root, cache=Cache(tmp_path / "built"), pricing=partial(pricing, device="pi")).built
    assert built.error is None
    assert built.bundle is not None
    assert built.bundle.manifest.compression is not None
    (table,) = built.bundle.manifest.compression.tables
    assert (table.cost, table.device, len(table.probes)) == ("instructions", "virtual/cortex-a76/512MiB", PROBES)
    wider, narrower = table.probes
    assert sum(narrower.widths.values()) < sum(wider.widths.values())
    assert narrower.measured < wider.measured < 1
    (check,) = built.bundle.manifest.compression.steps[0].latencies
    assert check.measured < wider.measured
