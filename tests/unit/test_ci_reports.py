"""What CI servers are told, as they read it: JUnit XML by a published reader, GitHub's commands by their grammar."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestSuite

from edgebuild.cli.main import main
from edgebuild.core.verdict import Outcome
from edgebuild.report.github import SUMMARY, add_summary, workflow_commands
from edgebuild.report.junit import write_junit
from edgebuild.report.verdict import Case
from tests.unit.test_trial import bundle_of, host_project

CASES = [
    Case("pi", "latency_p90 ≤ 12 ms", Outcome.PASS, "9 ms [8 ms, 10 ms] from 8"),
    Case("pi", "peak_memory ≤ 60 MiB", Outcome.FAIL, "80 MiB; 100 % over: see <log> & more"),
    Case("pi", "accuracy_drop ≤ 1 pt", Outcome.INCONCLUSIVE, "100 samples | too few"),
    Case("pi", "instructions ≤ 1 M", Outcome.INCONCLUSIVE, "not judged here", decides=False),
    Case("phone", "build", None, "no such\noperator \x1b[31m\x00 \ud800"),
]


def test_a_published_reader_finds_each_case_as_it_was_decided(tmp_path: Path) -> None:
    write_junit(tmp_path / "report.xml", CASES)
    report = JUnitXml.fromfile(str(tmp_path / "report.xml"))
    suites = [suite for suite in report if isinstance(suite, TestSuite)]
    assert [(s.name, s.tests, s.failures, s.errors, s.skipped) for s in suites] == [
        ("pi", 4, 1, 1, 1), ("phone", 1, 0, 1, 0),
    ]  # fmt: skip
    assert (report.tests, report.failures, report.errors, report.skipped) == (5, 1, 2, 1)
    results = [[type(one) for one in case.result] for suite in suites for case in suite]
    assert results == [[], [Failure], [Error], [Skipped], [Error]]
    cases = [case for suite in suites for case in suite]
    assert cases[0].name == "latency_p90 ≤ 12 ms"
    assert cases[1].result[0].message == "80 MiB; 100 % over: see <log> & more"
    assert cases[4].result[0].message == "no such\noperator \ufffd[31m\ufffd \ufffd"


def test_what_passed_is_not_annotated_and_what_is_told_can_not_break_out() -> None:
    lines = workflow_commands(CASES)
    assert [re.match(r"::(\w+) ", line)[1] for line in lines] == ["error", "warning", "error"]  # type: ignore[index]
    assert not any("\n" in line for line in lines)
    assert lines[0] == "::error title=pi%3A peak_memory ≤ 60 MiB::FAIL: 80 MiB; 100 %25 over: see <log> & more"


def test_the_summary_is_one_row_a_case_and_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "summary.md"
    monkeypatch.setenv(SUMMARY, str(place))
    add_summary(CASES[:4])
    add_summary(CASES[:1])
    text = place.read_text(encoding="utf-8")
    assert text.count("| pi |") == 5
    assert "see &lt;log> &amp; more" in text
    assert "100 samples \\| too few" in text
    monkeypatch.delenv(SUMMARY)
    add_summary(CASES)


def test_gate_writes_both(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUMMARY, str(tmp_path / "summary.md"))
    host_project(tmp_path)
    bundle, report = str(bundle_of(tmp_path).path), tmp_path / "report.xml"
    words = ["gate", bundle, "--budget", "model_size=1 B", "--budget", "accuracy_drop=1 pt", "--project", str(tmp_path)]
    assert main([*words, "--junit", str(report), "--github", "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["exit_code"] == 1
    assert "::error title=b%3A model_size ≤ 1.00 B::FAIL" in captured.err
    found = JUnitXml.fromfile(str(report))
    assert (found.tests, found.failures) == (2, 1)
    assert main([*words, "--junit", str(tmp_path / "none" / "report.xml")]) == 2
