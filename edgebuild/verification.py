"""What can be checked again of a bundle: each part *ok*, *broken* or *not checked*, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edgebuild.bench.bench import Bench
from edgebuild.core.digest import digest_json
from edgebuild.core.errors import (
    EXIT_FAIL,
    EXIT_INCONCLUSIVE,
    BundleError,
    ConfigError,
    DeviceError,
    ModelRejected,
    worst_exit,
)
from edgebuild.core.evidence import Payload
from edgebuild.core.profile import Judging, Profile
from edgebuild.core.target import Target
from edgebuild.core.verdict import Verdict
from edgebuild.devices.opening import open_device
from edgebuild.golden import compare
from edgebuild.judge.verdict import judge
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import read_evidence
from edgebuild.trial import choose, facts_of, not_comparable

State = Literal["ok", "broken", "not checked"]


@dataclass(frozen=True)
class Check:
    """One check: its name, what came of it, and why."""

    name: str
    state: State
    why: str = ""


def verify(
    bundle: Bundle, target: Target | None, profile: Profile | None = None, device: str | None = None
) -> list[Check]:
    """Every check, in order.

    Args:
        target: None: it is not known here, and what needs it is not checked.
        profile: the one of the bundle's name that is known here, if any. A verdict names its own confidence; it is
            only said if another profile than this one stated it.
    """
    problems = bundle.check()
    digests = Check("digests", "broken" if problems else "ok", "; ".join(problems))
    if problems:
        rest = [Check(name, "not checked", "the bundle is broken") for name in CHECKS[1:]]
        return [digests, *rest]
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("golden", lambda: _golden(bundle, target, device)),
        ("signature", lambda: Check("signature", "not checked", "bundles are not signed in this version")),
        ("verdict", lambda: _verdict(bundle, profile)),
    ]
    return [digests, *(check() for _, check in checks)]


CHECKS = ("digests", "golden", "signature", "verdict")


def exit_code(checks: Iterable[Check], required: Sequence[str]) -> int:
    """0, 1 if a check is broken, 4 if a required one was not made.

    Raises:
        ConfigError: a required check that does not exist.
    """
    unknown = [name for name in required if name not in CHECKS]
    if unknown:
        raise ConfigError("--require", f"there is no check {unknown[0]!r}", expected=", ".join(CHECKS))
    codes = [0]
    for check in checks:
        codes += [EXIT_FAIL] if check.state == "broken" else []
        codes += [EXIT_INCONCLUSIVE] if check.state == "not checked" and check.name in required else []
    return worst_exit(codes)


def _golden(bundle: Bundle, target: Target | None, name: str | None) -> Check:
    if target is None:
        return Check("golden", "not checked", f"target {bundle.manifest.target} is not known here")
    try:
        with Bench(open_device(target, name), bundle.manifest.lineage.tools) as bench:
            found = [
                compare(bundle, part, variant, bench, target)
                for part in bundle.manifest.parts
                for variant in part.variants
            ]
    except DeviceError as error:
        return Check("golden", "not checked", error.message)
    except (ModelRejected, BundleError) as error:
        return Check("golden", "broken", error.message)
    broken = any(not right for right, _ in found)
    return Check("golden", "broken" if broken else "ok", "; ".join(why for right, why in found if right is not broken))


def _verdict(bundle: Bundle, profile: Profile | None) -> Check:
    """Judge again what the last verdict names, by its rule and confidence, from the evidence that it stood on."""
    records = [record.payload for record in read_evidence(bundle)]
    found = [(number, each) for number, each in enumerate(records) if isinstance(each, Verdict)]
    if not found:
        return Check("verdict", "not checked", "no verdict is recorded")
    number, recorded = found[-1]
    if recorded.precision is None or recorded.judging is None:
        return Check("verdict", "not checked", "it does not say which variant it judged, and at what confidence")
    counted = number if recorded.records is None else recorded.records
    if counted > number:
        return Check("verdict", "broken", f"it stands on {counted} records, and {number} come before it")
    check = _rejudged(bundle, recorded, recorded.judging, records[:counted])
    other = profile is not None and digest_json(profile) != recorded.profile
    return (
        replace(check, why=f"{check.why}; its profile is not {bundle.manifest.profile} as known here")
        if other
        else check
    )


def _rejudged(bundle: Bundle, recorded: Verdict, judging: Judging, records: Sequence[Payload]) -> Check:
    try:
        part, variant = choose(bundle, recorded.part, recorded.precision)
    except ConfigError as error:
        return Check("verdict", "broken", f"it judges another bundle's variant: {error.message}")
    named = (part.name, variant.precision, variant.files[0].sha256)
    if recorded.key is not None and named != (recorded.key.part, recorded.key.precision, recorded.key.model):
        return Check("verdict", "broken", "its runs are of another model")
    if recorded.baseline is not None and recorded.key is not None:
        alike = recorded.key.model_copy(update={"workload": recorded.baseline.key.workload})
        if unlike := not_comparable(recorded.baseline.key, alike):
            return Check("verdict", "broken", f"its baseline is not comparable: {unlike} differ")
    budgets = [line.budget for line in recorded.lines]
    facts = facts_of(bundle, part, variant, recorded.key, budgets, records, recorded.baseline, recorded.since)
    again = judge(budgets, facts, judging, recorded.rule)
    if (again.outcome, again.lines) != (recorded.outcome, recorded.lines):
        return Check("verdict", "broken", f"{recorded.outcome} is recorded; the evidence gives {again.outcome}")
    return Check("verdict", "ok", f"{recorded.outcome} at {judging.confidence:g} confidence, by rule {recorded.rule}")
