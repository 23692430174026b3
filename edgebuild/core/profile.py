"""Release profiles: how to quantize, how to measure and how sure to be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen
from edgebuild.core.compression import Pruning, Sparsity
from edgebuild.core.fit import Fit
from edgebuild.core.input_check import InputCheck
from edgebuild.core.recovery import Distillation, Recovery
from edgebuild.core.target import Name

RangeMethod = Literal["minmax", "percentile", "mse"]
Operators = Literal["all", "linear"]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class QuantSetting(Frozen):
    """One way to make an int8 candidate.

    Attributes:
        ranges: how activation ranges are taken from the calibration set.
        percentile: for ``ranges = "percentile"``, the share of values kept inside, in percent.
        equalize: cross-layer equalization before ranges are taken.
        correct_bias: bias correction against the float model on the calibration set.
        keep_float: how many of the most sensitive layers stay float.
        operators: what becomes int8: all that the runtime has integer kernels for, or linear layers alone. Between the
            linear layers of a transformer lie a residual stream, sums of masks, normalizations and a softmax, whose few
            large values leave one scale a tensor no steps for all others.
    """

    ranges: RangeMethod = "minmax"
    percentile: Annotated[float, Field(gt=50, lt=100)] = 99.99
    equalize: bool = False
    correct_bias: bool = True
    keep_float: Annotated[int, Field(ge=0)] = 0
    operators: Operators = "all"

    @property
    def label(self) -> str:
        """A short name for tables and the lock."""
        parts = [f"percentile-{self.percentile:g}" if self.ranges == "percentile" else self.ranges]
        parts += ["equalized"] if self.equalize else []
        parts += ["linear-only"] if self.operators == "linear" else []
        parts += ["bias-corrected"] if self.correct_bias else []
        parts += [f"{self.keep_float}-float"] if self.keep_float else []
        return "+".join(parts)


class Quantization(Frozen):
    """What the build tries and what it may lose.

    Attributes:
        precisions: what is offered, "float32" always being the fallback.
        settings: the candidates, compared on the selection set.
        max_drop: percentage points of the metric an int8 candidate may lose on the selection set against float.
        min_sqnr_db: without labels, the least signal-to-noise ratio of the outputs against float.
        max_float_layers: where int8 loses more, at most so many of its layers go back to float.
        calibration_samples, correction_samples: at most so many are used.
        distill: how int8 is trained where it loses too much otherwise; None: never.
    """

    precisions: tuple[Literal["float32", "int8"], ...] = ("float32", "int8")
    settings: Annotated[tuple[QuantSetting, ...], Field(min_length=1)] = (
        QuantSetting(),
        QuantSetting(ranges="mse"),
        QuantSetting(equalize=True),
    )
    max_drop: Annotated[float, Field(ge=0)] = 2.0
    min_sqnr_db: float = 10.0
    max_float_layers: Annotated[int, Field(ge=0)] = 8
    calibration_samples: Annotated[int, Field(gt=0)] = 256
    correction_samples: Annotated[int, Field(gt=0)] = 64
    distill: Distillation | None = None


class Measuring(Frozen):
    """How a trial samples. Times are in seconds.

    Attributes:
        runs: fresh processes a budget gets at first; at 99 % confidence at least 8 are needed.
        max_runs, max_seconds: when sampling stops undecided.
        min_samples, min_seconds: timed inferences of one run, and the time they take, at least.
        warmup_seconds: warm-up ends when it is steady, after this time at the latest.
        pairs: fresh-process pairs, int8 against float, that decide speed during a build.
        turn_seconds: how long one run of a pair goes on before it is the other's turn; 0: one run after the other, as
            on a device that has no room for two models at once.
    """

    runs: Annotated[int, Field(ge=1)] = 8
    max_runs: Annotated[int, Field(ge=1)] = 40
    max_seconds: Annotated[float, Field(gt=0)] = 300.0
    min_samples: Annotated[int, Field(ge=1)] = 100
    min_seconds: Annotated[float, Field(ge=0)] = 0.2
    warmup_seconds: Annotated[float, Field(ge=0)] = 2.0
    pairs: Annotated[int, Field(ge=1)] = 9
    turn_seconds: Annotated[float, Field(ge=0, le=10)] = 0.02


class Conditions(Frozen):
    """What a run's surroundings must be for it to count. What a device does not tell is not asked of it.

    Attributes:
        max_temperature_c: the hottest sensor, before, during and after the run.
        max_load: the load of the last minute before the run, counted in processes.
        governor: the clock governor that is required.
        min_free_mib: memory available before and after.
        max_clock_drop: the share by which the busiest core's clock may fall during the run.
        allow_throttled: whether runs count that were made while the device held itself back.
        cooldown_seconds: how long to wait, at most, before a run for the temperature to fall inside.
    """

    max_temperature_c: Annotated[float, Field(gt=0, le=150)] | None = 85.0
    max_load: Annotated[float, Field(gt=0)] | None = None
    governor: Annotated[str, Field(pattern=r"^[a-z_]+$")] | None = None
    min_free_mib: Annotated[int, Field(ge=0)] | None = 32
    max_clock_drop: Annotated[float, Field(ge=0, lt=1)] | None = 0.3
    allow_throttled: bool = False
    cooldown_seconds: Annotated[float, Field(ge=0)] = 60.0


class Judging(Frozen):
    """The confidence of every verdict, stated once.

    Attributes:
        confidence: 1 − α for a false PASS (and a false FAIL) of latency and memory budgets.
        accuracy_confidence: the same for ``accuracy_drop``.
        beside: how many budgets on other devices the same release is judged by, which a false FAIL may come from too.
    """

    confidence: Fraction = 0.99
    accuracy_confidence: Fraction = 0.95
    beside: Annotated[int, Field(ge=0)] = 0


class Profile(Frozen):
    """One release profile, as its TOML file states it."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    title: str = ""
    pruning: Pruning | None = None
    sparsity: Sparsity | None = None
    recovery: Recovery | None = None
    fit: Fit | None = None
    input_check: InputCheck = InputCheck()
    quantization: Quantization = Quantization()
    measuring: Measuring = Measuring()
    conditions: Conditions = Conditions()
    judging: Judging = Judging()
    budgets: dict[str, str] = Field(default={})

    model_config = Frozen.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _recovers_from_something(self) -> Profile:
        if self.recovery is not None and not self.compresses:
            raise ValueError("recovery: nothing is pruned; add [pruning] or [sparsity], or leave [recovery] out")
        return self

    @model_validator(mode="after")
    def _zeros_stay(self) -> Profile:
        for name, other in (("fit", self.fit), ("quantization.distill", self.quantization.distill)):
            if self.sparsity is not None and other is not None:
                raise ValueError(f"sparsity: [{name}] does not keep zeros; leave one of them out")
        return self

    @property
    def compresses(self) -> bool:
        """Whether the model itself is changed."""
        return self.pruning is not None or self.sparsity is not None
