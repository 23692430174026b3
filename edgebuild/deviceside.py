"""What the device-side commands do with a bundle: find its settings, open its device, measure, judge, run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebuild.baseline import LAST_RELEASE, last_release, releases_before
from edgebuild.core.artifact import Part
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.core.measurement import Basis
from edgebuild.core.metric import Budget, parse_budget
from edgebuild.core.profile import Profile
from edgebuild.core.target import Target
from edgebuild.core.units import Unit
from edgebuild.core.verdict import Line, Verdict
from edgebuild.creeping import creeps
from edgebuild.devices.opening import open_device
from edgebuild.indexing import remember
from edgebuild.judge.creep import Creep
from edgebuild.opening import is_virtual, open_for
from edgebuild.steps.postprocess import post_of
from edgebuild.store.bundle import Bundle, open_bundle
from edgebuild.store.catalog import find_profile, find_target, profile_names, target_names
from edgebuild.trial import choose, run_trial
from edgebuild.vectors import golden_vectors, holds_raw

_MEASURED = ("latency_p50", "latency_p90", "cold_start", "first_inference", "peak_memory", "process_memory")
_COUNTED = ("instructions",)
_TIMED_CHANGES = ("latency_p50_change", "latency_p90_change")
_COUNTED_CHANGES = ("instructions_change",)
COUNTED_CHANGE = Budget(metric="instructions_change", limit=0.5)
"""What is held to a baseline where nothing else is said, on a virtual board: 1 % more instructions are told apart."""
TIMED_CHANGE = Budget(metric="latency_p50_change", limit=2.0)
"""The same where times are measured. A machine that is not quiet can't decide so small a change within the time."""


def known_target(bundle: Bundle, root: Path) -> Target | None:
    """The bundle's target; None if there is none of that name.

    Raises:
        ConfigError: for what is wrong in its file.
    """
    name = bundle.manifest.target
    return find_target(name, root) if name in target_names(root) else None


def known_profile(bundle: Bundle, root: Path) -> Profile | None:
    """The bundle's profile; None and errors as for ``known_target``."""
    name = bundle.manifest.profile
    return find_profile(name, root) if name in profile_names(root) else None


def given_budget(text: str) -> Budget:
    """A budget as it is given on the command line: "METRIC=LIMIT".

    Raises:
        ConfigError: it is none.
    """
    name, _, limit = text.partition("=")
    try:
        return parse_budget(name.strip(), limit)
    except ValueError as error:
        raise ConfigError("--budget", str(error), expected='METRIC=LIMIT, such as "latency_p90=12 ms"') from error


def budgets_of(bundle: Bundle, given: Sequence[str], part: str | None = None) -> tuple[Budget, ...]:
    """The budgets of a bundle, or of a part of it that is named, replaced or joined by those given as METRIC=LIMIT.

    Raises:
        ConfigError: one is no budget.
    """
    first, chosen = bundle.manifest.parts[0], choose(bundle, part)[0]
    own = bundle.manifest.budgets if chosen.name == first.name else chosen.budgets
    found = {name: Budget(metric=name, limit=limit) for name, limit in own.items()}
    found |= {budget.metric: budget for budget in map(given_budget, given)}
    return tuple(found[name] for name in sorted(found))


@dataclass(frozen=True)
class Gated:
    """A verdict, and what is told beside it, from the history: it stands on the bundle's own evidence alone.

    Attributes:
        baseline: where the bundle is that it was held against; "": none.
        creeps: which metrics crept up over the model's history.
        missed: why the evidence was not taken up in the history, or nothing.
    """

    verdict: Verdict
    baseline: str = ""
    creeps: tuple[Creep, ...] = ()
    missed: str = ""


def gate(  # noqa: PLR0913 - what, where, how, against what
    bundle: Bundle, given: Sequence[str], device: str | None, profile: str | None, precision: str | None,
    root: Path, say: Callable[[str], None], baseline: Path | None = None, *, fresh: bool = False,
    part: str | None = None,
) -> Gated:  # fmt: skip
    """The verdict on a bundle's budgets, measured as far as it takes; the evidence is taken up in the history.

    Args:
        baseline: another bundle, that this one may be no slower than, within ``TIMED_CHANGE`` unless given; on a
            virtual board, execute no more instructions than. ``last-release``: the one that was released last.
        fresh: runs that were made before do not count.
        part: judge this part of the bundle, by its own budgets; default the whole, by the bundle's.

    Raises:
        ConfigError: there is no budget, no such part, or no release.
    """
    from_history = str(baseline) == LAST_RELEASE
    releases = releases_before(bundle) if from_history else []
    other = open_bundle(baseline) if baseline and not from_history else None
    own = budgets_of(bundle, given, part)
    budgets = own if baseline is None else _with_change(own, device)
    if not budgets:
        raise ConfigError(
            "gate", "no budget is given, nor is one in the bundle", fix='add --budget "latency_p90=12 ms"'
        )
    _refuse_no_step(bundle, budgets)
    target = find_target(bundle.manifest.target, root)
    chosen = find_profile(profile or bundle.manifest.profile, root)
    opened = open_for(budgets, target, device, say)
    try:
        if releases:
            other = last_release(bundle, releases, opened.identity, precision)
            say(f"baseline: {other.path}, released last")
        verdict = run_trial(
            bundle, opened, budgets, chosen, target, part=part, precision=precision, progress=say, baseline=other,
            fresh=fresh,
        )  # fmt: skip
    finally:
        opened.close()
    missed = remember([bundle, other])
    return Gated(verdict, str(other.path) if other else "", creeps(bundle, verdict) if not missed else (), missed)


def _refuse_no_step(bundle: Bundle, budgets: Sequence[Budget]) -> None:
    lasting = bundle.manifest.parts[0].signature.step_seconds is not None
    if not lasting and any(budget.metric == "real_time_factor" for budget in budgets):
        raise ConfigError(
            "real_time_factor", f"{bundle.path.name} does not say how long what one inference is given lasts",
            fix="say step_seconds under [model] in edgebuild.toml, and build again",
        )  # fmt: skip


def _with_change(budgets: tuple[Budget, ...], device: str | None) -> tuple[Budget, ...]:
    """The budgets, with one on the change from a baseline."""
    usual = COUNTED_CHANGE if is_virtual(device) else TIMED_CHANGE
    stated = any(budget.definition.change and budget.definition.mode is usual.definition.mode for budget in budgets)
    return budgets if stated else (*budgets, usual)


def measure(  # noqa: PLR0913 - what, where, how, against what
    bundle: Bundle, device: str | None, profile: str | None, precision: str | None, root: Path,
    say: Callable[[str], None], *, exact: bool = False, against: Bundle | None = None, part: str | None = None,
) -> list[dict[str, object]]:  # fmt: skip
    """Measure without judging: each metric's median over runs with its bounds.

    Args:
        part: measure only this part; default all that the bundle has, the whole first.
        exact: count instructions, on a virtual board booted for it, and measure nothing else.
        against: another bundle to measure beside; the change is from it to this one.
    """
    target = find_target(bundle.manifest.target, root)
    chosen = find_profile(profile or bundle.manifest.profile, root)
    changes = (_COUNTED_CHANGES if exact else _TIMED_CHANGES) if against else ()
    opened, rows = open_device(target, device, say, exact=exact), []
    try:
        if opened.basis is Basis.ESTIMATE:
            raise DeviceError(target.name, "nothing can be run on it", fix="edgebuild inspect shows what is estimated")
        for name in _measured_parts(bundle, part, against):
            own, found = choose(bundle, name)[0], _precision_in(bundle, name, precision)
            names = (*(_COUNTED if exact else _measured_of(bundle, own)), *changes)
            unlimited = tuple(Budget(metric=metric, limit=1e300) for metric in names)
            verdict = run_trial(
                bundle, opened, unlimited, chosen, target, part=name, precision=found, progress=say,
                keep_verdict=False, baseline=against,
            )  # fmt: skip
            rows += [_row(bundle, line, name) for line in verdict.lines]
    finally:
        opened.close()
    return rows + (_post_rows(bundle, precision) if part is None else [])


def _measured_of(bundle: Bundle, part: Part) -> tuple[str, ...]:
    """What can be measured of a part: some metrics need more than the model."""
    lasting = part.signature.step_seconds is not None
    around = (part.signature.pre or part.signature.answer) and holds_raw(bundle, part)
    return (*_MEASURED, *("real_time_factor",) * lasting, *("end_to_end_p90",) * bool(around))


def _measured_parts(bundle: Bundle, part: str | None, against: Bundle | None) -> list[str]:
    """What is measured: the part that is named, else all of them; beside another bundle, the whole."""
    names = [each.name for each in bundle.manifest.parts]
    if part is not None:
        return [choose(bundle, part)[0].name]
    return names[:1] if against else names


def _precision_in(bundle: Bundle, part: str, precision: str | None) -> str | None:
    """The precision that a part has where the whole has the one that is asked for."""
    own = {variant.precision for variant in choose(bundle, part)[0].variants}
    first = part == bundle.manifest.parts[0].name
    return precision if first or precision is None or precision in own else "float32"


def _row(bundle: Bundle, line: Line, part: str) -> dict[str, object]:
    told = {"part": part} if len(bundle.manifest.parts) > 1 else {}
    return {
        "bundle": bundle.path.name, **told, "metric": line.budget.metric, "estimate": line.estimate, "low": line.low,
        "high": line.high, "unit": line.budget.definition.unit.value, "runs": line.count, "reason": line.reason,
    }  # fmt: skip


def _post_rows(bundle: Bundle, precision: str | None) -> list[dict[str, object]]:
    """What the ``post`` steps take for one sample, here and apart from the model, on the golden answers."""
    part, variant = choose(bundle, None, precision)
    post = post_of(part.signature)
    if not post.steps:
        return []
    vectors = golden_vectors(bundle, part)
    seconds = post.seconds([vectors[f"expected/{variant.precision}/{name}"] for name in post.names])
    return [{
        "bundle": bundle.path.name, "metric": "post", "estimate": (seconds or 0.0) * 1e9, "low": None, "high": None,
        "unit": Unit.NANOSECOND.value, "runs": 1, "reason": "on this machine, one sample at a time",
    }]  # fmt: skip
