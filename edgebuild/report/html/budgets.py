"""The budgets of a verdict: each one's interval drawn against its limit, which lies at the same place in every line."""

from __future__ import annotations

from edgebuild.core.metric import Kind
from edgebuild.core.units import Unit
from edgebuild.core.verdict import Line, Outcome, Verdict
from edgebuild.report.html.page import BudgetLine, Budgets, Section, Word
from edgebuild.report.html.svg import line, rect, shape, text
from edgebuild.report.html.words import bounds_text, percent, plural, shown, unit_of_runs

_LIMIT_AT = 64.0
"""Where the limit is, in percent from the left; both sides of it have the same scale."""
_EDGE = 4.0
_NAME = 20.0
"""Half of what the limit's name takes on a narrow page."""
_MIDDLE = 24.0
TRACK_HEIGHT = 36
_WORDS: dict[Outcome, Word] = {
    Outcome.PASS: "PASS", Outcome.FAIL: "FAIL", Outcome.INCONCLUSIVE: "INCONCLUSIVE",
}  # fmt: skip
_CSS: dict[Word, str] = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "open", "BESIDE": "beside"}


def budgets_section(prefix: str, verdict: Verdict) -> Section:
    """Every line of a verdict."""
    lines = tuple(_budget_line(each) for each in verdict.lines)
    lead = (
        "Each interval is held against its limit: inside is PASS, outside is FAIL, on both sides of it is INCONCLUSIVE."
    )
    return Section(f"{prefix}budgets", "Budgets", lead, (Budgets(f"{prefix}budget-lines", lines),))


def _budget_line(each: Line) -> BudgetLine:
    definition = each.budget.definition
    unit, word = definition.unit, word_of(each)
    limit = f"≤ {shown(each.budget.limit, unit)}"
    bounds = "" if each.low == each.high else bounds_text(each.low, each.high, unit)
    estimate = shown(each.estimate, unit) if each.estimate is not None else "not measured"
    desc = f"{definition.name}: {estimate}{f', {bounds}' if bounds else ''}, limit {limit}"
    return BudgetLine(
        metric=definition.name, meaning=definition.meaning, word=word, decides=each.decides, limit=limit,
        estimate=estimate, bounds=bounds, track=_track(each, word, unit), desc=desc, support=_support(each),
        because=each.reason,
    )  # fmt: skip


def word_of(each: Line) -> Word:
    """A line's outcome; BESIDE where the verdict does not stand on it."""
    return _WORDS[each.outcome] if each.decides else "BESIDE"


def _support(each: Line) -> str:
    """What it stands on: how much evidence, how sure, on which basis."""
    definition = each.budget.definition
    sole = definition.kind is Kind.EXACT and definition.mode is None  # a size is a size, however often it is looked at
    told = [plural(each.count, unit_of_runs(definition))] if each.count and not sole else []
    told += [f"{percent(each.confidence)} confidence"] if each.confidence else []
    told += [f"basis: {each.basis}"] if each.basis else []
    return " · ".join(told)


def _track(each: Line, word: Word, unit: Unit) -> str:
    limit, css = each.budget.limit, _CSS[word]
    known = [value for value in (each.estimate, each.low, each.high) if value is not None]
    scale = _scale(limit, known)

    def at(value: float) -> float:
        return min(100.0, max(0.0, _LIMIT_AT + (value - limit) * scale))

    marks = [rect(0, 14, _LIMIT_AT, 20, "room"), rect(_LIMIT_AT, 14, 100 - _LIMIT_AT, 20, "over")]
    if min([limit, *known]) <= 0 < limit:
        marks.append(line(at(0), 14, at(0), 34, "zero"))
        marks += [text(at(0), 10, "0", "tick", "middle")] if _LIMIT_AT - at(0) > _NAME else []
    if each.low is not None and each.high is not None:
        low, high = sorted((each.low, each.high))
        apart = " apart" if each.low > each.high else ""
        marks.append(rect(at(low), _MIDDLE - 5, max(at(high) - at(low), 0.4), 10, f"interval {css}{apart}", "", 2))
    elif each.high is not None and each.estimate is not None:
        marks.append(rect(at(each.estimate), _MIDDLE - 2, at(each.high) - at(each.estimate), 4, f"interval {css}"))
    marks.append(line(_LIMIT_AT, 12, _LIMIT_AT, 36, "limit"))
    marks.append(text(_LIMIT_AT, 10, f"≤ {shown(limit, unit)}", "tick", "middle"))
    if each.estimate is not None:
        marks.append(shape(at(each.estimate), _MIDDLE, "M0-6.5L5 0L0 6.5L-5 0Z", f"estimate {css}"))
    return "".join(marks)


def _scale(limit: float, known: list[float]) -> float:
    """Percent of the track for one base unit, so that everything known is on it, and zero."""
    lowest = min([*known, 0.0])
    left = (_LIMIT_AT - _EDGE) / (limit - lowest) if lowest < limit else float("inf")
    highest = max(known, default=limit)
    right = (100 - _LIMIT_AT - _EDGE) / (highest - limit) if highest > limit else float("inf")
    found = min(left, right)
    return found if found != float("inf") else 1.0
