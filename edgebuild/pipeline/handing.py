"""What parts are calibrated and checked on: samples of the whole, and what the float parts before make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgebuild.core.array import Array, np
from edgebuild.core.digest import Digest, Json
from edgebuild.core.errors import ConfigError
from edgebuild.core.parts import Wiring, stand_ins_of
from edgebuild.core.project import PartSource
from edgebuild.core.signature import stand_in_for
from edgebuild.pipeline.float_stages import load_outputs, save_outputs
from edgebuild.pipeline.scoring import Scorer
from edgebuild.pipeline.sources import DataSet, Source
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.store.entry import Entry

HAND_ON = Stage("hand on", ("pipeline/handing.py", "core/parts.py", "models/samples.py", "steps"))


@dataclass
class Handing:
    """The float parts of a model, and what each is given of samples of the whole.

    Attributes:
        declared: the parts as the project declares them.
        scorers: each part's; it knows the part's own source.
    """

    road: Road
    wiring: Wiring
    declared: Mapping[str, PartSource]
    sources: Mapping[str, Source]
    scorers: Mapping[str, Scorer]
    labelled: str | None
    _given: dict[tuple[str, Digest], DataSet] = field(default_factory=dict)
    _made: dict[tuple[str, Digest], Entry] = field(default_factory=dict)

    def of(self, sources: Mapping[str, Source]) -> Handing:
        """The same of other models of the parts."""
        scorers = {name: Scorer(self.scorers[name].road, source) for name, source in sources.items()}
        return Handing(self.road, self.wiring, self.declared, sources, scorers, self.labelled)

    def given(self, part: str, samples: DataSet) -> DataSet:
        """What a part takes of samples of the whole, raw, with labels where it gives what the whole gives.

        Raises:
            ConfigError: the samples lack all that the part takes.
        """
        key = (part, samples.digest)
        if key not in self._given:
            self._given[key] = self._handed(part, samples)
        return self._given[key]

    def _handed(self, part: str, samples: DataSet) -> DataSet:
        taken = self.wiring.taken(part)
        own = [name for name in self.declared[part].inputs if name not in taken]
        if not taken and not any(name in samples.samples.inputs for name in own):
            raise ConfigError(
                f"[data.{samples.name}]", f"has no {' or '.join(own)}, which the part {part} takes",
                expected="samples for every part", fix="give them, or build the model as one graph",
            )  # fmt: skip
        places = {name: list(self.declared[giver].outputs).index(name) for name, giver in taken.items()}
        made = {name: self.made(giver, samples) for name, giver in taken.items()}
        inputs: dict[str, Json] = {
            "samples": samples.digest,
            "own": list(own),
            "taken": {name: [entry.content, places[name]] for name, entry in made.items()},
            "labelled": part == self.labelled,
        }

        def make(folder: Path) -> None:
            from edgebuild.models.samples import Samples

            whole = samples.samples
            arrays = {name: whole.inputs[name] for name in own if name in whole.inputs}
            arrays |= {name: load_outputs(entry)[places[name]] for name, entry in made.items()}
            labels = (whole.labels, whole.groups) if part == self.labelled else (None, None)
            Samples(arrays, *labels).save(folder)

        return DataSet(samples.name, self.road.step(HAND_ON, f"{samples.name} to {part}", inputs, make))

    def made(self, part: str, samples: DataSet) -> Entry:
        """What a part in float makes of samples of the whole; where its inputs are missing, what stands in for it."""
        key = (part, samples.digest)
        if key not in self._made:
            given = self.given(part, samples)
            entry = self.scorers[part].reference(given)
            skipped = self.wiring.skipped(part, self.declared)
            self._made[key] = self._with_stand_ins(part, given, entry) if skipped else entry
        return self._made[key]

    def _with_stand_ins(self, part: str, given: DataSet, entry: Entry) -> Entry:
        stand_ins = stand_ins_of(part, self.wiring, self.declared)
        inputs: dict[str, Json] = {
            "given": given.digest,
            "made": entry.content,
            "stand_ins": dict(stand_ins),
            "inputs": {name: spec.model_dump(mode="json") for name, spec in self.declared[part].inputs.items()},
        }

        def make(folder: Path) -> None:
            outputs, missing = load_outputs(entry), self._missing(part, given)
            for place, name in enumerate(self.declared[part].outputs):
                outputs[place][missing] = stand_ins[name]
            save_outputs(folder, outputs)

        return self.road.step(HAND_ON, f"{given.name} without {part}", inputs, make)

    def _missing(self, part: str, given: DataSet) -> Array:
        """Of which samples all that a part takes is missing: it is throughout what is declared to stand in."""
        from edgebuild.models.samples import prepare_inputs

        prepared = prepare_inputs(given.samples, self.sources[part].signature)
        missing = np.ones(len(given.samples), bool)
        for name, spec in self.declared[part].inputs.items():
            rows = prepared[name].reshape(len(missing), -1)
            missing &= (rows == stand_in_for(spec.absent)).all(axis=1)
        return missing

    def reference(self, samples: DataSet) -> Entry:
        """What the whole in float makes of samples, in the order of its outputs."""
        made = {name: self.made(giver, samples) for name, giver in self.wiring.givers.items()}
        places = {name: list(self.declared[giver].outputs).index(name) for name, giver in self.wiring.givers.items()}
        inputs: dict[str, Json] = {"outputs": [[made[name].content, places[name]] for name in made]}

        def make(folder: Path) -> None:
            save_outputs(folder, [load_outputs(made[name])[places[name]] for name in made])

        return self.road.step(HAND_ON, f"{samples.name} through all", inputs, make)
