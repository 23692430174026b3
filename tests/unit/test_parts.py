"""A project of parts: what the chain of them answers, what it keeps, and what every command makes of its bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parts_project import make_project

from edgebuild.cli.main import main
from edgebuild.core.array import Array
from edgebuild.pipeline.project import BuildReport, build_project
from edgebuild.runner import __file__ as runner_file
from edgebuild.store.bundle import Bundle, open_bundle
from edgebuild.store.cache import Cache

RUNTIMES = ("onnxruntime", "litert", "openvino")


def built(root: Path, file: str, targets: list[str], profile: str = "exact") -> BuildReport:
    out = root.parent / f"out-{Path(file).stem}"
    report = build_project(root / file, targets, profile, out, cache=Cache(root.parent / "cache"))
    assert [one.error for one in report.built if one.error] == []
    return report


def ran(bundle: Path, place: Path, **inputs: Array) -> Array:
    np.savez(place / "given.npz", **inputs)  # type: ignore[arg-type]
    assert main(["run", str(bundle), "--input", str(place / "given.npz"), "-o", str(place / "answers.npz")]) == 0
    with np.load(place / "answers.npz") as written:
        scores: Array = written["scores"]
        return scores


def samples(count: int = 6) -> dict[str, Array]:
    random = np.random.default_rng(7)
    return {
        "image": random.normal(3, 2, (count, 6)).astype(np.float32),
        "sound": random.normal(0, 1, (count, 5)).astype(np.float32),
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("parts") / "project")


@pytest.fixture(scope="module")
def float_built(root: Path) -> Path:
    """Three parts in float, on three runtimes."""
    built(root, "edgebuild.toml", [f"host-{runtime}" for runtime in RUNTIMES])
    return root.parent / "out-edgebuild"


def one_graph(root: Path, image: Array, sound: Array | None = None, heard: float | None = None) -> Array:
    """What the same model as one graph answers; without a sound, zeros stand in, or ``heard`` for what is heard."""
    import torch

    space: dict[str, Any] = {}
    exec((root / "model.py").read_text(encoding="utf-8"), space)
    whole = space["whole"]()
    with torch.no_grad():
        seen = torch.from_numpy((image - 3) / 2)
        if heard is not None:
            made = whole.fuse(whole.see(seen), torch.full((len(image), 4), heard))
        else:
            given = np.zeros((len(image), 5), np.float32) if sound is None else sound
            made = whole(seen, torch.from_numpy(given))
    answers: Array = made.numpy()
    return answers


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_chain_answers_as_one_graph_does(float_built: Path, root: Path, runtime: str, tmp_path: Path) -> None:
    chain = float_built / f"host-{runtime}"
    manifest = open_bundle(chain).manifest
    assert [part.name for part in manifest.parts] == ["model", "see", "hear", "fuse"]
    assert manifest.parts[0].runtime == f"chain:{runtime}"
    assert [edge.target for edge in manifest.edges] == ["fuse.seen", "fuse.heard"]
    given = samples()
    np.testing.assert_allclose(ran(chain, tmp_path, **given), one_graph(root, **given), atol=1e-5)
    np.testing.assert_allclose(ran(chain, tmp_path, image=given["image"]), one_graph(root, given["image"]), atol=1e-5)


@pytest.fixture(scope="module")
def mixed(root: Path) -> Path:
    """The same with a part on another runtime, and something that stands in for what it gives."""
    text = (root / "edgebuild.toml").read_text(encoding="utf-8")
    for place, more in (
        ("[parts.hear]\n", 'targets = { host-onnxruntime = "host-litert" }\n'),
        ("[parts.fuse.inputs.heard]\n", "absent = 0.5\n"),
    ):
        text = text.replace(place, place + more)
    (root / "mixed.toml").write_text(text, encoding="utf-8")
    return root / "mixed.toml"


@pytest.mark.usefixtures("mixed")
def test_a_part_on_another_runtime_and_what_stands_in_for_it(root: Path, tmp_path: Path) -> None:
    bundle = built(root, "mixed.toml", ["host-onnxruntime"]).built[0].bundle
    assert bundle is not None
    assert [part.runtime for part in bundle.manifest.parts] == [
        "chain:onnxruntime+litert", "onnxruntime", "litert", "onnxruntime",
    ]  # fmt: skip
    given = samples()
    np.testing.assert_allclose(ran(bundle.path, tmp_path, **given), one_graph(root, **given), atol=1e-5)
    found = ran(bundle.path, tmp_path, image=given["image"])
    np.testing.assert_allclose(found, one_graph(root, given["image"], heard=0.5), atol=1e-5)


@pytest.fixture(scope="module")
def both(root: Path) -> Bundle:
    """Two parts, in int8 too."""
    bundle = built(root, "late.toml", ["host-onnxruntime"], "short").built[0].bundle
    assert bundle is not None
    return bundle


def test_every_part_is_checked_by_itself_and_with_the_others(
    both: Bundle, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    whole, see, late = both.manifest.parts
    assert {variant.precision for variant in whole.variants} == {"float32", "int8"}
    assert see.alone or late.alone
    for part in (see, late):
        assert part.golden is not None
        assert part.golden.file == f"parts/{part.name}/golden.npz"
    exact = next(variant for variant in whole.variants if variant.precision == "float32")
    assert exact.parity is not None
    assert exact.parity.max_abs < 1e-5
    assert main(["verify", str(both.path), "--require", "golden"]) == 0
    said = capsys.readouterr().out
    assert "see float32 differs by" in said
    assert "late float32 differs by" in said
    model = both.path / see.variants[0].files[0].name
    whole_bytes = model.read_bytes()
    model.write_bytes(whole_bytes[:-1] + b"x")
    try:
        assert main(["verify", str(both.path)]) == 1
    finally:
        model.write_bytes(whole_bytes)


def test_the_whole_and_each_part_are_judged_by_their_own_budgets(
    both: Bundle, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["gate", str(both.path), "--project", str(root), "--json"]
    assert main(command) == 0
    size = json.loads(capsys.readouterr().out)["result"]["lines"][0]["estimate"]
    assert size == both.manifest.parts[0].variants[0].size
    assert main([*command, "--part", "see", "--precision", "float32"]) == 1
    verdict = json.loads(capsys.readouterr().out)["result"]
    assert (verdict["part"], verdict["lines"][0]["budget"]["metric"]) == ("see", "model_size")
    assert main(["report", str(both.path), "--project", str(root), "--html", str(root / "page.html")]) == 0
    page = (root / "page.html").read_text(encoding="utf-8")
    assert "Every part, in the order they run" in page
    assert "seen of see, sound" in page
    assert "Sensitivity: the whole with one part alone in int8" in page
    assert main([*command, "--part", "hear"]) == 2


@pytest.mark.slow
def test_the_whole_and_each_part_are_timed(both: Bundle, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", str(both.path), "--project", str(root), "-p", "short", "--json"]
    assert main(command) in (0, 4)
    rows = json.loads(capsys.readouterr().out)["result"]["measured"]
    timed = [row["part"] for row in rows if row["metric"] == "latency_p50"]
    assert timed == ["model", "see", "late"]


def test_layers_are_of_one_part(both: Bundle, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(both.path), "--project", str(root), "--profile"]) == 2
    assert "--part with one of see, late" in capsys.readouterr().err


def test_what_parts_can_not_have_yet_is_said(root: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = (root / "edgebuild.toml").read_text(encoding="utf-8")
    (root / "misfit.toml").write_text(text.replace("[1, 4]\n[parts.fuse", "[1, 3]\n[parts.fuse"), encoding="utf-8")
    assert main(["build", str(root / "misfit.toml"), "-o", str(tmp_path / "out")]) == 2
    assert "fuse takes seen as float32 [1, 3]; see gives float32 [1, 4]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    for command in ("inspect", "check"):
        assert main([command, str(root / "misfit.toml")]) == 2
        assert "fuse takes seen as float32 [1, 3]; see gives float32 [1, 4]" in capsys.readouterr().err
    assert main(["inspect", str(root), "-t", "ethos-u55-128"]) == 2
    assert "expected: a target whose CPU runs every part" in capsys.readouterr().err


def test_a_project_that_is_not_built_is_looked_into(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(mixed), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]
    assert told["parts"] == ["see", "hear", "fuse"]
    assert {one["runtime"] for one in told["variants"]} == {"torch"}
    assert main(["inspect", str(mixed), "-t", "host-onnxruntime"]) == 0
    said = capsys.readouterr().out
    assert said.index("part see") < said.index("part hear") < said.index("litert int8") < said.index("part fuse")
    assert said.count("onnxruntime int8") == 2
    assert "FULLY_CONNECTED" in said
    assert "as edgebuild build -t host-litert would make it" in said


def test_samples_are_held_against_all_parts(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["samples"] == 28
    text = (root / "edgebuild.toml").read_text(encoding="utf-8")
    for name in ("calibration", "selection"):
        text = text.replace(f'"{name}.npz"', f'"far_{name}.npz"')
        with np.load(root / f"{name}.npz") as given:
            np.savez(root / f"far_{name}.npz", **{**given, "image": 1000 * given["image"]})
    (root / "far.toml").write_text(text, encoding="utf-8")
    assert main(["check", str(root / "far.toml")]) == 4
    assert "[parts.see.inputs.image] suspected:" in capsys.readouterr().out


class Doubling:
    """A runtime whose models double what they are given, or add the two; it counts."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    def version(self) -> str:
        return "doubling 1"

    def Session(self, path: str, *_: object) -> Doubling.Loaded:  # noqa: N802 (as the runner's)
        return Doubling.Loaded(self, Path(path).name)

    class Loaded:
        """One model."""

        def __init__(self, runtime: Doubling, name: str) -> None:
            self.runtime, self.name = runtime, name
            self.sample: list[Any] = []

        def inputs(self) -> list[tuple[str, Any, tuple[int, ...]]]:
            names = ["u", "v"] if self.name == "sum" else [{"left": "a", "right": "b"}[self.name]]
            return [(name, np.dtype("float32"), (1, 2)) for name in names]

        def outputs(self) -> list[str]:
            return [{"left": "u", "right": "v", "sum": "y"}[self.name]]

        def feed(self, sample: list[Any]) -> None:
            self.sample = sample

        def run(self) -> None:
            self.runtime.runs.append(self.name)

        def read(self) -> list[Any]:
            return [sum(self.sample) if self.name == "sum" else 2 * self.sample[0]]


@pytest.fixture
def chained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Doubling]:
    """A chain on that runtime: ``y`` = 2 a + 2 b; without ``b``, 10 stands in for its half."""
    monkeypatch.syspath_prepend(str(Path(runner_file).parents[1]))
    from runner.chain import Chain  # type: ignore[import-not-found]

    def link(name: str, inputs: list[str], output: str, absent: dict[str, object]) -> dict[str, object]:
        (tmp_path / name).touch()
        told = {"name": name, "runtime": "doubling", "model": name, "inputs": inputs, "outputs": [output]}
        return told | {"absent": absent}

    stand_in = {"v": {"value": 10.0, "shape": [1, 2], "dtype": "float32"}}
    parts = [link("left", ["a"], "u", {}), link("right", ["b"], "v", stand_in), link("sum", ["u", "v"], "y", {})]
    told = {"inputs": ["a", "b"], "outputs": ["y"], "absent": {"b": 0.0}, "parts": parts}
    (tmp_path / "chain.json").write_text(json.dumps(told), encoding="utf-8")
    runtime = Doubling()
    return Chain({"doubling": runtime}).Session(str(tmp_path / "chain.json"), 1, None, "f32"), runtime


def answer(session: Any, a: float, b: float) -> float:
    session.feed([np.full((1, 2), value, np.float32) for value in (a, b)])
    session.run()
    return float(session.read()[0][0, 0])


def test_where_answers_are_wanted_no_part_runs_twice_for_the_same(chained: tuple[Any, Doubling]) -> None:
    session, runtime = chained
    session.keep()
    assert [answer(session, 1, b) for b in (5, 6, 5)] == [12, 14, 12]
    assert runtime.runs == ["left", "right", "sum", "right", "sum"]
    session.restart()
    assert answer(session, 2, 6) == 16
    assert runtime.runs[5:] == ["left", "sum"]


def test_a_part_whose_input_is_missing_does_not_run(chained: tuple[Any, Doubling]) -> None:
    session, runtime = chained
    session.keep()
    assert answer(session, 1, 0) == 12
    assert runtime.runs == ["left", "sum"]


def test_where_times_are_wanted_everything_runs_every_time(chained: tuple[Any, Doubling]) -> None:
    session, runtime = chained
    assert [answer(session, 1, b) for b in (5, 5, 0)] == [12, 12, 2]
    assert runtime.runs == ["left", "right", "sum"] * 3


def test_a_chain_reads_no_file_outside_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(runner_file).parents[1]))
    from runner.chain import Chain
    from runner.faults import Fault  # type: ignore[import-not-found]

    part = {"name": "left", "runtime": "doubling", "model": "../left", "inputs": ["a"], "outputs": ["u"]}
    (tmp_path / "chain.json").write_text(json.dumps({"parts": [part]}), encoding="utf-8")
    with pytest.raises(Fault, match="a file beside the chain is expected"):
        Chain({"doubling": Doubling()}).Session(str(tmp_path / "chain.json"), 1, None, "f32")
