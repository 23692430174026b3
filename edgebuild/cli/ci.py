"""Telling a CI server what was decided: a JUnit file, annotations of a GitHub Actions run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.cli.console import note

if TYPE_CHECKING:
    from edgebuild.report.verdict import Case


def tell_ci(cases: Sequence[Case], junit: Path | None, *, github: bool) -> None:
    """Write what was asked for; annotations go to stderr, where GitHub reads them too.

    Raises:
        ConfigError: a file can't be written. BuildError: the disk is full.
    """
    if junit is not None:
        from edgebuild.report.junit import write_junit

        write_junit(junit, cases)
    if github:
        from edgebuild.report.github import add_summary, workflow_commands

        for line in workflow_commands(cases):
            note(line)
        add_summary(cases)
