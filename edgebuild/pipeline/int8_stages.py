"""From the folded model to an int8 candidate: calibrate and correct once, write by each runtime's quantizer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.backends import find_backend
from edgebuild.backends.base import Exported, OperatorRefused
from edgebuild.core.array import np
from edgebuild.core.artifact import LayerError
from edgebuild.core.digest import Json, digest_json
from edgebuild.core.errors import BuildError
from edgebuild.core.origin import OriginMap, RuntimeOp
from edgebuild.core.plan import QuantPlan, Range, WeightGrid
from edgebuild.core.profile import QuantSetting
from edgebuild.core.signature import Quantize, Signature
from edgebuild.core.target import Int8Scheme, Target
from edgebuild.pipeline.float_stages import Converted, export, prepared, save_exported
from edgebuild.pipeline.sources import DataSet, Source
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.pipeline.unrolled import MOST
from edgebuild.quant.named_layers import named_nodes
from edgebuild.store.arrays import save_arrays
from edgebuild.store.entry import Entry

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

    from edgebuild.models.graph import TorchModel

CALIBRATE = Stage("calibrate", ("quant",), ("torch", "numpy"), on_cpu=True)


WEIGHTS, PLAN = "weights.npz", "plan.json"

Layers = tuple[tuple[str, ...], ...]
"""Layers as groups of nodes of the exported graph."""


@dataclass(frozen=True)
class Corrected(Source):
    """A folded program with the weights that calibration changed, which are all that its entry holds of it."""

    folded: Source

    @cached_property
    def torch_model(self) -> TorchModel:
        """The corrected program."""
        import torch

        from edgebuild.quant.program import with_weights

        model = self.folded.torch_model
        with np.load(self.entry.file(WEIGHTS), allow_pickle=False) as stored:
            changes = {name: torch.from_numpy(stored[name]) for name in stored.files}
        return dataclasses.replace(model, program=with_weights(model.program, changes))


@dataclass(frozen=True)
class Calibration:
    """A corrected source model and its plan."""

    source: Corrected
    entry: Entry
    freed: Layers = ()

    @cached_property
    def plan(self) -> QuantPlan:
        """Ranges by source node."""
        return QuantPlan.model_validate_json(self.entry.read(PLAN))


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


def label_of(setting: QuantSetting, named: int, freed: int, distilled: bool = False) -> str:
    """A candidate's short name."""
    parts = [setting.label]
    parts += ["distilled"] if distilled else []
    parts += [f"{named}-named-float"] if named else []
    parts += [f"{freed}-layer{'s' if freed > 1 else ''}-float"] if freed else []
    return "+".join(parts)


def settings_for(source: Source, settings: Iterable[QuantSetting]) -> tuple[QuantSetting, ...]:
    """The settings that make a difference: a foreign model has no weights that we could equalize or correct."""
    if source.kind == "torch":
        return tuple(dict.fromkeys(settings))
    plain = (setting.model_copy(update={"equalize": False, "correct_bias": False}) for setting in settings)
    return tuple(dict.fromkeys(plain))


def calibrate(
    road: Road, source: Source, samples: DataSet, scheme: Int8Scheme, setting: QuantSetting, grid: WeightGrid,
    freed: Layers = (), named: Sequence[str] = (),
) -> Calibration | None:  # fmt: skip
    """Ranges and corrected biases of a folded torch model; None where the setting changes nothing.

    Targets whose arithmetic differs only in how integers are stored share the result.

    Args:
        freed: layers that stay in float beside those that the setting keeps so.
        named: the layers that the project keeps in float, as it names them: what follows them is not to be calibrated
            on rounded values that it will never see.

    Raises:
        ConfigError: the model has no layer of such a name.
    """
    count = MOST if source.signature.fed else sample_count(road, setting)
    shared = _arithmetic(scheme)
    inputs: dict[str, Json] = {
        "model": source.digest,
        "samples": samples.digest,
        "count": count,
        "scheme": shared.model_dump(mode="json"),
        "grid": grid.model_dump(mode="json"),
        "setting": setting.model_dump(mode="json"),
        "exact": [*sorted(chain(*freed))],
    }
    if named:
        inputs["named"] = [*named]
    entry = road.step(
        CALIBRATE, label_of(setting, 0, len(freed)), inputs,
        lambda folder: _calibrate(folder, source, samples, count, shared, setting, grid, _Kept(freed, named)),
    )  # fmt: skip
    if "skipped" in entry.files:
        return None
    return calibration_of(source, entry, freed)


def calibration_of(source: Source, entry: Entry, freed: Layers = ()) -> Calibration:
    """What an entry holds for a folded model: changed weights, and a plan."""
    digest = digest_json([source.digest, entry.files[WEIGHTS]])
    return Calibration(Corrected(entry, "torch", source.signature, digest, source), entry, freed)


@dataclass(frozen=True)
class _Kept:
    """The layers that stay in float: those that were freed, and those that the project names."""

    freed: Layers
    named: Sequence[str]

    def nodes(self, model: TorchModel) -> set[str]:
        """Nodes of the exported graph."""
        return {*chain(*self.freed), *named_nodes(self.named, model.nodes)}


def _arithmetic(scheme: Int8Scheme) -> Int8Scheme:
    return Int8Scheme(
        weight_granularity=scheme.weight_granularity,
        weight_symmetric=scheme.weight_symmetric,
        activation_symmetric=scheme.activation_symmetric,
        activation_dtype="u16" if scheme.activation_bits == 16 else "u8",
    )


def _calibrate(
    folder: Path, source: Source, samples: DataSet, count: int, scheme: Int8Scheme, setting: QuantSetting,
    grid: WeightGrid, kept: _Kept,
) -> None:  # fmt: skip
    from edgebuild.quant.calibrate import calibrate as run

    model = source.torch_model
    names = [spec.name for spec in model.signature.inputs]
    rows = tensors(prepared(samples.samples.inputs, model.signature, count), names)
    program = uncorrected(source, setting, rows)
    if program is None:
        (folder / "skipped").touch()
        return
    done = run(program, rows, names, scheme, setting, grid, kept.nodes(model))
    before = model.program.state_dict
    changed = {name: value for name, value in done.program.state_dict.items() if value is not before[name]}
    save_arrays(folder / WEIGHTS, {name: value.detach().numpy() for name, value in sorted(changed.items())})
    sensitive = tuple(sorted(done.sqnr, key=lambda node: done.sqnr[node])[: setting.keep_float])
    plan = done.plan.model_copy(update={"keep_float": tuple(dict.fromkeys((*sensitive, *chain(*kept.freed))))})
    (folder / PLAN).write_text(plan.model_dump_json(indent=1), encoding="utf-8")


def sample_count(road: Road, setting: QuantSetting) -> int:
    """How many calibration samples a setting is calibrated on, at most."""
    rules = road.profile.quantization
    return rules.correction_samples if setting.correct_bias else rules.calibration_samples


def uncorrected(
    source: Source, setting: QuantSetting, rows: Sequence[Sequence[torch.Tensor]]
) -> ExportedProgram | None:
    """The program that a setting calibrates; None where equalizing changes nothing.

    Args:
        rows: the samples that it is calibrated on.
    """
    from edgebuild.quant.equalize import equalize

    return equalize(source.torch_model.program, rows) if setting.equalize else source.torch_model.program


def tensors(rows: Iterable[Mapping[str, np.ndarray]], names: Sequence[str]) -> list[list[torch.Tensor]]:
    """Prepared samples as a program takes them."""
    import torch

    return [[torch.from_numpy(row[name]) for name in names] for row in rows]


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
    plan = QuantPlan(activations={}, scheme=_arithmetic(scheme), setting=setting)
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
) -> dict[str, Range]:
    from edgebuild.quant.runtime_plan import observed_ranges, runtime_ranges

    ranges = runtime_ranges(plan, origins, exact)
    floats = [name for name, value in exact.items() if np.issubdtype(value.dtype, np.floating)]
    unknown = [name for name in floats if name not in ranges]
    if unknown:
        ranges |= observed_ranges(plan, unknown, converted.backend.observe(converted.files, rows))
    return ranges


def _as_integers(row: dict[str, np.ndarray], made: Signature) -> dict[str, np.ndarray]:
    """A float row with the boundary's quantize steps that the int8 model added."""
    from edgebuild.models.preprocess import apply_steps

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
