"""Projects: what ``edgebuild.toml`` states."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen
from edgebuild.core.folding import FoldAs, check_fold
from edgebuild.core.metric import Budget, parse_budget
from edgebuild.core.parts import Wiring, wired
from edgebuild.core.postprocess import PostStep
from edgebuild.core.quality_metric import QUALITY_METRICS, LabelRule, MetricName
from edgebuild.core.reading import Tokenize, check_reading
from edgebuild.core.signature import Absent, DType, Role, Shape, Step, check_layout
from edgebuild.core.target import Name

PARTS = "parts"
"""The ``source`` of a model that is made of ``[parts.NAME]``."""


class InputSpec(Frozen):
    """One named input under ``[model.inputs.NAME]``; ``shape`` has the batch dimension, which is 1.

    Attributes:
        role, fed_by: an input of role "state" is zero in a sequence's first step, and in each further one what the
            output ``fed_by`` was in the step before. Samples hold no such input, and all others with a time axis.
        absent: the input may be missing, and what then stands in for it after the ``pre`` steps: "zeros", or a number.
        buckets: further shapes, longer along one axis. Each is compiled on its own, and a sample goes to the smallest
            one that holds it.
        pad: what a sample that is shorter than its bucket is filled up with; of a text, the number of the tokenizer's
            own padding is taken.
        fold: the last ``pre`` steps become part of the model, which then takes what they take, as this dtype: a device
            gives raw values.
    """

    shape: Shape
    dtype: DType = "float32"
    layout: str = ""
    role: Role = Role.DATA
    fed_by: str | None = None
    buckets: tuple[Shape, ...] = ()
    pad: float = 0
    pre: tuple[Step, ...] = ()
    absent: Absent | None = None
    fold: FoldAs | None = None

    @model_validator(mode="after")
    def _folds(self) -> InputSpec:
        if self.fold is not None:
            if self.dtype != "float32" or self.absent is not None:
                raise ValueError("fold is for an input of float32 that is never absent")
            check_fold(self.pre, self.shape)
        return self

    @model_validator(mode="after")
    def _layout_fits(self) -> InputSpec:
        check_layout(self.layout, self.shape)
        check_reading(self.pre)
        return self

    @model_validator(mode="after")
    def _state_is_fed(self) -> InputSpec:
        if (self.role is Role.STATE) != (self.fed_by is not None):
            raise ValueError('role = "state" and fed_by = "OUTPUT" go together')
        return self

    @model_validator(mode="after")
    def _buckets_differ_in_one_axis(self) -> InputSpec:
        if not self.buckets:
            return self
        if any(len(shape) != len(self.shape) for shape in self.buckets):
            raise ValueError(f"buckets have as many axes as shape has, {len(self.shape)}")
        axes = {axis for shape in self.buckets for axis, size in enumerate(shape) if size != self.shape[axis]}
        if len(self.sizes) <= len(self.buckets) or len(axes) != 1 or axes == {0}:
            raise ValueError("buckets differ from shape, and from each other, along one axis that is not the first")
        if self.is_state or any(step.op not in ("tokenize", "normalize", "cast", "quantize") for step in self.pre):
            raise ValueError("buckets are for inputs that are no state and whose pre steps keep the axes as they are")
        for step in self.pre:
            if isinstance(step, Tokenize):
                self._check_text(step)
        return self

    def _check_text(self, step: Tokenize) -> None:
        """A text is read as long as the largest bucket, and cut to the smallest that holds it."""
        most = self.sizes[-1][self.bucket_axis]
        if len(self.shape) != 2 or step.length != most:
            raise ValueError(f"tokenize with buckets: shape is [1, tokens], and length that of the largest, {most}")
        if step.padding != "right":
            raise ValueError('tokenize with buckets: padding is cut off at the end, so it must be "right"')

    @property
    def sizes(self) -> tuple[Shape, ...]:
        """All its shapes, the smallest first."""
        return tuple(sorted({self.shape, *self.buckets}))

    @property
    def bucket_axis(self) -> int:
        """The axis along which its buckets differ."""
        return next(axis for axis, size in enumerate(self.sizes[0]) if size != self.sizes[-1][axis])

    @property
    def is_state(self) -> bool:
        """Whether it is carried from step to step, and so not in any sample."""
        return self.role is Role.STATE


class ModelSource(Frozen):
    """``[model]``: where the model comes from.

    Attributes:
        source: ``file.py:callable``, or a path to a ``.pt2``, ``.onnx`` or ``.tflite`` file; "parts": what is declared
            under ``[parts.NAME]``, one after the other.
        outputs: names for the outputs, in order; default ``output``, or ``output_0``, ``output_1``, …
        signature: which one of a ``.tflite`` file that has several.
        step_seconds: how long what one call is given lasts, such as the audio of one frame: ``real_time_factor`` is the
            time of a call over it.
        post: steps from what the model gives to what its user wants; scored and run by the same code.
        pure: whether the callable's result depends only on its files and arguments. If not, it is always run.
        inputs_files: further files the callable reads that Python's audit hook does not show.
    """

    source: str = Field(min_length=1)
    inputs: dict[str, InputSpec] = Field(default={})
    outputs: tuple[str, ...] = ()
    signature: str = ""
    step_seconds: Annotated[float, Field(gt=0)] | None = None
    post: tuple[PostStep, ...] = ()
    pure: bool = True
    input_files: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _signature_of_a_file(self) -> ModelSource:
        if self.signature and not self.source.endswith(".tflite"):
            raise ValueError("signature: only a .tflite file has several to choose from")
        return self

    @model_validator(mode="after")
    def _folds_into_a_program(self) -> ModelSource:
        folded = next((name for name, spec in self.inputs.items() if spec.fold is not None), None)
        if folded is not None and self.source.endswith((".onnx", ".tflite")):
            raise ValueError(f"inputs.{folded}.fold: steps become part of a PyTorch model; a file stays as it came")
        return self

    @model_validator(mode="after")
    def _one_text_one_way(self) -> ModelSource:
        found: dict[tuple[str, str], Tokenize] = {}
        for step in (step for spec in self.inputs.values() for step in spec.pre if isinstance(step, Tokenize)):
            first = found.setdefault((step.column, step.tokenizer), step)
            if first.model_copy(update={"output": step.output}) != step:
                raise ValueError(
                    f"inputs made of the same {step.column} by {step.tokenizer} differ in more than output"
                )
        return self

    @model_validator(mode="after")
    def _buckets_belong_together(self) -> ModelSource:
        counts = {name: len(spec.sizes) for name, spec in self.inputs.items() if spec.buckets}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
            raise ValueError(f"inputs have different numbers of buckets ({listed}); the first of each belong together")
        return self

    @model_validator(mode="after")
    def _states_are_as_made(self) -> ModelSource:
        for name, spec in self.inputs.items():
            if spec.is_state and spec.pre:
                raise ValueError(f"inputs.{name}.pre: a state is what the model itself gave, and has no steps")
        return self


class PartSource(ModelSource):
    """``[parts.NAME]``: one model of several that are built, quantized and checked each on its own.

    It takes what another part gives under the same name; any other input is what samples hold.

    Attributes:
        targets: by target of the project, the target of the same device that this part is built for instead.
        budgets: of this part alone; those of the project are of the whole.
    """

    targets: dict[Name, Name] = Field(default={})
    budgets: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _is_a_part(self) -> PartSource:
        if self.post or self.step_seconds is not None or self.source == PARTS:
            raise ValueError('post, step_seconds and source = "parts" are of the whole, under [model]')
        return self

    @property
    def parsed_budgets(self) -> tuple[Budget, ...]:
        """Its budgets."""
        return tuple(parse_budget(name, text) for name, text in sorted(self.budgets.items()))

    @property
    def model_source(self) -> ModelSource:
        """The same as a model of its own."""
        return ModelSource(**{field: getattr(self, field) for field in ModelSource.model_fields})


class DataSource(Frozen):
    """One data set under ``[data.NAME]``.

    Attributes:
        source: ``file.py:callable``, an ``.npz`` file, a folder of ``.npz`` files, a folder of images or WAV files, or
            a ``.csv`` or ``.jsonl`` file with a row a sample: texts, numbers and names of files beside it.
        limit: takes the first so many samples.
        labels: for a folder of files: a CSV file (file,label), or ``folders``, where each sub-folder is a class.
        label: the column of the labels in a ``.csv`` or ``.jsonl`` file, where it has one.
        group: the column whose equal values are scored as one.
        classes: their names, in the order of the model's outputs, where labels are names; of sub-folders the default is
            the order of their names.
        skip_bad: leave out samples that can't be used, and count them, instead of refusing the set.
        max_clipped: the largest share of a sound's samples that may lie at full scale.
    """

    source: str = Field(min_length=1)
    limit: Annotated[int, Field(gt=0)] | None = None
    labels: str = ""
    label: Annotated[str, Field(min_length=1)] = "label"
    group: str = ""
    classes: tuple[str, ...] = ()
    skip_bad: bool = False
    max_clipped: Annotated[float, Field(ge=0, le=1)] = 0.01
    pure: bool = True
    input_files: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _classes_differ(self) -> DataSource:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes names one twice")
        return self


class Data(Frozen):
    """``[data]``: the sets, which must be disjoint, and how quality is scored.

    Attributes:
        calibration: representative inputs; labels not needed.
        selection: chooses settings; split from calibration where it is not given.
        evaluation: read once per reported bundle.
        selection_fraction: the share of the calibration set that becomes the selection set.
        metric: what is scored, such as "top1" for classifiers, and "none" without labels: ``core/quality_metric.py``.
        classes: how many there are: labels outside them are refused.
        score: ``file.py:callable`` turning (inputs, outputs) into one score a sample, for "auc".
    """

    calibration: DataSource | None = None
    selection: DataSource | None = None
    evaluation: DataSource | None = None
    training: DataSource | None = None
    selection_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.5
    metric: MetricName = "top1"
    classes: Annotated[int, Field(gt=0)] | None = None
    score: str = ""

    @property
    def label_rule(self) -> LabelRule:
        """What the labels must be."""
        return LabelRule(kind=QUALITY_METRICS[self.metric].labels, classes=self.classes)


class Build(Frozen):
    """``[build]``: the targets, the profile and the golden vectors.

    Attributes:
        keep_both: whether a bundle of a host target holds both float and int8, the faster one first, where otherwise
            it would hold the faster one alone: so that ``bench --profile`` can say where the time goes.
        keep_float: by target, the layers that stay float in its int8 model: module paths, in which ``*`` stands for
            anything, or names of single nodes of the exported graph.
    """

    targets: Annotated[tuple[Name, ...], Field(min_length=1)]
    profile: Name = "default"
    golden: Literal["synthetic", "samples"] = "synthetic"
    golden_samples: Annotated[int, Field(gt=0, le=64)] = 4
    seed: Annotated[int, Field(ge=0)] = 0
    keep_both: bool = False
    keep_float: dict[Name, tuple[str, ...]] = Field(default={})

    @model_validator(mode="after")
    def _keeps_for_own_targets(self) -> Build:
        for name in self.keep_float:
            if name not in self.targets:
                raise ValueError(f"keep_float.{name}: not a target of this project ({', '.join(self.targets)})")
        return self


class Project(Frozen):
    """A whole project file.

    ``known_as``: further names that published tables have for the model.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    name: Name
    known_as: tuple[str, ...] = ()
    model: ModelSource
    parts: dict[Name, PartSource] = Field(default={})
    data: Data = Data()
    build: Build
    budgets: dict[str, str | dict[str, str]] = Field(default={})

    model_config = Frozen.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _budgets_parse(self) -> Project:
        for name in self.build.targets:
            timed = any(budget.metric == "real_time_factor" for budget in self.budgets_for(name))
            if timed and self.model.step_seconds is None:
                raise ValueError("budgets.real_time_factor: [model] step_seconds says nothing of how long a step is")
        for name, value in self.budgets.items():
            if isinstance(value, dict) and name not in self.build.targets:
                raise ValueError(f"budgets.{name}: not a target of this project ({', '.join(self.build.targets)})")
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> Project:
        if (self.model.source == PARTS) != bool(self.parts):
            raise ValueError('model.source = "parts" and [parts.NAME] go together')
        if not self.parts:
            return self
        if self.model.inputs:
            raise ValueError("model.inputs: the parts declare theirs, under [parts.NAME.inputs]")
        _ = self.wiring
        self._refuse_strange_layers()
        for name, part in self.parts.items():
            try:
                _ = part.parsed_budgets
            except ValueError as error:
                raise ValueError(f"parts.{name}.budgets: {error}") from error
            for target in part.targets:
                if target not in self.build.targets:
                    raise ValueError(
                        f"parts.{name}.targets.{target}: not a target of this project ({', '.join(self.build.targets)})"
                    )
        return self

    def _refuse_strange_layers(self) -> None:
        for target, layers in self.build.keep_float.items():
            for layer in layers:
                if not any(layer.startswith(f"{name}.") for name in self.parts):
                    raise ValueError(
                        f"build.keep_float.{target}: {layer!r} names a layer of no part; "
                        f"say PART.LAYER, with one of {', '.join(self.parts)}"
                    )

    @property
    def wiring(self) -> Wiring:
        """How its parts are put together."""
        return wired(self.parts, self.model.outputs)

    def budgets_for(self, target: str) -> tuple[Budget, ...]:
        """The budgets of one target: the common ones, overridden by ``[budgets.TARGET]``."""
        texts = {name: text for name, text in self.budgets.items() if isinstance(text, str)}
        own = self.budgets.get(target, {})
        texts |= own if isinstance(own, dict) else {}
        return tuple(parse_budget(name, text) for name, text in sorted(texts.items()))
