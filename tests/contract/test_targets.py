"""What every target file that is found must keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild.backends import backend_names
from edgebuild.store.catalog import find_profile, profile_names, target_files
from edgebuild.store.toml import load_target

FILES = target_files()
REQUIRED = [
    "raspberry-pi-5",
    "raspberry-pi-4",
    "raspberry-pi-zero-2w",
    "jetson-orin-nano-cpu",
    "arm64-generic",
    "pixel-9-npu",
    "galaxy-s24-npu",
    "coral-edgetpu",
    "android-arm64-cpu",
    "intel-core-ultra-npu",
    "intel-core-ultra-cpu",
    "intel-n100",
    "intel-atom-x7",
    "host-onnxruntime",
    "host-litert",
    "host-openvino",
    "mediatek-dimensity-9300-apu",
    "ethos-u55-64",
    "ethos-u55-128",
    "ethos-u55-256",
    "ethos-u65-256",
    "ethos-u65-512",
    "ethos-u85-256",
    "ethos-u85-512",
    "snapdragon-8-gen-2-npu",
    "snapdragon-8-gen-3-npu",
    "cortex-m55",
    "cortex-m7",
]


def test_the_promised_targets_are_shipped() -> None:
    assert set(REQUIRED) <= set(FILES)


@pytest.mark.parametrize("file", FILES.values(), ids=list(FILES))
def test_target(file: Path) -> None:
    target = load_target(file)
    assert target.runtime in backend_names()
    assert target.int8 is not None or target.runtime_options.delegate == "gpu", "a GPU computes in floats"
    assert target.title
    for fact, source in target.sources.items():
        title, _, address = source.rpartition(", ")
        assert title, f"{fact}: {source}"
        assert address.startswith(("https://", "http://")), f"{fact}: {source}"
    if target.is_host:
        assert target.int8 is not None
        assert target.int8.dot_product is None, "a host's int8 dot product is the machine's, not the file's"


def test_only_hosts_are_reached_locally() -> None:
    for file in FILES.values():
        target = load_target(file)
        assert target.is_host == (target.family == "host"), target.name


@pytest.mark.parametrize("name", profile_names())
def test_profile(name: str) -> None:
    profile = find_profile(name)
    assert 0.5**profile.measuring.runs <= 1 - profile.judging.confidence, "too few runs to decide anything"
