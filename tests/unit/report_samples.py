"""Hand-made evidence with everything in it that a page can show."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgebuild.core.artifact import ModelFile, Part, Quality, Rejected, Speed, Variant
from edgebuild.core.compression import (
    Compression,
    CompressionStep,
    GroupWidth,
    LatencyCheck,
    LatencyTable,
    PartKept,
    PartLatency,
)
from edgebuild.core.digest import digest_bytes
from edgebuild.core.evidence import Ablation, Payload, record_of
from edgebuild.core.history import ChangePoint, Point, Series
from edgebuild.core.layers import LayerTime, LayerTimes
from edgebuild.core.measurement import Basis, Environment, Measurement, MeasurementKey, Memory, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Judging
from edgebuild.core.recovery import EpochScore
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.judge.facts import Facts
from edgebuild.judge.verdict import judge
from edgebuild.report.html.reported import Reported
from edgebuild.store.bundle import Bundle, write_bundle
from tests.unit.store_samples import FILES, SIGNATURE, manifest_for

LIMITS = {
    "latency_p50": 1.2e6, "latency_p90": 1.55e6, "latency_p50_change": 2.0, "peak_memory": 8.0 * 2**20,
    "model_size": 1e6, "accuracy_drop": 1.0,
}  # fmt: skip
"""PASS, INCONCLUSIVE, INCONCLUSIVE, FAIL, PASS, INCONCLUSIVE."""
MODULES = ("stem.conv", "block.0.conv", "head.fc")
AT = "2026-03-01T10:00:00+00:00"


def bundle_in(folder: Path, name: str = "board-int8") -> Bundle:
    """A bundle of an int8 variant and its float twin, with a candidate that was rejected."""
    listed = {file: ModelFile(name=file, sha256=digest_bytes(data), size=len(data)) for file, data in FILES.items()}
    scored = quality("a")
    speed = Speed(
        device="pi", pairs=9, ratio=1.4, low=1.3, high=1.5, confidence=0.99, float_p50_ns=2e6, int8_p50_ns=1.4e6
    )
    variants = (
        Variant(precision="int8", files=(listed["int8/model.onnx"],), setting="minmax", quality=scored),
        Variant(precision="float32", files=(listed["model.onnx"],), quality=quality("a", 92.4, 0), speed=speed),
    )
    rejected = Rejected(
        precision="int8", setting="mse", reason="it loses 3 points", size=60, quality=quality("a", 89.0), speed=speed
    )
    parts = (Part(runtime="onnxruntime", signature=SIGNATURE, variants=variants),)
    return write_bundle(
        folder / name, FILES, manifest_for(FILES, parts=parts, rejected=(rejected,), compression=pruned())
    )


def pruned(named: str = "stem.conv") -> Compression:
    """Two steps, each trained after; on one target, of two parts."""
    table = LatencyTable(
        target="board", device="pi", runtime="onnxruntime", precision="int8", multiples=(8, 8), coefficients={},
        probes=(), error=0.02,
    )  # fmt: skip
    shares = (PartLatency(part=named, before=0.75, predicted=0.31, measured=0.32),)
    checks = (LatencyCheck(target="board", predicted=0.5, measured=0.52, parts=shares),)
    scores = (EpochScore(value=70.5, loss=1.0), EpochScore(value=91.25, loss=0.2))
    steps = [
        CompressionStep(
            macs=macs, parameters=parameters, importance="taylor", spread="relative", latencies=checks,
            score_name="top1", scores=scores, best_epoch=1,
        )
        for macs, parameters in ((7e6, 60_000), (5e6, 40_000))
    ]  # fmt: skip
    return Compression(
        dense=digest_bytes(b"dense"), model=digest_bytes(b"pruned"), macs=1e7, parameters=100_000, steps=tuple(steps),
        groups=(GroupWidth(group=named, before=64, after=24),), tables=(table,), held=(f"aten.roll in {named}",),
        parts=(PartKept(part=named, macs_before=8e6, macs=4e6, parameters_before=90_000, parameters=30_000),),
    )  # fmt: skip


def quality(dataset: str, value: float = 91.9, lost: int = 4) -> Quality:
    return Quality(
        metric="top1", dataset=digest_bytes(dataset.encode()), samples=800, value=value, low=value - 2,
        high=value + 1.8, float_value=92.4, lost=lost, won=0,
    )  # fmt: skip


def key_of(bundle: Bundle, device: str = "pi") -> MeasurementKey:
    variant = bundle.manifest.parts[0].variants[0]
    return MeasurementKey(
        bundle=bundle.digest, part="model", precision="int8", model=variant.files[0].sha256, signature="s",
        workload="back_to_back", device=device, threads=4, toolchain={"python": "3.11", "runtime": "onnxruntime 1.32"},
        basis=Basis.DEVICE,
    )  # fmt: skip


def latency_runs(
    side: str = "", count: int = 12, samples: int = 200, slower: float = 1.0, mode: Mode = Mode.LATENCY
) -> tuple[Run, ...]:
    """Runs, each of a pair if they have a side; the third one drifts, the fifth was too hot, the eighth throttled."""
    made = []
    for number in range(count):
        noise = np.random.default_rng([number, side == "a"])
        steady = noise.lognormal(0, 0.03) * slower
        times = 1e6 * steady * noise.lognormal(0, 0.3, samples)
        moment = Environment(
            load_1min=0.2 + number / 100, clock_khz=(1_800_000, 2_400_000), clock_limit_khz=(2_400_000,) * 2,
            temperature_mc=(51_000 + 800 * number,), governor="performance", throttled=number == 7,
            memory_available=3 * 2**30,
        )  # fmt: skip
        made.append(Run.model_validate({
            "mode": mode, "seed": number, "samples_ns": tuple(int(ns) for ns in times),
            "warmup_ns": tuple(int(2 * ns) for ns in times[:20]), "load_ns": 9_000_000 + number, "first_ns": 4_000_000,
            "pair": f"ab-{number}" if side else "", "side": side, "before": moment, "during": (moment,),
            "outside": ("hot: 86.0 °C, at most 85 °C",) if number == 4 else (), "steady": number != 2,
            "shares": ({"by": "xnnpack", "operators": {"CONV_2D": 13, "MEAN": 1}, "partitions": 2},
                       {"by": "tflite", "operators": {"DIV": 1}}),
            "after": moment, "started_at": f"2026-03-01T10:{number % 60:02}:00+00:00",
        }))  # fmt: skip
    return tuple(made)


def memory_runs(count: int = 16) -> tuple[Run, ...]:
    return tuple(
        Run(
            mode=Mode.MEMORY, seed=number,
            memory=Memory(
                vm_hwm=60 * 2**20 + number * 4096, floor=48 * 2**20, weights_mapped=2**20, arena=5 * 2**20,
                vm_rss=58 * 2**20, pss_peak=52 * 2**20,
            ),
        )
        for number in range(count)
    )  # fmt: skip


def layers_of(key: MeasurementKey, precision: str, names: tuple[str, ...] = MODULES) -> LayerTimes:
    """Every convolution with its Q/DQ around it, in int8."""
    factor = 1 if precision == "float32" else 2
    found = [
        LayerTime(name=f"{name}_node", kind="Conv", kernel="gemm", modules=(name,), ns=factor * 100_000 * (place + 1))
        for place, name in enumerate(names)
    ]
    if precision == "int8":
        found += [LayerTime(name="x_QuantizeLinear", kind="QuantizeLinear", ns=70_000)]
    own = key.model_copy(update={"workload": "profile", "precision": precision})
    return LayerTimes(key=own, layers=tuple(found), inferences=50)


def ablations(missing: str = "x", device: str = "pi") -> tuple[Ablation, ...]:
    """Both variants without an input, which float does better without."""
    named = {"device": device, "missing": (missing,)}
    left = {"int8": (quality("b", 60.5, 20), 260, 9), "float32": (quality("b", 61.0, 0), 255, 4)}
    return tuple(
        Ablation.model_validate(named | {"precision": precision, "quality": found, "won": won, "lost": lost})
        for precision, (found, won, lost) in left.items()
    )


def series_of(bundle: Bundle, points: int = 24, model: str = "sample") -> Series:
    """A level that rises by a tenth in the middle, each release within its budget."""
    half = points // 2
    made = tuple(
        Point(
            at=f"2026-01-{1 + number % 28:02}T08:00:00+00:00", bundle=bundle.digest, runs=8,
            value=(1.0e6 if number < half else 1.1e6) + 4e3 * (number % 3), low=0.98e6, high=1.15e6,
            outcome=[Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL, None][number % 4],
        )
        for number in range(points)
    )  # fmt: skip
    change = ChangePoint(at=made[half].at, index=half, before=1.004e6, after=1.104e6, significance=0.01)
    return Series(
        model=model,
        target="raspberry-pi-5",
        device="pi",
        precision="int8",
        metric="latency_p50",
        points=made,
        changes=(change,),
    )


def verdict_of(bundle: Bundle, runs: tuple[Run, ...], baseline: tuple[Run, ...], records: int) -> Verdict:
    """What the judge says of these runs."""
    key, judging = key_of(bundle), Judging()
    budgets = [Budget(metric=name, limit=limit) for name, limit in LIMITS.items()]
    facts = Facts(bundle.digest, runs, Basis.DEVICE, 50, quality("a"), baseline=baseline)
    held = Measurement(key=key.of_mode(Mode.TURNS).model_copy(update={"bundle": "b" * 64}), runs=baseline)
    return judge(budgets, facts, judging).model_copy(
        update={
            "part": "model", "precision": "int8", "key": key, "judging": judging, "profile": "0" * 64,
            "records": records, "baseline": held,
        }
    )  # fmt: skip


def full(folder: Path, name: str = "board-int8", slower: float = 1.0, runs: int = 12, samples: int = 200) -> Reported:
    """A bundle with all of it."""
    bundle = bundle_in(folder, name)
    key = key_of(bundle)
    timed, weighed = latency_runs("", runs, samples, slower), memory_runs()
    baseline, turns = (latency_runs(side, runs, samples, mode=Mode.TURNS) for side in "ab")
    payloads: list[Payload] = [
        Measurement(key=key, runs=timed), Measurement(key=key.of_mode(Mode.MEMORY), runs=weighed),
        Measurement(key=key.of_mode(Mode.TURNS), runs=turns),
        layers_of(key, "float32"), layers_of(key, "int8"), *ablations(),
    ]  # fmt: skip
    verdict = verdict_of(bundle, (*timed, *turns, *weighed), baseline, len(payloads))
    records = tuple(record_of(bundle.digest, payload, AT, {"edgebuild": "0.1"}) for payload in (*payloads, verdict))
    return Reported(name, bundle, records, verdict, AT)
