"""Running artifacts on this machine through the runner, and scoring what comes out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.backends import find_backend
from edgebuild.core.array import np
from edgebuild.core.artifact import Quality, Speed, runtimes_of
from edgebuild.core.digest import Digest, Json, digest_json
from edgebuild.core.errors import BuildError, DeviceError, ModelRejected, NotMeasured
from edgebuild.core.lock import Lock, LockedSpeed
from edgebuild.core.signature import Signature
from edgebuild.core.target import RuntimeOptions, Target
from edgebuild.pipeline.float_stages import Converted, load_outputs, reference_outputs, save_outputs
from edgebuild.pipeline.sources import DataSet, Source
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.store.entry import Entry

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from edgebuild.bench.bench import Bench
    from edgebuild.bench.given import Given, Inputs, Placed, Steps

INFER = Stage(
    "infer",
    ("runner", "bench", "devices", "steps", "models/samples.py"),
    ("numpy",),
    on_cpu=True,
)
SCORE = Stage(
    "score",
    (
        *("models/score.py", "models/metrics.py", "models/samples.py", "models/scorers.py", "models/measures"),
        *("models/bootstrap.py", "steps", "models/sequences.py"),
        *("core/quality_metric.py", "core/postprocess.py"),
    ),
    ("numpy",),
)

_RUNTIME_PACKAGES = {"litert": ("ai-edge-litert",)}
NATIVE = {"onnx": "onnxruntime", "tflite": "litert"}


@dataclass(frozen=True)
class How:
    """How a model is run on this machine.

    Attributes:
        options: what the runtime is asked for.
        clips: whether it could clip an int8 model's sums here that the target does not clip.
    """

    options: RuntimeOptions
    clips: bool = False

    def emulates(self, converted: Converted) -> bool:
        """Whether a model's integers are computed in float between the rounding."""
        return self.clips and converted.quantized


@dataclass
class Scorer:
    """Runs and scores the artifacts of one build on this machine."""

    road: Road
    source: Source
    _placed: dict[Digest, Placed] = field(default_factory=dict)
    _begun: dict[Digest, Future[Path]] = field(default_factory=dict)

    @cached_property
    def bench(self) -> Bench:
        """The local bench, opened when something has to be run."""
        from edgebuild.bench.bench import Bench
        from edgebuild.devices.transports.local import open_local

        return Bench(open_local())

    def close(self) -> None:
        """Close the bench if it was opened; what still runs on it ends."""
        if "bench" in self.__dict__:
            self.bench.close()
        if "_pool" in self.__dict__:
            self._pool.shutdown(cancel_futures=True)
        if "_folder" in self.__dict__:
            self._folder.cleanup()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(1)

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="edgebuild-")

    def begin(self, converted: Converted, samples: DataSet, how: How) -> None:
        """Start a run whose outputs will be asked for, while the build goes on.

        Arrays are read on the caller's thread: numpy parses an array's header by ``ast``, which two threads at once
        break before Python 3.11.8 (python/cpython#106905), and exporters parse on the caller's.
        """
        key = self.road.key(*_running(converted, samples, how))
        if key not in self._begun and self.road.cache.get(key) is None:
            self._begun[key] = self._pool.submit(self._run, *self._asked(key, converted, samples), how)

    def outputs(self, converted: Converted, samples: DataSet, how: How) -> Entry:
        """An artifact's outputs for a whole data set, after the signature's ``post`` steps.

        Raises:
            BuildError: the runtime refuses the model, or fails on it.
        """
        stage, inputs = _running(converted, samples, how)
        key = self.road.key(stage, inputs)
        begun = self._begun.pop(key, None)

        def make(folder: Path) -> None:
            place = begun.result() if begun else self._run(*self._asked(key, converted, samples), how)
            save_outputs(folder, self._outputs_in(place, converted))
            place.unlink()

        return self.road.step(stage, samples.name, inputs, make)

    def _asked(self, key: Digest, converted: Converted, samples: DataSet) -> tuple[Path, Converted, Given]:
        """Where a run's outputs go, what runs, and on what."""
        with as_build_error(converted.runtime):
            return Path(self._folder.name) / f"{key}.npz", converted, self._given(samples, converted.signature)

    def _given(self, samples: DataSet, signature: Signature) -> Given:
        from edgebuild.bench.given import in_steps
        from edgebuild.models.samples import input_specs, steps_of

        return in_steps(signature, self._place(samples, signature), steps_of(samples.samples, input_specs(signature)))

    def _run(self, place: Path, converted: Converted, inputs: Given, how: How) -> Path:
        files = converted.backend.emulated(converted.files) if how.emulates(converted) else converted.files
        with as_build_error(converted.runtime):
            self.bench.infer_into(place, converted.runtime, files, inputs, how.options)
        return place

    def _outputs_in(self, place: Path, converted: Converted) -> list[np.ndarray]:
        names = [spec.name for spec in converted.signature.outputs]
        with as_build_error(converted.runtime):
            outputs = self.bench.outputs_in(place, names)
        return after(outputs, converted.signature)

    def _place(self, samples: DataSet, signature: Signature) -> Placed:
        """A data set as a model takes it, prepared and handed over once for all models that take the same."""
        from edgebuild.models.samples import input_specs, save_prepared

        specs = input_specs(signature)
        key = digest_json([samples.digest, {name: spec.model_dump(mode="json") for name, spec in specs.items()}])
        if key not in self._placed:
            with tempfile.TemporaryDirectory(prefix="edgebuild-") as folder:
                place = Path(folder) / "inputs.npz"
                save_prepared(samples.samples, specs, place)
                self._placed[key] = self.bench.place(place)
        return self._placed[key]

    def reference(self, samples: DataSet) -> Entry:
        """The source model's own outputs: torch's, or a foreign file's in its native runtime."""
        if self.source.kind == "torch":
            return reference_outputs(self.road, self.source, samples)
        from edgebuild.pipeline.float_stages import export

        native = export(self.road, self.source, NATIVE[self.source.kind], "reference")
        return self.outputs(native, samples, How(RuntimeOptions()))

    def quality(self, own: Entry, twin: Entry | None, samples: DataSet) -> Quality:
        """The score of some outputs on a data set, against a twin's."""
        data = self.road.project.data
        confidence = self.road.profile.judging.accuracy_confidence
        inputs: dict[str, Json] = {
            "own": own.content,
            "twin": twin.content if twin else None,
            "samples": samples.digest,
            "metric": data.metric,
            "classes": data.classes,
            "post": [step.model_dump(mode="json") for step in self.road.project.model.post],
            "outputs": [spec.name for spec in self.source.signature.outputs],
            "score": data.score,
            "scorer": scorer_state(self.road),
            "pre": self.source.signature.model_dump(mode="json")["pre"],
            "answers": list(self.source.signature.answers),
            "confidence": confidence,
            "seed": self.road.project.build.seed,
        }

        def make(folder: Path) -> None:
            found = self._quality(own, twin, samples, confidence)
            (folder / "quality.json").write_text(found.model_dump_json(), encoding="utf-8")

        entry = self.road.step(SCORE, samples.name, inputs, make)
        return Quality.model_validate_json(entry.read("quality.json"))

    def _quality(self, own: Entry, twin: Entry | None, samples: DataSet, confidence: float) -> Quality:
        from edgebuild.models.score import load_scorer, quality
        from edgebuild.models.sequences import judged, scored_inputs
        from edgebuild.steps.postprocess import post_of

        data, signature = self.road.project.data, self.source.signature
        scorer = load_scorer(data.score, self.road.root, self.road.cache)

        def of(outputs: Entry) -> list[np.ndarray]:
            return judged(load_outputs(outputs), signature, samples.samples, data.metric, whole=bool(scorer))

        own_outputs = of(own)
        same = twin is not None and twin.content == own.content
        return quality(
            data.metric,
            samples.samples,
            own_outputs,
            own_outputs if same else of(twin) if twin else None,
            inputs=scored_inputs(samples.samples, signature) if scorer else None,
            scorer=scorer,
            drop_confidence=confidence,
            seed=self.road.project.build.seed,
            post=post_of(self.source.signature, self.road.project.model.post),
            classes=data.classes,
        )

    def speed(
        self, target: Target, exact: Converted, int8: Converted, samples: DataSet, lock: Lock
    ) -> tuple[Speed, Lock]:
        """Int8 against float on a host target: from the lock, or measured now and locked."""
        float_model, int8_model = exact.entry.content, int8.entry.content
        known = lock.speed_of(target.name, float_model, int8_model)
        if known is not None:
            return known, lock
        self.road.progress("measure int8 against float", target.name)
        from concurrent.futures import wait

        from edgebuild.bench.compare import compare_speed

        wait(self._begun.values())
        measuring = self.road.profile.measuring
        speed = compare_speed(
            self.bench,
            target,
            (exact.files, _rows(samples, exact.signature)),
            (int8.files, _rows(samples, int8.signature)),
            measuring,
            confidence=self.road.profile.judging.confidence,
            seed=self.road.project.build.seed,
        )
        entry = LockedSpeed(target=target.name, float_model=float_model, int8_model=int8_model, speed=speed)
        return speed, lock.with_speed(entry)


@contextmanager
def as_build_error(runtime: str) -> Iterator[None]:
    """What a device or its runtime refuses is a failure of the build here."""
    try:
        yield
    except (DeviceError, ModelRejected, NotMeasured) as error:
        raise BuildError(f"run {runtime}", error.found, expected=error.expected, fix=error.fix) from error


def _running(converted: Converted, samples: DataSet, how: How) -> tuple[Stage, dict[str, Json]]:
    """The stage that runs an artifact on a data set, and what its result depends on."""
    runtime, emulated = converted.runtime, how.emulates(converted)
    code = (*INFER.code, f"backends/{runtime}") if emulated else INFER.code
    packages = [package for each in runtimes_of(runtime) for package in _RUNTIME_PACKAGES.get(each, (each,))]
    stage = Stage(f"run {runtime}", code, tuple(packages), on_cpu=True)
    return stage, {
        "artifact": converted.entry.content,
        "samples": samples.digest,
        "options": how.options.model_dump(mode="json"),
        "emulated": emulated,
    }


_ROWS = 8


def _rows(samples: DataSet, signature: Signature) -> Inputs | Steps:
    """A few prepared samples to time with: what a branch-free model computes does not depend on them."""
    from edgebuild.bench.given import in_steps
    from edgebuild.models.samples import input_specs, prepare_inputs, steps_of

    few = samples.samples.take(list(range(min(_ROWS, len(samples.samples)))))
    return in_steps(signature, prepare_inputs(few, signature), steps_of(few, input_specs(signature)))


def here(target: Target) -> How:
    """How a target's model is run on this machine while it is built.

    Where this is not its device: on the CPU, by kernels that round as the device's do, and int8 emulated where the
    runtime's sums could clip here.
    """
    if target.is_host:
        return How(target.runtime_options)
    return How(target.runtime_options.at_home, clips=find_backend(target.runtime).CLIPS)


def after(outputs: list[np.ndarray], signature: Signature) -> list[np.ndarray]:
    """Outputs after the signature's ``post`` steps."""
    from edgebuild.steps.preprocess import apply_steps

    return [
        apply_steps(value, signature.post[spec.name], f"post {spec.name}") if spec.name in signature.post else value
        for value, spec in zip(outputs, signature.outputs, strict=True)
    ]


def scorer_state(road: Road) -> Json:
    """What a scorer callable depends on; a built-in one is code of ours."""
    from edgebuild.models.entry import entry_state, is_entry

    spec = road.project.data.score
    if not is_entry(spec):
        return spec
    file = road.root / spec.partition(":")[0]
    return entry_state(spec, road.root, pure=True, input_files=(), cache=road.cache) or road.cache.digests.of(file)
