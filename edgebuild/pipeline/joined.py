"""Parts that are pruned and trained together, as one torch program, and then taken apart again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.compression import Compression, PartKept
from edgebuild.core.errors import ConfigError
from edgebuild.core.lock import Lock
from edgebuild.core.parts import Wiring
from edgebuild.core.project import PartSource
from edgebuild.core.target import Target
from edgebuild.models.entry import is_entry
from edgebuild.pipeline.compress_stage import Compressed, compressed
from edgebuild.pipeline.handing import Handing
from edgebuild.pipeline.pricing import Pricing
from edgebuild.pipeline.sources import DataSet, Sets, Source, source_of
from edgebuild.pipeline.stage import Road, Stage

if TYPE_CHECKING:
    from edgebuild.models.batched import BatchedModel
    from edgebuild.models.graph import TorchModel
    from edgebuild.models.joined import State

TAKE_OUT = Stage("take out", ("compress", "models", "core/compression.py", "pipeline/joined.py"), ("torch",))
_KEPT = "kept.json"


@dataclass(frozen=True)
class Joined(Source):
    """All parts as one torch program; beside its own outputs it gives all that parts hand on.

    Attributes:
        road: of the whole.
        roads: of each part.
        handing: of the parts as they are, with their samples.
        targets: by target of the project and part, what the part is built for.
    """

    road: Road
    roads: Mapping[str, Road]
    handing: Handing
    targets: Mapping[str, Mapping[str, Target]]
    _sets: dict[str, Sets] = field(default_factory=dict, compare=False)

    @property
    def wiring(self) -> Wiring:
        """How the parts are put together."""
        return self.handing.wiring

    @property
    def declared(self) -> Mapping[str, PartSource]:
        """The parts as the project declares them."""
        return self.handing.declared

    @cached_property
    def children(self) -> dict[str, str]:
        """By part, the name that it has as a module of the whole."""
        from edgebuild.models.joined import children_of

        return children_of(self.wiring)

    @cached_property
    def torch_model(self) -> TorchModel:
        """The whole for one sample."""
        from edgebuild.models.joined import export_joined, opened

        with opened(self.declared, self.wiring, self.road.root, self.road.cache) as module:
            return export_joined(module, self.declared, self.wiring, self._state)

    def batched(self, road: Road) -> BatchedModel:
        """The whole for batches, with its own outputs alone: what parts hand on is free to change."""
        from edgebuild.models.joined import export_joined_batched, opened

        with opened(self.declared, self.wiring, road.root, road.cache) as module:
            return export_joined_batched(module, self.declared, self.wiring, self._state)

    def sets_of(self, part: str, sets: Sets) -> Sets:
        """What a part is given of the sets of the whole, by the parts before it as they are."""
        if part not in self._sets:
            self._sets[part] = given_sets(self.handing, part, sets)
        return self._sets[part]

    @property
    def _state(self) -> State:
        sources = self.handing.sources
        return {
            f"{child}.{name}": value
            for part, child in self.children.items()
            for name, value in sources[part].torch_model.program.state_dict.items()
        }


def given_sets(handing: Handing, part: str, sets: Sets) -> Sets:
    """What a part is given of the sets of the whole; it is not trained by itself."""

    def given(samples: DataSet | None) -> DataSet | None:
        return handing.given(part, samples) if samples is not None else None

    return Sets(given(sets.calibration), given(sets.selection), given(sets.evaluation))


def refuse_unprunable(parts: Mapping[str, PartSource]) -> None:
    """Refuse a part that can't become a part of one torch module.

    Raises:
        ConfigError: names it.
    """
    for name, part in parts.items():
        if not is_entry(part.source):
            raise ConfigError(
                f"[parts.{name}]", f"a {Path(part.source).suffix} file cannot be pruned together with other parts",
                expected="file.py:callable giving the nn.Module, for every part",
                fix="give the PyTorch model, or choose a profile without [pruning] and [sparsity]",
            )  # fmt: skip


def pruned(
    joined: Joined, sets: Sets, targets: Sequence[Target], lock: Lock, pricing: Pricing | None
) -> tuple[Handing, Compression, Lock]:
    """The parts as the profile wants them pruned, what is to be told of it, and the lock with what was measured.

    Raises:
        ConfigError, BuildError: as ``compressed``.
    """
    made = compressed(joined.road, joined, sets, targets, lock, pricing)
    assert isinstance(made, Compressed), "the profile prunes"
    sources, kept = {}, []
    for name in joined.wiring.order:
        sources[name], told = _taken_out(joined, made, name)
        kept.append(told)
        joined.road.progress("prune", _told(told, made.record))
    record = made.record.model_copy(update={"parts": tuple(kept)})
    return joined.handing.of(sources), record, lock.with_latencies(made.latencies)


def _taken_out(joined: Joined, made: Compressed, name: str) -> tuple[Source, PartKept]:
    dense = joined.handing.sources[name]

    def make(folder: Path) -> None:
        from edgebuild.compress.taking_out import kept_of, taken_out

        model = taken_out(dense.torch_model, joined.children[name], made.torch_model, made.left)
        model.save(folder)
        kept = kept_of(name, dense.torch_model, model)
        (folder / _KEPT).write_text(kept.model_dump_json(), encoding="utf-8")

    entry = joined.road.step(TAKE_OUT, name, {"whole": made.entry.content, "part": dense.digest, "name": name}, make)
    return source_of(entry), PartKept.model_validate_json(entry.read(_KEPT))


def _told(kept: PartKept, record: Compression) -> str:
    """What a part kept, for people."""
    told = f"{kept.part}: {kept.parameters:,} of {kept.parameters_before:,} parameters, "
    told += f"{kept.macs:,.0f} of {kept.macs_before:,.0f} MACs"
    for target, own in record.steps[-1].latencies_of(kept.part):
        told += (
            f"; {100 * own.measured:.1f} of {100 * own.before:.1f} % of the dense model's latency on "
            f"{target}, {100 * own.predicted:.1f} % predicted"
        )
    return told
