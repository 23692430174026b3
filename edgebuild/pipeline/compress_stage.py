"""The stage that makes the model itself smaller; all that follows on the road works on what it gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.compression import MEASURED, Compression, Pruning
from edgebuild.core.digest import Digest, Json
from edgebuild.core.errors import ConfigError
from edgebuild.core.lock import Lock, LockedLatency
from edgebuild.core.profile import Profile
from edgebuild.core.target import Target
from edgebuild.pipeline.pricing import Priced, Pricing, load_latencies, save_latencies
from edgebuild.pipeline.sources import DataSet, Sets, Source, need
from edgebuild.pipeline.stage import Road, Stage

if TYPE_CHECKING:
    from edgebuild.compress.costing import Costing
    from edgebuild.compress.narrowing import Left

COMPRESS = Stage("compress", ("compress", "models", "steps"), ("torch", "numpy"), on_cpu=True)

_RECORD, _LEFT = "compression.json", "left.json"


@dataclass(frozen=True)
class Compressed(Source):
    """A torch program that was pruned and recovered.

    Attributes:
        record: what was done, and what it did.
    """

    dense: Source
    record: Compression

    @property
    def latencies(self) -> dict[str, dict[Digest, LockedLatency]]:
        """What was measured for it."""
        return load_latencies(self.entry)

    @property
    def left(self) -> Left:
        """Of every weight's axes, the positions that are left of the dense model's."""
        return {(name, dim): places for name, dim, places in json.loads(self.entry.read(_LEFT))}


def compressed(
    road: Road, source: Source, sets: Sets, targets: Sequence[Target], lock: Lock, pricing: Pricing | None = None
) -> Source:
    """The model as the profile wants it made smaller, one for all targets; where it does not, as it is.

    Args:
        lock, pricing: asked where the cost is one that is measured.

    Raises:
        ConfigError: the model is a file, or training data is missing.
        BuildError: it can't be made so small, or can't be trained.
    """
    profile = road.profile
    if not profile.compresses:
        return source
    _check(road, source, sets)
    if source.signature.fed:
        raise ConfigError(
            _table(road), f"the model carries a state ({source.signature.fed[0].state.name}) from call to call",
            expected="a model whose calls have nothing to do with each other, which can be trained in batches",
            fix=f"choose a profile without {_table(road)}",
        )  # fmt: skip
    settings, recovery = profile.pruning and aligned(profile.pruning, targets), profile.recovery
    priced = _priced(road, source, sets, targets, lock, pricing)
    training, selection = learned_from(profile, sets), sets.selection
    inputs: dict[str, Json] = {
        "model": source.digest,
        "pruning": settings.model_dump(mode="json") if settings else None,
        **({"sparsity": profile.sparsity.model_dump(mode="json")} if profile.sparsity else {}),
        "recovery": recovery.model_dump(mode="json") if recovery else None,
        "training": training.digest if training else None,
        "selection": selection.digest if selection and recovery else None,
        "metric": road.project.data.metric,
    }
    stage = COMPRESS
    if priced is not None:
        inputs["priced"] = priced.inputs
        stage = replace(COMPRESS, code=(*COMPRESS.code, *priced.code), tools=(*COMPRESS.tools, *priced.tools))
    unfinished = road.cache.unfinished(road.key(stage, inputs))

    def make(folder: Path) -> None:
        with priced.open() if priced is not None else nullcontext() as costing:
            _make(road, source, replace(sets, training=training), settings, folder, unfinished, costing)
        if priced is not None:
            save_latencies(folder, priced.measured)

    entry = road.step(stage, "model", inputs, make)
    shutil.rmtree(unfinished, ignore_errors=True)
    record = Compression.model_validate_json(entry.read(_RECORD))
    return Compressed(entry, "torch", source.signature, record.model, source, record)


def learned_from(profile: Profile, sets: Sets) -> DataSet | None:
    """What tells channels' importance and is learned from; None where weights alone decide, and nothing is trained."""
    recovery, pruning = profile.recovery, profile.pruning
    if recovery is not None and recovery.learn_from == "calibration":
        return sets.calibration
    alone = recovery is None and pruning is not None and pruning.importance in ("magnitude", "norm-scale")
    return None if alone else sets.training


def _check(road: Road, source: Source, sets: Sets) -> None:
    if source.kind != "torch":
        raise ConfigError(
            _table(road), f"a .{source.kind} model cannot be pruned", expected="a PyTorch model",
            fix=f"give the PyTorch model, or choose a profile without {_table(road)}",
        )  # fmt: skip
    if road.profile.recovery is not None:
        wanted = "samples to recover the pruned model with; labels are not needed"
        need(learned_from(road.profile, sets), road.profile.recovery.learn_from, wanted)
        need(sets.selection, "selection", "samples that decide which epoch is kept")


def _priced(
    road: Road, source: Source, sets: Sets, targets: Sequence[Target], lock: Lock, pricing: Pricing | None
) -> Priced | None:
    pruning = road.profile.pruning
    if pruning is None or pruning.cost not in MEASURED:
        return None
    if pricing is None:
        raise ConfigError(
            "[pruning] cost", f"is {pruning.cost}, and nothing is here to measure it", fix="run edgebuild build"
        )
    return pricing(road, source, sets, targets, lock)


def _table(road: Road) -> str:
    """What of the profile wants the model smaller."""
    return "[pruning]" if road.profile.pruning is not None else "[sparsity]"


def aligned(settings: Pruning, targets: Sequence[Target]) -> Pruning:
    """Widths that all targets' kernels like."""
    return settings.model_copy(
        update={"round_to": lcm(settings.round_to, *(target.pruning.channel_alignment for target in targets))}
    )


def _make(
    road: Road, source: Source, sets: Sets, settings: Pruning | None, folder: Path, unfinished: Path,
    costing: Costing | None,
) -> None:  # fmt: skip
    from edgebuild.compress.compression import Material, Pupil, compress

    batched = source.batched(road) if sets.training is not None else None
    material = Material(
        training=sets.training.samples if sets.training else None,
        selection=sets.selection.samples if sets.selection else None,
        digest=sets.training.digest if sets.training else None,
        classes=road.project.data.metric == "top1",
    )
    dense = Pupil(source.torch_model, batched)
    made = compress(
        dense, settings, road.profile.recovery, material, unfinished, lambda text: road.progress("compress", text),
        costing, road.profile.sparsity,
    )  # fmt: skip
    made.model.save(folder)
    (folder / _RECORD).write_text(made.record.model_dump_json(indent=1), encoding="utf-8")
    left = [[name, dim, places] for (name, dim), places in made.left.items()]
    (folder / _LEFT).write_text(json.dumps(left), encoding="utf-8")
