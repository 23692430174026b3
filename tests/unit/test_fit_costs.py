"""What a search makes less for a budget, and what an old lock's choices come to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebuild.core.compression import CostName
from edgebuild.core.fit import Setting
from edgebuild.core.lock import Lock
from edgebuild.core.project import Project
from edgebuild.core.target import Target
from edgebuild.search.binding import costs_of, hardest
from edgebuild.store.catalog import find_target
from edgebuild.store.lock import load_lock, save_lock

HOST, BOARD = "host-onnxruntime", "raspberry-pi-5"


def project(**budgets: str) -> Project:
    model, build = {"source": "model.onnx", "step_seconds": 1.0}, {"targets": ["t"]}
    return Project.model_validate({"name": "p", "model": model, "build": build, "budgets": budgets})


def targets(*names: str) -> list[Target]:
    return [find_target(name, Path()) for name in names]


@pytest.mark.parametrize(
    ("budgets", "names", "cost"),
    [
        ({"latency_p90": "5 ms"}, [HOST], "latency"),
        ({"latency_p90": "5 ms"}, [HOST, BOARD], "macs"),
        ({"real_time_factor": "0.5"}, [BOARD], "macs"),
        ({"instructions": "9 M"}, [BOARD], "instructions"),
        ({"instructions": "9 M"}, [HOST], "latency"),
        ({"model_size": "9 KiB"}, [HOST], "parameters"),
        ({"peak_memory": "9 MiB"}, [BOARD], "parameters"),
        ({"latency_estimate": "5 ms"}, ["ethos-u55-128"], "macs"),
        ({"arena": "9 KiB"}, ["ethos-u55-128"], "macs"),
        ({"flash": "9 KiB"}, ["ethos-u55-128"], "parameters"),
    ],
)
def test_every_budget_has_a_cost(budgets: dict[str, str], names: list[str], cost: CostName) -> None:
    (metric,) = budgets
    assert costs_of(project(**budgets), targets(*names)) == {metric: cost}
    assert costs_of(project(accuracy_drop="1 pt"), targets(*names)) == {}


def test_of_several_the_hardest_is_made_less() -> None:
    assert hardest(["parameters", "latency"]) == "latency"
    assert hardest(["macs", "instructions", "latency"]) == "instructions"
    assert hardest(["parameters"]) == "parameters"
    assert hardest([]) is None


def test_a_lock_says_of_a_choice_what_is_not_plain(tmp_path: Path) -> None:
    """So an older edgebuild, which refuses what it does not know, reads choices that it could have made."""
    plain, pruned = Setting(keep=0.5, int8=False), Setting(keep=0.5, cost="parameters", recover=False)
    save_lock(tmp_path, Lock(fits={"a" * 64: plain, "b" * 64: pruned}))
    written = json.loads((tmp_path / "edgebuild.lock").read_text(encoding="utf-8"))["fits"]
    assert written == {
        "a" * 64: {"keep": 0.5, "int8": False},
        "b" * 64: {"keep": 0.5, "cost": "parameters", "recover": False},
    }
    assert load_lock(tmp_path).fits == {"a" * 64: plain, "b" * 64: pruned}
