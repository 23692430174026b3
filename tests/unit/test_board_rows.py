"""What board_test counts as right, and how it says what was not."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
    import board_rows

    return board_rows


def line(metric: str = "instructions", outcome: str = "PASS", *, decides: bool = True) -> dict[str, object]:
    budget = {"metric": metric, "limit": 1e6}
    return {"budget": budget, "outcome": outcome, "decides": decides, "low": 1000.0, "high": 1001.0}


def target(state: str = "ok", **changed: object) -> dict[str, object]:
    checks = [{"check": "digests", "state": "ok", "why": ""}, {"check": "golden", "state": state, "why": "the reason"}]
    return {
        "checks": checks,
        "verdict": {"lines": [line("latency_p90", "INCONCLUSIVE", decides=False), line()]},
    } | changed


@pytest.mark.parametrize(
    ("code", "each", "right"),
    [
        (0, target(), True),
        (1, target(), False),
        (0, target(state="broken"), False),
        (0, target(state="not checked"), False),
        (0, target(verdict={"lines": [line(outcome="FAIL")]}), False),
        (0, target(verdict={"lines": [line(decides=False)]}), False),
        (0, target(verdict={"lines": [line("latency_p90")]}), False),
        (0, target(verdict=None), False),
        (5, {"checks": [], "verdict": None}, False),
    ],
)
def test_a_release_has_to_pass_with_golden_vectors_and_a_count_that_decides(
    rows: Any, code: int, each: dict[str, object], right: bool
) -> None:
    found, seen = rows.released(rows.Answer(code, {"targets": [each]}))
    assert found is right
    if right:
        assert seen == "exit 0, golden ok: the reason; instructions 1,000 to 1,001, at most 1,000,000"


def test_a_command_that_fails_says_why(rows: Any) -> None:
    document = {"outcomes": [{"message": "the link is cut"}, {"message": ""}], "result": None}
    answer = rows.answer_of(5, document)
    assert answer.result == {}
    assert answer.told == "exit 5 (the link is cut)"
    assert rows.answer_of(0, {"outcomes": [{"message": "PASS"}]}).told == "exit 0"
    for row in (
        rows.released(answer),
        rows.first_setup("cortex-a76", answer),
        rows.probed("cortex-a76", answer, answer),
    ):
        assert row[0] is False
        assert "the link is cut" in row[1]
    assert rows.answer_of(70, {}).told == "exit 70"


def test_the_first_set_up_changes_the_device_and_the_next_ones_do_not(rows: Any) -> None:
    def setup(*, changed: bool, environment: str = "e", code: int = 0) -> Any:
        wheels = [{"name": "numpy", "version": "2"}]
        return rows.Answer(code, {"changed": changed, "environment": environment, "wheels": wheels})

    first = setup(changed=True)
    assert rows.first_setup("cortex-a76", first) == (True, "cortex-a76, exit 0, numpy 2")
    assert rows.first_setup("cortex-a76", setup(changed=False))[0] is False
    quiet = setup(changed=False)
    assert rows.repeated_setup(first, [(quiet, 6.0), (quiet, 4.9)])[0] is True
    assert rows.repeated_setup(first, [(quiet, 6.0), (quiet, 5.1)])[0] is False
    for other in (setup(changed=True), setup(changed=False, environment="f"), setup(changed=False, code=5)):
        assert rows.repeated_setup(first, [(quiet, 1.0), (other, 1.0)])[0] is False


@pytest.mark.parametrize(
    ("cores", "code", "right"),
    [(["1x Cortex-A72"], 0, True), (["1x Cortex-A76"], 0, False), (["1x Cortex-A72"], 2, False), (None, 0, False)],
)
def test_a_probe_names_the_core_and_writes_a_target_that_holds(
    rows: Any, cores: object, code: int, right: bool
) -> None:
    found = rows.Answer(0, {"hardware": {"clusters": cores}, "target": "t"})
    assert rows.probed("cortex-a72", found, rows.Answer(code, {}))[0] is right


@pytest.mark.parametrize(
    ("shares", "right"),
    [
        ({"int8": (99, 100), "float32": (100, 100)}, True),
        ({"int8": (98, 100), "float32": (100, 100)}, False),
        ({"int8": (99, 99)}, False),
        ({}, False),
    ],
)
def test_ninety_nine_of_a_hundred_of_every_variant(rows: Any, shares: dict[str, tuple[int, int]], right: bool) -> None:
    assert rows.scored(0, shares)[0] is right
    assert rows.scored(5, shares)[0] is False


def test_predictions_are_the_largest_scores(rows: Any) -> None:
    mine = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]])
    theirs = np.array([[[0.2, 0.3]], [[0.3, 0.2]], [[0.9, 0.1]]])
    assert rows.same_class(mine, theirs) == (2, 3)


def test_the_table_has_every_row_and_counts_what_is_wrong(rows: Any, capsys: pytest.CaptureFixture[str]) -> None:
    report = rows.Report()
    report.add("b: probe", time.monotonic(), (False, "exit 5"))
    report.add("a: setup", time.monotonic(), (True, "exit 0"))
    assert report.wrong == 1
    first, second = report.table().splitlines()
    assert first.startswith("ok     a: setup  ")
    assert first.endswith("exit 0")
    assert second.startswith("WRONG  b: probe  ")
    assert "WRONG  b: probe  exit 5" in capsys.readouterr().out
