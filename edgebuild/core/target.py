"""Targets: what a device is, every fact with its source."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen
from edgebuild.core.signature import DType

if TYPE_CHECKING:
    from edgebuild.core.artifact import Variant

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class Hardware(Frozen):
    """The device's own facts. What is not known from a checked source is left out.

    ``sram_kib`` and ``flash_kib``: what a model may take of a chip's memory; one that takes more is not built.
    """

    soc: str | None = None
    cpu: str | None = None
    isa: Literal["aarch64", "armv7", "x86_64"] | None = None
    cores: Annotated[int, Field(gt=0)] | None = None
    clusters: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
    max_clock_mhz: Annotated[int, Field(gt=0)] | None = None
    memory_mib: Annotated[int, Field(gt=0)] | None = None
    sram_kib: Annotated[int, Field(gt=0)] | None = None
    flash_kib: Annotated[int, Field(gt=0)] | None = None
    accelerator: str | None = None


DotProduct = Literal["vnni", "dotprod", "saturating", "none"]


def dot_product(isa: str, features: Collection[str]) -> DotProduct:
    """How a processor sums 8-bit products, by its instruction set and the features that the kernel lists."""
    if isa == "x86_64":
        return "vnni" if {"avx512_vnni", "avx_vnni"} & set(features) else "saturating"
    return "dotprod" if "asimddp" in features else "none"


class Int8Scheme(Frozen):
    """The int8 arithmetic that the device runs fast: 8-bit weights, and activations of 8 or 16 bits.

    Attributes:
        weight_granularity: one scale a tensor, or one an output channel.
        weight_symmetric: zero point 0 for weights.
        activation_dtype: u8, s8 or u16, asymmetric unless ``activation_symmetric``; or s16, which must be symmetric.
        io: what the model takes and gives: "float" (quantized inside), or integers at the boundary ("int16" with s16).
        full_integer: no float operator may remain.
        dot_product: how 8-bit products are summed; "saturating" means u8 x s8 pairs may clip at 16 bits,
            and then weights are kept to 7 bits.
    """

    weight_granularity: Literal["per_channel", "per_tensor"] = "per_channel"
    weight_symmetric: bool = True
    activation_dtype: Literal["u8", "s8", "u16", "s16"] = "u8"
    activation_symmetric: bool = False
    io: Literal["float", "int8", "uint8", "int16"] = "float"
    full_integer: bool = False
    dot_product: DotProduct | None = None

    @property
    def activation_bits(self) -> int:
        """8 or 16."""
        return int(self.activation_dtype[1:])

    @model_validator(mode="after")
    def _integers_agree(self) -> Int8Scheme:
        """TFLite's kernels for int16 know no zero point."""
        signed = self.activation_dtype == "s16"
        if signed and not self.activation_symmetric:
            raise ValueError('activation_dtype = "s16" has no zero point: say activation_symmetric = true')
        if self.io != "float" and signed != (self.io == "int16"):
            raise ValueError(f'io = "{self.io}" does not go with activation_dtype = "{self.activation_dtype}"')
        return self


ON_CPU = ("cpu", "none")
"""Delegates that are no accelerator."""


class RuntimeOptions(Frozen):
    """How the runtime is asked to run the model.

    ``precision`` is what float models compute in ("f32" pins runtimes that would pick bf16).

    Attributes:
        delegate: what has to compute the model: "cpu", or an accelerator by its name. A run that an accelerator did not
            compute fails. "none" is LiteRT's word for the CPU without XNNPACK: TFLite's own kernels compute all, which
            round as tflite-micro's do.
        delegate_library: of an external delegate, as a file on the device or a name that its loader finds; without it,
            LiteRT's own way to a "gpu" or "npu" is taken, on which nothing may be left to the CPU.
        delegate_options: what the delegate is told, in its own words.
        least_delegated: how many operators the delegate has to take, not to fail; default: those that the build placed
            on the accelerator, or one.
    """

    threads: Annotated[int, Field(gt=0)] = 1
    delegate: Annotated[str, Field(min_length=1)] = "cpu"
    delegate_library: str = ""
    delegate_options: dict[str, str] = Field(default={})
    least_delegated: Annotated[int, Field(gt=0)] | None = None
    precision: Literal["f32", "bf16", "f16"] = "f32"

    @property
    def delegate_in_full(self) -> str:
        """The delegate with its library and options: runs that differ in one of them are not pooled."""
        told = ", ".join(f"{key}={value}" for key, value in sorted(self.delegate_options.items()))
        return " ".join(part for part in (self.delegate, self.delegate_library, told) if part)

    @model_validator(mode="after")
    def _nothing_is_delegated_to_the_cpu(self) -> RuntimeOptions:
        if self.delegate in ON_CPU and (self.delegate_library or self.delegate_options or self.least_delegated):
            raise ValueError(
                f'a delegate\'s library and options are for an accelerator, and delegate is "{self.delegate}"'
            )
        return self

    @property
    def at_home(self) -> RuntimeOptions:
        """How a model for this device is run on the machine that builds: on its CPU, by kernels that round alike."""
        return RuntimeOptions(delegate=self.delegate if self.delegate in ON_CPU else "cpu")


class Operators(Frozen):
    """What the device's runtime takes. Empty means: not known, so not checked.

    Attributes:
        rules: the accelerator's rules, by their name in placement/.
    """

    dtypes: tuple[DType, ...] = ()
    unsupported: tuple[str, ...] = ()
    rules: str | None = None


class Pruning(Frozen):
    """What structured pruning must respect to gain time."""

    channel_alignment: Annotated[int, Field(gt=0)] = 1


CONFIG = "config"
"""The option that a compiler's own configuration file becomes: its text."""


class Compiling(Frozen):
    """The compiler that makes the runtime's model one for the accelerator.

    Attributes:
        name: its module's.
        config: a file beside the target's that is in the compiler's own format; what it says is read with the target,
            and becomes the option ``CONFIG``.
        options: what it is told, in its own words.
    """

    name: str
    config: str = ""
    options: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _a_file_is_no_option(self) -> Compiling:
        if CONFIG in self.options:
            raise ValueError(f'a configuration file is named under [compiler], not as an option: {CONFIG} = "…"')
        return self


class Published(Frozen):
    """A table of figures that others published, some of them about this device; shown as context, never as measured.

    Attributes:
        table: a CSV file, plain or gzipped; ``${VARIABLE}`` is filled in, and where it is not set nothing is shown.
        model: the column with the model's name.
        where: what columns say in the rows about this device, each one of some texts.
        columns: what is shown of a row, in this order.
        source: who published it, and where.
    """

    table: str = Field(min_length=1)
    model: str
    where: dict[str, tuple[str, ...]] = Field(default={})
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    source: str = Field(min_length=1)


class Target(Frozen):
    """One device, as its TOML file states it.

    ``transport`` "none" is a device that edgebuild runs nothing on: what is known of it is estimated.
    ``sources`` maps a fact ("hardware.cpu") or a table of facts ("int8") to where it was read. Every
    fact about the device needs one.
    """

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    title: str
    family: Literal["arm-cpu", "mobile", "intel", "embedded", "host"]
    runtime: str
    transport: Literal["local", "ssh", "adb", "none"]
    virtual_cpu: str | None = None
    hardware: Hardware = Hardware()
    runtime_options: RuntimeOptions = RuntimeOptions()
    int8: Int8Scheme | None = None
    operators: Operators = Operators()
    compiler: Compiling | None = None
    pruning: Pruning = Pruning()
    published: tuple[Published, ...] = ()
    sources: dict[str, str] = Field(default={})
    notes: str = ""

    model_config = Frozen.model_config | {"populate_by_name": True}

    @property
    def is_host(self) -> bool:
        """Whether the target is the machine that builds."""
        return self.transport == "local"

    @property
    def is_estimated(self) -> bool:
        """Whether nothing can be run on it, so that what is known of it is estimated."""
        return self.transport == "none"

    @property
    def has_accelerator(self) -> bool:
        """Whether something is known of which operators it computes: by a compiler, or by rules."""
        return self.compiler is not None or self.operators.rules is not None

    def options_for(self, variant: Variant) -> RuntimeOptions:
        """How a variant is run there: its delegate has to take what the build placed on the accelerator."""
        options, compiled = self.runtime_options, variant.compilation
        if options.delegate in ON_CPU or options.least_delegated is not None or compiled is None:
            return options
        placed = sum(op.unit == "npu" for op in compiled.placement.ops)
        return options.model_copy(update={"least_delegated": placed or None})

    def stated_facts(self) -> tuple[str, ...]:
        """The dotted names of the facts this target states, those that need a source."""
        facts = [f"hardware.{field}" for field in Hardware.model_fields if getattr(self.hardware, field) is not None]
        if self.int8 is not None:
            facts += [f"int8.{field}" for field in sorted(self.int8.model_fields_set)]
        facts += [f"operators.{field}" for field in sorted(self.operators.model_fields_set)]
        if self.compiler is not None:
            facts += [f"compiler.{field}" for field in sorted(self.compiler.model_fields_set)]
        facts += ["runtime_options.delegate_library"] if self.runtime_options.delegate_library else []
        facts += [f"pruning.{field}" for field in sorted(self.pruning.model_fields_set)]
        return tuple(facts)

    @model_validator(mode="after")
    def _every_fact_has_a_source(self) -> Target:
        facts = self.stated_facts()
        bare = [f for f in facts if f not in self.sources and f.split(".")[0] not in self.sources]
        if bare:
            raise ValueError(f"no source for {', '.join(bare)}; add it under [sources] or leave the fact out")
        tables = {fact.split(".")[0] for fact in facts}
        idle = [s for s in self.sources if s not in facts and s not in tables]
        if idle:
            raise ValueError(f"sources for facts that are not stated: {', '.join(idle)}")
        return self
