from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.models.graph import TorchModel, export_module

X = {"x": InputSpec(shape=(1, 4))}


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.head = nn.Linear(4, 5)
        self.drop = nn.Dropout(0.9)

    def forward(self, x: torch.Tensor, k: torch.Tensor) -> dict[str, object]:
        y = self.body(x)
        return {"a": self.drop(self.head(y.mean((2, 3)))), "b": (y, k + 1)}


SPECS = {"k": InputSpec(shape=(1, 2), dtype="int64"), "x": InputSpec(shape=(1, 3, 6, 6), layout="NCHW")}


def test_signature_follows_forward_and_flattens_outputs() -> None:
    model = export_module(Two(), SPECS)
    assert [(s.name, s.dtype, s.shape, s.layout) for s in model.signature.inputs] == [
        ("x", "float32", (1, 3, 6, 6), "NCHW"),
        ("k", "int64", (1, 2), ""),
    ]
    assert [(s.name, s.shape) for s in model.signature.outputs] == [
        ("output_0", (1, 5)),
        ("output_1", (1, 4, 4, 4)),
        ("output_2", (1, 2)),
    ]
    assert model.signature.outputs[2].dtype == "int64"


def test_names_that_are_not_forwards_are_matched_by_order() -> None:
    specs = {"image": SPECS["x"], "count": SPECS["k"]}
    model = export_module(Two(), specs, ("scores", "map", "next"))
    assert [s.name for s in model.signature.inputs] == ["image", "count"]
    assert [s.name for s in model.signature.outputs] == ["scores", "map", "next"]


def test_run_is_the_module_in_evaluation_mode_sample_by_sample() -> None:
    module = Two()
    model = export_module(module, SPECS)
    x = np.random.default_rng(0).normal(size=(3, 3, 6, 6)).astype(np.float32)
    k = np.arange(6).reshape(3, 2)
    scores, maps, following = model.run({"x": x, "k": k})
    with torch.no_grad():
        wanted = module.eval()(torch.from_numpy(x), torch.from_numpy(k))
    np.testing.assert_allclose(scores, wanted["a"].numpy(), rtol=1e-5, atol=1e-6)
    assert maps.shape == (3, 4, 4, 4)
    np.testing.assert_array_equal(following, k + 1)


def test_nodes_carry_module_paths_and_lines_without_folders() -> None:
    model = export_module(Two(), SPECS)
    conv = next(node for node in model.nodes if node.operator == "aten.conv2d")
    assert conv.module == "body.0"
    name, line = conv.location.split(":")
    assert name == Path(__file__).name
    assert "self.body(x)" in Path(__file__).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    traces = [n.meta.get("stack_trace") or "" for n in model.program.graph.nodes]
    assert not any(str(Path(__file__).parent) in trace or sys.prefix in trace for trace in traces)


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    model = export_module(Two(), SPECS)
    model.save(tmp_path)
    again = TorchModel.load(tmp_path)
    assert (again.digest, again.signature, again.nodes) == (model.digest, model.signature, model.nodes)
    inputs = {"x": np.ones((1, 3, 6, 6), np.float32), "k": np.zeros((1, 2), np.int64)}
    for one, other in zip(model.run(inputs), again.run(inputs), strict=True):
        np.testing.assert_array_equal(one, other)
    assert str(Path(__file__).parent).encode() not in (tmp_path / "model.pt2").read_bytes()


def test_digest_sees_weights_graph_and_names() -> None:
    base = export_module(Two(), SPECS).digest
    changed = Two()
    with torch.no_grad():
        changed.head.bias[0] += 1e-3
    assert export_module(changed, SPECS).digest != base
    assert export_module(Two(), SPECS, ("a", "b", "c")).digest != base
    assert export_module(Two(), SPECS).digest == base


def test_digest_is_the_same_in_another_folder_and_process(tmp_path: Path) -> None:
    source = (
        "import torch\nfrom torch import nn\nclass M(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        torch.manual_seed(0)\n        self.l = nn.Linear(4, 2)\n    def forward(self, x):\n"
        "        return self.l(x).relu()\n"
    )
    run = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom m import M\n"
        "from edgebuild.models.graph import export_module\n"
        "from edgebuild.core.project import InputSpec\nprint(export_module(M(), {'x': InputSpec(shape=(1, 4))}).digest)"
    )
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.py").write_text(source, encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", run, str(tmp_path / name)]
        digests.add(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
    assert len(digests) == 1


class Branch(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


class Indexed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[x > 0]


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x * self.calls


class Wrong(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(7, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.l(x)


class Constant(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        return x * 2, 3


class Double(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.double()


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Branch(), ["data-dependent control flow at test_models_graph.py:", "torch.where"]),
        (Indexed(), ["aten.index", "not fixed", "test_models_graph.py:"]),
        (Counting(), ["in place", "calls"]),
        (Wrong(), ["cannot be exported at test_models_graph.py:", "7"]),
        (Constant(), ["output 1", "constant 3"]),
        (Double(), ["float64", "test_models_graph.py:"]),
    ],
)
def test_what_cannot_be_exported_is_refused_in_words(
    module: nn.Module, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BuildError) as caught:
        export_module(module, X)
    for word in words:
        assert word in caught.value.message
    assert capfd.readouterr() == ("", "")


def test_an_operator_without_a_fake_implementation_is_named() -> None:
    @torch.library.custom_op("edgebuild_test::odd", mutates_args=())
    def odd(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return odd(x)

    with pytest.raises(BuildError, match=r"unsupported operator edgebuild_test::odd at test_models_graph.py:\d+"):
        export_module(Odd(), X)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(value: float) -> None:
    module = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    module[1].running_var[0] = value
    with pytest.raises(BuildError, match=r"1\.running_var \(1 of 2\)"):
        export_module(module, X)


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ({}, ["no input is declared"]),
        ({"x": SPECS["x"]}, ["'k'", "forward(x, k)"]),
        (SPECS | {"z": SPECS["k"]}, ["3 inputs are declared", "x, k"]),
    ],
)
def test_inputs_that_do_not_fit_forward(specs: dict[str, InputSpec], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        export_module(Two(), specs)
    for word in words:
        assert word in caught.value.message


def test_the_number_of_output_names_must_fit() -> None:
    with pytest.raises(ConfigError, match="2 different names for 3 outputs"):
        export_module(Two(), SPECS, ("a", "b"))
