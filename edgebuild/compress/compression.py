"""Pruning and recovery in turn, until a model is as small as it is to be; at last single weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.compress.activations import by_activation
from edgebuild.compress.costing import Costing, CountedCosting
from edgebuild.compress.costs import macs_of, parameters_of
from edgebuild.compress.groups import Grouped, groups_of
from edgebuild.compress.importance import Importance, by_magnitude, by_norm_scale, by_taylor, comparable
from edgebuild.compress.lesson import Lesson
from edgebuild.compress.narrowing import Left, Step, narrow, widths_left
from edgebuild.compress.prune import Removal, kept_places, prune, removal_like
from edgebuild.compress.recovery import Recovered, recover
from edgebuild.compress.sparsity import choose, zeroed
from edgebuild.core.compression import (
    Compression,
    CompressionStep,
    GroupWidth,
    ImportanceName,
    LatencyTable,
    Pruning,
    Sparsity,
    ZeroWeights,
)
from edgebuild.core.digest import Digest
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.recovery import Recovery
from edgebuild.models.batched import BatchedModel
from edgebuild.models.copying import put_state
from edgebuild.models.graph import TorchModel
from edgebuild.models.nodes import module_path, operator_name, source_nodes
from edgebuild.models.samples import Samples

if TYPE_CHECKING:
    import torch

    from edgebuild.compress.batches import Batches
    from edgebuild.compress.telling import Say

_TOLD = 8

_TOGETHER = 4
"""Samples of which Taylor squares one sum. The mean of n squares of normal values is known within sqrt(2 / n) of it."""


@dataclass(frozen=True, eq=False)
class Pupil:
    """A model on its way: the program of one sample, and the same one for batches, where it is to be trained."""

    single: TorchModel
    batched: BatchedModel | None

    def pruned(self, removal: Removal, grouped: Grouped) -> Pupil:
        """Without some channels."""
        single = prune(self.single.program, removal, grouped)
        if self.batched is None:
            return self._with(single, None)
        own = groups_of(self.batched.program)
        return self._with(single, prune(self.batched.program, removal_like(own, kept_places(grouped, removal)), own))

    def taught(self, state: Mapping[str, torch.Tensor]) -> Pupil:
        """With other weights."""
        batched = put_state(self.batched.program, state) if self.batched else None
        return self._with(put_state(self.single.program, state), batched)

    def thinned(self, sparsity: Sparsity) -> tuple[Pupil, ZeroWeights]:
        """With some weights at zero."""
        kept, told = choose(self.single.program, sparsity)
        batched = zeroed(self.batched.program, kept) if self.batched else None
        return self._with(zeroed(self.single.program, kept), batched), told

    def _with(self, single: torch.export.ExportedProgram, batched: torch.export.ExportedProgram | None) -> Pupil:
        known = self.batched
        return Pupil(
            TorchModel(single, self.single.signature, source_nodes(single.graph)),
            dataclasses.replace(known, program=batched) if known and batched else None,
        )


@dataclass(frozen=True, eq=False)
class Material:
    """What there is to learn from, and to choose by.

    Attributes:
        digest: of the training set.
        classes: whether the model's first output holds one score a class, which labels name.
    """

    training: Samples | None = None
    selection: Samples | None = None
    digest: Digest | None = None
    classes: bool = False


@dataclass(frozen=True, eq=False)
class Pruned:
    """What became of a model.

    Attributes:
        left: of every weight's axes, the positions that are left of the dense model's.
    """

    model: TorchModel
    record: Compression
    left: Left


def compress(
    dense: Pupil,
    settings: Pruning | None,
    recovery: Recovery | None,
    material: Material,
    folder: Path,
    say: Say,
    costing: Costing | None = None,
    sparsity: Sparsity | None = None,
) -> Pruned:
    """Prune a model to a share of its cost, step by step, then set single weights to zero, each followed by a recovery.

    Args:
        dense: the model as it is. Recovery, and importance by Taylor, need it for batches.
        settings, sparsity: how channels go, and how weights; None: none do.
        recovery: how it is trained again; None: it is not.
        folder: for checkpoints; the same call again goes on from there.
        costing: what is made less; None: what is counted from the graph.

    Raises:
        ConfigError: training data is missing, or does not fit.
        BuildError: nothing of the model can go, or not so much; or it cannot be trained.
    """
    first, lessons = groups_of(dense.single.program), _Lessons(dense, recovery, material, folder, say)
    made = _Made(dense)
    if settings is not None:
        _refuse_closed(first)
        made = _pruned(settings, first, lessons, costing, followed=sparsity is not None)
    if sparsity is not None:
        made = _thinned(made, sparsity, lessons)
    pupil, left = made.pupil, made.left
    after = widths_left(first, left) if left else {}
    widths = [GroupWidth(group=each.name, before=each.width, after=after[each.name]) for each in first.groups if after]
    record = Compression(
        dense=dense.single.digest,
        model=pupil.single.digest,
        macs=macs_of(dense.single.program, first).total,
        parameters=int(parameters_of(first).total),
        steps=made.steps,
        groups=tuple(widths),
        training=material.digest if recovery is not None else None,
        tables=made.tables,
        held=tuple(_held(first)) if settings is not None else (),
    )
    return Pruned(pupil.single, record, left)


@dataclass(frozen=True, eq=False)
class _Made:
    """How far a model has come: itself, the steps it took, what is left of it, and by which tables."""

    pupil: Pupil
    steps: tuple[CompressionStep, ...] = ()
    left: Left = field(default_factory=dict)
    tables: tuple[LatencyTable, ...] = ()


def _pruned(settings: Pruning, first: Grouped, lessons: _Lessons, costing: Costing | None, *, followed: bool) -> _Made:
    """Channels taken out in steps; the last recovery is a short one too where another step follows."""
    dense, recovery, material, say = lessons.dense, lessons.recovery, lessons.material, lessons.say
    pupil, grouped, steps = dense, first, []
    costing = costing or CountedCosting(settings.cost, dense.single.program, first)
    left: Left = {}
    for number in range(1, settings.steps + 1):
        say(f"choose channels, step {number} of {settings.steps}")
        name, importance = _importance(pupil, grouped, settings, recovery, material)
        share = settings.keep ** (number / settings.steps)
        step = Step(pupil.single.program, grouped, first, left, share)
        own = recovery
        if recovery is not None and (followed or number < settings.steps):
            own = recovery.model_copy(update={"epochs": settings.step_epochs})
        found = narrow(step, importance, settings, costing, say)
        costing, left = found.costing, found.left
        pupil = pupil.pruned(found.removal, grouped)
        grouped = groups_of(pupil.single.program)
        recovered = None
        if own is not None:
            lesson = dataclasses.replace(lessons, recovery=own)
            recovered = _recover(pupil, lesson, lessons.folder / str(number))
            pupil = pupil.taught(recovered.state)
        steps.append(_step(pupil, grouped, name, recovered).model_copy(update={"latencies": found.checks}))
    return _Made(pupil, tuple(steps), left, costing.tables)


def _thinned(made: _Made, sparsity: Sparsity, lessons: _Lessons) -> _Made:
    """Single weights at zero, where they stay while the others are trained."""
    lessons.say(f"choose weights, {sparsity.pattern}")
    pupil, told = made.pupil.thinned(sparsity)
    recovered = None
    if lessons.recovery is not None:
        recovered = _recover(pupil, lessons, lessons.folder / "sparsity", zeros=True)
        pupil = pupil.taught(recovered.state)
    step = _step(pupil, groups_of(pupil.single.program), "magnitude", recovered)
    latencies = made.steps[-1].latencies if made.steps else ()  # of the widths, which stay
    steps = (*made.steps, step.model_copy(update={"zeros": told, "latencies": latencies}))
    return dataclasses.replace(made, pupil=pupil, steps=steps)


def _refuse_closed(grouped: Grouped) -> None:
    if grouped.groups:
        return
    held = _held(grouped)
    raise BuildError(
        "prune",
        f"no channel of this model can go{': ' + ', '.join(held) if held else ''}",
        expected="layers whose channels are read by operators that edgebuild has rules for",
        fix="build without [pruning]: quantization alone is still possible",
    )


def _held(grouped: Grouped) -> list[str]:
    """Operators without a rule, each with its module."""
    names = [f"{operator_name(node)} in {module_path(node) or 'the model'}" for node in grouped.channels.closed]
    return list(dict.fromkeys(names))[:_TOLD]


def _importance(
    pupil: Pupil, grouped: Grouped, settings: Pruning, recovery: Recovery | None, material: Material
) -> tuple[ImportanceName, Importance]:
    wanted = settings.importance
    labelled = material.classes and material.training is not None and material.training.labels is not None
    if wanted == "taylor" and not labelled:
        raise ConfigError(
            "[pruning] importance", "is taylor, and there are no labelled training data",
            fix='add [data.training] with labels, or choose importance = "magnitude"',
        )  # fmt: skip
    if wanted == "taylor" or (wanted == "auto" and labelled):
        assert pupil.batched is not None
        assert material.training is not None
        changes = taylor(pupil.batched, grouped, settings, recovery or Recovery(), material.training)
        return "taylor", comparable(changes)
    if wanted == "norm-scale":
        found = by_norm_scale(pupil.single.program, grouped)
        if found is None:
            raise ConfigError(
                "[pruning] importance", "is norm-scale, and the scales of batch normalization are all alike or absent",
                fix='choose importance = "magnitude"',
            )  # fmt: skip
        return "norm-scale", found
    if wanted == "activation":
        return "activation", _activation(pupil, grouped, settings, recovery or Recovery(), material)
    return "magnitude", by_magnitude(pupil.single.program, grouped)


def _activation(
    pupil: Pupil, grouped: Grouped, settings: Pruning, recovery: Recovery, material: Material
) -> Importance:
    from edgebuild.compress.trainable import trainable

    if pupil.batched is None or material.training is None:
        raise ConfigError(
            "[pruning] importance", "is activation, and there are no training data",
            fix='add [data.training], without labels if there are none, or choose importance = "magnitude"',
        )  # fmt: skip
    batches, count = _batches(material.training, settings, recovery, recovery.batch_size)
    module, signature = trainable(pupil.batched.program), pupil.batched.signature
    inputs = (batches.inputs(step, signature, "cpu") for step in range(count))
    return by_activation(pupil.single.program, grouped, module, inputs)


def taylor(
    model: BatchedModel, grouped: Grouped, settings: Pruning, recovery: Recovery, training: Samples
) -> Importance:
    """How much what a model says of training samples changes without a channel; labels are drawn by recovery's seed."""
    import torch

    from edgebuild.compress.losses import drawn_loss
    from edgebuild.compress.trainable import tap, trainable

    batches, count = _batches(training, settings, recovery, _TOGETHER)
    module, signature = trainable(model.program), model.signature
    tap(module, [], "logits")

    drawn = torch.Generator().manual_seed(recovery.seed)

    def loss(step: int) -> torch.Tensor:
        return drawn_loss(module(*batches.inputs(step, signature, "cpu"))[0], recovery.temperature, drawn)

    return by_taylor(grouped, module, (partial(loss, step) for step in range(count)))


def _batches(training: Samples, settings: Pruning, recovery: Recovery, size: int) -> tuple[Batches, int]:
    """The samples that importance looks at, and in how many batches."""
    from edgebuild.compress.batches import Batches

    count = min(settings.samples, len(training))
    batches = Batches(training, recovery.model_copy(update={"batch_size": min(size, count)}))
    return batches, max(1, count // batches.size)


@dataclass(frozen=True, eq=False)
class _Lessons:
    """What a recovery needs beside the pupil."""

    dense: Pupil
    recovery: Recovery | None
    material: Material
    folder: Path
    say: Say


def _recover(pupil: Pupil, lessons: _Lessons, folder: Path, *, zeros: bool = False) -> Recovered:
    dense, material = lessons.dense, lessons.material
    assert lessons.recovery is not None
    if pupil.batched is None or material.training is None or material.selection is None:
        missing = "selection" if material.training is not None else "training"
        raise ConfigError(
            f"[data.{missing}]", "missing", expected="samples to recover with", fix=f"add [data.{missing}]"
        )
    lesson = Lesson(pupil.batched, dense.batched, material.training, material.selection, material.classes, zeros=zeros)
    return recover(lesson, lessons.recovery, folder, lessons.say)


def _step(pupil: Pupil, grouped: Grouped, name: ImportanceName, recovered: Recovered | None) -> CompressionStep:
    step = CompressionStep(
        macs=macs_of(pupil.single.program, grouped).total,
        parameters=int(parameters_of(grouped).total),
        importance=name,
    )
    if recovered is None:
        return step
    told = {"score_name": recovered.score_name, "scores": recovered.scores, "best_epoch": recovered.best_epoch}
    return step.model_copy(update=told)
