"""Each input of a build, changed in turn: exactly the stages that depend on it are made again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny_project import edit, make_project, write_samples, write_weights

import edgebuild
from edgebuild.pipeline import package, stage
from edgebuild.pipeline.project import BuildReport, build_project
from edgebuild.store.cache import Cache
from edgebuild.store.installed import installed_version

pytestmark = pytest.mark.slow

FLOAT_SELECTION = ["trace: float32", "run: selection", "reference: selection", "check: float32"]
FLOAT_EVALUATION = ["run: evaluation", "score: evaluation"]
CALIBRATION = ["calibrate: int8", "export: int8"]
CANDIDATE = ["quantize: int8"]
INT8_SELECTION = ["run: selection", "score: selection"]
INT8_EVALUATION = ["run: evaluation", "score: evaluation"]
INT8 = [*CALIBRATION, *CANDIDATE, *INT8_SELECTION, *INT8_EVALUATION]
GOLDEN = ["golden: synthetic"]
INPUTS = ["check: calibration and selection"]
BUNDLE = ["package: board"]
GOLDEN_OUTPUTS = ["run: calibration", "reference: calibration"]
FROM_MODEL = [
    "export: float32", *INPUTS, *FLOAT_SELECTION, *FLOAT_EVALUATION, *INT8, *BUNDLE, *GOLDEN_OUTPUTS,
]  # fmt: skip
FROM_CALIBRATION = [
    "split: calibration and selection", "split: calibration and evaluation", *INPUTS, *GOLDEN, *INT8, *BUNDLE,
    *GOLDEN_OUTPUTS,
]  # fmt: skip
FROM_SELECTION = [
    "split: calibration and selection", "split: selection and evaluation", *INPUTS, *FLOAT_SELECTION, *INT8_SELECTION,
    *BUNDLE,
]  # fmt: skip
FROM_EVALUATION = [
    "split: calibration and evaluation", "split: selection and evaluation", *FLOAT_EVALUATION, *INT8_EVALUATION,
    *BUNDLE,
]  # fmt: skip
RUNS = ["run: selection", "run: evaluation", "run: selection", "run: evaluation", "run: calibration"]


@dataclass(frozen=True)
class Place:
    """A built project, its cache, and a copy of the package whose sources the keys are taken from."""

    root: Path
    cache: Path
    package: Path
    monkeypatch: pytest.MonkeyPatch

    def build(self) -> BuildReport:
        report = build_project(self.root, cache=Cache(self.cache))
        assert [one.error for one in report.built] == [None]
        return report


def made(report: BuildReport) -> list[str]:
    """The steps that were not in the cache, by short names, sorted."""
    names = (f"{step.stage.split()[0]}: {step.subject}" for step in report.steps if not step.cached)
    return sorted(name.replace("minmax+bias-corrected", "int8") for name in names)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("cache")
    code = folder / "edgebuild"
    shutil.copytree(Path(edgebuild.__file__).parent, code, ignore=shutil.ignore_patterns("__pycache__"))
    place = Place(make_project(folder / "project"), folder / "cache", code, pytest.MonkeyPatch())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "_PACKAGE", code)
        place.build()
    return place


@pytest.fixture
def place(built: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The built project; every file that a test changes is put back."""
    monkeypatch.setattr(stage, "_PACKAGE", built.package)
    folders = (built.root, built.package)
    before = {p: p.read_bytes() for f in folders for p in f.rglob("*") if p.is_file() and "build" not in p.parts}
    yield Place(built.root, built.cache, built.package, monkeypatch)
    for path, data in before.items():
        if path.read_bytes() != data:
            path.write_bytes(data)


def model_code(place: Place) -> None:
    edit(place.root / "model.py", "net = Net()", "net = Net()\n    net.second.bias.requires_grad_(False)")


def model_code_that_matters(place: Place) -> None:
    edit(place.root / "model.py", "    return net", "    net.head.bias.data += 1\n    return net")


def comment(place: Place) -> None:
    edit(place.root / "model.py", "net = Net()", "net = Net()  # the network")


def imported_module(place: Place) -> None:
    edit(place.root / "layers.py", "SCALE = 1.0", "SCALE = 1.5")


def weights(place: Place) -> None:
    write_weights(place.root, 1)


def file_of_a_script(place: Place) -> None:
    write_samples(place.root, "calibration", 8)


def samples_inside_a_script(place: Place) -> None:
    edit(place.root / "data.py", "GAIN = 1.0", "GAIN = 1.1")


def environment(place: Place) -> None:
    place.monkeypatch.setenv("TINY_SHIFT", "0.5")


def evaluation_data(place: Place) -> None:
    write_samples(place.root, "evaluation", 9)


def target_scheme(place: Place) -> None:
    edit(place.root / "targets" / "board.toml", '"u8"', '"s8"')


def target_fact(place: Place) -> None:
    edit(place.root / "targets" / "board.toml", "512", "1024")


def target_threads(place: Place) -> None:
    edit(place.root / "targets" / "board.toml", "[int8]", "[runtime_options]\nthreads = 2\n\n[int8]")


def profile_rule(place: Place) -> None:
    edit(place.root / "profiles" / "tiny.toml", "correction_samples = 8", "correction_samples = 3")


def profile_confidence(place: Place) -> None:
    edit(place.root / "profiles" / "tiny.toml", "0.95", "0.9")


def seed(place: Place) -> None:
    edit(place.root / "edgebuild.toml", "seed = 0", "seed = 1")


def limit(place: Place) -> None:
    edit(place.root / "edgebuild.toml", '"data.py:evaluation"', '"data.py:evaluation"\nlimit = 20')


def budget(place: Place) -> None:
    path = place.root / "edgebuild.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n[budgets]\nmodel_size = "1 MiB"\n', encoding="utf-8")


def tool_version(place: Place) -> None:
    def version(distribution: str, real: Callable[[str], str] = installed_version) -> str:
        return "99.0" if distribution == "onnxruntime" else real(distribution)

    for module in (stage, package):
        place.monkeypatch.setattr(module, "installed_version", version)


def code_of_calibration(place: Place) -> None:
    _append(place.package / "quant" / "calibrate.py")


def code_of_folding(place: Place) -> None:
    _append(place.package / "quant" / "fold.py")


def code_of_the_runner(place: Place) -> None:
    _append(place.package / "runner" / "answer.py")


def code_of_another_backend(place: Place) -> None:
    _append(place.package / "backends" / "litert" / "export.py")


def _append(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")


CASES: list[tuple[Callable[[Place], None], list[str]]] = [
    (model_code, ["load: model"]),
    (model_code_that_matters, ["load: model", *FROM_MODEL]),
    (comment, ["load: model"]),
    (imported_module, ["load: model", *FROM_MODEL]),
    (weights, ["load: model", *FROM_MODEL]),
    (file_of_a_script, ["data: calibration", *FROM_CALIBRATION]),
    (samples_inside_a_script, ["data: calibration", "data: evaluation", *FROM_CALIBRATION]),
    (environment, ["data: selection", *FROM_SELECTION]),
    (evaluation_data, ["data: evaluation", *FROM_EVALUATION]),
    (target_scheme, [*CANDIDATE, "run: selection", "run: evaluation", "run: calibration", *BUNDLE]),
    (target_fact, BUNDLE),
    (target_threads, BUNDLE),  # of a device that is not here: this machine runs its models its own way
    (profile_rule, [*INT8, *BUNDLE, "run: calibration"]),
    (profile_confidence, ["score: evaluation", "score: selection", "score: evaluation", *BUNDLE]),
    (seed, [*GOLDEN, *GOLDEN_OUTPUTS, "score: evaluation", "score: selection", "score: evaluation", *BUNDLE]),
    (limit, ["data: evaluation", *FROM_EVALUATION]),
    (budget, BUNDLE),
    (tool_version, ["export: float32", "export: int8", *CANDIDATE, *RUNS, *BUNDLE]),
    (code_of_calibration, ["calibrate: int8"]),
    (code_of_folding, ["trace: float32", *CALIBRATION, "export: float32"]),
    (code_of_the_runner, RUNS),
    (code_of_another_backend, []),
]


@pytest.mark.parametrize(("change", "expected"), CASES, ids=[change.__name__ for change, _ in CASES])
def test_exactly_what_depends_on_it_is_made_again(
    place: Place, change: Callable[[Place], None], expected: list[str]
) -> None:
    change(place)
    report = place.build()
    assert made(report) == sorted(expected)
    assert made(place.build()) == []


def test_nothing_changed_nothing_made(place: Place) -> None:
    first = place.build()
    folder = place.root / "build" / "tiny" / "board"
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
    second = place.build()
    assert made(second) == []
    assert len(second.steps) > 20
    bundles = [report.built[0].bundle for report in (first, second)]
    digests = {bundle.digest for bundle in bundles if bundle is not None}
    assert len(digests) == 1
    assert None not in bundles
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]} == before
