"""The loop bench → judge: the only driver of sampling. Every run is evidence at once, which is how a trial resumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from edgebuild.bench.bench import Bench
from edgebuild.bench.exact import counts_instructions, with_fixed_seed
from edgebuild.core.artifact import Part, Quality, Variant
from edgebuild.core.digest import digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.evidence import Payload, VariantQuality, runs_under
from edgebuild.core.measurement import Basis, Measurement, MeasurementKey
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Profile
from edgebuild.core.target import Target
from edgebuild.core.verdict import Verdict
from edgebuild.devices.base import Device
from edgebuild.judge.exact import LEAST_RUNS
from edgebuild.judge.facts import Facts
from edgebuild.judge.sampling import next_step
from edgebuild.judge.verdict import judge
from edgebuild.sampling import Sampler, Subject, pair_series, record
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import read_evidence

Progress = Callable[[str], None]
_PATIENCE = 10
"""A virtual board is given so many times the profile's seconds: it is hundreds of times slower than a real one."""


def run_trial(  # noqa: PLR0913 - what, where, against what, how
    bundle: Bundle, device: Device, budgets: Sequence[Budget], profile: Profile, target: Target, *,
    part: str | None = None, precision: str | None = None, progress: Progress = lambda _: None,
    keep_verdict: bool = True, baseline: Bundle | None = None, beside: int = 0,
    fresh: bool = False,
) -> Verdict:  # fmt: skip
    """Sample until the budgets are decided, or ``max_runs`` or ``max_seconds`` are spent; record the verdict.

    Args:
        target: states the runtime's options.
        part, precision: which variant is judged; default the first part's preferred one.
        baseline: what a change is held against, by the variant of the same part and precision; its runs are evidence
            beside it.
        beside: how many budgets on medians the same release is judged by on other devices.
        fresh: runs that were made before do not count, as where the device has become steady since.

    Raises:
        ConfigError: the baseline has no such variant, or it can't be compared with.
        ModelRejected, DeviceError: as ``Bench.execute``; runs already made stay evidence.
    """
    judging = profile.judging.model_copy(update={"beside": beside}) if beside else profile.judging
    counted = counts_instructions(device)
    bench = Bench(with_fixed_seed(device) if counted else device, bundle.manifest.lineage.tools)
    patience = _PATIENCE if device.basis is Basis.VIRTUAL else 1
    ends = time.monotonic() + patience * profile.measuring.max_seconds
    sampler = Sampler(bench, target, profile, ends, progress)
    chosen, variant = choose(bundle, part, precision)
    run = bool(_modes(budgets)) and device.basis is not Basis.ESTIMATE
    subject = subject_of(bundle, chosen, variant, bench, target) if run else None
    key = subject.key if subject else _unmeasured_key(bundle, chosen, variant, device, target)
    other = _other(baseline, subject, bench, target) if baseline and subject else None
    if other and counted:
        _count(other, sampler)
    since = len(read_evidence(bundle)) if fresh else 0
    while True:
        records = [record.payload for record in read_evidence(bundle)]
        held = _held(other, subject, Mode.EXACT if counted else sampler.pair_mode) if subject and other else None
        facts = facts_of(bundle, chosen, variant, key, budgets, records, held, since)
        step = next_step(budgets, facts, judging, profile.measuring)
        if isinstance(step, Verdict) or sampler.late:
            found = step if isinstance(step, Verdict) else judge(budgets, facts, judging)
            verdict = found.model_copy(
                update={
                    "part": chosen.name, "precision": variant.precision, "key": key, "judging": judging,
                    "profile": digest_json(profile), "records": len(records), "since": since, "baseline": held,
                }
            )  # fmt: skip
            if keep_verdict:
                record(bundle, verdict)
            return verdict
        assert subject is not None, "only a measured budget asks for runs"
        if step.paired and other:
            sampler.pairs(subject, other, step.runs, (*facts.runs, *(facts.baseline or ())))
        else:
            sampler.runs(subject, step.mode, step.runs, sum(run.mode is step.mode for run in facts.runs))


def _other(baseline: Bundle, subject: Subject, bench: Bench, target: Target) -> Subject:
    """The baseline's variant of the same part and precision."""
    found = subject_of(baseline, *choose(baseline, subject.part.name, subject.variant.precision), bench, target)
    unlike = not_comparable(found.key, subject.key) or ("runtime" * (found.part.runtime != subject.part.runtime))
    if unlike:
        raise ConfigError("baseline", f"can't be compared: {unlike} differ", fix="name one of the same runtime")
    return found


def not_comparable(baseline: MeasurementKey, key: MeasurementKey) -> str:
    """What two bundles' runs differ in beside the model itself; empty if one may be held against the other."""
    return ", ".join(sorted(set(baseline.differing(key)) - {"bundle", "model", "signature"}))


def _count(baseline: Subject, sampler: Sampler) -> None:
    """The exact runs that a baseline needs.

    Runs of its own that were made with other versions don't count, and are said not to.
    """
    made = len(baseline.runs(Mode.EXACT))
    if not made:
        own = baseline.key.of_mode(Mode.EXACT)
        found = [r.payload for r in read_evidence(baseline.bundle) if isinstance(r.payload, Measurement)]
        for each in [one for one in found if one.key.workload == own.workload][-1:]:
            unlike = ", ".join(each.key.differing(own))
            sampler.say(f"{baseline.bundle.path.name}: its runs are not comparable: {unlike} differ")
    if made < LEAST_RUNS:
        sampler.runs(baseline, Mode.EXACT, LEAST_RUNS - made, made)


def _held(baseline: Subject, subject: Subject, mode: Mode) -> Measurement:
    """The runs that a baseline is held against by: of times, those that belong to a pair with the subject."""
    runs = baseline.runs(mode)
    if mode is not Mode.EXACT:
        series = pair_series(subject, baseline)
        runs = [run for run in runs if run.side == "a" and run.pair.startswith(series)]
    return Measurement(key=baseline.key.of_mode(mode), runs=tuple(runs))


def choose(bundle: Bundle, part: str | None = None, precision: str | None = None) -> tuple[Part, Variant]:
    """A part and a variant of it: the first of each unless named.

    Raises:
        ConfigError: there is none of that name.
    """
    parts = {each.name: each for each in bundle.manifest.parts}
    name = part or next(iter(parts))
    if name not in parts:
        raise ConfigError("part", f"there is no {name!r}", expected=", ".join(parts))
    variants = {each.precision: each for each in parts[name].variants}
    if precision is None:
        return parts[name], parts[name].variants[0]
    found = next((each for each in parts[name].variants if each.precision == precision), None)
    if found is None:
        raise ConfigError("precision", f"there is no {precision!r}", expected=", ".join(variants))
    return parts[name], found


def _unmeasured_key(
    bundle: Bundle, part: Part, variant: Variant, device: Device, target: Target
) -> MeasurementKey | None:
    """What a verdict on estimates is filed under; None where nothing was measured that could have been."""
    return key_of(bundle, part, variant, device, target, {}) if device.basis is Basis.ESTIMATE else None


def key_of(
    bundle: Bundle, part: Part, variant: Variant, device: Device, target: Target, toolchain: dict[str, str]
) -> MeasurementKey:
    """What runs of a variant on a device are filed under, as those of latency."""
    options = target.runtime_options
    return MeasurementKey(
        bundle=bundle.digest, part=part.name, precision=variant.precision, model=variant.files[0].sha256,
        signature=(variant.signature or part.signature).name, workload="back_to_back", device=device.identity,
        threads=options.threads, delegate=options.delegate_in_full, compute=options.precision, toolchain=toolchain,
        basis=device.basis,
    )  # fmt: skip


def subject_of(bundle: Bundle, part: Part, variant: Variant, bench: Bench, target: Target) -> Subject:
    """A variant with what its runs are filed under; the device is asked for its versions."""
    key = key_of(bundle, part, variant, bench.device, target, bench.toolchain(part.runtime))
    return Subject(bundle, part, variant, key)


def _modes(budgets: Sequence[Budget]) -> tuple[Mode, ...]:
    """The runner's modes that some budgets need."""
    return tuple(dict.fromkeys(b.definition.mode for b in budgets if b.definition.mode is not None))


def facts_of(
    bundle: Bundle, part: Part, variant: Variant, key: MeasurementKey | None, budgets: Sequence[Budget],
    records: Sequence[Payload], baseline: Measurement | None = None, since: int = 0,
) -> Facts:  # fmt: skip
    """What some records say of a variant's budgets: its runs under ``key`` (None: none are needed) and its quality.

    Args:
        since: the first records' runs do not count, so many of them.
    """
    modes = _modes(budgets) if key is not None else ()
    if baseline is not None and baseline.key.workload == "by_turns":
        modes = (*modes, Mode.TURNS)
    keys = [key.of_mode(mode) for mode in modes] if key is not None else []
    return Facts(
        bundle=bundle.digest,
        runs=runs_under(records[since:], *keys),
        basis=key.basis if key is not None else Basis.DEVICE,
        size=variant.size, quality=quality_of(part.name, variant, records),
        is_float=variant.precision == "float32" and bundle.manifest.compression is None,
        baseline=baseline.runs if baseline is not None else None,
        compilation=variant.compilation,
    )  # fmt: skip


def quality_of(part: str, variant: Variant, records: Sequence[Payload]) -> Quality | None:
    """The latest recorded quality of a variant; else the one in the manifest."""
    found = [
        each.quality
        for each in records
        if isinstance(each, VariantQuality) and (each.part, each.precision) == (part, variant.precision)
    ]
    return found[-1] if found else variant.quality
