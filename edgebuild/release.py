"""Build, verify, measure and judge every target of a project: what a release job runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median_low

from edgebuild.core.errors import EXIT_PASS, EdgebuildError, worst_exit
from edgebuild.core.evidence import runs_under
from edgebuild.core.measurement import Measurement, MeasurementKey
from edgebuild.core.metric import METRICS, Budget, Mode
from edgebuild.core.profile import Profile
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.creeping import creeps
from edgebuild.deviceside import given_budget
from edgebuild.fitting import pricing
from edgebuild.indexing import release_of, remember
from edgebuild.judge.creep import Creep
from edgebuild.judge.facts import is_median
from edgebuild.judge.runs import bounds_of, values_of
from edgebuild.opening import open_for
from edgebuild.pipeline.project import BuildReport, Built, build_project
from edgebuild.signing import sign
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import read_evidence
from edgebuild.store.keys import SigningKey
from edgebuild.trial import run_trial
from edgebuild.verification import Check, exit_code, verify

_OUTCOMES = {outcome.exit_code: outcome for outcome in Outcome}
SHOWN = ("latency_p50", "latency_p90", "peak_memory", "instructions")


@dataclass(frozen=True)
class Bounded:
    """A metric's median over runs and its bounds, in the metric's base unit."""

    estimate: float
    low: float | None
    high: float | None
    runs: int


@dataclass(frozen=True)
class Released:
    """How one target went. ``error`` says what kept it from a verdict; ``signed``, by which key it was signed."""

    built: Built
    checks: tuple[Check, ...] = ()
    verdict: Verdict | None = None
    measured: dict[str, Bounded] | None = None
    error: EdgebuildError | None = None
    signed: str = ""

    @property
    def exit_code(self) -> int:
        """The worst of build, checks and verdict."""
        if self.error is not None:
            return self.error.exit_code
        codes = [exit_code(self.checks, ("digests", "golden"))]
        codes += [self.verdict.outcome.exit_code] if self.verdict else []
        return worst_exit(codes)


@dataclass(frozen=True)
class ReleaseReport:
    """A release: the build, and each target's verdict.

    Attributes:
        missed: why the history does not know of it, or nothing.
        creeps: which metrics crept up over the history, each with its target.
    """

    build: BuildReport
    released: tuple[Released, ...]
    missed: str = ""
    creeps: tuple[tuple[str, Creep], ...] = ()

    @property
    def exit_code(self) -> int:
        """The worst of all targets."""
        return worst_exit(each.exit_code for each in self.released)


def release_project(
    project_path: Path,
    targets: Sequence[str] = (),
    profile: str = "",
    out: Path | None = None,
    device: str | None = None,
    budgets: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
    key: SigningKey | None = None,
) -> ReleaseReport:
    """Take every target through build, verify and gate; one that fails does not keep the others from theirs.

    Args:
        device: where all is measured, and instructions are counted that pruning asks for; None: each target's own.
        budgets: "METRIC=LIMIT", beside the project's and instead of those of the same metric.
        key: signs what passed, with its evidence.
    """
    given = tuple(given_budget(text) for text in budgets)
    build = build_project(
        project_path, targets, profile, out, progress=lambda stage, subject: progress(f"{stage}: {subject}"),
        pricing=partial(pricing, device=device),
    )  # fmt: skip
    judged = [_budgets(build, built.target.name, given) for built in build.built]
    sampled = [sum(is_median(budget) for budget in own) for own in judged]
    released = [
        _release(built, build.profiles[built.target.name], device, own, sum(sampled) - count, progress)
        for built, own, count in zip(build.built, judged, sampled, strict=True)
    ]
    ended = tuple(_signed(each, key) for each in released)
    missed = _remember(ended)
    return ReleaseReport(build, ended, missed, () if missed else tuple(_crept(ended)))


def _signed(released: Released, key: SigningKey | None) -> Released:
    bundle = released.built.bundle
    if key is None or bundle is None or released.exit_code != EXIT_PASS:
        return released
    try:
        sign([bundle], key)
    except EdgebuildError as error:
        return replace(released, error=error)
    return replace(released, signed=key.public.id)


def _remember(released: Sequence[Released]) -> str:
    """Take up in the history what was measured, and how each target's release ended."""
    ended = [
        release_of(each.built.bundle, each.verdict, _OUTCOMES.get(each.exit_code, Outcome.INCONCLUSIVE))
        for each in released
        if each.built.bundle is not None and each.verdict is not None
    ]
    bundles = [each.built.bundle for each in released if each.built.bundle is not None]
    return remember(bundles, [each for each in ended if each is not None]) if bundles else ""


def _crept(released: Sequence[Released]) -> Iterable[tuple[str, Creep]]:
    for each in released:
        if each.built.bundle is not None and each.verdict is not None:
            yield from ((each.built.target.name, creep) for creep in creeps(each.built.bundle, each.verdict))


def _budgets(build: BuildReport, target: str, given: Sequence[Budget]) -> tuple[Budget, ...]:
    """A target's budgets: the project's, and those given beside them or instead."""
    return tuple({each.metric: each for each in (*build.project.budgets_for(target), *given)}.values())


def _release(
    built: Built,
    rules: Profile,
    device: str | None,
    budgets: Sequence[Budget],
    beside: int,
    progress: Callable[[str], None],
) -> Released:
    if built.bundle is None:
        return Released(built, error=built.error)
    bundle, target = built.bundle, built.target
    try:
        progress(f"verify: {target.name}")
        checks = tuple(verify(bundle, target, rules, device))
        progress(f"measure and judge: {target.name}")
        opened = open_for(budgets, target, device, progress)
        try:
            verdict = run_trial(bundle, opened, budgets, rules, target, progress=progress, beside=beside)
        finally:
            opened.close()
    except EdgebuildError as error:
        return Released(built, error=error)
    return Released(built, checks, verdict, measured(bundle, verdict.key, rules.judging.confidence))


def measured(bundle: Bundle, key: MeasurementKey | None, confidence: float) -> dict[str, Bounded]:
    """The metrics of the runs made under one key, from the evidence beside the bundle; each bound at ``confidence``.

    Args:
        key: of latency runs; None: the latest there is.
    """
    payloads = [record.payload for record in read_evidence(bundle)]
    measurements = [payload for payload in payloads if isinstance(payload, Measurement)]
    key = key or next((m.key.of_mode(Mode.LATENCY) for m in reversed(measurements)), None)
    found = {}
    for name in SHOWN if key else ():
        metric = METRICS[name]
        wanted = key.of_mode(metric.mode) if key and metric.mode else None
        values = values_of(metric, runs_under(payloads, wanted) if wanted else ())
        if values:
            found[name] = Bounded(median_low(values), *bounds_of(metric.kind, values, confidence), len(values))
    return found
