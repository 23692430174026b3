"""All bundles of a page at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from edgebuild.report.html.page import Column, Section, Subject, Table
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.words import DASH, short_digest


def told_apart(told: Sequence[Reported]) -> list[Reported]:
    """The same, bundles of one name told apart by their digests."""
    counted = Counter(each.name for each in told)
    return [
        replace(each, name=f"{each.name} {short_digest(each.bundle.digest)}")
        if counted[each.name] > 1 and each.bundle is not None
        else each
        for each in told
    ]


def overview_section(told: Sequence[Reported], subjects: Sequence[Subject]) -> Section:
    """A row a bundle: what it came to, and what decided."""
    columns = (
        Column("bundle"), Column("verdict", "word"), Column("variant"), Column("device"), Column("why", "prose"),
    )  # fmt: skip
    rows = tuple(_row(one, subject) for one, subject in zip(told, subjects, strict=True))
    lead = "The page's verdict is the worst of them."
    return Section("overview", "All bundles", lead, (Table("Each bundle's verdict", columns, rows),))


def _row(told: Reported, subject: Subject) -> tuple[str, ...]:
    known = {fact.term: fact.value for fact in subject.banner.facts}
    variant, device = known.get("variant", DASH), known.get("device", DASH)
    return told.name, subject.banner.word, variant, device, subject.banner.sentence
