"""Artifacts, their placement, and the manifest of a bundle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen
from edgebuild.core.compression import Compression
from edgebuild.core.digest import Digest
from edgebuild.core.input_check import Suspicion
from edgebuild.core.origin import OriginMap
from edgebuild.core.signature import Shape, Signature

Precision = Literal["float32", "int8", "int16x8", "as-is"]
WHOLE = "model"
"""The name of a bundle's only part, or of the one that is all others one after the other."""
CHAIN = "chain:"
"""What the runtime of such a part begins with; the runtimes of the others follow, with "+" between."""


def runtimes_of(runtime: str) -> tuple[str, ...]:
    """The runtimes of a chain; of any other one, that one."""
    return tuple(runtime.removeprefix(CHAIN).split("+")) if runtime.startswith(CHAIN) else (runtime,)


class ModelFile(Frozen):
    """A file of an artifact or bundle: its name (no folders above it), digest and size in bytes."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")
    sha256: Digest
    size: int = Field(ge=0)


class LayerError(Frozen):
    """The signal-to-quantization-noise ratio of one operator's output against float, in decibels."""

    op: str
    module: str
    sqnr_db: float
    float_kept: bool = False


class Artifact(Frozen):
    """A model in a runtime's own format. ``files[0]`` is the one the runtime opens."""

    runtime: str
    precision: Precision
    files: tuple[ModelFile, ...]
    signature: Signature
    origins: OriginMap = OriginMap()
    layers: tuple[LayerError, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Placed(Frozen):
    """Where one operator runs, and if it falls back, which rule sent it there.

    ``unit`` is "npu", "cpu" for what an accelerator leaves to the processor, or "mcu" where there is nothing else.
    """

    op: str
    unit: str
    rule: str = ""


class Placement(Frozen):
    """Where every operator of an artifact runs on a target.

    Attributes:
        by: who says so: a compiler with its version, or the rules.
        partitions: how many runs of operators the accelerator gets, each with its inputs and outputs copied.
    """

    by: str
    ops: tuple[Placed, ...] = ()
    partitions: int = Field(ge=0, default=0)

    @property
    def fallbacks(self) -> tuple[Placed, ...]:
        """The operators that are left to the CPU."""
        return tuple(op for op in self.ops if op.unit == "cpu")


class Simulated(Frozen):
    """What a compiled model gave on the compiler's simulator of the accelerator, for the golden inputs.

    Attributes:
        sqnr_db: of its outputs against those of the model before it was compiled, on the machine that built it.
        max_abs: the largest difference between the two.
    """

    samples: int = Field(ge=1)
    sqnr_db: float
    max_abs: float


class Compilation(Frozen):
    """What a compiler made of a variant's model.

    Attributes:
        files: what is shipped to the accelerator.
        estimates: metrics in their base unit.
        simulated: None where the compiler has no simulator.
    """

    files: tuple[ModelFile, ...]
    placement: Placement
    estimates: dict[str, float] = Field(default={})
    simulated: Simulated | None = None


class Quality(Frozen):
    """A model's score on one data set, against its float twin on the same samples.

    ``lost`` and ``won`` count samples that only float, or only this model, has right; they are what a paired
    test needs. For a metric that is no count of right answers they are None and ``drop_high`` bounds the drop.

    Attributes:
        value, low, high: the score and its 95 % interval, in percentage points (0..100).
        float_value: the float twin's score; of a compressed model, the score of the dense one that it came from.
        samples: how many samples were scored.
        agreement: the share of samples with the same top-1 as float, in percent, where there is one.
        sqnr_db: of the outputs against float.
        emulated: whether the outputs were computed in float between the rounding, as the target's integers come to,
            because this machine's integer kernels could clip.
    """

    metric: str
    dataset: Digest
    samples: int = Field(ge=1)
    value: float | None = None
    low: float | None = None
    high: float | None = None
    float_value: float | None = None
    lost: int | None = None
    won: int | None = None
    drop_high: float | None = None
    drop_confidence: float | None = None
    agreement: float | None = None
    sqnr_db: float | None = None
    emulated: bool = False


class Speed(Frozen):
    """Int8 against float on the target's own device, from pairs of fresh processes run in turn.

    ``ratio`` is float time over int8 time (above 1: int8 is faster), with exact sign-test bounds over pairs.
    """

    device: str
    pairs: int
    ratio: float
    low: float | None
    high: float | None
    confidence: float
    float_p50_ns: float
    int8_p50_ns: float


class Parity(Frozen):
    """How far a float artifact's outputs are from the source model's on the same samples.

    Attributes:
        max_abs: the largest absolute difference.
        output_range: the width of the source model's outputs, to judge ``max_abs`` by.
        agreement: the share of samples with the same top-1, in percent, where the output is one row of scores.
    """

    samples: int = Field(ge=1)
    max_abs: float
    output_range: float
    sqnr_db: float
    agreement: float | None = None


class Variant(Frozen):
    """One way a part is shipped: a precision for a shape bucket.

    Attributes:
        signature: where it differs from the part's, as with integers at the boundary.
        parity: of a float variant, against the source model.
        speed: None where it was not measured.
        note: why it is offered or kept, in a sentence.
        compilation: for the target's accelerator; None where it has no compiler.
    """

    precision: Precision
    bucket: Shape | None = None
    files: tuple[ModelFile, ...]
    signature: Signature | None = None
    setting: str = ""
    parity: Parity | None = None
    quality: Quality | None = None
    speed: Speed | None = None
    note: str = ""
    compilation: Compilation | None = None

    @property
    def size(self) -> int:
        """Bytes of the model's files."""
        return sum(file.size for file in self.files)


class Rejected(Frozen):
    """A candidate that was built and not offered, and why. ``size`` is in bytes."""

    precision: Precision
    setting: str
    reason: str
    size: int | None = None
    quality: Quality | None = None
    speed: Speed | None = None


class Golden(Frozen):
    """Golden vectors: inputs, float outputs from torch (or the source model), and tolerances.

    ``tolerance`` is the largest allowed difference, as a share of the output's range, by precision. ``steps``: of a
    model with state, rows are sequences of so many, one after the other.
    """

    file: str = "golden.npz"
    source: Literal["synthetic", "samples"]
    samples: int
    tolerance: dict[str, float]
    steps: int | None = None


class Part(Frozen):
    """One model of a bundle: a runtime, a signature and its variants, the preferred one first.

    A bundle of several has the whole as its first part: a chain, whose files are those of the others and what says how
    they follow each other.

    Attributes:
        golden: its own vectors; None: the bundle's are.
        budgets: its own, beside the bundle's on the whole.
        rejected: of a part that is not the whole, what was not offered.
        alone: of such a part, the whole's quality on the selection set with this part alone in int8.
    """

    name: str = WHOLE
    runtime: str
    signature: Signature
    variants: tuple[Variant, ...] = Field(min_length=1)
    golden: Golden | None = None
    budgets: dict[str, float] = Field(default={})
    rejected: tuple[Rejected, ...] = ()
    alone: Quality | None = None

    @property
    def is_chain(self) -> bool:
        """Whether it is the others, one after the other."""
        return self.runtime.startswith(CHAIN)


class Edge(Frozen):
    """An output of one part that feeds an input of another."""

    source: str
    target: str


class Lineage(Frozen):
    """What a bundle was made from."""

    edgebuild: str
    model: Digest
    project: Digest
    calibration: Digest | None = None
    selection: Digest | None = None
    evaluation: Digest | None = None
    tools: dict[str, str] = Field(default={})
    cpu_features: Digest | None = None


class Manifest(Frozen):
    """``manifest.json``: everything a bundle says of itself. Its digest is the bundle's identity.

    ``suspicions``: why its samples might not have fitted the model, as far as the build could see.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    name: str
    known_as: tuple[str, ...] = ()
    target: str
    target_digest: Digest
    profile: str
    profile_digest: Digest
    parts: tuple[Part, ...] = Field(min_length=1)
    edges: tuple[Edge, ...] = ()
    golden: Golden
    lineage: Lineage
    compression: Compression | None = None
    budgets: dict[str, float] = Field(default={})
    rejected: tuple[Rejected, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    files: tuple[ModelFile, ...]

    model_config = Frozen.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _variants_are_listed(self) -> Manifest:
        listed = {file.name for file in self.files}
        variants = [variant for part in self.parts for variant in part.variants]
        named = {file.name for variant in variants for file in variant.files}
        named |= {file.name for variant in variants if variant.compilation for file in variant.compilation.files}
        named |= {part.golden.file for part in self.parts if part.golden}
        missing = sorted((named | {self.golden.file}) - listed)
        if missing:
            raise ValueError(f"files not listed with a digest: {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _parts_differ_in_name(self) -> Manifest:
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError(f"two parts have the same name: {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _tokenizers_are_listed(self) -> Manifest:
        digests = {file.name: file.sha256 for file in self.files}
        for signature in self._signatures():
            for step in signature.tokenizers:
                if digests.get(step.tokenizer) != step.sha256:
                    raise ValueError(f"{step.tokenizer} is not listed with the digest that the signature states")
        return self

    def _signatures(self) -> Iterator[Signature]:
        for part in self.parts:
            yield part.signature
            yield from (variant.signature for variant in part.variants if variant.signature is not None)
