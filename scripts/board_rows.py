"""What is expected of each thing that ``board_release.py`` tries, and how it is told: pure, but for the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

AGREE = 0.99
"""At least this share of the predictions on the board are those of this machine,"""
SAMPLES = 100
"""of at least so many samples."""
QUICK_S = 5.0
CORES = {"cortex-a76": "Cortex-A76", "cortex-a72": "Cortex-A72"}


@dataclass(frozen=True)
class Answer:
    """What a command of edgebuild's gave: its exit code, its result and the messages of its outcomes."""

    code: int
    result: Mapping[str, Any]
    messages: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The exit code, and if it is not 0, why."""
        return f"exit {self.code}" + (f" ({'; '.join(self.messages)})" if self.code and self.messages else "")


Row = tuple[bool, str]
"""Whether it is as it should be, and what was seen."""


def answer_of(code: int, document: Mapping[str, Any]) -> Answer:
    """From a command's exit code and JSON document; an empty one if it wrote none."""
    outcomes = document.get("outcomes") or []
    return Answer(code, document.get("result") or {}, tuple(m for one in outcomes if (m := one.get("message"))))


def first_setup(cpu: str, first: Answer) -> Row:
    """It has to change the device."""
    wheels = ", ".join(f"{wheel['name']} {wheel['version']}" for wheel in first.result.get("wheels", [])[:6])
    return first.code == 0 and first.result.get("changed") is True, f"{cpu}, {first.told}, {wheels}"


def repeated_setup(first: Answer, again: list[tuple[Answer, float]]) -> Row:
    """It has to change nothing, and at its quickest take less than ``QUICK_S``.

    Args:
        again: each answer and its seconds.
    """
    same = all(
        (one.code, one.result.get("changed"), one.result.get("environment"))
        == (0, False, first.result.get("environment"))
        for one, _ in again
    )
    quickest = min(seconds for _, seconds in again)
    changed = ", ".join(str(one.result.get("changed")) for one, _ in again)
    seen = f"{again[-1][0].told}, changed {changed}, {quickest:.1f} s (under {QUICK_S:g} s)"
    return same and quickest < QUICK_S, seen


def probed(cpu: str, found: Answer, checked: Answer) -> Row:
    """It has to name its one core rightly, and write a target file that passes the check."""
    cores = found.result.get("hardware", {}).get("clusters")
    seen = f"{found.told}, {cores}, target {found.result.get('target')}, targets check: {checked.told}"
    return (found.code, checked.code, cores) == (0, 0, [f"1x {CORES[cpu]}"]), seen


def released(found: Answer) -> Row:
    """It has to pass, with golden vectors that agree and a budget on instructions that decides."""
    each = (found.result.get("targets") or [{}])[0]
    golden = next((check for check in each.get("checks", []) if check["check"] == "golden"), {})
    lines = {line["budget"]["metric"]: line for line in (each.get("verdict") or {}).get("lines", [])}
    counted = lines.get("instructions", {})
    seen = f"{found.told}, golden {golden.get('state')}: {golden.get('why')}; instructions {_count(counted)}"
    decided = (counted.get("outcome"), counted.get("decides")) == ("PASS", True)
    return found.code == 0 and golden.get("state") == "ok" and decided, seen


def _count(line: Mapping[str, Any]) -> str:
    if line.get("low") is None:
        return "not counted"
    return f"{line['low']:,.0f} to {line['high']:,.0f}, at most {line['budget']['limit']:,.0f}"


def scored(code: int, shares: Mapping[str, tuple[int, int]]) -> Row:
    """Of every variant, enough predictions have to be this machine's.

    Args:
        shares: by precision, how many are the same, of how many samples.
    """
    right = bool(shares) and all(same >= AGREE * count and count >= SAMPLES for same, count in shares.values())
    seen = ", ".join(f"{name} {same} of {count} as here" for name, (same, count) in shares.items())
    return code == 0 and right, f"exit {code}, {seen}"


def same_class(mine: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> tuple[int, int]:
    """For how many samples, and of how many, two models' scores (N, …) have the same largest class."""
    first, second = (scores.reshape(len(scores), -1).argmax(1) for scores in (mine, theirs))
    return int((first == second).sum()), len(first)


@dataclass
class Report:
    """What was seen, a row each; several threads may add to it."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    _adding: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def wrong(self) -> int:
        """How many rows are not as they should be."""
        return sum(row[0] != "ok" for row in self.rows)

    def add(self, what: str, started: float, row: Row) -> None:
        """Keep a row and print it.

        Args:
            started: on the monotonic clock, in seconds.
        """
        right, seen = row
        kept = ("ok" if right else "WRONG", what, seen, f"{time.monotonic() - started:.1f} s")
        with self._adding:
            self.rows.append(kept)
            print("  ".join(kept), flush=True)

    def table(self) -> str:
        """All rows by what was tried, in columns; what was seen comes last, for it is long."""
        rows = [(state, what, took, seen) for state, what, seen, took in sorted(self.rows, key=lambda row: row[1])]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1, 2)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + f"  {row[3]}"
            for row in rows
        )
