"""The first stages: the user's model and data, read once and known by their content from then on."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgebuild.core.digest import Digest, Json, digest_bytes, digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource
from edgebuild.core.signature import Signature
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.store.entry import Entry
from edgebuild.store.files import writing

if TYPE_CHECKING:
    from edgebuild.models.batched import BatchedModel
    from edgebuild.models.graph import TorchModel
    from edgebuild.models.samples import Samples

_WORDS = ("core/signature.py", "core/reading.py", "core/sound.py")
LOAD = Stage("load", ("models", *_WORDS), ("torch",))
DATA = Stage("data", ("models", "steps", *_WORDS), ("numpy", "pillow", "scipy", "tokenizers"))
SPLIT = Stage("split", ("models/data.py", "models/samples.py"))

SetName = Literal["calibration", "selection", "evaluation", "training"]


@dataclass(frozen=True)
class Source:
    """The project's model as the cache holds it: an exported torch program, or a foreign file."""

    entry: Entry
    kind: Literal["torch", "onnx", "tflite"]
    signature: Signature
    digest: Digest

    @cached_property
    def torch_model(self) -> TorchModel:
        """The torch program; only for ``kind == "torch"``."""
        from edgebuild.models.graph import TorchModel

        return TorchModel.load(self.entry.path)

    @cached_property
    def data(self) -> bytes:
        """The foreign file's bytes; not for ``kind == "torch"``."""
        return self.entry.read(f"model.{self.kind}")

    def batched(self, road: Road) -> BatchedModel:
        """The torch program for batches of any size, which training needs.

        Raises:
            ConfigError: it comes from a file. BuildError: it can't be exported so.
        """
        from edgebuild.models.batched import load_batched

        return load_batched(road.project.model, road.root, road.cache)


@dataclass(frozen=True)
class DataSet:
    """One data set as the cache holds it, raw: before the ``pre`` steps."""

    name: SetName
    entry: Entry

    @property
    def digest(self) -> Digest:
        """Of its arrays."""
        return self.entry.content

    @cached_property
    def samples(self) -> Samples:
        """The samples themselves, read now."""
        from edgebuild.models.samples import Samples

        return Samples.load(self.entry.path)


@dataclass(frozen=True)
class Sets:
    """The three disjoint sets; evaluation is read only for what is reported.

    Attributes:
        training: where a model is recovered; calibration may be a part of it.
    """

    calibration: DataSet | None
    selection: DataSet | None
    evaluation: DataSet | None
    training: DataSet | None = None


def load_source(road: Road) -> Source:
    """Load and export the project's model, unless nothing it depends on has changed."""
    from edgebuild.models.load import load_model, model_state

    settings = road.project.model

    def make(folder: Path) -> None:
        load_model(settings, road.root, road.cache).save(folder)

    declared: dict[str, Json] = {"inputs": _dump(settings.inputs), "outputs": list(settings.outputs)}
    state = model_state(settings, road.root, road.cache)
    entry = _by_state(road, LOAD, "model", declared, state, make, lambda: model_state(settings, road.root, road.cache))
    return source_of(entry)


def source_of(entry: Entry) -> Source:
    """A model as it was saved."""
    info = json.loads(entry.read("info.json"))
    return Source(entry, info.get("kind", "torch"), Signature.model_validate(info["signature"]), info["digest"])


def _by_state(
    road: Road,
    stage: Stage,
    subject: str,
    declared: dict[str, Json],
    state: Digest | None,
    make: Callable[[Path], None],
    state_after: Callable[[], Digest | None],
) -> Entry:
    """Make a source's entry under the state of all it depends on, which may be known only after it ran.

    An impure source has no state. It always runs, and what it gives goes by its own content.
    """
    if state is not None and road.cache.get(road.key(stage, {**declared, "state": state})) is not None:
        return road.step(stage, subject, {**declared, "state": state}, make)
    road.progress(stage.name, subject)
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as scratch:
        folder = Path(scratch)
        with writing(folder):
            make(folder)
        state = state_after() or _content(folder)
        return road.step(stage, subject, {**declared, "state": state}, lambda entry: _move(folder, entry), told=True)


def _content(folder: Path) -> Digest:
    return digest_json([[path.name, digest_bytes(path.read_bytes())] for path in sorted(folder.iterdir())])


def _move(source: Path, target: Path) -> None:
    for path in source.iterdir():
        shutil.move(path, target / path.name)


def load_sets(road: Road, source: Source) -> Sets:
    """The data sets of the project; selection is split from calibration where it is not given.

    Raises:
        ConfigError: sets that overlap.
    """
    data = road.project.data
    calibration = _load_set(road, source, "calibration", data.calibration)
    selection = _load_set(road, source, "selection", data.selection)
    evaluation = _load_set(road, source, "evaluation", data.evaluation)
    if calibration is not None and selection is None:
        calibration, selection = _split(road, calibration)
    trains = road.profile.compresses or road.profile.quantization.distill is not None
    training = _load_set(road, source, "training", data.training) if trains else None
    sets = Sets(calibration, selection, evaluation, training)
    _refuse_overlaps(road, sets)
    return sets


def _load_set(road: Road, source: Source, name: SetName, settings: DataSource | None) -> DataSet | None:
    if settings is None:
        return None
    from edgebuild.models.assets import project_files
    from edgebuild.models.data import load_samples, source_state
    from edgebuild.models.samples import NOTES, input_specs

    given = settings
    specs, rule = input_specs(source.signature), road.project.data.label_rule

    def make(folder: Path) -> None:
        read_file = project_files(road.project.model, road.root)
        load_samples(given, specs, road.root, road.cache, name, rule, read_file).save(folder)

    reading = settings.model_dump(mode="json", exclude={"source", "pure", "input_files"})
    declared: dict[str, Json] = {"inputs": _dump(specs), "reading": reading, "labels": rule.model_dump(mode="json")}
    state = source_state(settings, road.root, road.cache, name, specs)
    again: Callable[[], Digest | None] = lambda: source_state(given, road.root, road.cache, name, specs)  # noqa: E731
    data_set = DataSet(name, _by_state(road, DATA, name, declared, state, make, again))
    if NOTES in data_set.entry.files:
        road.progress(DATA.name, f"{name}: {'; '.join(json.loads(data_set.entry.read(NOTES)))}")
    return data_set


def _split(road: Road, calibration: DataSet) -> tuple[DataSet, DataSet]:
    from edgebuild.models.data import split_selection

    fraction, seed = road.project.data.selection_fraction, road.project.build.seed

    def half(which: int) -> Callable[[Path], None]:
        return lambda folder: split_selection(calibration.samples, fraction, seed)[which].save(folder)  # noqa: PLW0108 - late

    names: tuple[SetName, SetName] = ("calibration", "selection")
    halves = []
    for which, name in enumerate(names):
        inputs: dict[str, Json] = {"of": calibration.digest, "fraction": fraction, "seed": seed, "half": which}
        halves.append(DataSet(name, road.step(SPLIT, name, inputs, half(which))))
    return halves[0], halves[1]


def _refuse_overlaps(road: Road, sets: Sets) -> None:
    from edgebuild.models.data import refuse_overlap

    present = [s for s in (sets.calibration, sets.selection, sets.evaluation, sets.training) if s is not None]
    for i, first in enumerate(present):
        for second in present[i + 1 :]:
            if (first, second) == (sets.calibration, sets.training):
                continue

            def check(folder: Path, a: DataSet = first, b: DataSet = second) -> None:
                refuse_overlap(a.samples, b.samples, (a.name, b.name))
                (folder / "disjoint").touch()

            road.step(SPLIT, f"{first.name} and {second.name}", {"disjoint": [first.digest, second.digest]}, check)


def _dump(specs: object) -> Json:
    assert isinstance(specs, dict)
    return {name: spec.model_dump(mode="json") for name, spec in specs.items()}


def need(data_set: DataSet | None, name: str, why: str) -> DataSet:
    """A data set that a stage cannot do without.

    Raises:
        ConfigError: the project gives none.
    """
    if data_set is None:
        raise ConfigError(f"[data.{name}]", "missing", expected=why, fix=f"add [data.{name}] to the project file")
    return data_set
