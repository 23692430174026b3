"""One signature of a TFLite file that has several, as a model of its own."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import ModelSource
from edgebuild.models.tflite_file import load_tflite

WIDTHS = {"encode": (4, 3), "decode": (3, 2)}


@pytest.fixture(scope="module")
def layers() -> dict[str, torch.nn.Linear]:
    torch.manual_seed(0)
    return {name: torch.nn.Linear(*widths) for name, widths in WIDTHS.items()}


@pytest.fixture(scope="module")
def data(layers: dict[str, torch.nn.Linear], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    import litert_torch

    encode, decode = layers["encode"].eval(), layers["decode"].eval()
    file = tmp_path_factory.mktemp("signatures") / "two.tflite"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's, inside the converter
        made = litert_torch.signature("encode", encode, (torch.zeros(1, 4),))
        made.signature("decode", decode, (torch.zeros(1, 3),)).convert().export(str(file))
    return file.read_bytes()


@pytest.mark.parametrize("name", WIDTHS)
def test_the_one_that_is_named_computes_what_it_did(name: str, data: bytes, layers: dict[str, torch.nn.Linear]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    model = load_tflite(Path("two.tflite"), data, ModelSource(source="two.tflite", signature=name))
    assert [tuple(spec.shape) for spec in model.signature.inputs] == [(1, WIDTHS[name][0])]
    other = next(each for each in WIDTHS if each != name)
    assert layers[name].weight.detach().numpy().tobytes() in model.data
    assert layers[other].weight.detach().numpy().tobytes() not in model.data
    interpreter = Interpreter(model_content=model.data)
    given = np.random.default_rng(1).normal(size=(1, WIDTHS[name][0])).astype(np.float32)
    found = interpreter.get_signature_runner(name)(args_0=given)
    wanted = layers[name](torch.from_numpy(given)).detach().numpy()
    np.testing.assert_allclose(next(iter(found.values())), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "words"), [("", "has 2"), ("encoder", "no signature 'encoder'")])
def test_one_has_to_be_named(name: str, words: str, data: bytes) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_tflite(Path("two.tflite"), data, ModelSource(source="two.tflite", signature=name))
    assert "one of encode, decode" in caught.value.message


def test_only_a_tflite_file_has_several() -> None:
    with pytest.raises(ValueError, match=r"only a \.tflite file"):
        ModelSource(source="model.onnx", signature="encode")
