"""Where scripts/pruning_compared measures: ours and theirs beside each other, on one runtime."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from math import inf, log
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from compared_projects import Dense, Subject, dense
from compared_records import POINTS, write_json
from compared_rivals import Images, Method, awake, macs, pruned, quantized, scores, shape_of, widths
from numpy.typing import NDArray

from edgebuild.bench.bench import Bench
from edgebuild.bench.compare import compare_speed
from edgebuild.bench.given import Side
from edgebuild.compress.allocate import Choice, cheapest
from edgebuild.compress.costs import Counted
from edgebuild.compress.groups import Grouped, groups_of
from edgebuild.compress.recovery import Recovered, recover, recovery_key
from edgebuild.compress.soft_targets import SoftTargets
from edgebuild.compress.telling import Say
from edgebuild.core.artifact import Speed
from edgebuild.core.compression import ProbeTime, Pruning
from edgebuild.core.profile import Measuring, Profile
from edgebuild.core.recovery import Recovery
from edgebuild.core.target import Target
from edgebuild.models.batched import BatchedModel
from edgebuild.models.samples import Samples, prepare_inputs
from edgebuild.search.gauges import measuring_of
from edgebuild.search.parts import parts_of
from edgebuild.search.table import fit
from edgebuild.store.bundle import Bundle, open_bundle
from edgebuild.store.cache import Cache
from edgebuild.store.catalog import find_profile, find_target

if TYPE_CHECKING:
    from torch import nn

EDGEBUILD = str(Path(sys.executable).with_name("edgebuild"))
_NEAR, _STEPS = 0.01, 6
_ROUNDED = ((16, 8), (4,), (1,))
"""Widths are multiples of 16 or of 8, as kernels like them; where no such model is near enough, of fewer."""

_ROOM = 1.1
_TABLE = """
[pruning]
keep = 0.95
cost = "latency"
"""
PRUNING = Pruning(keep=0.95, cost="latency")
"""As the table's build reads it."""

_PAIRS, _SURE = 7, 0.975

PROFILE = """schema = 1
name = "{name}"

[input_check]
on_suspicion = "off"

[quantization]
max_drop = 100.0 # what is compared is int8

[measuring]
pairs = 5
min_samples = 50
warmup_seconds = 0.5
"""


@dataclass
class Stall:
    """Where one network is compared on one runtime by one seed; what was measured is kept in the work folder."""

    work: Path
    subject: Subject
    runtime: str
    bench: Bench

    @cached_property
    def dense(self) -> Dense:
        """Trained before."""
        return dense(self.subject, self.work / self.subject.name, Cache(self.work / "cache"))

    @cached_property
    def module(self) -> nn.Module:
        """The dense one."""
        return self.dense.module()

    @cached_property
    def _target(self) -> Target:
        return find_target(f"host-{self.runtime}", self.dense.root)

    @cached_property
    def _profile(self) -> Profile:
        return find_profile("default", self.dense.root)

    @cached_property
    def base(self) -> bytes:
        """Our dense int8 model."""
        return int8_of(self.built("dense", ""))

    @cached_property
    def shortest(self) -> float:
        """The shortest latency that widths reach, as a share of the dense model's: measured if probed, or predicted."""
        alike = {name: [1.0] * width for name, width in self.cost.full.items()}
        widths = cheapest(Choice(alike, self.cost, PRUNING.round_to, PRUNING.least))
        narrower = {name: width for name, width in widths.items() if width < self.cost.full[name]}
        probed = (probe.measured for probe in self.probes if dict(probe.widths) == narrower)
        return next(probed, self.cost(widths))

    @cached_property
    def grouped(self) -> Grouped:
        """The dense model's groups."""
        return groups_of(self.dense.program.program)

    @cached_property
    def cost(self) -> Counted:
        """The share of the dense model's latency that our latency table predicts."""
        parts = parts_of(self.dense.program.program, self.grouped)
        probes = self.probes
        return fit(parts, [probe.widths for probe in probes], [probe.measured for probe in probes]).cost(parts)

    @cached_property
    def probes(self) -> tuple[ProbeTime, ...]:
        """What our latency table is made of."""
        compression = self.built("table", _TABLE).manifest.compression
        assert compression is not None
        return compression.tables[0].probes

    def asked(self, point: float) -> float:
        """The share of the dense latency that is asked for: the point, where the lowest of them can be reached.

        Where it can't, the points are spread alike over what can: 1 stays 1, and the lowest is a tenth above the
        shortest latency.
        """
        least = min(POINTS)
        low = max(least, _ROOM * self.shortest)
        return round(low + (point - least) / (1 - least) * (1 - low), 3)

    def images(self, samples: Samples) -> Images:
        """As the network takes them, channels first."""
        (image,) = prepare_inputs(samples, self.dense.program.signature).values()
        return np.ascontiguousarray(image, np.float32)

    @cached_property
    def calibration(self) -> Images:
        """What theirs is calibrated with."""
        return self.images(self.dense.calibration)[:256]

    @cached_property
    def soft_targets(self) -> SoftTargets:
        """What the dense model says of the training set, told once for all of theirs."""
        return SoftTargets(len(self.dense.training) * (self.subject.recovery.variants or 1))

    def recovered(self, student: BatchedModel, settings: Recovery, say: Say) -> Recovered:
        """What the dense model taught a pruned one. The same widths are often nearest to several latencies: once."""
        lesson = self.dense.lesson(student, self.dense.program)
        checkpoints = self.work / "training" / recovery_key(lesson, settings)[:16]
        return recover(lesson, settings, checkpoints, say, self.soft_targets)

    def built(self, name: str, settings: str) -> Bundle:
        """A bundle by a profile of its own, in a copy of the project, so that several can be built at once."""
        out = self.work / "bundles" / f"{self.subject.name}-{self.runtime}-{name}"
        place = out / f"host-{self.runtime}"
        if not place.exists():
            project = self.work / "projects" / out.name
            shutil.copytree(
                self.dense.root, project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("training", "__pycache__")
            )
            (project / "profiles").mkdir(exist_ok=True)
            (project / "profiles" / "compared.toml").write_text(PROFILE.format(name="compared") + settings, "utf-8")
            command = [EDGEBUILD, "build", str(project), "-t", f"host-{self.runtime}", "-p", "compared", "-o", str(out)]
            kept = {"EDGEBUILD_CACHE": str(self.work / "cache")}
            subprocess.run(command, env={**os.environ, **kept}, check=True, stdout=sys.stderr)
        return open_bundle(place)

    def relative(self, model: bytes, key: str) -> float:
        """A model's latency as a share of our dense int8 one's, by turns; measured once."""
        path = self.work / "latencies" / f"{self.subject.name}-{self.runtime}-{key}.json"
        if not path.exists():
            found = self._over(model, self.base, measuring_of(self._profile)).ratio
            write_json(path, found)
        return float(json.loads(path.read_text(encoding="utf-8")))

    def slower(self, theirs: bytes, ours: bytes) -> tuple[float, float, float]:
        """Theirs over ours: the median of pairs that take turns, and its 95 % interval."""
        found = self._over(theirs, ours, measuring_of(self._profile).model_copy(update={"pairs": _PAIRS}))
        assert found.low is not None
        assert found.high is not None
        return found.ratio, found.low, found.high

    def _over(self, one: bytes, other: bytes, measuring: Measuring) -> Speed:
        sides = self._side(one), self._side(other)
        return compare_speed(self.bench, self._target, *sides, measuring, confidence=_SURE, seed=0)

    def _side(self, model: bytes) -> Side:
        shape = shape_of(self.runtime, model)
        noise = np.random.default_rng(0).standard_normal((8, *shape[1:])).astype(np.float32)
        return {"model.onnx" if self.runtime == "onnxruntime" else "model.tflite": model}, {"image": noise}

    def right(self, model: bytes, samples: Samples) -> NDArray[np.bool_]:
        """Of each sample whether the runtime tells its class."""
        told = scores(self.runtime, model, self.images(samples)).argmax(1)
        found: NDArray[np.bool_] = told == samples.labels
        return found


@dataclass(frozen=True)
class Match:
    """One of theirs: its ratio, what widths are multiples of, its latency as a share of our dense model's, its MACs."""

    ratio: float
    round_to: int
    relative: float
    macs: float
    module: nn.Module

    def off(self, wanted: float) -> float:
        """How far it is from a latency."""
        return abs(log(self.relative / wanted))


def matched(stall: Stall, method: Method, wanted: float) -> Match:
    """Their largest model that does not measurably take longer than wanted, by bisection over the ratio.

    Latency is no smooth function of the ratio: the model whose latency is nearest can be half of one that is faster.
    """
    found: list[Match] = []
    for alike in _ROUNDED:
        for round_to in alike:
            found += _bisected(stall, method, round_to, wanted)
        if min(match.off(wanted) for match in found) <= _NEAR:
            break
    fast = [match for match in found if match.relative <= wanted * (1 + _NEAR)]
    return max(fast, key=lambda match: match.macs) if fast else min(found, key=lambda match: match.off(wanted))


def _bisected(stall: Stall, method: Method, round_to: int, wanted: float) -> list[Match]:
    """Models of ratios between none and all; where rounding makes one larger than at a lower ratio, it is too high."""
    low, high, most, found = 0.0, 1.0, inf, list[Match]()
    for _ in range(_STEPS):
        ratio = (low + high) / 2
        match = _match(stall, method, ratio, round_to)
        if match.macs > most:
            high = ratio
            continue
        found.append(match)
        if match.off(wanted) <= _NEAR:
            break
        if match.relative > wanted:
            low, most = ratio, match.macs
        else:
            high = ratio
    return found


def _match(stall: Stall, method: Method, ratio: float, round_to: int) -> Match:
    images = stall.calibration[:4]
    module = pruned(stall.module, method, ratio, round_to, images[:1])
    key = sha256(json.dumps(widths(module)).encode()).hexdigest()[:16]
    known = stall.work / "latencies" / f"{stall.subject.name}-{stall.runtime}-{key}.json"
    model = b"" if known.exists() else next(quantized(stall.runtime, awake(module, images), images, one=True))[1]
    return Match(ratio, round_to, stall.relative(model, key), macs(module, images[:1]), module)


def int8_of(bundle: Bundle) -> bytes:
    """The bundle's int8 model."""
    (variant,) = [one for one in bundle.manifest.parts[0].variants if one.precision == "int8"]
    return bundle.read(variant.files[0].name)
