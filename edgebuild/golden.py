"""Golden vectors: whether a variant's answers on a device are those that the bundle expects, and if not, why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebuild.bench.bench import Bench
from edgebuild.bench.given import in_steps
from edgebuild.core.array import Array, np
from edgebuild.core.artifact import Artifact, Part, Variant
from edgebuild.core.origin import OriginMap
from edgebuild.core.signature import Signature
from edgebuild.core.target import Target
from edgebuild.rounding import Asked, Cause, find_cause
from edgebuild.sampling import model_files
from edgebuild.steps.preprocess import apply_steps
from edgebuild.store.bundle import Bundle
from edgebuild.vectors import golden_vectors


@dataclass(frozen=True)
class Expected:
    """What a variant must answer to the golden inputs, and how far off it may be, as a share of the output's range."""

    precision: str
    signature: Signature
    answers: dict[str, Array]
    allowed: float

    def shares(self, outputs: Sequence[Array]) -> dict[str, list[float]]:
        """How far outputs, before ``post``, are off: by output, of each vector, as a share of the expected range."""
        return {
            spec.name: _differences(apply_steps(value, self.signature.post.get(spec.name, ())), self.answers[spec.name])
            for spec, value in zip(self.signature.outputs, outputs, strict=True)
        }

    def wrong(self, outputs: Sequence[Array]) -> dict[str, dict[int, float]]:
        """The shares that are more than is allowed, by output and vector."""
        return {
            name: wrong
            for name, shares in self.shares(outputs).items()
            if (wrong := {vector: share for vector, share in enumerate(shares) if not share <= self.allowed})
        }


def compare(bundle: Bundle, part: Part, variant: Variant, bench: Bench, target: Target) -> tuple[bool, str]:
    """Whether a variant's answers to the golden inputs are right, and how far the farthest, or each wrong one, is.

    An answer that is too far off is right if it is shown to be nothing but rounding; then the reason says so.

    Raises:
        BundleError: there are no golden vectors. ModelRejected: the runtime there refuses it.
        DeviceError: the device or the link failed.
    """
    golden, signature = part.golden or bundle.manifest.golden, variant.signature or part.signature
    vectors, said_of = golden_vectors(bundle, part), f"{part.name} " if part.golden else ""
    names = tuple(spec.name for spec in signature.outputs)
    missing = [name for name in names if f"expected/{variant.precision}/{name}" not in vectors]
    if missing:
        return False, f"{said_of}{variant.precision}: no expected {missing[0]}"
    answers = {name: vectors[f"expected/{variant.precision}/{name}"] for name in names}
    allowed = golden.tolerance.get(variant.precision, 0.0)
    expected = Expected(variant.precision, signature, answers, allowed)
    inputs = _inputs(vectors, part.signature, signature)
    asked = Asked(part.runtime, model_files(bundle, variant), inputs, names)
    given = in_steps(signature, inputs, golden.steps)
    outputs = bench.infer(part.runtime, asked.files, given, target.options_for(variant), names)
    wrong = expected.wrong(outputs)
    if not wrong:
        most = max((share for shares in expected.shares(outputs).values() for share in shares), default=0.0)
        return (
            True,
            f"{said_of}{variant.precision} differs by {most:.2g} of its range at most, {allowed:.2g} is allowed",
        )
    # Of a model with state a step's answer hangs on all before it: a single one can't be taken apart. Nor can a chain;
    # its parts have vectors of their own.
    cause = (
        Cause(False, "")
        if signature.fed or part.is_chain
        else _cause(bundle, variant, asked, outputs, expected, bench, target)
    )
    said = "; ".join(_said(name, shares) for name, shares in wrong.items())
    text = f"{said_of}{variant.precision} {said} of its range, where {allowed:.2g} is allowed"
    return cause.rounding, f"{text}: {cause.why}" if cause.why else text


def _said(name: str, shares: dict[int, float]) -> str:
    return f"{name}: differs in " + ", ".join(f"vector {vector} by {share:.2g}" for vector, share in shares.items())


def _cause(
    bundle: Bundle, variant: Variant, asked: Asked, outputs: Sequence[Array], expected: Expected, bench: Bench,
    target: Target,
) -> Cause:  # fmt: skip
    vectors = sorted({vector for shares in expected.wrong(outputs).values() for vector in shares})
    origins = _origins(bundle, variant)

    def name_of(tensor: str) -> str:
        made_by = next((op for op in origins.ops if tensor in op.outputs), None)
        return f"{tensor} ({origins.describe(made_by)})" if made_by else tensor

    def is_right(given: Sequence[Array]) -> bool:
        return not expected.wrong(given)

    return find_cause(asked, outputs, vectors, bench, target.runtime_options, is_right, name_of)


def _origins(bundle: Bundle, variant: Variant) -> OriginMap:
    """Where a variant's operators came from; empty if the bundle does not tell."""
    file = f"{Path(variant.files[0].name).parent.as_posix()}/artifact.json"
    if file not in {listed.name for listed in bundle.manifest.files}:
        return OriginMap()
    return Artifact.model_validate_json(bundle.read(file)).origins


def _inputs(vectors: dict[str, Array], shared: Signature, own: Signature) -> dict[str, Array]:
    """The golden inputs as a variant takes them: they are stored as the part's signature does."""
    made = {}
    for spec in (spec for spec in own.inputs if spec.fed_by is None):
        done, steps = shared.pre.get(spec.name, ()), own.pre.get(spec.name, ())
        further = steps[len(done) :] if steps[: len(done)] == done else ()
        made[spec.name] = apply_steps(vectors[f"input/{spec.name}"], further).astype(spec.dtype)
    return made


def _differences(found: Array, wanted: Array) -> list[float]:
    """Of each vector, the largest absolute difference as a share of the expected range of all of them.

    Infinite where there is no number, and in one entry for another shape.
    """
    if found.shape != wanted.shape:
        return [float("inf")]
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    width = float(np.ptp(b)) if b.size else 0.0
    width = width or float(np.abs(b).max(initial=0.0)) or 1.0
    far = np.where(np.isfinite(a), np.abs(a - b), np.inf)
    rows = far.reshape(len(far), -1) if far.ndim and far.size else far.reshape(1, -1)
    return [float(row.max(initial=0.0)) / width for row in rows]
