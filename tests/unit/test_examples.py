"""The examples: their project files load, their entry points give what is declared, and the models are right."""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from edgebuild.core.project import InputSpec, Project
from edgebuild.core.signature import Normalize, ReverseChannels, Transpose
from edgebuild.models.label_checks import check_labels

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*/*.toml"))
NEEDS_DATA = pytest.mark.skipif(not os.environ.get("EDGEBUILD_DATA"), reason="EDGEBUILD_DATA is not set")
SETS = ("training", "calibration", "selection", "evaluation")
FROM_FILES = ("speech_digits", "text_embedding")
OF_TEXTS = ("text",)
CALLED = [path for path in FILES if path.parent.name not in ("digits", *FROM_FILES) and path.stem not in OF_TEXTS]
"""Whose data are callables that need EDGEBUILD_DATA."""

MAY_RECUR = dict.fromkeys(("av_digits", "av_digits-fit", "av_digits_parts"), ("image",))
"""Inputs whose values may be the same in two sets: a few principal components are left of an image, in whole steps."""

MEASURED = {
    "image_classification": (100, 87),
    "visual_wake_words": (300, 263),
    "keyword_spotting": (299, 275),
    "resnet20": (2000, 1609),
    "resnet32": (2000, 1638),
    "imagenet_mobilenet": (300, 148),
}
"""Evaluation samples, and how many of them float has right in PyTorch."""


def _key(path: Path) -> str:
    return path.parent.name if path.stem == "edgebuild" else path.stem


def _project(path: Path) -> Project:
    return Project.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


@contextmanager
def _modules(folder: Path) -> Iterator[None]:
    """Import from an example's folder, and forget its modules afterwards: several have the same name."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in {path.stem for path in folder.glob("*.py")} - before:
            sys.modules.pop(name, None)


def _call(entry: str) -> object:
    file, _, name = entry.partition(":")
    module: ModuleType = importlib.import_module(file.removesuffix(".py"))
    return getattr(module, name)()


@functools.lru_cache(maxsize=4)
def _samples(folder: Path, entry: str) -> object:
    """What an entry point gives: several projects of a folder have the same."""
    with _modules(folder):
        return _call(entry)


def _sets(path: Path) -> dict[str, dict[str, NDArray[np.generic]]]:
    found, project = {}, _project(path)
    for name in SETS:
        source = getattr(project.data, name)
        if source is None and name == "training":
            continue
        samples = _samples(path.parent, source.source)
        assert isinstance(samples, dict)
        found[name] = samples
    return found


def _prepared(raw: NDArray[np.generic], spec: InputSpec) -> NDArray[np.float32]:
    """The ``pre`` steps, written out here a second time so that the examples' declarations are checked."""
    x: NDArray[np.generic] = raw
    for step in spec.pre:
        if isinstance(step, Transpose):
            x = x.transpose(step.order)
        elif isinstance(step, ReverseChannels):
            x = np.flip(x, step.axis)
        elif isinstance(step, Normalize):
            shape = [-1 if axis == step.channel_axis else 1 for axis in range(x.ndim)]
            mean, std = np.float32(step.mean).reshape(shape), np.float32(step.std).reshape(shape)
            x = (x.astype(np.float32) * np.float32(step.scale) - mean) / std
    return np.ascontiguousarray(x, dtype=np.float32)


def _outputs(project: Project, raw: NDArray[np.generic]) -> NDArray[np.float32]:
    import torch

    (spec,) = project.model.inputs.values()
    model = _call(project.model.source)
    assert isinstance(model, torch.nn.Module)
    assert not model.training
    with torch.no_grad():
        batches = torch.from_numpy(_prepared(raw, spec)).split(100)
        return np.concatenate([model(batch).numpy() for batch in batches])


def _inputs(project: Project) -> dict[str, InputSpec]:
    """What the samples hold: of parts, what none of them gives."""
    parts = project.parts.values()
    given = {name for part in parts for name in part.outputs}
    all_inputs = project.model.inputs or {name: spec for part in parts for name, spec in part.inputs.items()}
    return {name: spec for name, spec in all_inputs.items() if not spec.is_state and name not in given}


def _check_sets(path: Path) -> None:
    project = _project(path)
    inputs = _inputs(project)
    recurrent = any(spec.is_state for spec in project.model.inputs.values())
    seen: dict[str, dict[str, set[bytes]]] = {name: {} for name in inputs}
    for part, samples in _sets(path).items():
        assert set(samples) <= {*inputs, "labels", "groups"}
        assert "labels" in samples or part == "training", "a teacher labels what training has no labels for"
        if "labels" in samples:
            check_labels(samples["labels"], project.data.label_rule, "labels")
        for name, spec in inputs.items():
            raw = samples[name]
            assert len(raw) == len(next(iter(samples.values()))) > 0
            assert _prepared(raw[:1, 0] if recurrent else raw[:1], spec).shape == spec.shape
            seen[name][part] = {sample.tobytes() for sample in raw}
    for name, sets in seen.items():
        for one, other in itertools.combinations(sets, 2):
            if {one, other} != {"training", "calibration"} and name not in MAY_RECUR.get(project.name, ()):
                assert not sets[one] & sets[other], f"the same sample is in {one} and {other}"


@pytest.mark.parametrize("path", FILES, ids=_key)
def test_the_project_file_loads(path: Path) -> None:
    project = _project(path)
    assert all(project.budgets_for(target) for target in project.build.targets)
    assert (path.parent / "README.md").is_file()


def test_every_project_has_its_own_name() -> None:
    names = [_project(path).name for path in FILES]
    assert len(FILES) == 26
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", CALLED, ids=_key)
def test_without_the_data_an_entry_point_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEBUILD_DATA", raising=False)
    evaluation = _project(path).data.evaluation
    assert evaluation is not None
    with _modules(path.parent), pytest.raises(RuntimeError, match="EDGEBUILD_DATA is not set"):
        _call(evaluation.source)


@NEEDS_DATA
@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=pytest.mark.xdist_group(path.parent.name)) for path in CALLED], ids=_key
)
def test_the_sets_are_disjoint_and_as_declared(path: Path) -> None:
    _check_sets(path)


@NEEDS_DATA
@pytest.mark.parametrize("path", [p for p in FILES if _key(p) in MEASURED], ids=_key)
def test_float_is_as_accurate_as_measured(path: Path) -> None:
    project, (count, right) = _project(path), MEASURED[_key(path)]
    (name,) = project.model.inputs
    assert project.data.evaluation is not None
    with _modules(path.parent):
        samples = _call(project.data.evaluation.source)
        assert isinstance(samples, dict)
        outputs = _outputs(project, samples[name])
    assert len(outputs) == count
    assert abs(int((outputs.argmax(1) == samples["labels"]).sum()) - right) <= 1


@NEEDS_DATA
def test_anomaly_detection_has_its_auc() -> None:
    path = EXAMPLES / "mlperf_tiny" / "anomaly_detection.toml"
    with _modules(path.parent):
        samples = _sets(path)["evaluation"]
        outputs = _outputs(_project(path), samples["frames"])
    errors = ((outputs - samples["frames"]) ** 2).mean(1)
    clips = np.unique(samples["groups"])
    scores = np.array([errors[samples["groups"] == clip].mean() for clip in clips])
    labels = np.array([samples["labels"][samples["groups"] == clip].max() for clip in clips])
    auc = (scores[labels == 1][:, np.newaxis] > scores[labels == 0]).mean()
    assert auc == pytest.approx(0.9169, abs=0.005)


def test_digits_learns_and_its_sets_are_disjoint() -> None:
    path = EXAMPLES / "digits" / "edgebuild.toml"
    project = _project(path)
    _check_sets(path)
    with _modules(path.parent):
        samples = _sets(path)["evaluation"]
        outputs = _outputs(project, samples["image"])
    assert (outputs.argmax(1) == samples["labels"]).mean() >= 0.98
