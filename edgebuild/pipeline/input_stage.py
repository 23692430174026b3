"""Whether the project's samples fit its model: looked at before a build takes its time, and kept like any result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.array import Array
from edgebuild.core.digest import Json
from edgebuild.core.errors import ConfigError
from edgebuild.core.input_check import InputReport, Suspicion
from edgebuild.core.signature import Signature
from edgebuild.core.target import RuntimeOptions
from edgebuild.pipeline.scoring import INFER, NATIVE, after, as_build_error, scorer_state
from edgebuild.pipeline.sources import Sets, Source
from edgebuild.pipeline.stage import Road, Stage

if TYPE_CHECKING:
    from edgebuild.inputcheck.case import Case
    from edgebuild.inputcheck.norm import FirstNorm
    from edgebuild.inputcheck.running import Run
    from edgebuild.models.samples import Samples

    Opened = Callable[[Samples], AbstractContextManager[Case]]

CODE = ("inputcheck", "core/input_check.py", "pipeline/input_stage.py", "models", "steps", "core/signature.py")
_TOOLS = {"torch": ("torch",), "onnx": ("onnx", "onnxruntime"), "tflite": ("ai-edge-litert",)}


def _stage(source: Source) -> Stage:
    """A torch program runs in this process, a foreign file through the runner."""
    code = CODE if source.kind == "torch" else (*CODE, *INFER.code)
    return Stage("check inputs", code, ("numpy", *_TOOLS[source.kind]), on_cpu=True)


def checked_inputs(
    road: Road, source: Source, sets: Sets, stage: Stage | None = None, opened: Opened | None = None
) -> InputReport | None:
    """What the check says; None where the profile does not want it or there is no sample.

    The evaluation set is never looked at.

    Args:
        stage, opened: of what is no model by itself, how it is known and opened.

    Raises:
        ConfigError: something is suspected, and the profile says "fail".
    """
    rules = road.profile.input_check
    present = [one for one in (sets.selection, sets.calibration) if one is not None]
    if rules.on_suspicion == "off" or not present or source.signature.fed:
        return None
    inputs: dict[str, Json] = {
        "model": source.digest,
        "samples": [one.digest for one in present],
        "rules": rules.model_dump(mode="json", exclude={"on_suspicion"}),
        "metric": road.project.data.metric,
        "score": road.project.data.score,
        "scorer": scorer_state(road),
    }

    def make(folder: Path) -> None:
        from edgebuild.inputcheck.check import check

        with (opened or partial(opened_case, road, source))(pooled([one.samples for one in present])) as case:
            report = check(case)
        (folder / "inputs.json").write_text(report.model_dump_json(indent=1), encoding="utf-8")

    stage = stage or _stage(source)
    entry = road.step(stage, "calibration and selection", inputs, make)
    report = InputReport.model_validate_json(entry.read("inputs.json"))
    for suspicion in report.suspicions:
        road.progress(stage.name, f"{suspicion.certainty}: {suspicion.found}")
    if rules.on_suspicion == "fail" and report.suspicions:
        raise refusal(report.suspicions)
    return report


def refusal(suspicions: Sequence[Suspicion]) -> ConfigError:
    """The error that ends a build whose profile does not go on with a suspicion."""
    first = suspicions[0]
    return ConfigError(
        f"[{first.place}]",
        "; ".join(f"{one.certainty}: {one.found} ({one.evidence})" for one in suspicions),
        expected='samples that fit the model, since the profile says on_suspicion = "fail"',
        fix=first.declaration or first.fix,
    )


def pooled(sets: Sequence[Samples]) -> Samples:
    """Sets as one, with one label a sample where they have such; where only some have, those."""
    from edgebuild.core.array import np
    from edgebuild.models.samples import Samples

    labelled = [one for one in sets if one.labels is not None and one.labels.ndim == 1]
    chosen = labelled or list(sets)
    if any((one.groups is None) != (chosen[0].groups is None) for one in chosen):
        chosen = chosen[:1]
    names = [name for name in chosen[0].inputs if all(name in one.inputs for one in chosen)]
    columns = {name: np.concatenate([one.inputs[name] for one in chosen]) for name in names}
    labels = [one.labels for one in labelled[: len(chosen)] if one.labels is not None]
    groups = [one.groups for one in chosen if one.groups is not None]
    return Samples(columns, np.concatenate(labels) if labels else None, np.concatenate(groups) if groups else None)


@contextmanager
def opened_case(road: Road, source: Source, samples: Samples) -> Iterator[Case]:
    """A model with samples, as the check takes it; what runs a foreign model is closed in the end."""
    with opened_run(road, source) as run:
        yield case_of(road, source.signature, samples, run, norm_of(source), vocabulary_of(source))


def case_of(
    road: Road, signature: Signature, samples: Samples, run: Run, norm: FirstNorm | None, words: Mapping[str, int]
) -> Case:
    """At most as many of the samples as the rules say, with what the model is known to be."""
    from edgebuild.inputcheck.case import Case
    from edgebuild.models.samples import input_specs
    from edgebuild.models.scorers import load_scorer

    data, rules = road.project.data, road.profile.input_check
    scorer = load_scorer(data.score, road.root, road.cache)
    return Case(input_specs(signature), samples.evenly(rules.samples), run, data.metric, rules, norm, words, scorer)


def norm_of(source: Source) -> FirstNorm | None:
    """What a model remembers of its inputs; None for a foreign file."""
    from edgebuild.inputcheck.norm import first_norm

    return first_norm(source.torch_model) if source.kind == "torch" else None


def vocabulary_of(source: Source) -> dict[str, int]:
    """By input, the rows of the embedding that a model looks up in."""
    from edgebuild.inputcheck.vocabulary import onnx_vocabulary, torch_vocabulary

    if source.kind == "torch":
        return torch_vocabulary(source.torch_model)
    return onnx_vocabulary(source.data) if source.kind == "onnx" else {}


@contextmanager
def opened_run(road: Road, source: Source) -> Iterator[Run]:
    """A model as a function of prepared inputs: a torch program, or a foreign file in its native runtime on this
    machine's bench."""
    if source.kind == "torch":
        from edgebuild.inputcheck.running import torch_run

        yield torch_run(source.torch_model)
        return
    from edgebuild.bench.bench import Bench
    from edgebuild.devices.transports.local import open_local
    from edgebuild.pipeline.float_stages import export

    native = export(road, source, NATIVE[source.kind], "reference")
    names = [spec.name for spec in native.signature.outputs]
    with Bench(open_local()) as bench:

        def run(inputs: Mapping[str, Array]) -> Sequence[Array]:
            with as_build_error(native.runtime):
                outputs = bench.infer(native.runtime, native.files, dict(inputs), RuntimeOptions(), names)
            return after(outputs, native.signature)

        yield run
