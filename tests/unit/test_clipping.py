"""Which processors sum pairs of 8-bit products in 16 bits."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild.runner.clipping import sums_clip


@pytest.mark.parametrize(
    ("machine", "flags", "clip"),
    [
        ("x86_64", "fpu sse4_1 avx2", True),
        ("x86_64", "fpu avx2 avx512f avx512_vnni", False),
        ("AMD64", "fpu avx2 avx_vnni", False),
        ("aarch64", "fp asimd", False),
    ],
)
def test_they_clip_on_x86_without_vnni(machine: str, flags: str, clip: bool, tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nflags\t\t: {flags}\n", encoding="utf-8")
    assert sums_clip(machine, info) is clip


def test_where_nothing_tells_they_may(tmp_path: Path) -> None:
    assert sums_clip("x86_64", tmp_path / "none")
