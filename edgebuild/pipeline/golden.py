"""Golden vectors: inputs, and what each variant must answer, so that a bundle can be checked anywhere.

Inputs are made from a seed within the ranges of the calibration set, or taken from the user's samples if the project
says so. Float answers are the source model's own; int8 answers are this machine's, and their tolerance is one step of
the output's grid: neither comes from the device that is checked.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.array import np
from edgebuild.core.digest import Json
from edgebuild.core.reading import ReadAudio, Tokenize
from edgebuild.core.signature import AddAxis, Normalize, Signature, Step, TensorSpec, Transpose
from edgebuild.core.sound import SoundStep, Spectrogram
from edgebuild.pipeline.sources import DataSet, Sets, Source
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.steps.preprocess import apply_steps, reads

if TYPE_CHECKING:
    from edgebuild.models.samples import Samples

GOLDEN = Stage("golden", ("pipeline/golden.py", "steps", "models/samples.py"), ("numpy",))

FLOAT_TOLERANCE = 1e-3
"""As a share of the output's range."""

_SAMPLES = 8
_RAW = 2
GOLDEN_STEPS = 16
"""Of a model with state, a golden vector is a sequence of so many steps at most."""


def golden_inputs(road: Road, source: Source, sets: Sets) -> DataSet:
    """The raw golden inputs, as a data set."""
    settings = road.project.build
    calibration = sets.calibration
    taken = sets.evaluation or sets.selection or calibration
    from_samples = settings.golden == "samples" and taken is not None
    inputs: dict[str, Json] = {
        "signature": source.signature.model_dump(mode="json"),
        "seed": settings.seed,
        "count": settings.golden_samples,
        "ranges of": calibration.digest if calibration else None,
        "samples of": taken.digest if from_samples and taken else None,
    }

    def make(folder: Path) -> None:
        from edgebuild.models.samples import Samples

        if from_samples and taken is not None:
            few = taken.samples.take(list(range(min(settings.golden_samples, len(taken.samples)))))
            _shortened(few, source.signature).save(folder)
        else:
            Samples(_synthetic(source.signature, calibration, settings.golden_samples, settings.seed)).save(folder)

    return DataSet("calibration", road.step(GOLDEN, settings.golden, inputs, make))


def _synthetic(signature: Signature, calibration: DataSet | None, count: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    limits = _limits(signature, calibration)
    made = {}
    time = (GOLDEN_STEPS,) if signature.fed else ()
    for spec in (spec for spec in signature.inputs if spec.fed_by is None):
        rows = _rows(spec, signature.pre.get(spec.name, ()), calibration, limits, count * math.prod(time), random)
        made[spec.name] = rows.reshape(count, *time, *rows.shape[1:])
    return made


def _rows(
    spec: TensorSpec, steps: Sequence[Step], calibration: DataSet | None, limits: Mapping[str, tuple[float, float]],
    count: int, random: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Raw samples of one input, (count, …)."""
    if any(isinstance(step, SoundStep) for step in steps):
        return _sound(spec, steps, calibration, count, random)
    marks = _marks(spec, steps, count)
    return _undo(_between(spec, limits[spec.name], count, random), steps) if marks is None else marks


def _between(spec: TensorSpec, limits: tuple[float, float], count: int, random: np.random.Generator) -> np.ndarray:
    shape = (count, *spec.shape[1:])
    if np.dtype(spec.dtype).kind == "f":
        return random.uniform(*limits, shape).astype(spec.dtype)
    return random.integers(int(limits[0]), int(limits[1]) + 1, shape).astype(spec.dtype)


def _sound(
    spec: TensorSpec, steps: Sequence[Step], calibration: DataSet | None, count: int, random: np.random.Generator
) -> np.ndarray:
    """Noise as loud as the calibration set, for steps that can't be undone: of the sounds' own shape."""
    if calibration is not None:
        raw = calibration.samples.inputs[spec.name][:_SAMPLES]
        low, high, shape = float(raw.min()), float(raw.max()), raw.shape[1:]
    else:
        low, high, shape = -1.0, 1.0, _sound_shape(spec, steps)
    return random.uniform(low, high, (count, *shape)).astype(np.float32)


def _sound_shape(spec: TensorSpec, steps: Sequence[Step]) -> tuple[int, ...]:
    """As declared; else as short as gives the input's frames, where a number of its shape is that of the frames."""
    from edgebuild.steps.spectra import sound_length

    read = next((step for step in steps if isinstance(step, ReadAudio)), None)
    spectrogram = next((step for step in steps if isinstance(step, Spectrogram)), None)
    if read is not None and read.length is not None:
        return (read.length,) if read.channels == 1 else (read.channels, read.length)
    if spectrogram is not None:
        for frames in spec.shape[1:]:
            shape = (sound_length(frames, spectrogram),)
            if apply_steps(np.zeros((1, *shape), np.float32), steps).shape[1:] == spec.shape[1:]:
                return shape
    return spec.shape[1:]


def _marks(spec: TensorSpec, steps: Sequence[Step], count: int) -> np.ndarray | None:
    """Masks of texts that get shorter, and one text throughout; None for what is no mark of a tokenizer."""
    step = next((step for step in steps if isinstance(step, Tokenize)), None)
    if step is None or step.output == "ids":
        return None
    length = spec.shape[1] if spec.buckets else step.length
    made = np.zeros((count, length), np.int64)
    for row in range(count if step.output == "attention_mask" else 0):
        made[row, : max(1, length - row * length // count)] = 1
    return made[:, ::-1] if step.padding == "left" else made


def _shortened(samples: Samples, signature: Signature) -> Samples:
    """Sequences of a model with state up to so many steps; other samples as they are."""
    if not signature.fed:
        return samples
    return replace(samples, inputs={name: array[:, :GOLDEN_STEPS] for name, array in samples.inputs.items()})


def _limits(signature: Signature, calibration: DataSet | None) -> dict[str, tuple[float, float]]:
    if calibration is None:
        return {spec.name: (-1.0, 1.0) if np.dtype(spec.dtype).kind == "f" else (0, 1) for spec in signature.inputs}
    from edgebuild.models.samples import prepare_inputs

    count = min(_SAMPLES, len(calibration.samples))
    arrays = prepare_inputs(calibration.samples.take(list(range(count))), signature)
    return {name: (float(value.min()), float(value.max())) for name, value in arrays.items()}


def _undo(value: np.ndarray, steps: Iterable[Step]) -> np.ndarray:
    """Raw samples that the ``pre`` steps turn into ``value``."""
    for step in reversed(tuple(steps)):
        if isinstance(step, Normalize):
            shape = [1] * value.ndim
            shape[step.channel_axis] = -1
            std, mean = (np.asarray(x, np.float32).reshape(shape if len(x) > 1 else 1) for x in (step.std, step.mean))
            value = ((value * std + mean) / np.float32(step.scale)).astype(np.float32)
        elif isinstance(step, Transpose):
            value = np.transpose(value, np.argsort(step.order))
        elif isinstance(step, AddAxis):
            value = np.squeeze(value, step.axis)
    return np.ascontiguousarray(value)


def golden_file(
    inputs: Mapping[str, np.ndarray], expected: Mapping[str, list[np.ndarray]], signature: Signature,
    raw: Mapping[str, np.ndarray],
) -> bytes:  # fmt: skip
    """``golden.npz``: ``input/NAME`` as the part's signature takes it, ``expected/PRECISION/NAME`` after ``post``.

    Args:
        raw: by input, samples before its steps; a few of them become ``raw/NAME``, to be timed with the steps.
    """
    arrays = {f"input/{name}": value for name, value in inputs.items()}
    arrays |= {f"raw/{name}": value[:_RAW] for name, value in raw.items()}
    for precision, outputs in expected.items():
        for spec, value in zip(signature.outputs, outputs, strict=True):
            arrays[f"expected/{precision}/{spec.name}"] = value
    return npz_bytes(arrays)


def before_steps(golden: DataSet, sets: Sets, signature: Signature) -> dict[str, np.ndarray]:
    """Of each input with steps, golden samples from before them; integers where the user's own samples are."""
    made = {}
    for name in (name for name, steps in signature.pre.items() if not all(map(reads, steps))):
        value = golden.samples.inputs[name]
        made[name] = value.reshape(-1, *value.shape[2:]) if signature.fed else value
        own = sets.calibration.samples.inputs[name].dtype if sets.calibration else value.dtype
        if own.kind in "iu":
            limits = np.iinfo(own.name)
            whole = np.round(made[name].astype(np.float64))
            made[name] = np.clip(whole, limits.min, limits.max).astype(own)
    return made


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The same bytes for the same arrays: sorted, compressed, with a fixed date."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
