"""The page as text: Jinja2 with everything escaped, but for the drawings that were made here."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from edgebuild.report.html.page import Page
from edgebuild.report.html.words import plain
from edgebuild.store.files import write_atomic

_TEMPLATES = Path(__file__).with_name("templates")


def write_page(path: Path, page: Page) -> None:
    """Write a page; equal pages give equal bytes.

    Raises:
        ConfigError: it can't be written there, or Jinja2 is not installed. BuildError: the disk is full.
    """
    write_atomic(path, render(page).encode())


def render(page: Page) -> str:
    """The whole page, which loads nothing: its one style sheet is named by digest in its own policy."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, finalize=_finalized,
    )  # fmt: skip
    style = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return made.get_template("page.html").render(page=page, style=style, digest=digest)


def _finalized(value: object) -> object:
    """Every text that is shown; what was escaped already passes through as it is."""
    return plain(value) if type(value) is str else value
