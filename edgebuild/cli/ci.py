"""Telling CI servers and people what was decided: a JUnit file, annotations of a GitHub Actions run, an HTML page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.cli.console import note

if TYPE_CHECKING:
    from edgebuild.report.html.reported import Reported
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


def page_is_possible(html: Path | None) -> None:
    """Refuse a page that can't be written before anything is measured for it.

    Raises:
        ConfigError: its folder is not there, or Jinja2 is not installed.
    """
    if html is None:
        return
    from importlib.util import find_spec

    from edgebuild.core.errors import ConfigError
    from edgebuild.store.files import missing

    if find_spec("jinja2") is None:
        raise ModuleNotFoundError(name="jinja2")  # said as any library of an extra is
    if not html.absolute().parent.is_dir():
        raise ConfigError(str(html), missing(html), fix="create the folder first")


def tell_people(
    told: Callable[[], Sequence[Reported]], html: Path | None, beside: Callable[[], Sequence[Reported]] = tuple
) -> None:
    """Write the page that was asked for.

    Args:
        told: reads what the page is about; not called where none is asked for.
        beside: the same of what that is compared with.

    Raises:
        ConfigError: it can't be written, or Jinja2 is not installed. BuildError: the disk is full.
        BundleError: the evidence can't be read.
    """
    if html is not None:
        from edgebuild.recalling import series_beside
        from edgebuild.report.html.render import write_page
        from edgebuild.report.html.whole import page_of

        found = told()
        series = series_beside([each.bundle for each in found if each.bundle is not None])
        write_page(html, page_of(found, series, beside()))
