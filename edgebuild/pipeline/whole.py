"""The whole of a project's parts: which precision of each makes it up, how good and how fast it is, and its bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgebuild.core.artifact import Parity, Quality, Rejected, Speed
from edgebuild.core.compression import Compression
from edgebuild.core.input_check import InputReport
from edgebuild.core.lock import Lock
from edgebuild.core.origin import OriginMap
from edgebuild.core.project import Project
from edgebuild.core.target import RuntimeOptions, Target
from edgebuild.pipeline import choose
from edgebuild.pipeline.chain import Choice, Links
from edgebuild.pipeline.float_stages import Converted, check
from edgebuild.pipeline.handing import Handing
from edgebuild.pipeline.parts_package import Made, pack
from edgebuild.pipeline.scoring import How, Scorer, here
from edgebuild.pipeline.sources import DataSet, Sets, Source
from edgebuild.pipeline.stage import Road
from edgebuild.store.bundle import Bundle
from edgebuild.store.entry import Entry

NO_PART = "no part is offered in int8: see the parts"
NOT_HERE = "speed not measured: the target's device is not at hand; bench it there"
KEPT_BOTH = "the slower one, kept because the project says keep_both"


@dataclass(frozen=True)
class Whole:
    """What the whole has beside its parts. ``source`` has no program: what it makes of samples, ``handing`` knows.

    Attributes:
        inputs: whether samples fit it; None where that was not looked at.
        dense: what the parts as they were before they were pruned make of samples; None: they were not.
        record: how they were pruned.
    """

    road: Road
    project: Project
    source: Source
    sets: Sets
    golden: DataSet
    handing: Handing
    scorer: Scorer
    inputs: InputReport | None = None
    dense: Handing | None = None
    record: Compression | None = None


@dataclass
class _Making:
    """The whole for one target."""

    whole: Whole
    links: Links
    target: Target
    rejected: list[Rejected] = field(default_factory=list)

    def chain(self, precision: str, choice: Choice, *, shipped: bool = True) -> Converted:
        """A chain as it is shipped, or as its answers are computed here."""
        emulated = not shipped and not self.target.is_host
        return self.links.converted(precision, choice, self.whole.source.signature.step_seconds, emulated=emulated)

    def outputs(self, precision: str, choice: Choice, samples: DataSet) -> Entry:
        how = here(self.target) if self.target.is_host else How(RuntimeOptions())
        return self.whole.scorer.outputs(self.chain(precision, choice, shipped=False), samples, how)

    def quality(self, choice: Choice, samples: DataSet) -> Quality:
        """Of a choice of precisions against the float parts."""
        exact = self.outputs("float32", self.exact, samples)
        own = exact if choice == self.exact else self.outputs("int8", choice, samples)
        return self.whole.scorer.quality(own, exact, samples)

    def reported(self, choice: Choice) -> Quality | None:
        """The same on the evaluation set; of pruned parts always against those that they came from."""
        evaluation, dense = self.whole.sets.evaluation, self.whole.dense
        if evaluation is None or dense is None:
            return None if evaluation is None else self.quality(choice, evaluation)
        precision = "float32" if choice == self.exact else "int8"
        outputs = self.outputs(precision, choice, evaluation)
        return self.whole.scorer.quality(outputs, dense.reference(evaluation), evaluation)

    @property
    def exact(self) -> dict[str, str]:
        """All parts in float."""
        return dict.fromkeys(self.links.wiring.order, "float32")

    @property
    def alone(self) -> dict[str, Quality]:
        """By part that is offered in int8: what the whole is worth on the selection set with it alone in int8."""
        selection = self.whole.sets.selection
        if selection is None:
            return {}
        return {name: self.quality({**self.exact, name: "int8"}, selection) for name in self.picked}

    @property
    def picked(self) -> dict[str, str]:
        """The parts that would rather be int8; all that can, where the project wants both."""
        both = self.whole.project.build.keep_both
        found = {}
        for name in self.links.wiring.order:
            offered = [variant.precision for variant in self.links.part(name).variants]
            if "int8" in (offered if both else offered[:1]):
                found[name] = "int8"
        return found


def build_whole(
    whole: Whole, links: Links, target: Target, place: Path, lock: Lock, archive: bool
) -> tuple[Bundle, Lock]:
    """Check, choose and write the whole of a target's parts.

    Raises:
        BuildError: the parts' float models do not answer as the source's parts do.
    """
    own = target.model_copy(update={"runtime": links.runtime})
    making = _Making(whole, links, own)
    exact = making.chain("float32", making.exact)
    samples = whole.sets.selection or whole.golden
    agreement = _parity(making, samples)
    alone = making.alone
    choice = _holding(making, alone)
    if choice is None:
        note = making.rejected[-1].reason if making.rejected else NO_PART
        made = [_made(making, "float32", making.exact, note, None, agreement)]
        return pack(whole, links, target, place, made, making.rejected, alone, archive), lock
    speed: Speed | None = None
    if target.is_host:
        speed, lock = whole.scorer.speed(own, exact, making.chain("int8", choice), samples, lock)
    slowness = choose.slowness(speed) if speed else ""
    first = _made(making, "int8", choice, "" if speed else NOT_HERE, speed, None)
    second = _made(making, "float32", making.exact, "" if speed else NOT_HERE, speed, agreement)
    if speed is None:
        return pack(whole, links, target, place, [first, second], making.rejected, alone, archive), lock
    reason = slowness or "int8 is faster here and within the allowed loss"
    winner, other = (second, first) if slowness else (first, second)
    kept = [winner.because(reason)]
    if whole.project.build.keep_both:
        kept.append(other.because(KEPT_BOTH))
    else:
        making.rejected.append(other.rejected(reason))
    return pack(whole, links, target, place, kept, making.rejected, alone, archive), lock


def _parity(making: _Making, samples: DataSet) -> Parity:
    exact = making.chain("float32", making.exact)
    outputs = making.outputs("float32", making.exact, samples)
    return check(making.whole.road, exact, OriginMap(), outputs, making.whole.handing.reference(samples))


def _made(
    making: _Making, precision: str, choice: Choice, note: str, speed: Speed | None, parity: Parity | None
) -> Made:
    whole, quality = making.whole, making.reported(choice)
    exact = precision == "float32"
    answers = whole.handing.reference(whole.golden) if exact else making.outputs(precision, choice, whole.golden)
    return Made(making.chain(precision, choice), precision, choice, answers, quality, speed, note, parity)


def _holding(making: _Making, alone: Mapping[str, Quality]) -> dict[str, str] | None:
    """Parts in int8 that lose no more together than the profile allows: the one that loses most is freed first."""
    selection, rules = making.whole.sets.selection, making.whole.road.profile.quantization
    choice = {**making.exact, **making.picked}
    while selection is not None and choice != making.exact:
        quality = making.quality(choice, selection)
        refused = choose.refusal(quality, rules)
        if not refused:
            return choice
        size = making.chain("int8", choice).size
        making.rejected.append(
            Rejected(
                precision="int8", setting=making.links.label(choice), reason=refused, size=size, quality=quality
            )
        )  # fmt: skip
        left = [name for name, precision in choice.items() if precision == "int8"]
        choice[min(left, key=lambda name: _worth(alone[name]))] = "float32"
    return None


def _worth(quality: Quality) -> tuple[float, float]:
    return (quality.value or 0.0, quality.sqnr_db or 0.0)
