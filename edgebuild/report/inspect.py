"""What was found in a bundle or model, as values and as text."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.artifact import Artifact, LayerError, Placement
from edgebuild.core.digest import Json
from edgebuild.core.signature import Signature, TensorSpec
from edgebuild.core.target import Target
from edgebuild.core.units import Unit, format_quantity
from edgebuild.inspection import Inspected
from edgebuild.report.table import Page, Table

_ASSUMED = "the file leaves axes open: shown as if each were {} long; a project says how long they are to be"
_REHEARSED = "as edgebuild build -t {} would make it, but from made-up samples: what its integers lose is not known"


def inspect_result(found: Inspected) -> dict[str, Json]:
    """The ``result`` of ``edgebuild inspect --json``."""
    return {
        "subject": found.subject,
        "bundle": found.bundle.digest if found.bundle else None,
        "variants": [_variant(artifact) for artifact in found.artifacts],
        **({"parts": list(found.parts)} if found.parts else {}),
        **({"targets": [target.name for target in found.targets]} if found.targets else {}),
        "unsupported": [list(one) for one in found.refused],
        "rehearsed": found.rehearsed,
        **({"assumed_length": found.assumed} if found.assumed else {}),
        "placements": [one.model_dump(mode="json") if one else None for one in found.placements],
    }


def _variant(artifact: Artifact) -> Json:
    return {
        "runtime": artifact.runtime,
        "precision": artifact.precision,
        "size": artifact.size,
        "signature": artifact.signature.model_dump(mode="json"),
        "origin_coverage": artifact.origins.coverage(),
        "operators": [
            {**op.model_dump(mode="json"), "from": artifact.origins.describe(op)} for op in artifact.origins.ops
        ],
        "layers": [layer.model_dump(mode="json") for layer in artifact.layers],
    }


def inspect_text(found: Inspected) -> Page:
    """A summary and a table of operators for every variant."""
    parts: list[str | Table] = [_ASSUMED.format(found.assumed)] if found.assumed else []
    for index, artifact in enumerate(found.artifacts):
        placement, target = found.placements[index], found.target_of(index)
        parts += [f"part {found.parts[index]}"] if found.parts else []
        parts += [_REHEARSED.format(target.name)] if found.rehearsed and target else []
        parts += [_summary(artifact), _operators(artifact, placement)]
        if placement is not None:
            parts.append("\n".join(_placed(placement, artifact)))
        elif target is not None:
            parts.append(_refusals(target, artifact, found.refused[index]))
    return Page(parts)


def _refusals(target: Target, artifact: Artifact, refused: Sequence[str]) -> str:
    """What a target's file says of a model whose placement is not known."""
    if artifact.runtime != target.runtime:
        return (
            f"{target.name} runs {target.runtime} models: edgebuild build -t {target.name} tells what it takes of this"
        )
    if not target.operators.unsupported:
        return f"what {target.name} takes is not known"
    return "\n".join(f"not supported by the target: {line}" for line in refused) or "all supported"


def _fed(spec: TensorSpec) -> str:
    return f", state, fed by {spec.fed_by}" if spec.fed_by else ""


def _summary(artifact: Artifact) -> str:
    ports = [f"{side} {spec.name}: {spec.dtype} {list(spec.shape)} {spec.layout}".rstrip() + _fed(spec)
             for side, specs in (("in ", artifact.signature.inputs), ("out", artifact.signature.outputs))
             for spec in specs]  # fmt: skip
    head = f"{artifact.runtime} {artifact.precision}, {format_quantity(artifact.size, Unit.BYTE)}, "
    head += f"{len(artifact.origins.ops)} operators, origin known of {artifact.origins.coverage():.0%} that compute"
    return "\n".join([head, *ports, *_folded(artifact.signature)])


def _folded(signature: Signature) -> list[str]:
    """The declared steps that are in the model, so that whoever calls it leaves them out."""
    return [
        f"inside {name}: {', '.join(step.op for step in steps)}; before it: "
        + (", ".join(step.op for step in signature.pre.get(name, ())) or "nothing")
        for name, steps in signature.folded.items()
    ]


def placement_text(placement: Placement) -> str:
    """How many operators the accelerator gets, and in how many runs."""
    count, left = len(placement.ops), len(placement.fallbacks)
    if any(op.unit == "mcu" for op in placement.ops):
        return f"{count} operators, a kernel for each"
    runs = "1 partition" if placement.partitions == 1 else f"{placement.partitions} partitions"
    return f"{count - left} of {count} operators on the accelerator in {runs}"


def _placed(placement: Placement, artifact: Artifact) -> list[str]:
    """Where the operators run in a line, and one for each that the accelerator does not take, with its reason."""
    by_name = {op.name: op for op in artifact.origins.ops}
    return [f"{placement.by}: {placement_text(placement)}"] + [
        f"on the CPU: {by_name[op.op].kind} {op.op}, from {artifact.origins.describe(by_name[op.op])}: {op.rule}"
        for op in placement.fallbacks
        if op.op in by_name
    ]


def _operators(artifact: Artifact, placement: Placement | None) -> Table:
    units = {op.op: op.unit for op in placement.ops} if placement else {}
    errors = {layer.op: layer for layer in artifact.layers}
    rows = [
        (
            op.kind, op.name, artifact.origins.describe(op), *_error(errors.get(op.name), artifact),
            *((units.get(op.name, ""),) if placement else ()),
        )
        for op in artifact.origins.ops
        if op.compute or placement
    ]  # fmt: skip
    head = ("operator", "name", "from", "SQNR to float", "computes in", *(("runs on",) if placement else ()))
    return Table(head, rows)


def _error(layer: LayerError | None, artifact: Artifact) -> tuple[str, str]:
    if layer is None:
        return "", "" if artifact.precision == "as-is" else artifact.precision
    return f"{layer.sqnr_db:.1f} dB", "float32 (kept)" if layer.float_kept else "int8"
