"""Cases as GitHub Actions shows them: annotations on the run, and a table in its summary.

The commands and how their values are escaped: docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edgebuild.core.verdict import Outcome
from edgebuild.report.verdict import Case
from edgebuild.store.files import unwritable

SUMMARY = "GITHUB_STEP_SUMMARY"
_ESCAPED = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTIES = {**_ESCAPED, ":": "%3A", ",": "%2C"}


def workflow_commands(cases: Sequence[Case]) -> list[str]:
    """A workflow command for each case that decides and is no PASS."""
    return [_annotation(case) for case in cases if case.decides and case.outcome is not Outcome.PASS]


def add_summary(cases: Sequence[Case]) -> None:
    """Append a table to the step's summary, where there is one.

    Raises:
        ConfigError: it can't be written to.
    """
    place = os.environ.get(SUMMARY)
    if not place:
        return
    rows = ["| | subject | budget or check | found |", "|---|---|---|---|"]
    rows += [_row(case) for case in cases]
    try:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write("\n".join(["### edgebuild", "", *rows, "", ""]))
    except OSError as error:
        raise unwritable(Path(place), error) from error


def _row(case: Case) -> str:
    word = case.word if case.decides else "beside"
    return f"| {word} | {_cell(case.subject)} | {_cell(case.name)} | {_cell(case.text)} |"


def _annotation(case: Case) -> str:
    level = "warning" if case.outcome is Outcome.INCONCLUSIVE else "error"
    title = _escape(f"{case.subject}: {case.name}", _IN_PROPERTIES)
    return f"::{level} title={title}::{_escape(f'{case.word}: {case.text}', _ESCAPED)}"


def _escape(text: str, rules: dict[str, str]) -> str:
    return "".join(rules.get(char, char) for char in text)


def _cell(text: str) -> str:
    """Text that can't end its cell, nor be read as HTML."""
    plain = " ".join(text.split())
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "\\`")
