"""The tables of instructions and what has to hold of them, the counts kept on disk, and the edits of a model."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from edgebuild.bench.bench import Bench
from edgebuild.bench.empty_models import empty_model
from edgebuild.bench.exact import with_fixed_seed
from edgebuild.core.digest import Digest, digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.devices.transports.local import open_local
from edgebuild.judge.exact import instructions_of, judge_instructions

SCRIPTS = Path(__file__).parents[2] / "scripts"
CPUS = ("new", "old")


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])


def model() -> bytes:
    """A convolution of 3 to 64 channels at 8 x 8, a pool and a classifier."""
    from onnx import TensorProto, helper, numpy_helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["f"], pads=[2] * 4),
        helper.make_node("GlobalAveragePool", ["f"], ["p"]),
        helper.make_node("Flatten", ["p"], ["v"]),
        helper.make_node("Gemm", ["v", "g"], ["y"]),
    ]
    random = np.random.default_rng(3)
    shapes = {"w": (64, 3, 5, 5), "b": (64,), "g": (64, 10)}
    weights = [numpy_helper.from_array(random.standard_normal(s).astype(np.float32), n) for n, s in shapes.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = made.SerializeToString()
    return data


def test_one_layer_more_has_about_the_share_that_was_asked_for() -> None:
    import onnx
    import onnxruntime
    from exact_models import renamed, with_one_layer_more

    total = 64 * 3 * 25 * 64 + 640
    edited, share = with_one_layer_more(model(), 0.1)
    groups = 8  # of 1, 2, 4, … 64: 64 * 64 / 8 * 64 products are nearest to a tenth
    assert share == pytest.approx(64 * 64 * 64 / groups / total)
    kinds = [node.op_type for node in onnx.load_from_string(edited).graph.node]
    assert kinds == ["Conv", "Conv", "GlobalAveragePool", "Flatten", "Gemm"]
    value = {"x": np.ones((1, 3, 8, 8), np.float32)}
    assert onnxruntime.InferenceSession(edited).run(None, value)[0].shape == (1, 10)
    again = renamed(model())
    assert again != model()
    first, second = (onnxruntime.InferenceSession(data).run(None, value)[0] for data in (model(), again))
    np.testing.assert_array_equal(first, second)


def test_the_table_shows_spreads_and_ratios() -> None:
    from exact_table import spread, table

    assert spread([1000, 1001, 1000]) == pytest.approx(0.001)
    counts = {
        ("new", "net", "float32"): [4000, 4001], ("new", "net", "int8"): [1000, 1000],
        ("old", "net", "float32"): [4000, 4000], ("old", "net", "int8"): [2500, 2000],
    }  # fmt: skip
    lines = table(counts, ("new", "old")).splitlines()
    assert lines[2] == "| net | float32 | 4,001, 0.025 % | 4,000, 0.000 % | 1.00 |  |"
    assert lines[3] == "| net | int8 | 1,000, 0.000 % | 2,500, 25.000 % | 2.000 to 2.500 | 4.00 |"
    assert "–" in table({("new", "net", "int8"): [5]}, ("new", "old"))


def test_a_model_without_a_place_for_one_more_layer_is_refused_in_words() -> None:
    import onnx
    from exact_models import with_one_layer_more

    flat = onnx.load_from_string(model())
    del flat.graph.node[1:3]
    flat.graph.node[1].input[0] = "f"
    with pytest.raises(ConfigError, match="has no layer that pools images; its layers are Conv, Gemm") as refused:
        with_one_layer_more(flat.SerializeToString())
    assert "GlobalAveragePool" in refused.value.message


def full(**changed: list[int]) -> dict[tuple[str, str, str], list[int]]:
    """Three counts of each, all as they have to be; ``new_int8`` and the like change one."""
    counts = {
        "new_float32": [4000, 4000, 4001], "new_int8": [1000, 1000, 1000],
        "old_float32": [4000, 4000, 4000], "old_int8": [2000, 2000, 2000],
    } | changed  # fmt: skip
    return {(key.partition("_")[0], "net", key.partition("_")[2]): made for key, made in counts.items()}


def test_what_was_counted_as_it_has_to_be_has_no_faults() -> None:
    from exact_table import lacking, mixed, unsteady

    assert lacking(full(), CPUS, ["net"], 3) == []
    assert unsteady(full()) == []
    assert mixed(full(), CPUS) == []


def test_missing_boots_and_missing_models_are_named() -> None:
    from exact_table import lacking

    assert lacking(full(new_int8=[1000, 1000]), CPUS, ["net"], 3) == ["net int8 on new: counted in 2 boots of 3"]
    found = lacking(full(), CPUS, ["net", "other"], 3)
    assert found == [f"other {p} on {cpu}: counted in 0 boots of 3" for cpu in CPUS for p in ("float32", "int8")]
    assert lacking({("new", "net, renamed", "float32"): [5]}, (), [], 3) == [
        "net, renamed float32 on new: counted in 1 boots of 3"
    ]


def test_counts_that_differ_by_more_than_a_thousandth_do_not_repeat() -> None:
    from exact_table import unsteady

    assert unsteady(full(old_int8=[100_000, 100_100, 100_000])) == []
    (found,) = unsteady(full(old_int8=[100_000, 100_101, 100_000]))
    assert found == "net int8 on old: does not repeat, its counts differ by 0.101 %"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"new_int8": [4000, 3990, 4000]}, ["net float32 on new and net int8 on new do not lie apart"]),
        ({"new_int8": [4003, 4003, 4003]}, ["net float32 on new and net int8 on new do not lie apart"]),
        ({"new_int8": [4006, 4006, 4006]}, []),
        ({"old_int8": [1000, 999, 1001]}, ["net int8 on new and net int8 on old do not lie apart"]),
        ({"old_int8": []}, ["net float32 on old and net int8 on old", "net int8 on new and net int8 on old"]),
    ],
)
def test_ranges_that_touch_do_not_lie_apart(changed: dict[str, list[int]], words: list[str]) -> None:
    from exact_table import mixed

    found = mixed(full(**changed), CPUS)
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_an_edit_is_shown_with_its_share_of_the_instructions() -> None:
    from exact_table import edits_table

    def run(count: int) -> Run:
        return Run(mode=Mode.EXACT, samples_ns=(count + 5,) * 20, empty_ns=(5,) * 20)

    budget, baseline = Budget(metric="instructions_change", limit=0.5), [run(100_000), run(100_000)]
    line = judge_instructions(budget, [run(101_000), run(101_010)], baseline, Basis.VIRTUAL)
    unknown = judge_instructions(budget, [], baseline, Basis.VIRTUAL)
    rows = edits_table({("one layer more", "new"): line, ("renamed", "new"): unknown}).splitlines()
    assert rows[2] == "| one layer more | new | +1.000 % to +1.010 % | FAIL: every run is above the limit |"
    assert rows[3] == "| renamed | new | – | INCONCLUSIVE: 0 exact runs; at least 2 have to agree |"


def board(**versions: str) -> Bench:
    """This machine in the place of a board."""
    known = {"qemu": "7.2.0", "kernel": "6.1", "cpu": "cortex-a76", "clock": "instructions"}
    played = dataclasses.replace(open_local(), basis=Basis.VIRTUAL, versions=known | versions)
    return Bench(with_fixed_seed(played))


@pytest.fixture
def models() -> dict[Digest, bytes]:
    (data,) = empty_model("onnxruntime").values()
    return {digest_bytes(each): each for each in (data, model())}


def test_a_boot_that_was_cut_is_made_up_for_and_what_was_counted_stays(
    tmp_path: Path, models: dict[Digest, bytes]
) -> None:
    from exact_counts import count_boot, read_counts

    kept, (first, second) = tmp_path / "counts.jsonl", models
    with board() as bench:
        assert set(count_boot(bench, {first: models[first]}, kept, 0)) == {(first, 0)}
        before = read_counts(kept)
        with kept.open("ab") as file:
            file.write(b'{"model": "torn')
        held = count_boot(bench, models, kept, 0)
        assert set(held) == {(first, 0), (second, 0)}
        assert held[first, 0] == before[0]
        assert [count.model for count in read_counts(kept)] == [first, second]
        assert instructions_of(held[second, 0].run) is not None
        assert set(count_boot(bench, models, kept, 1)) == {(m, boot) for m in models for boot in (0, 1)}
        assert len(read_counts(kept)) == 4


def test_counts_of_other_versions_do_not_hold_and_stay(tmp_path: Path, models: dict[Digest, bytes]) -> None:
    from exact_counts import count_boot, read_counts

    kept = tmp_path / "counts.jsonl"
    with board() as bench:
        count_boot(bench, models, kept, 0)
    with board(qemu="9.1.0") as bench:
        held = count_boot(bench, models, kept, 1)
    assert set(held) == {(m, 1) for m in models}
    assert {count.toolchain["qemu"] for count in held.values()} == {"9.1.0"}
    assert len(read_counts(kept)) == 4


def test_a_line_that_is_no_count_is_named(tmp_path: Path) -> None:
    from exact_counts import read_counts

    kept = tmp_path / "counts.jsonl"
    assert read_counts(kept) == []
    kept.write_text('{"boot": -1}\n')
    with pytest.raises(ConfigError, match="line 1: is no count"):
        read_counts(kept)
