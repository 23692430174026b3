"""Models with state on every runtime: driven step by step, and quantized with one scale at both ends of the state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgebuild.backends import find_backend
from edgebuild.backends.base import Exported
from edgebuild.bench.bench import Bench
from edgebuild.bench.given import Steps, states_of
from edgebuild.core.errors import ConfigError
from edgebuild.core.plan import Range
from edgebuild.core.profile import Measuring
from edgebuild.core.project import InputSpec, ModelSource
from edgebuild.core.signature import Dequantize, Quantize, Role
from edgebuild.core.target import Int8Scheme, RuntimeOptions
from edgebuild.devices.transports.local import open_local
from edgebuild.models.graph import TorchModel, export_module
from edgebuild.models.ports import input_tables
from edgebuild.models.tflite_file import load_tflite
from edgebuild.quant.runtime_plan import as_fed
from edgebuild.steps.preprocess import apply_steps

RUNTIMES = ("onnxruntime", "litert", "openvino")
SPECS = {"x": InputSpec(shape=(1, 4)), "h": InputSpec(shape=(1, 4), role=Role.STATE, fed_by="new")}
OPTIONS = RuntimeOptions()
ROWS = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
LENGTH = 6


class Elman(nn.Module):
    """The state comes from a tanh, to which integers give a scale of its own, and is read inside."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.Linear(8, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh(self.cell(torch.cat([x, h], 1)))
        return self.head(h), h


@pytest.fixture(scope="module")
def model() -> TorchModel:
    torch.manual_seed(1)
    return export_module(Elman(), SPECS, ("scores", "new"))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(open_local()) as opened:
        yield opened


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_steps_are_driven_and_rounded(runtime: str, model: TorchModel, bench: Bench, tmp_path: Path) -> None:
    backend = find_backend(runtime)
    exact = backend.export(model)
    expected = model.run({"x": ROWS}, LENGTH)
    found = driven(bench, runtime, exact)
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-5)
    run = bench.latency_run(runtime, exact.files, steps(exact), OPTIONS, Measuring(min_samples=20, min_seconds=0.0))
    assert len(run.samples_ns) >= 20

    full = runtime == "litert"
    scheme = Int8Scheme(activation_dtype="u8", dot_product="saturating" if runtime == "openvino" else None)
    if full:
        scheme = Int8Scheme(activation_dtype="s8", io="int8", full_integer=True)
    made = backend.quantize(exact, ranges_of(runtime, exact), (), scheme)
    rounded = driven(bench, runtime, made)
    assert np.abs(rounded[0] - expected[0]).max() < 0.1
    if full:
        (state,) = made.signature.fed
        into, out = made.signature.pre["h"][-1], made.signature.post["new"][0]
        assert isinstance(into, Quantize)
        assert isinstance(out, Dequantize)
        assert (into.scale, into.zero_point) == (out.scale, out.zero_point)
        assert state.state.zero_point == into.zero_point
        drive_as_a_file(exact, bench, expected, tmp_path / "model.tflite")


def drive_as_a_file(exported: Exported, bench: Bench, expected: tuple[np.ndarray, ...], place: Path) -> None:
    """The same as somebody else's file, whose inputs are called what its signature calls them."""
    data = exported.files["model.tflite"]
    place.write_bytes(data)
    source = ModelSource(source=place.name, inputs={"h": SPECS["h"]})
    found = load_tflite(place, data, source)
    assert {spec.name for spec in found.signature.inputs} == {"x", "h"}
    assert input_tables(place).count("[model.inputs.") == 2
    with pytest.raises(ConfigError, match="one of: "):
        load_tflite(place, data, ModelSource(source=place.name, inputs={"state": SPECS["h"]}))
    driven_again = driven(bench, "litert", Exported(exported.files, found.signature))
    np.testing.assert_allclose(driven_again[0], expected[0], atol=1e-5)


def test_a_state_that_the_model_has_not_is_the_callers_fault(model: TorchModel, bench: Bench) -> None:
    exact = find_backend("onnxruntime").export(model)
    (state,) = states_of(exact.signature)
    wrong = Steps({"x": ROWS}, (state.model_copy(update={"input": "other"}),), LENGTH)
    with pytest.raises(ConfigError, match="no input other"):
        bench.infer("onnxruntime", exact.files, wrong, OPTIONS)


def steps(exported: Exported) -> Steps:
    given = apply_steps(ROWS, exported.signature.pre.get("x", ()))
    return Steps({"x": given}, states_of(exported.signature), LENGTH)


def driven(bench: Bench, runtime: str, exported: Exported) -> list[np.ndarray]:
    names = [spec.name for spec in exported.signature.outputs]
    found = bench.infer(runtime, exported.files, steps(exported), OPTIONS, names)
    return [apply_steps(v, exported.signature.post.get(n, ())) for n, v in zip(names, found, strict=True)]


def ranges_of(runtime: str, exact: Exported) -> dict[str, Range]:
    """What the float model's tensors reach, a state's joined with that of what feeds it."""
    backend, h = find_backend(runtime), np.zeros((1, 4), np.float32)
    limits: dict[str, tuple[float, float]] = {}
    names = backend.tensor_names(exact.files, exact.signature)
    for row in ROWS:
        tensors = next(backend.observe(exact.files, [{"x": row[None], "h": h}]))
        h = tensors[names[1]["new"]]
        for name, value in tensors.items():
            if value.dtype == np.float32:
                low, high = limits.get(name, (0.0, 1e-6))
                limits[name] = min(low, float(value.min())), max(high, float(value.max()))
    found = {name: Range(low=low, high=high) for name, (low, high) in limits.items()}
    joined = as_fed(found, exact.signature, names)
    assert joined[names[0]["h"]] == joined[names[1]["new"]]
    return joined
