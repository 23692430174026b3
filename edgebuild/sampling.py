"""Making runs on a device, one after the other; each is evidence at once, beside the bundle that it speaks of."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from edgebuild import __version__
from edgebuild.bench.bench import Bench, now
from edgebuild.bench.exact import exact_run
from edgebuild.bench.given import Side
from edgebuild.bench.guard import cool_down, judged_by
from edgebuild.core.artifact import Part, Variant
from edgebuild.core.evidence import Payload, record_of, runs_under
from edgebuild.core.measurement import Environment, Measurement, MeasurementKey, Run
from edgebuild.core.metric import Mode
from edgebuild.core.profile import Profile
from edgebuild.core.signature import Signature
from edgebuild.core.target import Target
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import append, read_evidence
from edgebuild.vectors import raw_inputs, timing_inputs

Say = Callable[[str], None]
_Side = Literal["", "a", "b"]


@dataclass(frozen=True)
class Subject:
    """A bundle's variant, and what its runs on the trial's device are filed under, as latency runs."""

    bundle: Bundle
    part: Part
    variant: Variant
    key: MeasurementKey

    @property
    def signature(self) -> Signature:
        """How the variant is called."""
        return self.variant.signature or self.part.signature

    def runs(self, mode: Mode) -> list[Run]:
        """Its runs of a mode that are evidence already."""
        return runs_under((record.payload for record in read_evidence(self.bundle)), self.key.of_mode(mode))


@dataclass
class Sampler:
    """Makes runs on an open device until its time is over.

    Attributes:
        ends: when that is, by the monotonic clock.
    """

    bench: Bench
    target: Target
    profile: Profile
    ends: float
    say: Say
    _last: Environment | None = field(default=None, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.ends

    def runs(self, subject: Subject, mode: Mode, count: int, made: int) -> None:
        """So many runs.

        Args:
            made: how many of the mode there are.

        Raises:
            ModelRejected, DeviceError: as ``Bench.execute``; what was made already stays.
        """
        self.say(f"{mode.value}: {count} more runs of {subject.bundle.path.name} on {self.bench.device.name}")
        for number in range(made, made + count):
            self._run(subject, mode, number)

    def pairs(self, subject: Subject, baseline: Subject, count: int, made: Iterable[Run]) -> None:
        """So many pairs of latency runs, each in a random order that its name alone decides; errors as for ``runs``.

        Args:
            made: the runs of both that there are.
        """
        names = [each.bundle.path.name for each in (baseline, subject)]
        self.say(f"latency: {count} more pairs of runs of {' and '.join(names)} on {self.bench.device.name}")
        series = pair_series(subject, baseline)
        began = (int(run.pair.removeprefix(series)) for run in made if run.pair.startswith(series))
        first = 1 + max(began, default=-1)
        for number in range(first, first + count):
            pair = f"{series}{number}"
            if self.pair_mode is Mode.TURNS:
                self._by_turns(baseline, subject, pair)
                continue
            sides: list[tuple[Subject, _Side]] = [(baseline, "a"), (subject, "b")]
            for one, side in random.Random(pair).sample(sides, 2):
                self._run(one, Mode.LATENCY, number, pair, side)

    @property
    def pair_mode(self) -> Mode:
        """What the runs of a pair are: by turns, where the device can and the profile wants it."""
        return Mode.TURNS if self.bench.takes_turns(self.profile.measuring) else Mode.LATENCY

    def _run(self, subject: Subject, mode: Mode, seed: int, pair: str = "", side: _Side = "") -> None:
        if self._ready():
            self._keep(subject, self._made(subject, mode, seed), pair, side)

    def _by_turns(self, baseline: Subject, subject: Subject, pair: str) -> None:
        if not self._ready():
            return
        runtime, options, measuring = subject.part.runtime, self.target.runtime_options, self.profile.measuring
        sides = (_files_and_inputs(baseline), _files_and_inputs(subject))
        first, second = self.bench.run_by_turns(runtime, sides, options, measuring, pair)
        self._keep(baseline, first, pair, "a")
        self._keep(subject, second, pair, "b")

    def _ready(self) -> bool:
        """Whether a run can be made now: the device is cool, and there is time."""
        cool_down(self.bench.environment, self._last, self.profile.conditions, self.ends, self.say)
        return not self.late

    def _keep(self, subject: Subject, made: Run, pair: str, side: _Side) -> None:
        run = judged_by(made, self.profile.conditions)
        self._last = run.after
        if run.outside:
            self.say(f"a run does not count: {'; '.join(run.outside)}")
        self._say_shares(subject, run)
        seconds = subject.signature.step_seconds
        step_ns = None if seconds is None else max(1, round(1e9 * seconds))
        named = run.model_copy(update={"pair": pair, "side": side, "step_ns": step_ns})
        record(subject.bundle, Measurement(key=subject.key.of_mode(run.mode), runs=(named,)))

    def _say_shares(self, subject: Subject, run: Run) -> None:
        """Who computed the model's operators, once unless it changes."""
        said = f"{subject.bundle.path.name}: computed by {', '.join(share.text for share in run.shares)}"
        if run.shares and said not in self._told:
            self._told.add(said)
            self.say(said)

    def _made(self, subject: Subject, mode: Mode, seed: int) -> Run:
        bench, runtime, options = self.bench, subject.part.runtime, self.target.options_for(subject.variant)
        files, inputs = _files_and_inputs(subject, mode)
        if mode is Mode.MEMORY:
            return bench.memory_run(runtime, files, inputs, options, seed)
        if mode is Mode.EXACT:
            return exact_run(bench, runtime, files, inputs, options, seed)
        return bench.latency_run(runtime, files, inputs, options, self.profile.measuring, seed, mode)


def _files_and_inputs(subject: Subject, mode: Mode = Mode.LATENCY) -> Side:
    files = model_files(subject.bundle, subject.variant)
    if mode is Mode.END_TO_END:
        return files, raw_inputs(subject.bundle, subject.part, subject.signature)
    return files, timing_inputs(subject.signature)


def pair_series(subject: Subject, baseline: Subject) -> str:
    """What the names of all pairs of two bundles begin with; their number in the series follows."""
    return f"{subject.bundle.digest[:12]}-{baseline.bundle.digest[:12]}-"


def model_files(bundle: Bundle, variant: Variant) -> dict[str, bytes]:
    """A variant's files, the one that the runtime opens first."""
    return {file.name: bundle.read(file.name) for file in variant.files}


def record(bundle: Bundle, payload: Payload) -> None:
    """Keep what was found of a bundle, as of now."""
    append(bundle, record_of(bundle.digest, payload, now(), {"edgebuild": __version__}))
