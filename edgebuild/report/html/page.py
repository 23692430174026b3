"""What a page is made of, between evidence and template: plain text, and drawings that were made here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Word = Literal["PASS", "FAIL", "INCONCLUSIVE", "BESIDE", "ERROR", "NONE"]
"""What a line or a bundle came to; NONE: nothing was judged."""


_LONG = 18


@dataclass(frozen=True)
class Column:
    """A table's column. ``kind`` says how its cells are set."""

    title: str
    kind: Literal["text", "prose", "number", "code", "word"] = "text"


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its heading.

    Attributes:
        folded: what is shown instead until somebody opens it; "" shows the table at once.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    folded: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing with what it says in words.

    Attributes:
        marks: SVG elements, safe as they are (``svg.py`` escapes every text); x in percent, y in pixels from the top.
        height: of the drawing, in pixels, without the axes' own texts.
        desc: what can be seen in it, for those who can't.
        legend: a mark's class and what it stands for.
        key: what the numbers beside marks stand for.
        table: the numbers drawn.
        wide: as wide as the page; ``flush``: no y axis stands to its left.
    """

    kind: ClassVar[str] = "chart"
    id: str
    title: str
    desc: str
    marks: str
    height: int
    note: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    key: tuple[tuple[str, str], ...] = ()
    table: Table | None = None
    wide: bool = False
    flush: bool = False


@dataclass(frozen=True)
class Fact:
    """A term and what it is here; ``code``: set as a digest or a command is."""

    term: str
    value: str
    code: bool = False

    @property
    def long(self) -> bool:
        """Whether it takes two places."""
        return len(self.value) > _LONG


@dataclass(frozen=True)
class Facts:
    """Terms and their values."""

    kind: ClassVar[str] = "facts"
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Note:
    """A paragraph; ``code``: a command to copy."""

    kind: ClassVar[str] = "note"
    text: str
    code: bool = False


@dataclass(frozen=True)
class BudgetLine:
    """One budget, its interval held against its limit.

    Attributes:
        track: SVG elements, safe as they are.
        because: why it is no PASS.
    """

    metric: str
    meaning: str
    word: Word
    decides: bool
    limit: str
    estimate: str
    bounds: str
    track: str
    desc: str
    support: str
    because: str


@dataclass(frozen=True)
class Budgets:
    """All budgets of a verdict."""

    kind: ClassVar[str] = "budgets"
    id: str
    lines: tuple[BudgetLine, ...]


Block = Table | Chart | Facts | Note | Budgets


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading of its own."""

    id: str
    title: str
    lead: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Banner:
    """What was decided, in a word and a sentence; ``facts``: what it was decided of."""

    word: Word
    sentence: str
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Subject:
    """One bundle, or one target that none was built for."""

    id: str
    title: str
    banner: Banner
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Page:
    """The whole page.

    Attributes:
        banner: over all subjects.
        shared: sections about all subjects together.
        made_by: the version of edgebuild.
    """

    title: str
    banner: Banner
    subjects: tuple[Subject, ...]
    shared: tuple[Section, ...]
    made_by: str
