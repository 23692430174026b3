"""Sections of docs/results.md, each owned by one script and marked by HTML comments, and tables in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

TITLE = "# Results\n\nEvery section is written by the script it names, and replaced when that runs again.\n"


def replace_section(path: Path, name: str, text: str) -> None:
    """Put ``text`` where the section ``name`` was, or at the end; the rest of the file stays as it is."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    old = path.read_text(encoding="utf-8") if path.exists() else TITLE
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    new = pattern.sub(lambda _: section, old) if pattern.search(old) else f"{old.rstrip()}\n\n{section}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(new, encoding="utf-8")


def section(path: Path, name: str) -> str:
    """What the section ``name`` says; "" where there is none."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text.partition(f"<!-- begin {name} -->\n")[2].partition(f"\n<!-- end {name} -->")[0]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
