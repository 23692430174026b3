"""The loop bench → judge: the only driver of sampling. Every run is evidence at once, which is how a trial resumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from edgebuild import __version__
from edgebuild.bench.bench import Bench, now
from edgebuild.bench.exact import counts_instructions, exact_run, with_fixed_seed
from edgebuild.bench.guard import cool_down, judged_by
from edgebuild.core.array import Array, np
from edgebuild.core.artifact import Part, Quality, Variant
from edgebuild.core.digest import digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.evidence import Payload, VariantQuality, record_of
from edgebuild.core.measurement import Basis, Environment, Measurement, MeasurementKey, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Profile
from edgebuild.core.signature import Signature
from edgebuild.core.target import Target
from edgebuild.core.verdict import Verdict
from edgebuild.devices.base import Device
from edgebuild.judge.exact import LEAST_RUNS
from edgebuild.judge.verdict import Continue, Facts, judge, next_step
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import append, read_evidence

Progress = Callable[[str], None]
_ROWS = 8
_PATIENCE = 10
"""A virtual board is given so many times the profile's seconds: it is hundreds of times slower than a real one."""


def run_trial(  # noqa: PLR0913 - what, where, against what, how
    bundle: Bundle, device: Device, budgets: Sequence[Budget], profile: Profile, target: Target, *,
    part: str | None = None, precision: str | None = None, progress: Progress = lambda _: None,
    keep_verdict: bool = True, baseline: Bundle | None = None,
) -> Verdict:  # fmt: skip
    """Sample until the budgets are decided, or ``max_runs`` or ``max_seconds`` are spent; record the verdict.

    Args:
        target: states the runtime's options.
        part, precision: which variant is judged; default the first part's preferred one.
        baseline: what ``instructions_change`` is held against, the variant of the same part and precision; its runs
            are evidence beside it.

    Raises:
        ConfigError: the baseline has no such variant.
        ModelRejected, DeviceError: as ``Bench.execute``; runs already made stay evidence.
    """
    chosen, variant = choose(bundle, part, precision)
    tools = bundle.manifest.lineage.tools
    bench = Bench(with_fixed_seed(device) if counts_instructions(device) else device, tools)
    key = _key(bundle, chosen, variant, bench, target) if _modes(budgets) else None
    patience = _PATIENCE if device.basis is Basis.VIRTUAL else 1
    ends = time.monotonic() + patience * profile.measuring.max_seconds
    held = _baseline(baseline, key, bench, target, profile, ends, progress) if baseline and key else None
    while True:
        records = [record.payload for record in read_evidence(bundle)]
        facts = facts_of(bundle, chosen, variant, key, budgets, records, held)
        step = next_step(budgets, facts, profile.judging, profile.measuring)
        late = time.monotonic() >= ends
        if isinstance(step, Verdict) or late:
            found = step if isinstance(step, Verdict) else judge(budgets, facts, profile.judging)
            verdict = found.model_copy(
                update={
                    "part": chosen.name, "precision": variant.precision, "key": key, "judging": profile.judging,
                    "profile": digest_json(profile), "records": len(records), "baseline": held,
                }
            )  # fmt: skip
            if keep_verdict:
                _record(bundle, verdict)
            return verdict
        assert key is not None, "only a measured budget asks for runs"
        mode_key, made = key.of_mode(step.mode), len(facts.runs)
        _sample(bundle, chosen, variant, bench, target, profile, mode_key, step, made, ends, progress)


def _baseline(
    bundle: Bundle, key: MeasurementKey, bench: Bench, target: Target, profile: Profile, ends: float, say: Progress
) -> Measurement | None:
    """The exact runs of another bundle's variant, under the key of ours but for what is run; None: not counted here.

    Runs of its own that were made with other versions don't count, and are said not to.
    """
    if not counts_instructions(bench.device):
        return None
    part, variant = choose(bundle, key.part, key.precision)
    own = _key(bundle, part, variant, bench, target).of_mode(Mode.EXACT)
    while True:
        found = [r.payload for r in read_evidence(bundle) if isinstance(r.payload, Measurement)]
        made = [run for each in found if each.key == own for run in each.runs]
        if len(made) >= LEAST_RUNS or time.monotonic() >= ends:
            return Measurement(key=own, runs=tuple(made))
        for each in found[-1:]:
            if not made and each.key.workload == own.workload:
                say(f"{bundle.path.name}: its runs are not comparable: {', '.join(each.key.differing(own))} differ")
        step = Continue(Mode.EXACT, LEAST_RUNS - len(made))
        _sample(bundle, part, variant, bench, target, profile, own, step, len(made), ends, say)


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


def model_files(bundle: Bundle, variant: Variant) -> dict[str, bytes]:
    """A variant's files, the one that the runtime opens first."""
    return {file.name: bundle.read(file.name) for file in variant.files}


def timing_inputs(signature: Signature) -> dict[str, Array]:
    """A few samples of noise from a fixed seed: what is timed does not depend on the user's data."""
    random = np.random.default_rng(0)
    made: dict[str, Array] = {}
    for spec in signature.inputs:
        shape = (_ROWS, *spec.shape[1:])
        if np.dtype(spec.dtype).kind == "f":
            made[spec.name] = random.standard_normal(shape).astype(spec.dtype)
        else:
            made[spec.name] = random.integers(0, 2, shape).astype(spec.dtype)
    return made


def _key(bundle: Bundle, part: Part, variant: Variant, bench: Bench, target: Target) -> MeasurementKey:
    """What a variant's runs are filed under, as latency runs; the device is asked for its versions."""
    options = target.runtime_options
    return MeasurementKey(
        bundle=bundle.digest, part=part.name, precision=variant.precision, model=variant.files[0].sha256,
        signature=(variant.signature or part.signature).name, workload="back_to_back", device=bench.device.identity,
        threads=options.threads, delegate=options.delegate, compute=options.precision,
        toolchain=bench.toolchain(part.runtime), basis=bench.device.basis,
    )  # fmt: skip


def _modes(budgets: Sequence[Budget]) -> tuple[Mode, ...]:
    """The runner's modes that some budgets need."""
    return tuple(dict.fromkeys(b.definition.mode for b in budgets if b.definition.mode is not None))


def facts_of(
    bundle: Bundle, part: Part, variant: Variant, key: MeasurementKey | None, budgets: Sequence[Budget],
    records: Sequence[Payload], baseline: Measurement | None = None,
) -> Facts:  # fmt: skip
    """What some records say of a variant's budgets: its runs under ``key`` (None: none are needed) and its quality."""
    keys = [key.of_mode(mode) for mode in _modes(budgets)] if key is not None else []
    return Facts(
        bundle=bundle.digest,
        runs=[run for each in records if isinstance(each, Measurement) and each.key in keys for run in each.runs],
        basis=key.basis if key is not None else Basis.DEVICE,
        size=variant.size, is_float=variant.precision == "float32", quality=quality_of(part.name, variant, records),
        baseline=baseline.runs if baseline is not None else (),
    )  # fmt: skip


def quality_of(part: str, variant: Variant, records: Sequence[Payload]) -> Quality | None:
    """The latest recorded quality of a variant; else the one in the manifest."""
    found = [
        each.quality
        for each in records
        if isinstance(each, VariantQuality) and (each.part, each.precision) == (part, variant.precision)
    ]
    return found[-1] if found else variant.quality


def _sample(  # noqa: PLR0913, PLR0917
    bundle: Bundle, part: Part, variant: Variant, bench: Bench, target: Target, profile: Profile,
    key: MeasurementKey, step: Continue, seed: int, ends: float, say: Progress,
) -> None:  # fmt: skip
    say(f"{step.mode.value}: {step.runs} more runs of {bundle.path.name} on {bench.device.name}")
    files, inputs = model_files(bundle, variant), timing_inputs(variant.signature or part.signature)
    last: Environment | None = None
    for number in range(seed, seed + step.runs):
        cool_down(bench.environment, last, profile.conditions, ends, say)
        if time.monotonic() >= ends:
            return
        run: Run
        if step.mode is Mode.MEMORY:
            run = bench.memory_run(part.runtime, files, inputs, target.runtime_options, number)
        elif step.mode is Mode.EXACT:
            run = exact_run(bench, part.runtime, files, inputs, target.runtime_options, number)
        else:
            run = bench.latency_run(part.runtime, files, inputs, target.runtime_options, profile.measuring, number)
        run = judged_by(run, profile.conditions)
        last = run.after
        if run.outside:
            say(f"a run does not count: {'; '.join(run.outside)}")
        _record(bundle, Measurement(key=key, runs=(run,)))


def _record(bundle: Bundle, payload: Payload) -> None:
    at = now()
    append(bundle, record_of(bundle.digest, payload, at, {"edgebuild": __version__}))
