"""How a model is made smaller, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.recovery import EpochScore, ScoreName

ImportanceName = Literal["taylor", "activation", "magnitude", "norm-scale"]
SpreadName = Literal["absolute", "relative"]
CostName = Literal["macs", "parameters", "macs-and-parameters", "latency", "instructions"]
MeasuredCost = Literal["latency", "instructions"]
MEASURED: tuple[CostName, ...] = ("latency", "instructions")
"""Costs that tables of measured models predict."""


class Pruning(Frozen):
    """``[pruning]`` of a profile: how many channels go, and which.

    Attributes:
        keep: the share of ``cost`` that stays.
        cost: what is made less: "macs" (multiplications with an addition), "parameters", or of "macs-and-parameters"
            the mean of both shares, which are counted from the graph and are no times; or in the precision that the
            targets are built in "latency", measured on targets that are this machine, or "instructions", counted on a
            virtual board that stands for the others. Of several targets the largest share counts.
        importance: what decides which channels go: "taylor" (needs labelled training data), "activation" (needs
            training data without labels), "magnitude" of the weights, or "norm-scale" of batch normalization.
            "auto": taylor where it can be had, else magnitude.
        samples: of the training set, for "taylor" and "activation".
        steps: in how many equal ratios it is done, with a recovery after each.
        step_epochs: of the recoveries before the last.
        round_to: groups become multiples of so many channels wide, as kernels like them; a target's own
            ``channel_alignment`` counts too. Groups that are narrower can lose all but one.
        least: the share of every group's channels that stays.
    """

    keep: Annotated[float, Field(gt=0, lt=1)]
    cost: CostName = "macs"
    importance: Literal["auto", "taylor", "activation", "magnitude", "norm-scale"] = "auto"
    samples: Annotated[int, Field(gt=0)] = 1024
    steps: Annotated[int, Field(ge=1, le=20)] = 1
    step_epochs: Annotated[int, Field(ge=1)] = 1
    round_to: Annotated[int, Field(ge=1, le=256)] = 8
    least: Annotated[float, Field(gt=0, lt=1)] = 0.05


class Sparsity(Frozen):
    """``[sparsity]`` of a profile: single weights of convolutions and linear layers that become zero, and stay so.

    What is stored gets smaller where it is compressed, as in an app's package; what is computed gets faster only where
    a runtime's kernels leave zeros out.

    Attributes:
        pattern: "unstructured", zeros anywhere; or such as "2:4", of every 4 weights in a row along a layer's inputs 2
            are kept.
        share: of "unstructured", the share of all weights that becomes zero.
    """

    pattern: Annotated[str, Field(pattern=r"^(unstructured|[1-9][0-9]?:[1-9][0-9]?)$")] = "2:4"
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5

    @model_validator(mode="after")
    def _keeps_fewer(self) -> Sparsity:
        if self.block is not None and self.block[0] >= self.block[1]:
            raise ValueError(f"pattern: {self.pattern} leaves no zeros; write the smaller number first, as in 2:4")
        return self

    @property
    def block(self) -> tuple[int, int] | None:
        """How many weights are kept of how many; None: zeros may be anywhere."""
        if self.pattern == "unstructured":
            return None
        kept, of = self.pattern.split(":")
        return int(kept), int(of)


class ZeroWeights(Frozen):
    """Weights that were made zero.

    Attributes:
        share: of the weights of all convolutions and linear layers.
        layers: how many of them have such zeros.
        dense: how many have none, since the pattern does not fit their inputs.
    """

    pattern: str
    share: Annotated[float, Field(gt=0, lt=1)]
    layers: Annotated[int, Field(gt=0)]
    dense: Annotated[int, Field(ge=0)] = 0


class GroupWidth(Frozen):
    """A channel group, by the first weight that makes it: how wide it was, and is."""

    group: str
    before: int
    after: int


class ProbeTime(Frozen):
    """A pruned model that a latency table was made from: what it takes, as a share of what the dense one takes.

    Attributes:
        name: which it is: how it was narrowed.
        widths: of the groups that were narrowed.
        measured: by turns with the dense model, or counted after it.
        predicted: by a table made from the other probes alone.
    """

    name: str
    widths: dict[str, int]
    measured: Annotated[float, Field(gt=0)]
    predicted: float


class LatencyTable(Frozen):
    """How latency hangs on widths on one target: measured once, the same for all that is pruned from one model.

    Attributes:
        cost: what was measured. Instructions stand for latency where there is no device; they are none.
        part: of a model in parts, whose table it is: latencies are shares of that part's own; "" for one graph.
        device: that it was measured on.
        precision: that was measured: the one that the target is built in.
        multiples: the channels that layers give, and those that they read, count as rounded up to multiples of these,
            as the kernels seem to.
        whole: the channels that layers give beyond the last whole multiple of it take time of their own.
        narrow: layers that give fewer channels than this take time of their own.
        coefficients: of each physical part of the time, its share of the dense model's latency at whichever of the
            probes, or the dense model, has most of it.
        error: the median over probes of how far prediction and measurement are apart, as a share.
    """

    target: str
    cost: MeasuredCost = "latency"
    part: str = ""
    device: str
    runtime: str
    precision: Literal["float32", "int8"]
    multiples: tuple[int, int]
    whole: int = 1
    narrow: int = 1
    coefficients: dict[str, float]
    probes: tuple[ProbeTime, ...]
    error: Annotated[float, Field(ge=0)]


class PartLatency(Frozen):
    """What a part of a pruned model in parts takes on one target, as shares of what the dense whole takes.

    Attributes:
        before: what the dense part takes.
        predicted, measured: what it takes pruned, by its own table and by itself in its own runtime.
    """

    part: str
    before: Annotated[float, Field(gt=0)]
    predicted: float
    measured: Annotated[float, Field(gt=0)]


class LatencyCheck(Frozen):
    """A pruned model's latency on one target, as a share of the dense one's: as the table had it, and as measured.

    Attributes:
        factor: what the table's prediction was multiplied with, known from an earlier check of the same build.
        parts: of a model in parts, what each part has of it.
    """

    target: str
    predicted: float
    measured: Annotated[float, Field(gt=0)]
    factor: Annotated[float, Field(gt=0)] = 1.0
    parts: tuple[PartLatency, ...] = ()


class CompressionStep(Frozen):
    """What one step of pruning left, or of single weights, and its recovery.

    Attributes:
        macs, parameters: of the pruned model, counted from its graph.
        importance: what decided.
        spread: in older bundles, of two ways to compare channels of different groups the one that was taken: by
            "absolute" importance, or "relative" to the mean of their group.
        latencies: where the cost is measured, one check a target of the widths that were chosen.
        zeros: the single weights that the step made zero, where it took out no channels; its latencies are those of
            the step before.
        score_name, scores: on the selection set before recovery and after each epoch; empty without recovery.
        best_epoch: the one that was kept.
    """

    macs: float
    parameters: int
    importance: ImportanceName
    spread: SpreadName | None = None
    latencies: tuple[LatencyCheck, ...] = ()
    zeros: ZeroWeights | None = None
    score_name: ScoreName | None = None
    scores: tuple[EpochScore, ...] = ()
    best_epoch: int = 0

    def latencies_of(self, part: str) -> list[tuple[str, PartLatency]]:
        """What a part of a model in parts takes, by target."""
        return [(check.target, own) for check in self.latencies for own in check.parts if own.part == part]


class PartKept(Frozen):
    """What a part of a model in parts kept when the whole was pruned: before, and after, counted from its graph."""

    part: str
    macs_before: float
    macs: float
    parameters_before: int
    parameters: int


class Compression(Frozen):
    """How a model came from another one.

    Attributes:
        dense: the digest of the model that it was; the accuracy of all that is made from it is held against that one.
        model: the digest of what it became.
        macs, parameters: of the dense model.
        training: the digest of the data it was recovered with.
        tables: where the cost is measured, one a target; of a model in parts one a target and part.
        held: operators whose channels had to stay, since no rule is known for them, each with its module.
        parts: of a model in parts, what each kept; in ``groups`` the names then begin with the part's.
    """

    dense: Digest
    model: Digest
    macs: float
    parameters: int
    steps: tuple[CompressionStep, ...] = Field(min_length=1)
    groups: tuple[GroupWidth, ...]
    training: Digest | None = None
    tables: tuple[LatencyTable, ...] = ()
    held: tuple[str, ...] = ()
    parts: tuple[PartKept, ...] = ()

    @property
    def measured(self) -> MeasuredCost:
        """What its tables and checks are of, where there are any."""
        return self.tables[0].cost if self.tables else "latency"
