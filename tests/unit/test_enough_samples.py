"""An accuracy budget that the evaluation set can't pass is told of before the build, not after it."""

from __future__ import annotations

import numpy as np

from edgebuild.core.project import Project
from edgebuild.core.target import Target
from edgebuild.models.samples import Samples
from edgebuild.pipeline.enough import too_few

TARGETS = [
    Target(schema=1, name=name, title="t", family="host", runtime="onnxruntime", transport="local") for name in "ab"
]


def project(**budgets: object) -> Project:
    return Project.model_validate(
        {"schema": 1, "name": "p", "model": {"source": "m.onnx", "inputs": {}}, "build": {"targets": ["a", "b"]},
         "budgets": budgets}
    )  # fmt: skip


def samples(count: int, groups: int = 0) -> Samples:
    inputs = {"x": np.zeros((count, 1), np.float32)}
    return Samples(inputs, groups=np.arange(count) % groups if groups else None)


def test_too_few_samples_are_told_with_how_many_it_takes() -> None:
    strict = project(accuracy_drop="0.5 pt")
    ((subject, told),) = too_few(strict, TARGETS, samples(100), 0.99)
    assert subject == "accuracy_drop ≤ 0.5 pt"
    assert told == "100 evaluation samples; at 0.99 confidence it takes 919, even if not one is lost"
    assert too_few(strict, TARGETS, samples(919), 0.99) == []
    assert len(too_few(strict, TARGETS, samples(2000, groups=50), 0.99)) == 1, "windows of one clip count as one"


def test_each_limit_of_the_targets_is_told_once() -> None:
    both = project(accuracy_drop="0.5 pt", b={"accuracy_drop": "1 pt"})
    assert [subject for subject, _ in too_few(both, TARGETS, samples(10), 0.95)] == [
        "accuracy_drop ≤ 0.5 pt", "accuracy_drop ≤ 1 pt"
    ]  # fmt: skip
    assert too_few(project(latency_p90="1 ms"), TARGETS, samples(10), 0.95) == []
