"""Three planted faults, each named with its module, source line and fix; mended, everything is on the accelerator."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_project import edit, make_project

from edgebuild.cli.main import main
from edgebuild.store.bundle import open_bundle

TARGET = "stm32mp2-npu"
"""One scale a tensor, and no GELU."""
FORWARD = "return self.head(x.mean((2, 3))) * SCALE"
"""What the tiny network gives; here with a shape that depends on values, behind an activation that the NPU has not."""
RESHAPE, GELU = "return self.head(x[x > -1e9].reshape(1, -1))", "self.act = nn.GELU()"


def edgebuild(*words: str | Path) -> tuple[int, str, str]:
    """A command's exit code, what it printed, and what it said on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*map(str, words)])
    return code, out.getvalue(), " ".join(err.getvalue().split())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("faults") / "tiny")
    edit(root / "layers.py", "        self.head", f"        {GELU}\n        self.head")
    edit(root / "layers.py", "x = torch.relu(self.second(x) + x)", "x = self.act(self.second(x)).mean((2, 3))")
    edit(root / "layers.py", FORWARD, RESHAPE)
    for file in (Path(__file__).parents[2] / "targets").glob(f"{TARGET}.toml"):
        shutil.copy(file, root / "targets" / "per-channel.toml")
    edit(root / "targets" / "per-channel.toml", f'name = "{TARGET}"', 'name = "per-channel"')
    edit(root / "targets" / "per-channel.toml", '"per_tensor"', '"per_channel"')
    return root


def line_of(root: Path, text: str) -> str:
    lines = (root / "layers.py").read_text(encoding="utf-8").splitlines()
    return f"layers.py:{1 + next(number for number, line in enumerate(lines) if text in line)}"


def left(bundle: Path, target: str) -> tuple[list[dict[str, Any]], str]:
    """The operators that inspect says are left to the CPU, and all that it says."""
    code, printed, said = edgebuild("inspect", bundle, "-t", target, "--json")
    assert code == 0, said
    ((placement),) = json.loads(printed)["result"]["placements"]
    _, text, _ = edgebuild("inspect", bundle, "-t", target)
    return [op for op in placement["ops"] if op["unit"] == "cpu"], " ".join(text.split())


def test_each_is_named_with_its_place_and_fix_and_mended_all_is_placed(project: Path) -> None:
    code, _, said = edgebuild("inspect", project, "-t", TARGET)
    assert code == 3
    assert "is not fixed: it depends on the input's values" in said
    assert line_of(project, RESHAPE) in said
    assert "replace boolean indexing" in said

    edit(project / "layers.py", RESHAPE, "return self.head(x.reshape(1, -1))")
    code, text, said = edgebuild("inspect", project, "-t", TARGET)
    assert code == 0, said
    assert "made-up samples" in text
    assert "has no GELU" in " ".join(text.split())
    code, _, said = edgebuild("build", project, "-t", "per-channel", "-o", project / "out", "--json")
    assert code == 0, said
    bundle = project / "out" / "per-channel"
    refused, text = left(bundle, TARGET)
    reasons = {op["rule"] for op in refused}
    assert any("weights have one scale a tensor; quantize for this target" in reason for reason in reasons)
    assert any("has no GELU" in reason for reason in reasons)
    described = {str(op["from"]) for op in operators(bundle) if op["name"] in {each["op"] for each in refused}}
    assert {"first", "second", "act", "head"} <= {name for text in described for name in modules(text)}
    for source in ("self.norm(self.first(image))", "self.act(self.second(x))"):
        assert line_of(project, source) in text

    edit(project / "layers.py", GELU, "self.act = nn.Hardswish()")
    code, _, said = edgebuild("build", project, "-t", TARGET, "-o", project / "mended", "--json")
    assert code == 0, said
    mended = project / "mended" / TARGET
    refused, _ = left(mended, TARGET)
    assert refused == []
    (variant,) = open_bundle(mended).manifest.parts[0].variants
    assert variant.compilation is not None
    assert variant.compilation.placement.partitions == 1


def operators(bundle: Path) -> list[dict[str, Any]]:
    (variant,) = json.loads(edgebuild("inspect", bundle, "--json")[1])["result"]["variants"]
    found: list[dict[str, Any]] = variant["operators"]
    return found


def modules(described: str) -> set[str]:
    """The modules that a description of an operator names."""
    return {part.split(" [")[0] for part in described.split("; ")}
