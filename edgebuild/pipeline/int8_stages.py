"""From a calibrated model to an int8 candidate, written by each runtime's own quantizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgebuild.backends import find_backend
from edgebuild.backends.base import Exported, OperatorRefused
from edgebuild.core.array import np
from edgebuild.core.artifact import LayerError
from edgebuild.core.digest import Json, digest_json
from edgebuild.core.errors import BuildError
from edgebuild.core.origin import OriginMap, RuntimeOp
from edgebuild.core.plan import QuantPlan, Range
from edgebuild.core.profile import QuantSetting
from edgebuild.core.signature import Quantize, Signature
from edgebuild.core.target import Int8Scheme, Target
from edgebuild.pipeline.calibrate_stage import Calibration, arithmetic, label_of
from edgebuild.pipeline.float_stages import Converted, export, prepared, save_exported
from edgebuild.pipeline.sources import DataSet
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.pipeline.unrolled import MOST
from edgebuild.quant.left_float import foreign_but_linear
from edgebuild.quant.named_layers import named_nodes


@dataclass(frozen=True)
class Candidate:
    """An int8 model, the setting it was made with, and its operators' origins and errors.

    ``named`` is how many nodes of the graph stay float because the project names them, and ``freed`` how many layers
    because int8 loses too much with them.
    """

    setting: QuantSetting
    converted: Converted
    named: int = 0
    freed: int = 0
    activation_bits: int = 8
    distilled: bool = False

    @property
    def label(self) -> str:
        """The setting's short name, that layers stay float, and that activations have more bits than weights."""
        label = label_of(self.setting, self.named, self.freed, self.distilled)
        return label if self.activation_bits == 8 else f"{label}+{self.activation_bits}-bit-activations"

    @cached_property
    def origins(self) -> OriginMap:
        """The operators of the int8 model and where they came from."""
        return OriginMap.model_validate_json(self.converted.entry.read("origins.json"))

    @cached_property
    def layers(self) -> tuple[LayerError, ...]:
        """SQNR by operator against float, on one sample."""
        return tuple(LayerError.model_validate(one) for one in json.loads(self.converted.entry.read("layers.json")))


def quantize(
    road: Road, calibration: Calibration, target: Target, scheme: Int8Scheme, origins: OriginMap, samples: DataSet
) -> Candidate:
    """Write a torch model's plan with the runtime's own quantizer.

    Args:
        origins: of the float artifact; the corrected one has the same operators and tensors.

    Raises:
        ConfigError: the project wants a layer float that the model does not have.
    """
    freed = len(calibration.freed)
    plan = calibration.plan
    corrected = export(road, calibration.source, target.runtime, label_of(plan.setting, 0, freed, plan.distilled))
    return _write(road, corrected, plan, target, scheme, origins, samples, freed)


def quantize_foreign(
    road: Road, converted: Converted, target: Target, scheme: Int8Scheme, origins: OriginMap, samples: DataSet,
    setting: QuantSetting,
) -> Candidate:  # fmt: skip
    """Quantize a foreign float model: every range is observed in the runtime itself."""
    kept = foreign_but_linear(origins.ops) if setting.operators == "linear" else ()
    plan = QuantPlan(activations={}, keep_float=kept, scheme=arithmetic(scheme), setting=setting)
    return _write(road, converted, plan, target, scheme, origins, samples)


def _write(
    road: Road, converted: Converted, plan: QuantPlan, target: Target, scheme: Int8Scheme, origins: OriginMap,
    samples: DataSet, freed: int = 0,
) -> Candidate:  # fmt: skip
    runtime = target.runtime
    named = named_nodes(road.project.build.keep_float.get(target.name, ()), origins.nodes)
    plan = plan.model_copy(update={"keep_float": tuple(dict.fromkeys((*plan.keep_float, *named)))})
    code = (
        f"backends/{runtime}", "backends/base.py", "backends/origins.py", "quant/runtime_plan.py", "quant/numerics.py",
    )  # fmt: skip
    stage = Stage(f"quantize for {runtime}", code, find_backend(runtime).DISTRIBUTIONS, on_cpu=True)
    count = MOST if converted.signature.fed else road.profile.quantization.correction_samples
    inputs: dict[str, Json] = {
        "artifact": converted.entry.content,
        "plan": plan.model_dump(mode="json"),
        "scheme": scheme.model_dump(mode="json"),
        "origins": digest_json(origins),
        "samples": samples.digest,
        "count": count,
    }

    def make(folder: Path) -> None:
        _make_candidate(
            folder, converted, plan, scheme, origins, prepared(samples.samples.inputs, converted.signature, count)
        )

    entry = road.step(stage, label_of(plan.setting, len(named), freed, plan.distilled), inputs, make)
    made = Converted(runtime, entry, converted.model)
    return Candidate(plan.setting, made, len(named), freed, scheme.activation_bits, plan.distilled)


def _make_candidate(
    folder: Path,
    converted: Converted,
    plan: QuantPlan,
    scheme: Int8Scheme,
    origins: OriginMap,
    rows: list[dict[str, np.ndarray]],
) -> None:
    from edgebuild.backends.origins import carry_origins
    from edgebuild.quant.runtime_plan import as_fed, float_operators

    backend = converted.backend
    exact = next(backend.observe(converted.files, rows[:1]))
    ranges = _ranges(converted, plan, origins, exact, rows)
    if converted.signature.fed:
        ranges = as_fed(ranges, converted.signature, backend.tensor_names(converted.files, converted.signature))
    kept = float_operators(plan, origins, backend.operators(converted.files)) if plan.keep_float else ()
    made = backend.quantize(converted.exported, ranges, kept, scheme)
    if scheme.full_integer:
        refuse_float(converted, backend.float_operators(made.files), origins)
    operators = carry_origins(origins, backend.operators(made.files))
    save_exported(made, folder, quantized=True)
    (folder / "origins.json").write_text(operators.model_dump_json(indent=1), encoding="utf-8")
    row = _as_integers(rows[0], made.signature)
    rounded = _run_once(converted, made, row, operators)
    floats = {op.name for op in backend.float_operators(made.files)}
    layers = _layer_errors(operators, origins, exact, rounded, floats)
    (folder / "layers.json").write_text(json.dumps([one.model_dump() for one in layers], indent=1), encoding="utf-8")


def _run_once(
    converted: Converted, made: Exported, row: dict[str, np.ndarray], operators: OriginMap
) -> dict[str, np.ndarray]:
    """Every tensor of the int8 model for one sample.

    Raises:
        BuildError: the runtime lacks a kernel; with the module that needs it.
    """
    try:
        return next(converted.backend.observe(made.files, [row]))
    except OperatorRefused as error:
        by_name = {op.name: op for op in operators.ops}
        place = operators.describe(by_name.get(error.operator.name, error.operator))
        raise BuildError(
            f"quantize for {converted.runtime}", f"{error.found}; it is from {place}",
            fix="replace that operator by another, or keep it float, or ask for activations of 8 bits",
        ) from error  # fmt: skip


def _ranges(
    converted: Converted,
    plan: QuantPlan,
    origins: OriginMap,
    exact: dict[str, np.ndarray],
    rows: list[dict[str, np.ndarray]],
) -> Mapping[str, Range]:
    from edgebuild.quant.runtime_plan import Ranges, observed_ranges, runtime_ranges

    floats = [name for name, value in exact.items() if np.issubdtype(value.dtype, np.floating)]
    return Ranges(
        runtime_ranges(plan, origins, exact), floats,
        lambda names: observed_ranges(plan, names, converted.backend.observe(converted.files, rows)),
    )  # fmt: skip


def _as_integers(row: dict[str, np.ndarray], made: Signature) -> dict[str, np.ndarray]:
    """A float row with the boundary's quantize steps that the int8 model added."""
    from edgebuild.steps.preprocess import apply_steps

    return {
        name: apply_steps(value, [step for step in made.pre.get(name, ()) if isinstance(step, Quantize)])
        for name, value in row.items()
    }


def refuse_float(converted: Converted, ops: tuple[RuntimeOp, ...], origins: OriginMap) -> None:
    """Refuse operators that compute in floats where the target runs integers only.

    Raises:
        BuildError: if there are any; with the first one's origin.
    """
    if ops:
        by_output = {op.outputs[0]: op for op in origins.ops if op.outputs}
        first = by_output.get(ops[0].outputs[0], ops[0])
        raise BuildError(
            f"quantize for {converted.runtime}",
            f"{len(ops)} operators stay float, first {first.kind} from {origins.describe(first)}",
            expected="integers only, as the target demands",
            fix="replace that operator by one with an integer kernel",
        )


def _layer_errors(
    origins: OriginMap,
    before: OriginMap,
    exact: dict[str, np.ndarray],
    rounded: dict[str, np.ndarray],
    kept: set[str],
) -> list[LayerError]:
    """The error of each operator's output once rounded, which is what the next operator reads.

    Where the quantizer merged an activation into the rounding, the reference is the activation's output.
    """
    from edgebuild.quant.numerics import sqnr_db

    names = {op.name for op in origins.ops}
    merged = {op.inputs[0]: op.outputs[0] for op in before.ops if op.name not in names and op.inputs and op.outputs}
    rounds = {op.inputs[0]: op.outputs[0] for op in origins.ops if "quant" in op.kind.lower() and op.inputs}
    found = []
    for op in origins.ops:
        name = op.outputs[0] if op.outputs else ""
        reference, value = exact.get(merged.get(name, name)), rounded.get(_followed(name, rounds))
        if op.compute and reference is not None and value is not None and reference.shape == value.shape:
            error = round(sqnr_db(reference, value), 3)
            module = origins.describe(op)
            found.append(LayerError(op=op.name, module=module, sqnr_db=error, float_kept=op.name in kept))
    return found


def _followed(name: str, rounds: Mapping[str, str]) -> str:
    """The tensor that a chain of quantize and dequantize operators makes of one."""
    while name in rounds:
        name = rounds[name]
    return name
