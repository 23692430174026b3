"""Whether samples fit a model that is made of parts: what labels say of the whole, and what each encoder remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgebuild.core.array import Array
from edgebuild.core.digest import digest_json
from edgebuild.core.input_check import InputReport, Suspicion
from edgebuild.core.parts import Wiring
from edgebuild.pipeline.input_stage import CODE, case_of, checked_inputs, norm_of, opened_run, refusal, vocabulary_of
from edgebuild.pipeline.scoring import INFER
from edgebuild.pipeline.sources import Sets, Source
from edgebuild.pipeline.stage import Road, Stage

if TYPE_CHECKING:
    from edgebuild.inputcheck.case import Case
    from edgebuild.models.samples import Samples

_STAGE = Stage(
    "check inputs", (*CODE, *INFER.code, "pipeline/parts_inputs.py", "core/parts.py"),
    ("numpy", "torch", "onnx", "onnxruntime", "ai-edge-litert"), on_cpu=True,
)  # fmt: skip


@dataclass(frozen=True)
class PartsInputs:
    """Parts in float as one model.

    Attributes:
        road, source: of the whole, with what its samples hold.
        roads, sources: of the parts.
    """

    road: Road
    source: Source
    wiring: Wiring
    roads: Mapping[str, Road]
    sources: Mapping[str, Source]

    def checked(self, sets: Sets, own: Callable[[str], Sets]) -> InputReport | None:
        """What the check says; None and errors as of ``checked_inputs``.

        Labels decide by what the whole answers, which another input may carry: so each encoder is asked as well.

        Args:
            sets: of the whole.
            own: what a part is given of them.
        """
        known = digest_json([self.source.digest, self.wiring.model_dump(mode="json")])
        whole = checked_inputs(_warned(self.road), replace(self.source, digest=known), sets, _STAGE, self._opened)
        if whole is None:
            return None
        found: list[Suspicion] = list(whole.suspicions) if whole.labelled else []
        told = {one.input for one in found}
        for name in self._encoders:
            report = checked_inputs(_warned(self.roads[name]), self.sources[name], own(name))
            found += [one for one in (report.suspicions if report else ()) if one.input not in told]
        report = self._placed(whole.model_copy(update={"suspicions": tuple(dict.fromkeys(found))}))
        if self.road.profile.input_check.on_suspicion == "fail" and report.suspicions:
            raise refusal(report.suspicions)
        return report

    @property
    def _encoders(self) -> list[str]:
        """The parts that take only what samples hold."""
        return [name for name in self.wiring.order if not self.wiring.taken(name)]

    def _placed(self, report: InputReport) -> InputReport:
        """With the part that declares each input, and the line that would mend it under that part."""
        told = []
        for one in report.suspicions:
            placed = one.model_copy(update={"part": self.wiring.inputs.get(one.input, "")})
            line = one.declaration.replace(f"[{one.place}]", f"[{placed.place}]", 1)
            told.append(placed.model_copy(update={"declaration": line}))
        return report.model_copy(update={"suspicions": tuple(told)})

    @contextmanager
    def _opened(self, samples: Samples) -> Iterator[Case]:
        """All parts with samples of the whole; the first encoder's memory is the whole's, as it is of one graph."""
        words = {key: size for name in self._encoders for key, size in vocabulary_of(self.sources[name]).items()}
        norm = norm_of(self.sources[self._encoders[0]])
        with ExitStack() as stack:
            runs = {n: stack.enter_context(opened_run(self.roads[n], self.sources[n])) for n in self.wiring.order}

            def run(inputs: Mapping[str, Array]) -> Sequence[Array]:
                values = dict(inputs)
                for name in self.wiring.order:
                    signature = self.sources[name].signature
                    outputs = runs[name]({spec.name: values[spec.name] for spec in signature.inputs})
                    values |= zip((spec.name for spec in signature.outputs), outputs, strict=True)
                return [values[name] for name in self.wiring.givers]

            yield case_of(self.road, self.source.signature, samples, run, norm, words)


def _warned(road: Road) -> Road:
    """A road on which a suspicion ends nothing yet: which part it is about is not told there."""
    rules = road.profile.input_check
    if rules.on_suspicion != "fail":
        return road
    asked = rules.model_copy(update={"on_suspicion": "warn"})
    return replace(road, profile=road.profile.model_copy(update={"input_check": asked}))
