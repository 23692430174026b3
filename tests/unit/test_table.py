"""Tables of text: plain where no terminal is, and drawn by rich on one."""

from __future__ import annotations

import io

from rich.console import Console

from edgebuild.report.table import PLAIN_WIDTH, Page, Table

SMALL = Table(("target", "size"), [("host", "1.80 MiB"), ("a-longer-name", "5 B")], title="Built", caption="two")


def test_plain_columns_stand_one_below_the_other() -> None:
    assert str(SMALL).splitlines() == [
        "Built",
        "target         size",
        "─────────────  ────────",
        "host           1.80 MiB",
        "a-longer-name  5 B",
        "two",
    ]


def test_a_table_without_rows_title_and_caption_is_its_head() -> None:
    assert str(Table(("a", "bc"), [])) == "a  bc\n─  ──"


def test_long_cells_are_folded_and_lose_no_word() -> None:
    words = [f"word{number}" for number in range(60)]
    lines = str(Table(("short", "long", "lines"), [("x", " ".join(words), "one\ntwo")])).splitlines()
    assert max(map(len, lines)) <= PLAIN_WIDTH
    assert [word for line in lines for word in line.split() if word.startswith("word")] == words
    assert lines[2].endswith("one")
    assert lines[3].endswith("two")


def test_a_word_longer_than_a_line_is_broken() -> None:
    lines = str(Table(("long",), [("x" * 400,)])).splitlines()
    assert [len(line) for line in lines[2:]] == [160, 160, 80]


def test_a_page_is_its_parts_one_below_the_other() -> None:
    assert str(Page(("head", Table(("a",), [("1",)]), Page(("tail",))))) == "head\na\n─\n1\ntail"


def test_a_terminal_gets_what_rich_draws() -> None:
    page = io.StringIO()
    Console(file=page, width=60).print(Page(("head", SMALL)))
    drawn = page.getvalue()
    assert "┏" in drawn
    for text in ("head", "Built", "a-longer-name", "1.80 MiB", "two"):
        assert text in drawn
