"""Layers that a project keeps float, both variants in one bundle, and what ``bench --profile`` says of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_project import edit, make_project

from edgebuild.cli.main import main
from edgebuild.core.artifact import Artifact, Rejected
from edgebuild.core.errors import ConfigError, ConfigErrors
from edgebuild.core.layers import LayerTimes
from edgebuild.core.origin import SourceNode
from edgebuild.pipeline.project import build_project
from edgebuild.profiling import ProfiledBundle
from edgebuild.quant import calibrate as calibration
from edgebuild.quant.calibrate import calibrate
from edgebuild.quant.named_layers import named_nodes
from edgebuild.store.bundle import Bundle
from edgebuild.store.cache import Cache
from edgebuild.store.catalog import find_target
from edgebuild.store.evidence import read_evidence
from edgebuild.store.toml import load_project

NODES = (SourceNode(id="conv2d", operator="aten.conv2d", module="body.0.conv"),
         SourceNode(id="relu", operator="aten.relu", module="body.0"),
         SourceNode(id="linear", operator="aten.linear", module="head"))  # fmt: skip


@pytest.mark.parametrize(
    ("patterns", "nodes"),
    [(["body.*"], ("conv2d", "relu")), (["body.*.conv"], ("conv2d",)), (["linear", "head"], ("linear",)), ([], ())],
)
def test_layers_are_named_by_module_or_node(patterns: list[str], nodes: tuple[str, ...]) -> None:
    assert named_nodes(patterns, NODES) == nodes


def test_a_name_that_no_layer_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'haed'[\s\S]*did you mean head"):
        named_nodes(["haed"], NODES)


def test_another_target_is_refused(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    edit(root / "edgebuild.toml", "seed = 0\n", 'seed = 0\nkeep_float.pi = ["second"]\n')
    with pytest.raises((ConfigError, ConfigErrors), match=r"keep_float\.pi"):
        load_project(root)


EXACT: list[set[str]] = []
"""Of each calibration, the nodes that it left unrounded."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of float and of int8 with one convolution in float, whichever was faster on the day."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "calibrate", _noting_what_is_exact)
        return _built(tmp_path_factory)


def _noting_what_is_exact(*arguments: Any) -> Any:
    EXACT.append(set(arguments[-1]))
    return calibrate(*arguments)


def _built(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = make_project(tmp_path_factory.mktemp("both") / "project")
    edit(root / "edgebuild.toml", 'targets = ["board"]', 'targets = ["host-onnxruntime"]\nkeep_both = true')
    edit(root / "edgebuild.toml", "seed = 0\n", 'seed = 0\nkeep_float.host-onnxruntime = ["second"]\n')
    (built,) = build_project(root, cache=Cache(root.parent / "cache")).built
    assert built.error is None
    assert built.bundle
    return built.bundle


@pytest.mark.slow
def test_both_variants_are_kept_and_the_named_layer_is_float(both: Bundle) -> None:
    (part,) = both.manifest.parts
    variants = {variant.precision: variant for variant in part.variants}
    assert set(variants) == {"float32", "int8"}
    assert "1-named-float" in variants["int8"].setting
    assert all(variant.speed for variant in variants.values())
    assert not any(one.precision == "float32" for one in both.manifest.rejected)
    artifact = Artifact.model_validate_json(both.read("int8/artifact.json"))
    kept = {layer.module.partition(" ")[0]: layer.float_kept for layer in artifact.layers}
    assert kept["second"]
    assert not kept["first"]
    second = {node.id for node in artifact.origins.nodes if node.module == "second"}
    assert second
    assert EXACT
    assert all(exact == second for exact in EXACT), "what follows is calibrated on values that it will see"


@pytest.mark.slow
def test_the_command_tells_both_side_by_side_and_keeps_it(both: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    root = both.path.parents[2]
    assert main(["bench", "--profile", str(both.path), "--project", str(root), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["result"]["profiled"]
    assert {one["precision"] for one in told["profiles"]} == {"float32", "int8"}
    assert all(one["mapped"] >= 0.8 and one["whole_ns"] > 0 for one in told["profiles"])
    assert {name for row in told["comparison"]["layers"] for name in row["modules"]} >= {"first", "second", "head"}
    kept = [record.payload for record in read_evidence(both) if record.kind == "layers"]
    assert {one.key.precision for one in kept if isinstance(one, LayerTimes)} == {"float32", "int8"}
    assert main(["bench", "--profile", str(both.path), "--project", str(root), "--precision", "int8"]) == 0
    assert "module" in capsys.readouterr().out


@pytest.mark.slow
def test_a_bundle_of_one_variant_says_how_to_see_both(both: Bundle) -> None:
    (part,) = both.manifest.parts
    exact, rounded = sorted(part.variants, key=lambda variant: variant.precision)
    gone = Rejected(precision="int8", setting="minmax", reason="int8 is not faster here", speed=rounded.speed)
    alone = both.manifest.model_copy(
        update={"parts": (part.model_copy(update={"variants": (exact,)}),), "rejected": (gone,)}
    )
    target = find_target("host-onnxruntime")
    hint = ProfiledBundle(dataclasses.replace(both, manifest=alone), target, {}, {}).hint
    assert "int8 is not faster here" in hint
    assert "keep_both = true" in hint
    assert ProfiledBundle(both, target, {}, {}).hint == ""


def test_two_kinds_of_runs_are_not_made_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--profile", "--exact", str(tmp_path)]) == 2
    assert "--exact" in capsys.readouterr().err
