"""A target whose activations are of 16 bits: a shipped one, copied and changed as the documentation says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from test_estimated_target import edgebuild
from tiny_project import edit, make_project

from edgebuild.backends import find_backend
from edgebuild.backends.base import Files, OperatorRefused
from edgebuild.core.array import Tensors, np
from edgebuild.core.signature import Dequantize, Quantize
from edgebuild.store.bundle import Bundle, open_bundle
from edgebuild.store.catalog import shipped

LIKE = "ethos-u85-256"
WIDER = {
    f'name = "{LIKE}"': 'name = "wide"',
    'activation_dtype = "s8"': 'activation_dtype = "s16"',
    "activation_symmetric = false": "activation_symmetric = true",
    'io = "int8"': 'io = "int16"',
}


def make_wide(root: Path, seed: int = 0) -> Path:
    """The tiny project with a target of its own."""
    make_project(root, seed)
    edit(root / "edgebuild.toml", 'targets = ["board"]', 'targets = ["wide"]')
    target = root / "targets" / "wide.toml"
    target.write_text((shipped("targets") / f"{LIKE}.toml").read_text(encoding="utf-8"), encoding="utf-8")
    for old, new in WIDER.items():
        edit(target, old, new)
    return root


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = make_wide(tmp_path_factory.mktemp("wide") / "tiny")
    done = edgebuild("build", root, "-o", root / "out")
    assert done.exit_code == 0, done.output
    return open_bundle(root / "out" / "wide")


def test_the_bundle_takes_and_gives_16_bits_and_says_so(built: Bundle) -> None:
    (part,) = built.manifest.parts
    (variant,) = part.variants
    assert (variant.precision, variant.setting.rpartition("+")[2]) == ("int8", "16-bit-activations")
    assert {spec.dtype for spec in (*part.signature.inputs, *part.signature.outputs)} == {"int16"}
    (into,) = [step for step in part.signature.pre["image"] if isinstance(step, Quantize)]
    (out_of,) = [step for steps in part.signature.post.values() for step in steps if isinstance(step, Dequantize)]
    assert (into.zero_point, out_of.zero_point) == (0, 0)
    assert variant.compilation is not None
    assert {op.unit for op in variant.compilation.placement.ops} == {"npu"}
    assert built.manifest.golden.tolerance == {"int8": 1e-3}, "a step of 16 bits is less than float is allowed"


def test_it_is_checked_and_shown_like_any_other(built: Bundle) -> None:
    checks = edgebuild("verify", built.path, "--project", built.path.parents[1], "--require", "golden")
    assert checks.exit_code == 0, checks.output
    shown = edgebuild("inspect", built.path)
    assert "in image: int16" in shown.output


def test_a_scheme_that_does_not_go_together_is_a_mistake_in_the_targets_file(tmp_path: Path) -> None:
    root = make_wide(tmp_path / "tiny")
    edit(root / "targets" / "wide.toml", "activation_symmetric = true", "activation_symmetric = false")
    done = edgebuild("build", root, "-o", root / "out")
    assert done.exit_code == 2, done.output
    assert "wide.toml" in done.output
    assert "activation_symmetric = true" in done.output


def test_an_operator_that_stays_float_is_named(tmp_path: Path) -> None:
    root = make_wide(tmp_path / "tiny")
    edit(root / "layers.py", "torch.relu(self.second(x) + x)", "torch.nn.functional.hardswish(self.second(x) + x)")
    done = edgebuild("build", root, "-o", root / "out")
    assert done.exit_code == 3, done.output
    assert "1 operators stay float, first HARD_SWISH from" in done.output
    assert "layers.py" in done.output


def test_an_operator_that_the_runtime_refuses_is_named_with_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = find_backend("litert")
    observe = backend.observe

    def refusing(files: Files, samples: Iterable[Tensors]) -> Iterator[dict[str, np.ndarray]]:
        if backend.is_quantized(files):
            raise OperatorRefused("litert", backend.operators(files)[0], "Type INT16 not supported")
        return observe(files, samples)

    root = make_wide(tmp_path / "tiny", seed=1)
    monkeypatch.setattr(backend, "observe", refusing)
    done = edgebuild("build", root, "-o", root / "out", "--json")
    assert done.exit_code == 3, done.output
    refused = "litert does not compute DEPTHWISE_CONV_2D: Type INT16 not supported"
    assert f"{refused}; it is from first [aten.conv2d" in done.stdout
