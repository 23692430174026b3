"""The page of some bundles, put together."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild import __version__
from edgebuild.core.errors import worst_exit
from edgebuild.core.history import Series
from edgebuild.core.units import Unit
from edgebuild.core.verdict import Verdict
from edgebuild.report.html.budgets import budgets_section
from edgebuild.report.html.changes import changes_section
from edgebuild.report.html.frontier import frontier_section
from edgebuild.report.html.history import history_section
from edgebuild.report.html.latency import latency_section
from edgebuild.report.html.layers import layers_section
from edgebuild.report.html.lineage import judged_by, lineage_section
from edgebuild.report.html.memory import memory_section
from edgebuild.report.html.page import Banner, Fact, Page, Section, Subject, Word
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.surroundings import surroundings_section
from edgebuild.report.html.words import percent, plural, short_digest, shown
from edgebuild.report.verdict import line_text

_MEASURED = (latency_section, changes_section, memory_section, layers_section)
_SAID = {
    "PASS": "Every budget that decides is met",
    "FAIL": "A budget is broken",
    "INCONCLUSIVE": "The evidence does not decide",
}


def page_of(told: Sequence[Reported], series: Sequence[Series] = ()) -> Page:
    """One page about some bundles, in their order.

    Args:
        series: their models' history.
    """
    several = len(told) > 1
    subjects = tuple(_subject(f"b{number}-", each, several) for number, each in enumerate(told, 1))
    shared = [frontier_section("", told) if several else None, history_section("", series)]
    title = ", ".join(dict.fromkeys(_model(each) for each in told))
    return Page(
        title=title, banner=_over(subjects) if several else subjects[0].banner, subjects=subjects,
        shared=tuple(each for each in shared if each is not None), made_by=__version__,
    )  # fmt: skip


def _model(told: Reported) -> str:
    return told.bundle.manifest.name if told.bundle else told.name


def _subject(prefix: str, told: Reported, several: bool) -> Subject:
    found: list[Section | None] = [
        budgets_section(prefix, told.verdict) if told.verdict and told.verdict.lines else None
    ]
    if told.bundle is not None:
        found += [make(prefix, told) for make in _MEASURED]
        found += [] if several else [frontier_section(prefix, [told])]
        found += [surroundings_section(prefix, told), lineage_section(prefix, told)]
    return Subject(prefix.rstrip("-"), told.name, _banner(told), tuple(each for each in found if each is not None))


def _banner(told: Reported) -> Banner:
    broken = [check for check in told.checks if check.state == "broken"]
    if told.error:
        return Banner("ERROR", told.error, _facts(told))
    if broken:
        words = "; ".join(f"{check.name}: {check.why}" for check in broken)
        return Banner("FAIL", f"The bundle does not verify: {words}", _facts(told))
    if told.verdict is None:
        return Banner("NONE", "No verdict was given: what was measured is shown.", _facts(told))
    return Banner(told.verdict.outcome.value, _sentence(told.verdict), _facts(told))


def _sentence(verdict: Verdict) -> str:
    """What decided, and why."""
    said = _SAID[verdict.outcome.value]
    deciding = next((line for line in verdict.lines if line.decides and line.budget.metric == verdict.deciding), None)
    if deciding is None:
        sure = f" at {percent(verdict.judging.confidence)} confidence" if verdict.judging else ""
        return f"{verdict.reason or said + sure}."
    because = "INCONCLUSIVE because of" if verdict.outcome.value == "INCONCLUSIVE" else "Decided by"
    return f"{because} {deciding.budget}: {line_text(deciding)}."


def _facts(told: Reported) -> tuple[Fact, ...]:
    """What the verdict is about, in a line."""
    if told.bundle is None:
        return ()
    manifest, verdict, key = told.bundle.manifest, told.verdict, told.key
    part = next((each for each in manifest.parts if verdict and each.name == verdict.part), manifest.parts[0])
    precision = verdict.precision if verdict and verdict.precision else part.variants[0].precision
    variant = next((each for each in part.variants if each.precision == precision), part.variants[0])
    facts = [
        Fact("target", manifest.target), Fact("device", f"{key.device} ({key.basis.value})" if key else "not measured"),
        Fact("variant", f"{precision}, {part.runtime}, {shown(variant.size, Unit.BYTE)}"),
        Fact("bundle", short_digest(told.bundle.digest), code=True),
    ]  # fmt: skip
    facts += judged_by(verdict, manifest) if verdict else ()
    facts += [Fact("judged", told.judged_at)] if told.judged_at else []
    return tuple(facts)


def _over(subjects: Sequence[Subject]) -> Banner:
    """The worst of several, and how many came to what."""
    codes = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 4, "NONE": 4, "ERROR": 5}
    words = [each.banner.word for each in subjects]
    worst = worst_exit(codes[word] for word in words)
    word: Word = next(each for each in words if codes[each] == worst)
    counted = ", ".join(f"{words.count(each)} {each}" for each in dict.fromkeys(words)).replace(
        "NONE", "without a verdict"
    )
    return Banner(word, f"{plural(len(subjects), 'bundle')}: {counted}.")
