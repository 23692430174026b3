"""Foreign models of several kinds, from a folder that holds the file and .npz data and not a line of Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from test_streaming_doc import FAST

from edgebuild.cli.main import main
from edgebuild.store.bundle import open_bundle

FLOAT, LONG, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
RANDOM = np.random.default_rng(0)
Made = tuple[onnx.GraphProto, str, Callable[[int], dict[str, np.ndarray]]]


def weights(**arrays: np.ndarray) -> list[onnx.TensorProto]:
    return [numpy_helper.from_array(value, name) for name, value in arrays.items()]


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def recurrent() -> Made:
    """An LSTM of one step with both of its states, and scores from the new one."""
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r", "", "", "h", "c"], ["", "h_new", "c_new"], "lstm", hidden_size=4),
        helper.make_node("Reshape", ["h_new", "flat"], ["row"], "reshape"),
        helper.make_node("Gemm", ["row", "head"], ["scores"], "head"),
    ]
    constants = weights(w=normal(1, 16, 3), r=normal(1, 16, 4), head=normal(4, 2), flat=np.array([1, 4]))
    states = [value(name, FLOAT, 1, 1, 4) for name in ("h", "c", "h_new", "c_new")]
    inputs, outputs = [value("x", FLOAT, 1, 1, 3), *states[:2]], [value("scores", FLOAT, 1, 2), *states[2:]]
    declared = "".join(
        f'[model.inputs.{name}]\nshape = [1, 1, 4]\nrole = "state"\nfed_by = "{name}_new"\n' for name in "hc"
    )
    graph = helper.make_graph(nodes, "recurrent", inputs, outputs, constants)
    return graph, declared, lambda count: {"x": normal(count, 5, 1, 3)}


def detector() -> Made:
    """Boxes and scores of four cells, and the indices of those that suppression leaves."""
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["cells"], "conv", strides=[4, 4]),
        helper.make_node("Sigmoid", ["cells"], ["sure"], "sigmoid"),
        helper.make_node("Reshape", ["sure", "shape"], ["columns"], "reshape"),
        helper.make_node("Transpose", ["columns"], ["rows"], "turn", perm=[0, 2, 1]),
        helper.make_node("Split", ["rows", "parts"], ["boxes", "scores"], "split", axis=2),
        helper.make_node("Transpose", ["scores"], ["by_class"], "turn_scores", perm=[0, 2, 1]),
        helper.make_node("NonMaxSuppression", ["boxes", "by_class", "most"], ["selected"], "nms"),
    ]
    constants = weights(
        w=normal(6, 3, 4, 4), shape=np.array([1, 6, 4]), parts=np.array([4, 2]), most=np.array([1], np.int64)
    )
    outputs = [value("boxes", FLOAT, 1, 4, 4), value("scores", FLOAT, 1, 4, 2), value("selected", LONG, "found", 3)]
    graph = helper.make_graph(nodes, "detector", [value("image", FLOAT, 1, 3, 8, 8)], outputs, constants)
    return graph, "", lambda count: {"image": normal(count, 3, 8, 8)}


def text() -> Made:
    """Ids of open length and a mask of truth values: the mean of the words' vectors where the mask is true."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["words"], "look_up"),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"], "widen"),
        helper.make_node("Where", ["wide", "words", "zero"], ["kept"], "where"),
        helper.make_node("ReduceMean", ["kept", "time"], ["mean"], "mean", keepdims=0),
        helper.make_node("Gemm", ["mean", "head"], ["scores"], "head"),
    ]
    constants = weights(
        table=normal(1000, 6), last=np.array([2]), zero=np.zeros(1, np.float32), time=np.array([1]), head=normal(6, 3)
    )
    inputs = [value("ids", LONG, "batch", "length"), value("mask", BOOL, "batch", "length")]
    graph = helper.make_graph(nodes, "text", inputs, [value("scores", FLOAT, "batch", 3)], constants)
    declared = (
        '[model.inputs.ids]\nshape = [1, 4]\nbuckets = [[1, 7]]\ndtype = "int64"\n'
        '[model.inputs.mask]\nshape = [1, 4]\nbuckets = [[1, 7]]\ndtype = "bool"\n'
    )

    def samples(count: int) -> dict[str, np.ndarray]:
        lengths = RANDOM.integers(2, 8, count)
        mask = np.arange(7) < lengths[:, None]
        return {"ids": np.where(mask, RANDOM.integers(1, 1000, (count, 7)), 0), "mask": mask}

    return graph, declared, samples


@pytest.mark.parametrize(
    ("made", "bundles"),
    [
        (recurrent, ["host-onnxruntime"]),
        (detector, ["host-onnxruntime"]),
        (text, ["host-onnxruntime-1x4", "host-onnxruntime-1x7"]),
    ],
    ids=["recurrent", "detector", "text"],
)
def test_a_file_and_data_are_enough(
    made: Callable[[], Made], bundles: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    graph, declared, samples = made()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    for name in ("calibration", "selection", "evaluation"):
        np.savez(tmp_path / f"{name}.npz", **samples(24))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "quick.toml").write_text(FAST)
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    file = tmp_path / "edgebuild.toml"
    sets = "".join(f'[data.{name}]\nsource = "{name}.npz"\n' for name in ("calibration", "selection", "evaluation"))
    written = file.read_text().replace('profile = "default"', 'profile = "quick"\nkeep_both = true')
    file.write_text((_with_tables(written, declared) if declared else written) + sets)
    assert main(["build"]) == 0, capsys.readouterr().err
    places = sorted((tmp_path / "build").glob("*/host-*"))
    assert [place.name for place in places] == bundles
    for place in places:
        assert main(["verify", str(place), "--require", "digests,golden"]) == 0, capsys.readouterr().out
        assert main(["inspect", str(place)]) == 0
        assert main(["gate", str(place), "--budget", "latency_p50=1 s", "--budget", "model_size=1 MiB"]) == 0
        bucket = open_bundle(place).manifest.parts[0].variants[0].bucket
        assert (bucket is not None) == (made is text)


def _with_tables(written: str, declared: str) -> str:
    """Other tables of inputs than those that ``init`` wrote."""
    head, _, rest = written.partition("which is 1.\n")
    assert "ids" in rest or "[model.inputs.h]" in rest, "init tells the inputs of the file"
    return f"{head}which is 1.\n{declared}{rest[rest.index(chr(10) + '[data]') :]}"
