"""Recorded verdicts of every kind and rule: of runs that are made here, of made traces, and of counted instructions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from verdict_traces import KINDS, times

from edgebuild.core.artifact import Precision, Quality
from edgebuild.core.digest import digest_bytes, digest_json
from edgebuild.core.evidence import VariantQuality
from edgebuild.core.measurement import Basis, Measurement, MeasurementKey, Memory, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Judging, Profile
from edgebuild.core.target import Target
from edgebuild.devices.transports.local import open_local
from edgebuild.judge.verdict import RULES, judge
from edgebuild.sampling import record
from edgebuild.store.bundle import Bundle, write_bundle
from edgebuild.store.evidence import read_evidence
from edgebuild.trial import choose, facts_of, run_trial

_MEASURING = {"runs": 4, "max_runs": 6, "min_samples": 100, "min_seconds": 0.0, "warmup_seconds": 0.05}
PROFILE = Profile.model_validate({
    "schema": 1, "name": "fast", "measuring": _MEASURING, "judging": {"confidence": 0.9, "accuracy_confidence": 0.9},
})  # fmt: skip
_USUAL_NS = 1e6
_HUGE = 1e15
_TIMES = ("latency_p50", "latency_p90", "latency_p99", "cold_start", "first_inference")
_SIZES = ("peak_memory", "process_memory", "model_size")


def of_real_runs(bundle: Bundle, baseline: Bundle, target: Target, say: Callable[[str], None]) -> None:
    """Verdicts by trials of a bundle on this machine, alone and against another; then the same by every rule."""
    asked = [{name: limit} for name in (*_TIMES, *_SIZES) for limit in (1.0, _HUGE)]
    asked += [{"latency_p50": _HUGE, "peak_memory": _HUGE, "model_size": _HUGE, "accuracy_drop": 50.0}]
    asked += [{"latency_p90": 1.0, "model_size": _HUGE}, {"accuracy_drop": 0.01}, {"accuracy_drop": 2.0}, {}]
    asked += [{"instructions": _HUGE}, {"instructions": 1.0, "latency_p50": _HUGE}]
    asked += [{"latency_p50_change": limit} for limit in (-90.0, 0.0, 900.0)]
    device = open_local()
    try:
        for limits in asked:
            against = baseline if "latency_p50_change" in limits else None
            run_trial(bundle, device, _budgets(limits), PROFILE, target, progress=say, baseline=against)
        middle = _median_of(bundle)
        run_trial(bundle, device, _budgets({"latency_p50": middle}), PROFILE, target, progress=say)
    finally:
        device.close()
    _again_by_every_rule(bundle)


def of_traces(bundle: Bundle, precision: Precision, kind: str, runs: int = 40, percent: int = 90) -> None:
    """Verdicts on a made trace, and on two of them in pairs, of limits around what it says."""
    rng, samples = random.Random(kind), 1000 // (100 - percent)
    own, other = (_traced(rng, kind, side, runs, samples) for side in ("b", "a"))
    key = _key(bundle, precision, f"trace {kind}", Basis.DEVICE)
    held = Measurement(key=key.model_copy(update={"bundle": digest_bytes(kind.encode())}), runs=tuple(other))
    record(bundle, Measurement(key=key, runs=tuple(own)))
    for share in (0.7, 1.0, 1.4):
        for rule in RULES:
            _record(bundle, key, [Budget(metric=f"latency_p{percent}", limit=_USUAL_NS * share)], rule)
            limits = {f"latency_p{percent}_change": 100.0 * (share - 1.0) + 1.0, "latency_p50": _HUGE}
            _record(bundle, key, _budgets(limits), rule, held)


def of_workloads(bundle: Bundle, precision: Precision) -> None:
    """Verdicts on bursts, a duty cycle and sustained minutes, steady and slowing down."""
    rng, key = random.Random(7), _key(bundle, precision, "paced", Basis.DEVICE)
    for mode in (Mode.BURST, Mode.DUTY, Mode.SUSTAINED):
        slower = [1.0 + 0.3 * place / 600 * (mode is Mode.SUSTAINED) for place in range(600)]
        taken = [tuple(round(_USUAL_NS * each * rng.uniform(0.98, 1.04)) for each in slower) for _ in range(8)]
        runs = tuple(Run(mode=mode, samples_ns=samples) for samples in taken)
        record(bundle, Measurement(key=key.of_mode(mode), runs=runs))
    asked = [
        {name: _USUAL_NS * share} for name in ("burst_p90", "duty_cycle_p90", "sustained_p90") for share in (0.7, 2.0)
    ]
    asked += [{"sustained_slowdown": 5.0}, {"sustained_slowdown": 90.0, "sustained_p90": _HUGE}]
    for limits, rule in ((limits, rule) for limits in asked for rule in RULES):
        _record(bundle, key, _budgets(limits), rule)


def of_counts(bundle: Bundle, precision: Precision) -> None:
    """Verdicts of a virtual board: on counted instructions, memory, and times beside them."""
    key = _key(bundle, precision, "board", Basis.VIRTUAL)
    memory = [Memory(vm_hwm=50_000_000 + 4096 * number, floor=20_000_000) for number in range(8)]
    record(bundle, Measurement(key=key.of_mode(Mode.EXACT), runs=tuple(_counted(900) for _ in range(2))))
    runs = tuple(Run(mode=Mode.MEMORY, memory=each) for each in memory)
    record(bundle, Measurement(key=key.of_mode(Mode.MEMORY), runs=runs))
    asked = [{"instructions": limit} for limit in (800.0, 900.0)] + [{"peak_memory": limit} for limit in (1e6, 1e9)]
    asked += [{"instructions": 900.0, "latency_p90": 1.0}, {"latency_p90": _HUGE}]
    for limits, rule in ((limits, rule) for limits in asked for rule in RULES):
        _record(bundle, key, _budgets(limits), rule)
    for count, rule in ((count, rule) for count in (890, 900, 910) for rule in RULES):
        others = (_counted(count), _counted(count))
        held = key.of_mode(Mode.EXACT).model_copy(update={"bundle": digest_bytes(b"other")})
        _record(bundle, key, _budgets({"instructions_change": 0.5}), rule, Measurement(key=held, runs=others))


def of_quality(bundle: Bundle, precision: Precision) -> None:
    """Verdicts on accuracy, of paired samples and of a bound, as a device scored them."""
    base = {"metric": "top1", "dataset": digest_bytes(b"set"), "samples": 1000, "value": 90.0, "float_value": 90.5}
    for more in ({"lost": 5, "won": 0}, {"lost": 90, "won": 3}, {"drop_high": 0.7, "drop_confidence": 0.95}, {}):
        found = Quality.model_validate(base | more)
        record(bundle, VariantQuality(precision=precision, device="board", quality=found))
        for limit, rule in ((limit, rule) for limit in (0.5, 2.0) for rule in RULES):
            _record(bundle, None, [Budget(metric="accuracy_drop", limit=limit)], rule, precision=precision)


def copy_of(bundle: Bundle, place: Path, name: str) -> Bundle:
    """A bundle of the same files by another name, and so with another digest, without evidence."""
    files = {file.name: bundle.read(file.name) for file in bundle.manifest.files}
    manifest = bundle.manifest.model_copy(update={"name": name})
    return write_bundle(place, files, manifest, archive=place.suffix == ".edgebundle")


@dataclass(frozen=True)
class Made:
    """A bundle that verdicts are recorded of by ``fill``."""

    place: str
    fill: Callable[[Bundle], None]


def synthetic(precisions: Sequence[Precision]) -> Iterator[Made]:
    """What no run is made for; every other bundle is an archive."""
    for number, kind in enumerate(KINDS):
        precision, ending = precisions[number % len(precisions)], (".edgebundle", "")[number % 2]
        yield Made(f"trace{number}{ending}", lambda b, p=precision, k=kind: of_traces(b, p, k))  # type: ignore[misc]
    for precision in precisions:
        yield Made(f"paced-{precision}", lambda b, p=precision: of_workloads(b, p))  # type: ignore[misc]
        yield Made(f"counts-{precision}", lambda b, p=precision: of_counts(b, p))  # type: ignore[misc]
        yield Made(f"quality-{precision}.edgebundle", lambda b, p=precision: of_quality(b, p))  # type: ignore[misc]


def _budgets(limits: dict[str, float]) -> list[Budget]:
    return [Budget(metric=name, limit=limit) for name, limit in limits.items()]


def _key(bundle: Bundle, precision: Precision, device: str, basis: Basis) -> MeasurementKey:
    part, variant = choose(bundle, None, precision)
    return MeasurementKey(
        bundle=bundle.digest, part=part.name, precision=precision, model=variant.files[0].sha256,
        signature=part.signature.name, workload="back_to_back", device=device, threads=1, basis=basis,
    )  # fmt: skip


def _traced(rng: random.Random, kind: str, side: str, count: int, samples: int) -> list[Run]:
    """Runs of so many samples; an unsteady one now and then, and one outside its conditions."""
    runs = []
    for number, value in enumerate(times(KINDS[kind](rng, count), _USUAL_NS)):
        taken = tuple(round(value * rng.uniform(0.98, 1.04)) for _ in range(samples))
        told = {"steady": rng.random() < 0.9, "outside": ("85 °C, where 80 is allowed",) if number == 7 else ()}
        said = {"mode": "latency", "samples_ns": taken, "pair": f"{number:x}-{number}", "side": side, **told}
        runs.append(Run.model_validate(said | {"load_ns": 10 * value, "first_ns": 3 * value}))
    return runs


def _counted(instructions: int) -> Run:
    return Run(mode=Mode.EXACT, samples_ns=(instructions + 50,) * 20, empty_ns=(50,) * 20)


def _median_of(bundle: Bundle) -> float:
    """What the first verdict on latency says the median is: a limit there can't be decided."""
    lines = (line for record in read_evidence(bundle) for line in getattr(record.payload, "lines", ()))
    return next(line.estimate for line in lines if line.budget.metric == "latency_p50" and line.estimate)


def _again_by_every_rule(bundle: Bundle) -> None:
    made = [record.payload for record in read_evidence(bundle) if record.kind == "verdict"]
    for verdict in made:
        for rule in set(RULES) - {verdict.rule}:
            budgets = [line.budget for line in verdict.lines]
            _record(bundle, verdict.key, budgets, rule, verdict.baseline, verdict.precision)


def _record(
    bundle: Bundle, key: MeasurementKey | None, budgets: Iterable[Budget], rule: int,
    baseline: Measurement | None = None, precision: Precision | None = None,
) -> None:  # fmt: skip
    """Judge what is there, and record the verdict with all that it stands on, as a trial does."""
    part, variant = choose(bundle, None, key.precision if key else precision)
    records, wanted = [each.payload for each in read_evidence(bundle)], list(budgets)
    judging: Judging = PROFILE.judging
    verdict = judge(wanted, facts_of(bundle, part, variant, key, wanted, records, baseline), judging, rule)
    given = {
        "part": part.name, "precision": variant.precision, "key": key, "judging": judging,
        "profile": digest_json(PROFILE), "records": len(records), "baseline": baseline,
    }  # fmt: skip
    record(bundle, verdict.model_copy(update=given))
