"""From the source model to a float artifact that was checked against it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebuild.backends import find_backend
from edgebuild.backends.base import Backend, Exported, Files
from edgebuild.core.array import np
from edgebuild.core.artifact import Parity
from edgebuild.core.digest import Digest, Json
from edgebuild.core.errors import BuildError
from edgebuild.core.folding import FoldAs, folded_signature
from edgebuild.core.origin import OriginMap
from edgebuild.core.signature import Signature
from edgebuild.pipeline.sources import DataSet, Source
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.store.entry import Entry

if TYPE_CHECKING:
    from edgebuild.models.graph import TorchModel

_ORIGIN = ("backends/origins.py", "quant/program.py")
FOLD = Stage(
    "fold",
    ("quant/fold.py", "quant/fold_inputs.py", "quant/program.py", "models/copying.py", "core/folding.py"),
    ("torch",),
)
REFERENCE = Stage(
    "reference",
    ("models/graph.py", "steps", "models/samples.py"),
    ("torch",),
    on_cpu=True,
)

_SHOWN = 16
"""Samples that a float artifact is compared with torch on."""

_SHOWN_STEPS = 512
"""Steps, of a model with state: an error may grow from step to step."""

_PARITY_SHARE = 1e-3
"""Largest difference to torch, as a share of the outputs' range: float32 through another runtime's kernels."""


@dataclass(frozen=True)
class Converted:
    """A model in a runtime's format as the cache holds it."""

    runtime: str
    entry: Entry
    model: Digest

    @property
    def backend(self) -> Backend:
        """The runtime's backend."""
        return find_backend(self.runtime)

    @cached_property
    def info(self) -> dict[str, object]:
        """Signature and file order, as ``save_exported`` wrote them."""
        info = json.loads(self.entry.read("exported.json"))
        assert isinstance(info, dict)
        return info

    @cached_property
    def names(self) -> tuple[str, ...]:
        """File names, the one that the runtime opens first."""
        names = self.info["files"]
        assert isinstance(names, list)
        return tuple(names)

    @cached_property
    def signature(self) -> Signature:
        """How it is called."""
        return Signature.model_validate(self.info["signature"])

    @cached_property
    def files(self) -> Files:
        """Its bytes."""
        return {name: self.entry.read(name) for name in self.names}

    @property
    def quantized(self) -> bool:
        """Whether it came as integers: a foreign file that somebody else quantized."""
        return bool(self.info["quantized"])

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(self.entry.file(name).stat().st_size for name in self.names)

    @property
    def exported(self) -> Exported:
        """Both, as the backend takes them."""
        return Exported(self.files, self.signature)


def save_exported(exported: Exported, folder: Path, quantized: bool) -> None:
    """Write a runtime's model, its file order and signature into an entry's folder."""
    for name, data in exported.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    signature = exported.signature.model_dump(mode="json")
    info = {"files": list(exported.files), "signature": signature, "quantized": quantized}
    (folder / "exported.json").write_text(json.dumps(info, sort_keys=True, indent=1), encoding="utf-8")


@dataclass(frozen=True)
class Folded(Source):
    """A torch program with batch normalization folded, and declared preprocessing where the project says so.

    It is made in memory: that takes less time than reading it.
    """

    original: Source
    inputs: Mapping[str, FoldAs]

    @cached_property
    def torch_model(self) -> TorchModel:
        """The folded program."""
        from edgebuild.quant.fold import fold

        model = self.original.torch_model
        model = dataclasses.replace(model, program=fold(model.program))
        if not self.inputs:
            return model
        from edgebuild.quant.fold_inputs import fold_inputs

        return fold_inputs(model, self.inputs)


def folded(road: Road, source: Source) -> Source:
    """The source with batch normalization folded, and the steps of inputs that are to be; a foreign model as it is."""
    if source.kind != "torch":
        return source
    inputs = {name: spec.fold for name, spec in road.project.model.inputs.items() if spec.fold is not None}
    digest = road.key(FOLD, {"model": source.digest, **({"inputs": dict(inputs)} if inputs else {})})
    return Folded(source.entry, source.kind, folded_signature(source.signature, inputs), digest, source, inputs)


def export_stage(runtime: str) -> Stage:
    """The stage that converts to a runtime's format."""
    code = (f"backends/{runtime}", "backends/base.py")
    return Stage(f"export to {runtime}", code, find_backend(runtime).DISTRIBUTIONS)


def export(road: Road, source: Source, runtime: str, subject: str = "float32") -> Converted:
    """Convert a torch program, or take in a foreign file.

    Raises:
        BuildError: the runtime cannot take it, with its reason.
    """
    backend = find_backend(runtime)
    if source.kind != "torch" and source.kind not in backend.FOREIGN:
        raise BuildError(
            f"export to {runtime}",
            f"a .{source.kind} model cannot become one for {runtime}",
            expected=", ".join(f".{kind}" for kind in backend.FOREIGN) or "a PyTorch model",
            fix="give the PyTorch model, or choose targets whose runtime takes this file",
        )

    def make(folder: Path) -> None:
        if source.kind == "torch":
            save_exported(_converted(backend, source), folder, quantized=False)
        else:
            adopted = backend.adopt(source.kind, source.data, source.signature)
            save_exported(adopted, folder, backend.is_quantized(adopted.files))

    entry = road.step(export_stage(runtime), subject, {"model": source.digest, "kind": source.kind}, make)
    return Converted(runtime, entry, source.digest)


def _converted(backend: Backend, source: Source) -> Exported:
    try:
        return backend.export(source.torch_model)
    except BuildError as error:
        from edgebuild.backends.culprits import with_modules

        raise with_modules(error, source.torch_model.nodes) from error


def reference_outputs(road: Road, source: Source, samples: DataSet) -> Entry:
    """The source model's own outputs for a whole data set: ``outputs.npz``, one array (N, …) an output, in order."""

    def make(folder: Path) -> None:
        from edgebuild.models.samples import input_specs, prepare_inputs, steps_of

        steps = steps_of(samples.samples, input_specs(source.signature))
        outputs = source.torch_model.run(prepare_inputs(samples.samples, source.signature), steps)
        save_outputs(folder, outputs)

    return road.step(REFERENCE, samples.name, {"model": source.digest, "samples": samples.digest}, make)


def save_outputs(folder: Path, outputs: list[np.ndarray] | tuple[np.ndarray, ...]) -> None:
    """Write outputs in order."""
    named: dict[str, Any] = {f"output_{i}": value for i, value in enumerate(outputs)}
    np.savez(folder / "outputs.npz", **named)


def load_outputs(entry: Entry) -> list[np.ndarray]:
    """Read outputs back in order."""
    with np.load(entry.file("outputs.npz"), allow_pickle=False) as stored:
        return [stored[f"output_{i}"] for i in range(len(stored.files))]


def trace(road: Road, source: Source, converted: Converted, samples: DataSet) -> OriginMap:
    """Which source nodes each operator of a float artifact came from.

    Args:
        samples: the first one is run through both graphs.
    """
    stage = Stage(f"trace {converted.runtime}", (*_ORIGIN, f"backends/{converted.runtime}"), (), on_cpu=True)

    def make(folder: Path) -> None:
        origins = _trace(source, converted, samples.samples.inputs)
        (folder / "origins.json").write_text(origins.model_dump_json(indent=1), encoding="utf-8")

    inputs = {"model": source.digest, "artifact": converted.entry.content, "samples": samples.digest}
    return OriginMap.model_validate_json(road.step(stage, "float32", inputs, make).read("origins.json"))


def _trace(source: Source, converted: Converted, samples: dict[str, np.ndarray]) -> OriginMap:
    from edgebuild.backends.origins import SourceGraph, self_origins, trace_origins
    from edgebuild.quant.program import intermediate_values, reads

    backend = converted.backend
    operators = backend.operators(converted.files)
    if source.kind != "torch":
        return self_origins(operators)
    import torch

    model = source.torch_model
    names = {node: spec.name for node, spec in zip(_inputs(source), model.signature.inputs, strict=True)}
    sample = prepared(samples, model.signature, 1)[0]
    values = intermediate_values(model.program, [torch.from_numpy(sample[s.name]) for s in model.signature.inputs])
    graph = SourceGraph(
        model.nodes,
        {node: tuple(names.get(read, read) for read in read_by) for node, read_by in reads(model.program).items()},
        {names.get(node, node): value for node, value in values.items()},
    )
    tensors = next(backend.observe(converted.files, prepared(samples, converted.signature, 1)))
    return trace_origins(operators, tensors, graph)


def _inputs(source: Source) -> list[str]:
    from edgebuild.quant.program import user_inputs

    return user_inputs(source.torch_model.program)


def prepared(samples: dict[str, np.ndarray], signature: Signature, count: int) -> list[dict[str, np.ndarray]]:
    """Samples as a model takes them, of one with state single steps: one dict of arrays with batch 1 a sample.

    At most ``count``, taken evenly over the whole set: sets come sorted by class or by clip.
    """
    from edgebuild.models.samples import Samples, prepare_inputs

    chosen = Samples(samples).evenly(count)
    arrays = prepare_inputs(chosen, signature)
    shapes = {spec.name: spec.shape for spec in signature.inputs}
    return [{name: value[i].reshape(shapes[name]) for name, value in arrays.items()} for i in range(len(chosen))]


def check(road: Road, converted: Converted, origins: OriginMap, outputs: Entry, reference: Entry) -> Parity:
    """Compare a float artifact's outputs with the source model's for the same samples.

    Raises:
        BuildError: they differ; names the first layer from which on values do.
    """
    stage = Stage(f"check {converted.runtime}", ("pipeline/float_stages.py",), ("numpy",))

    def make(folder: Path) -> None:
        shown = _SHOWN_STEPS if converted.signature.fed else _SHOWN
        found = parity(load_outputs(outputs), load_outputs(reference), shown)
        require_parity(found, origins, converted.runtime)
        (folder / "parity.json").write_text(found.model_dump_json(), encoding="utf-8")

    inputs: dict[str, Json] = {"outputs": outputs.content, "reference": reference.content}
    return Parity.model_validate_json(road.step(stage, "float32", inputs, make).read("parity.json"))


def parity(outputs: list[np.ndarray], reference: list[np.ndarray], shown: int = _SHOWN) -> Parity:
    """Compare two runtimes' outputs for the same samples, first axis the sample."""
    from edgebuild.quant.numerics import sqnr_db

    count = min(shown, len(reference[0]))
    pairs = [
        (a[:count].astype(np.float64), b[:count].astype(np.float64)) for a, b in zip(outputs, reference, strict=True)
    ]
    scores = pairs[0][1]
    agreement = None
    if scores.ndim == 2 and scores.shape[1] > 1:
        agreement = 100 * float(np.mean(pairs[0][0].argmax(1) == scores.argmax(1)))
    return Parity(
        samples=count,
        max_abs=max(float(np.abs(a - b).max(initial=0)) for a, b in pairs),
        output_range=max(float(np.ptp(b)) for _, b in pairs),
        sqnr_db=min(sqnr_db(b, a) for a, b in pairs),
        agreement=agreement,
    )


def require_parity(found: Parity, origins: OriginMap, runtime: str) -> None:
    """Refuse an artifact whose outputs are not the source model's.

    Raises:
        BuildError: names the first layer from which on values differ.
    """
    limit = _PARITY_SHARE * max(found.output_range, 1e-6)
    if found.max_abs <= limit:
        return
    from edgebuild.backends.origins import first_divergence

    op = first_divergence(origins)
    where = f"first at {op.kind} {op.name}, from {origins.describe(op)}" if op else "only after the last traced layer"
    raise BuildError(
        f"check {runtime}",
        f"float outputs differ from the model's by {found.max_abs:.3g} on {found.samples} samples; {where}",
        expected=f"at most {limit:.3g} (0.1 % of the outputs' range)",
        fix="replace the operator named, or report this with the model's definition",
    )
