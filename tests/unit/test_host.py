"""What the building machine's processor means for a model that it will run itself."""

from __future__ import annotations

import importlib.metadata
import platform

import pytest

from edgebuild.core.target import DotProduct, dot_product
from edgebuild.pipeline import host
from edgebuild.pipeline.host import int8_scheme
from edgebuild.store.catalog import find_target
from edgebuild.store.installed import installed_version


@pytest.mark.parametrize(
    ("isa", "features", "expected"),
    [
        ("x86_64", "avx2 fma", "saturating"),
        ("x86_64", "avx2 avx512f avx512_vnni", "vnni"),
        ("x86_64", "avx2 avx_vnni", "vnni"),
        ("aarch64", "asimd asimddp", "dotprod"),
        ("aarch64", "asimd", "none"),
    ],
)
def test_features_tell_how_products_are_summed(isa: str, features: str, expected: DotProduct) -> None:
    assert dot_product(isa, features.split()) == expected


@pytest.mark.parametrize(
    ("target", "features", "expected"),
    [
        ("host-onnxruntime", "avx2", None),  # it is run so that it does not clip
        ("host-openvino", "avx2", "saturating"),
        ("host-onnxruntime", "avx2 avx_vnni", None),
        ("host-litert", "avx2", None),  # s8 by s8
        ("raspberry-pi-5", "avx2", "dotprod"),  # another machine
        ("intel-atom-x7", "avx_vnni", "saturating"),
    ],
)
def test_weights_are_kept_to_7_bits_where_this_machine_clips(
    monkeypatch: pytest.MonkeyPatch, target: str, features: str, expected: str | None
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(host, "processor_features", lambda: frozenset(features.split()))
    scheme = int8_scheme(find_target(target))
    assert scheme is not None
    assert scheme.dot_product == expected


def test_installed_versions_are_those_that_importlib_tells() -> None:
    names = {each.metadata["Name"] for each in importlib.metadata.distributions()}
    assert {"numpy", "pydantic"} <= names
    assert {name: installed_version(name) for name in names} == {n: importlib.metadata.version(n) for n in names}
    assert installed_version("no-such-thing") == ""
