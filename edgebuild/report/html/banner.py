"""The verdict in a word and a sentence: of one bundle, and over several."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS, worst_exit
from edgebuild.core.units import Unit
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.report.html.lineage import judged_by
from edgebuild.report.html.page import Banner, Fact, Subject, Word
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.words import bounds_text, percent, plural, short_digest, shown

_CODES: dict[Word, int] = {"PASS": EXIT_PASS, "FAIL": EXIT_FAIL}
_SAID = {
    "PASS": "Every budget that decides is met",
    "FAIL": "A budget is broken",
    "INCONCLUSIVE": "The evidence does not decide",
}


def banner_of(told: Reported) -> Banner:
    """What was decided of one bundle, or what kept it from a verdict."""
    broken = [check for check in told.checks if check.state == "broken"]
    if told.error is not None:
        return Banner("ERROR", told.error.message, _facts(told))
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
    unit = deciding.budget.definition.unit
    bounds = bounds_text(deciding.low, deciding.high, unit) if deciding.low != deciding.high else ""
    support = f" ({bounds})" if bounds else ""
    found = "not measured" if deciding.estimate is None else f"{shown(deciding.estimate, unit)}{support}"
    because = "Inconclusive because of" if verdict.outcome is Outcome.INCONCLUSIVE else "Decided by"
    limit = shown(deciding.budget.limit, unit)
    return f"{because} {verdict.deciding}: {found}, where at most {limit} is allowed; {deciding.reason}."


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


def banner_over(told: Sequence[Reported], subjects: Sequence[Subject]) -> Banner:
    """The worst of several, by their exit codes, and how many came to what."""
    words = [each.banner.word for each in subjects]
    codes = [
        each.error.exit_code if each.error else _CODES.get(word, EXIT_INCONCLUSIVE)
        for each, word in zip(told, words, strict=True)
    ]
    word = words[codes.index(worst_exit(codes))]
    counted = ", ".join(f"{words.count(each)} {each}" for each in dict.fromkeys(words)).replace(
        "NONE", "without a verdict"
    )
    return Banner(word, f"{plural(len(subjects), 'bundle')}: {counted}.")
