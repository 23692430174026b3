"""Preprocessing as a part of the model: raw bytes give what the declared steps and the model gave, in every runtime."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_project import HOSTS, edit, make_project
from torch import nn

from edgebuild.cli.main import main
from edgebuild.core.errors import ConfigError
from edgebuild.core.folding import FoldAs, raw_layout, raw_shape
from edgebuild.core.project import InputSpec, ModelSource
from edgebuild.core.signature import AddAxis, Normalize, ReverseChannels, Transpose
from edgebuild.models.graph import TorchModel, export_module
from edgebuild.models.samples import Samples, prepare_inputs
from edgebuild.pipeline.project import build_project
from edgebuild.quant.fold import fold
from edgebuild.quant.fold_inputs import fold_inputs
from edgebuild.running import run_samples
from edgebuild.store.bundle import Bundle, open_bundle
from edgebuild.store.cache import Cache

FLOAT_SHARE = 1e-5
"""Of the outputs' range: float32 sums in another order."""
COLOURS = Normalize(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
IMAGE = (Transpose(order=(0, 3, 1, 2)), ReverseChannels(axis=1), COLOURS)
LAST = COLOURS.model_copy(update={"channel_axis": 3})


class Net(nn.Module):
    """A convolution, normalized, and a classifier."""

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=padding, bias=False)
        self.norm, self.head = nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        head: torch.Tensor = self.head(torch.relu(self.norm(self.first(image))).mean((2, 3)))
        return head


def exported(spec: InputSpec, padding: int) -> TorchModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return export_module(Net(padding).eval(), {"image": spec})


def folded(model: TorchModel, dtype: FoldAs) -> TorchModel:
    return fold_inputs(dataclasses.replace(model, program=fold(model.program)), {"image": dtype})


def pixels(count: int = 5) -> Samples:
    return Samples({"image": np.random.default_rng(0).integers(0, 256, (count, 6, 8, 3)).astype(np.uint8)})


def operators(model: TorchModel) -> list[str]:
    return [node.operator.removeprefix("aten.") for node in model.nodes]


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("steps", [IMAGE, (LAST, Transpose(order=(0, 3, 1, 2)), ReverseChannels(axis=2))])
def test_raw_values_give_what_declared_steps_gave(padding: int, dtype: FoldAs, steps: tuple[object, ...]) -> None:
    spec = InputSpec.model_validate({"shape": (1, 3, 6, 8), "layout": "NCHW", "pre": steps, "fold": dtype})
    model = exported(spec, padding)
    (wanted,) = model.run(prepare_inputs(pixels(), model.signature))
    inside = folded(model, dtype)
    (found,) = inside.run(prepare_inputs(pixels(), inside.signature))
    np.testing.assert_allclose(found, wanted, atol=FLOAT_SHARE * float(np.ptp(wanted)))
    (taken,) = inside.signature.inputs
    assert (taken.dtype, taken.shape, taken.layout) == (dtype, (1, 6, 8, 3), "NHWC")
    assert not inside.signature.pre
    assert inside.signature.folded == {"image": tuple(steps)}
    assert ("sub" in operators(inside)) == (padding > 0), "without padding the shift is in the bias"
    assert "mul" not in operators(inside)


def test_what_reads_the_input_twice_keeps_its_factor() -> None:
    class Twice(nn.Module):
        def forward(self, sound: torch.Tensor) -> torch.Tensor:
            return sound.abs().mean(1) + sound.amax(1)

    steps = [{"op": "normalize", "scale": 2**-15}, {"op": "normalize", "mean": [0.5], "std": [2.0]}]
    spec = InputSpec.model_validate({"shape": (1, 16), "pre": steps, "fold": "int16"})
    model = export_module(Twice().eval(), {"sound": spec})
    raw = Samples({"sound": np.random.default_rng(0).integers(-(2**15), 2**15, (4, 16)).astype(np.int16)})
    (wanted,) = model.run(prepare_inputs(raw, model.signature))
    inside = fold_inputs(dataclasses.replace(model, program=fold(model.program)), {"sound": "int16"})
    (found,) = inside.run(prepare_inputs(raw, inside.signature))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert operators(inside)[:3] == ["to", "sub", "mul"]


def test_a_resized_image_is_still_resized_before() -> None:
    steps = [{"op": "image"}, {"op": "resize", "size": [6, 8]}, *IMAGE]
    spec = InputSpec.model_validate({"shape": (1, 3, 6, 8), "pre": steps, "fold": "uint8"})
    signature = folded(exported(spec, 1), "uint8").signature
    assert [step.op for step in signature.pre["image"]] == ["image", "resize"]


def test_shapes_and_layouts_before_the_steps() -> None:
    steps = (AddAxis(axis=1), Transpose(order=(0, 2, 3, 1)))
    assert raw_shape((1, 4, 5, 1), steps) == (1, 4, 5)
    assert raw_layout("NHWC", steps) == "NHW"


BROKEN = {
    "nothing": ({}, "there is no step"),
    "spectra": ({"pre": [{"op": "log"}]}, "the last step is log"),
    "absent": ({"pre": [{"op": "normalize"}], "absent": "zeros"}, "never absent"),
    "integers": ({"pre": [{"op": "normalize"}], "dtype": "int64"}, "an input of float32"),
    "axes": ({"pre": [{"op": "transpose", "order": [0, 2, 1]}]}, "does not fit samples of 4 axes"),
    "zero": ({"pre": [{"op": "normalize", "scale": 0}]}, "the last step is normalize"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_folded_is_refused_with_its_reason(case: str) -> None:
    declared, said = BROKEN[case]
    with pytest.raises(ValueError, match=said):
        InputSpec.model_validate({"shape": (1, 3, 6, 8), "fold": "uint8", **declared})


@pytest.mark.parametrize("file", ["model.onnx", "model.tflite"])
def test_a_foreign_file_is_left_as_it_came(file: str) -> None:
    spec = {"shape": (1, 3, 6, 8), "pre": [{"op": "normalize"}], "fold": "float32"}
    with pytest.raises(ValueError, match="a file stays as it came"):
        ModelSource.model_validate({"source": file, "inputs": {"image": spec}})


FOLDED = """layout = "NCHW"
fold = "uint8"
pre = [{ op = "transpose", order = [0, 3, 1, 2] }, { op = "normalize", scale = 0.00390625, mean = [0.25] }]
"""


def bytes_project(root: Path) -> Path:
    """The tiny project on images of bytes, channels last, for the three host targets."""
    make_project(root)
    edit(root / "edgebuild.toml", 'layout = "NCHW"\n', FOLDED)
    edit(root / "edgebuild.toml", 'targets = ["board"]', f"targets = {list(HOSTS)}\nkeep_both = true")
    edit(root / "data.py", " * np.float32(GAIN)", "")
    edit(root / "data.py", ' + np.float32(os.environ.get("TINY_SHIFT", "0"))', "")
    for number, name in enumerate(("calibration", "selection", "evaluation")):
        random = np.random.default_rng([7, number])
        image = random.integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
        np.savez(root / f"{name}.npz", image=image, labels=random.integers(0, 4, 40))
    return root


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = bytes_project(tmp_path_factory.mktemp("folded") / "project")
    report = build_project(root, out=root / "out", cache=Cache(root.parent / "cache"))
    assert all(one.bundle is not None for one in report.built), [one.error for one in report.built]
    return root


def declared_answers(root: Path) -> np.ndarray:
    """What torch answers to the declared steps, written out."""
    space: dict[str, object] = {"__file__": str(root / "model.py")}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        exec((root / "model.py").read_text(encoding="utf-8"), space)
    raw = np.load(root / "evaluation.npz")["image"]
    given = torch.from_numpy(raw).permute(0, 3, 1, 2).float() / 256 - 0.25
    with torch.no_grad():
        answers: np.ndarray = space["make"]()(given).numpy()  # type: ignore[operator]
    return answers


@pytest.mark.parametrize("host", HOSTS)
def test_a_bundle_takes_raw_bytes(built: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, wanted = open_bundle(built / "out" / host), declared_answers(built)
    signature = bundle.manifest.parts[0].signature
    assert [(spec.dtype, spec.shape) for spec in signature.inputs] == [("uint8", (1, 8, 8, 1))]
    exact, rounded = (answered(bundle, built, precision) for precision in ("float32", "int8"))
    np.testing.assert_allclose(exact, wanted, atol=1e-4 * float(np.ptp(wanted)))
    noise = float(np.square(rounded - wanted).mean() / np.square(wanted).mean())
    assert noise < 0.01, "int8 is within 20 dB"
    capsys.readouterr()
    assert main(["inspect", str(built / "out" / host)]) == 0
    assert "inside image: transpose, normalize; before it: nothing" in capsys.readouterr().out


def answered(bundle: Bundle, root: Path, precision: str) -> np.ndarray:
    made: np.ndarray = run_samples(bundle, root / "evaluation.npz", None, None, precision, root).outputs["output"]
    return made


def test_floats_are_no_bytes(built: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "floats.npz", image=np.random.default_rng(0).random((2, 8, 8, 1)))
    with pytest.raises(ConfigError, match="samples are float64; the model takes uint8"):
        run_samples(open_bundle(built / "out" / HOSTS[0]), tmp_path / "floats.npz", None, None, "float32", tmp_path)
