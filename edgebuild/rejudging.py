"""Judging recorded verdicts again, from the raw samples alone: no device, no runtime and no torch is needed."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.checks import Check, Rejudged, State
from edgebuild.core.base import Frozen
from edgebuild.core.digest import digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.evidence import EvidenceRecord, Payload
from edgebuild.core.metric import METRICS, Budget
from edgebuild.core.profile import Judging, Profile
from edgebuild.core.verdict import Verdict
from edgebuild.judge.verdict import RULES, judge
from edgebuild.store.bundle import Bundle
from edgebuild.trial import choose, facts_of, not_comparable

_GIVEN = ("part", "precision", "key", "judging", "profile", "records", "since", "baseline")
"""What of a verdict was not judged but given: what it was judged from."""
_NAMED = 5

Found = tuple[State, str, Verdict | None]


def rejudge(bundle: Bundle, records: Sequence[EvidenceRecord], profile: Profile | None = None) -> tuple[Rejudged, ...]:
    """Every verdict among a bundle's records, judged again by its own rule from those that it stands on.

    It is *ok* only if its canonical JSON comes out the same, byte for byte, but for the last digits of bounds of
    accuracy.

    Args:
        profile: the one of the bundle's name that is known here, if any.
    """
    found: list[Rejudged] = []
    payloads = [record.payload for record in records]
    for position, record in enumerate(records):
        if isinstance(recorded := record.payload, Verdict):
            state, why, again = _rejudged(bundle, recorded, payloads[:position], profile)
            found.append(Rejudged(len(found) + 1, record.at, position, recorded, state, why, again))
    return tuple(found)


def verdict_check(found: Sequence[Rejudged], signed: int | None = None) -> Check:
    """What they come to: *broken* if one is; else what the last is.

    Args:
        signed: how many records a signature covers; only a verdict among them speaks. None: there is no signature.
    """
    verdicts, covered = tuple(found), [each for each in found if signed is None or each.position < signed]
    broken = [each for each in found if each.state == "broken"]
    if broken:
        said = [f"{_named(each, len(found))}: {each.why}" for each in broken[:_NAMED]]
        more = [f"and {len(broken) - _NAMED} more"] if len(broken) > _NAMED else []
        return Check("verdict", "broken", "; ".join([*said, *more]), verdicts)
    if not covered:
        why = "no verdict is recorded" if not found else f"none of {len(found)} verdicts is signed"
        return Check("verdict", "not checked", why, verdicts)
    last = covered[-1]
    return Check("verdict", last.state, "; ".join([last.why, *_others(found, covered)]), verdicts)


def _others(found: Sequence[Rejudged], covered: Sequence[Rejudged]) -> list[str]:
    earlier = covered[:-1]
    same = sum(each.state == "ok" for each in earlier)
    said = [f"{_counted(same, 'earlier')} came out the same again too"] if same else []
    said += [f"{_counted(len(earlier) - same, 'earlier')} can't be judged again"] if same < len(earlier) else []
    said += [f"{_counted(len(found) - len(covered), 'later')} not signed"] if len(covered) < len(found) else []
    return said


def _counted(count: int, which: str) -> str:
    return f"{count} {which} verdict{'s' if count > 1 else ''}"


def _named(each: Rejudged, count: int) -> str:
    return f"verdict {each.number} of {count} ({each.at[:40]})"


def _rejudged(bundle: Bundle, recorded: Verdict, before: Sequence[Payload], profile: Profile | None) -> Found:
    """Judge again what a verdict names, by its rule and confidence, from the records that it stood on."""
    if recorded.precision is None or (judging := recorded.judging) is None:
        return "not checked", "it does not say which variant it judged, and at what confidence", None
    if recorded.rule not in RULES:
        known = ", ".join(map(str, RULES))
        return "not checked", f"rule {recorded.rule} is not known here, only {known}: update edgebuild", None
    if problem := _problem(bundle, recorded, len(before), profile):
        return "broken", problem, None
    try:
        again = _judged_again(bundle, recorded, judging, before[: recorded.records])
    except (ArithmeticError, ValueError, TypeError) as error:  # samples that no device gives
        return "broken", f"what it stands on can't be judged: {error!s:.200}", None
    said = [f"{recorded.outcome} at {judging.confidence:g} confidence, by rule {recorded.rule}"]
    if again.canonical_json() != recorded.canonical_json():
        if _to_twelve_digits(again) != _to_twelve_digits(recorded):
            return "broken", _difference(recorded, again), again
        said.append("the last digits of its bounds of accuracy are another machine's")
    return "ok", "; ".join([*said, *_left_out(recorded, len(before)), *_asides(bundle, recorded, profile)]), again


def _judged_again(bundle: Bundle, recorded: Verdict, judging: Judging, records: Sequence[Payload]) -> Verdict:
    part, variant = choose(bundle, recorded.part, recorded.precision)
    budgets = [line.budget for line in recorded.lines]
    facts = facts_of(bundle, part, variant, recorded.key, budgets, records, recorded.baseline, recorded.since)
    again = judge(budgets, facts, judging, recorded.rule)
    return again.model_copy(update={name: getattr(recorded, name) for name in _GIVEN})


def _problem(bundle: Bundle, recorded: Verdict, before: int, profile: Profile | None) -> str:
    """Why a verdict can't be of this bundle, or of so many records before it, or of its baseline; or nothing."""
    if not 0 <= (recorded.records or 0) <= before:
        return f"it stands on {recorded.records} records, and {before} come before it"
    try:
        part, variant = choose(bundle, recorded.part, recorded.precision)
    except ConfigError as error:
        return f"it judges another bundle's variant: {error.message}"
    key, held = recorded.key, recorded.baseline
    named = (part.name, variant.precision, variant.files[0].sha256)
    if key is not None and named != (key.part, key.precision, key.model):
        return "its runs are of another model"
    if held is not None and key is not None:
        alike = key.model_copy(update={"workload": held.key.workload})
        if unlike := not_comparable(held.key, alike):
            return f"its baseline is not comparable: {unlike} differ"
    if profile is not None and recorded.profile == digest_json(profile) and recorded.judging is not None:
        stated = profile.judging.model_copy(update={"beside": recorded.judging.beside})
        return "" if recorded.judging == stated else f"its confidence is not that of {profile.name}, which it names"
    return ""


def _difference(recorded: Verdict, again: Verdict) -> str:
    if recorded.outcome is not again.outcome:
        return f"{recorded.outcome} is recorded; the evidence gives {again.outcome}"
    for one, other in zip(recorded.lines, again.lines, strict=False):
        if fields := _differing(one, other):
            return f"the evidence gives another {fields[0]} of {one.budget.metric}"
    fields = _differing(recorded, again) or ["JSON"]
    return f"the evidence gives another {fields[0]}"


def _to_twelve_digits(verdict: Verdict) -> bytes:
    """The verdict with bounds of accuracy rounded: they alone come from log and pow, which C libraries round apart."""
    lines = [
        line.model_copy(update={name: _rounded(getattr(line, name)) for name in ("estimate", "low", "high")})
        if line.budget.metric == "accuracy_drop"
        else line
        for line in verdict.lines
    ]
    return verdict.model_copy(update={"lines": tuple(lines)}).canonical_json()


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.12g}")


def _differing(one: Frozen, other: Frozen) -> list[str]:
    return [name for name in type(one).model_fields if getattr(one, name) != getattr(other, name)]


def _left_out(recorded: Verdict, before: int) -> list[str]:
    """What it does not stand on, of the records that were there."""
    later = 0 if recorded.records is None else before - recorded.records
    said = [f"runs among the first {recorded.since} records do not count"] if recorded.since else []
    return [*said, f"{later} records right before it were left out"] if later else said


def _asides(bundle: Bundle, recorded: Verdict, profile: Profile | None) -> list[str]:
    """What else whoever reads the verdict should know of it."""
    own = bundle.manifest.profile
    said = []
    if profile is not None and digest_json(profile) != recorded.profile:
        said.append(f"its profile is not {own} as known here")
    elif profile is None and recorded.profile not in (None, bundle.manifest.profile_digest):
        said.append(f"its profile is not {own} as the bundle was built with")
    judged = {line.budget.metric: line.budget for line in recorded.lines}
    for metric, limit in sorted(bundle.manifest.budgets.items()):
        if metric not in judged:
            said.append(f"it does not judge the bundle's own budget on {metric}")
        elif metric in METRICS and judged[metric].limit > limit:
            said.append(f"it judges {judged[metric]}, where the bundle's own is {Budget(metric=metric, limit=limit)}")
    return said
