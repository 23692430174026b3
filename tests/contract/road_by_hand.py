"""The road from a module to a checked int8 model, walked without the pipeline: what a contract test looks at."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from small_models import CASES, module_of

import edgebuild
from edgebuild.backends import find_backend
from edgebuild.backends.base import Exported
from edgebuild.backends.origins import SourceGraph, carry_origins, trace_origins
from edgebuild.core.origin import OriginMap
from edgebuild.core.plan import QuantPlan, Range, WeightGrid
from edgebuild.core.profile import QuantSetting
from edgebuild.core.signature import Quantize, Signature
from edgebuild.core.target import Int8Scheme
from edgebuild.models.graph import TorchModel, export_module
from edgebuild.models.samples import Samples, prepare_inputs
from edgebuild.quant.calibrate import calibrate
from edgebuild.quant.fold import fold
from edgebuild.quant.program import intermediate_values, reads, user_inputs
from edgebuild.quant.runtime_plan import observed_ranges, runtime_ranges
from edgebuild.steps.preprocess import apply_steps

Arrays = dict[str, np.ndarray]
DEFAULT = QuantSetting()
WHOLE = WeightGrid()


@dataclass(frozen=True, eq=False)
class Walked:
    """A float model of one runtime beside the folded torch model it came from."""

    runtime: str
    model: TorchModel
    samples: Arrays
    exported: Exported
    origins: OriginMap

    @property
    def backend(self) -> Any:
        return find_backend(self.runtime)

    def rows(self, signature: Signature) -> list[Arrays]:
        return rows(self.samples, signature)


@functools.cache
def folded(name: str) -> TorchModel:
    """A case's model as the pipeline hands it to backends."""
    model = export_module(module_of(name), CASES[name].specs(), CASES[name].outputs)
    return dataclasses.replace(model, program=fold(model.program))


@functools.cache
def walk_case(name: str, runtime: str) -> Walked:
    return walk_model(folded(name), runtime, CASES[name].samples(6))


def walk_model(model: TorchModel, runtime: str, samples: Arrays) -> Walked:
    exported = find_backend(runtime).export(model)
    return Walked(runtime, model, samples, exported, origins_of(model, runtime, exported, samples))


def origins_of(model: TorchModel, runtime: str, exported: Exported, samples: Arrays) -> OriginMap:
    backend = find_backend(runtime)
    names = dict(zip(user_inputs(model.program), [spec.name for spec in model.signature.inputs], strict=True))
    values = intermediate_values(model.program, tensors(rows(samples, model.signature)[0], model.signature))
    graph = SourceGraph(
        model.nodes,
        {node: tuple(names.get(r, r) for r in read_by) for node, read_by in reads(model.program).items()},
        {names.get(node, node): value for node, value in values.items()},
    )
    seen = next(iter(backend.observe(exported.files, rows(samples, exported.signature)[:1])))
    return trace_origins(backend.operators(exported.files), seen, graph)


@functools.cache
def plan_of(
    name: str, scheme: Int8Scheme, setting: QuantSetting = DEFAULT, grid: WeightGrid = WHOLE
) -> tuple[TorchModel, QuantPlan]:
    model = folded(name)
    return calibrated(model, CASES[name].samples(6), scheme, setting, grid)


def calibrated(
    model: TorchModel, samples: Arrays, scheme: Int8Scheme, setting: QuantSetting, grid: WeightGrid = WHOLE
) -> tuple[TorchModel, QuantPlan]:
    taken = [tensors(row, model.signature) for row in rows(samples, model.signature)]
    done = calibrate(model.program, taken, [spec.name for spec in model.signature.inputs], scheme, setting, grid)
    return dataclasses.replace(model, program=done.program), done.plan


def write_int8(
    walked: Walked, model: TorchModel, plan: QuantPlan, scheme: Int8Scheme, keep_float: tuple[str, ...] = ()
) -> tuple[Exported, OriginMap]:
    """Int8 of a corrected model; its operators' origins are carried from the float model's."""
    corrected = walked.backend.export(model)
    ranges = ranges_of(walked, corrected, plan)
    made = walked.backend.quantize(corrected, ranges, keep_float, scheme)
    return made, carry_origins(walked.origins, walked.backend.operators(made.files))


def ranges_of(walked: Walked, exported: Exported, plan: QuantPlan) -> dict[str, Range]:
    fed = walked.rows(exported.signature)
    exact = next(iter(walked.backend.observe(exported.files, fed[:1])))
    ranges = runtime_ranges(plan, walked.origins, exact)
    floats = [name for name, value in exact.items() if np.issubdtype(value.dtype, np.floating)]
    unknown = [name for name in floats if name not in ranges]
    return ranges | observed_ranges(plan, unknown, walked.backend.observe(exported.files, fed))


def rows(samples: Arrays, signature: Signature) -> list[Arrays]:
    arrays = prepare_inputs(Samples(samples), signature)
    return [{name: value[i : i + 1] for name, value in arrays.items()} for i in range(len(next(iter(arrays.values()))))]


def tensors(row: Arrays, signature: Signature) -> list[torch.Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(row[spec.name])) for spec in signature.inputs]


def run_really(runtime: str, exported: Exported, samples: Arrays, folder: Path) -> Arrays:
    """Outputs by name through the very session that devices run, with the signature's steps around it."""
    home = str(Path(edgebuild.__file__).parent)
    if home not in sys.path:
        sys.path.append(home)
    for name, data in exported.files.items():
        (folder / name).write_bytes(data)
    cpu = importlib.import_module("runner.delegation").Delegate()
    session = importlib.import_module(f"runner.{runtime}_session").Session(
        str(folder / next(iter(exported.files))), 1, cpu, "f32"
    )
    gathered: dict[str, list[np.ndarray]] = {name: [] for name in session.outputs()}
    takes = [(name, dtype) for name, dtype, _ in session.inputs()]
    for row in rows(samples, exported.signature):
        fed = [np.ascontiguousarray(row[name].astype(dtype, casting="safe")) for name, dtype in takes]
        session.feed(fed)
        session.run()
        for name, value in zip(gathered, session.read(), strict=True):
            gathered[name].append(np.asarray(value))
    post = exported.signature.post
    return {name: apply_steps(np.concatenate(values), post.get(name, ())) for name, values in gathered.items()}


def torch_outputs(model: TorchModel, samples: Arrays) -> Arrays:
    outputs = model.run(prepare_inputs(Samples(samples), model.signature))
    return {spec.name: value for spec, value in zip(model.signature.outputs, outputs, strict=True)}


def quantize_steps(signature: Signature) -> list[str]:
    return [name for name, steps in signature.pre.items() if any(isinstance(step, Quantize) for step in steps)]
