"""Builds killed at random moments, and two at once in one cache."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_kills import TARGET, build, kill_builds, must
from tiny_project import edit, make_project

from edgebuild.store.bundle import open_bundle

pytestmark = pytest.mark.slow


def test_killed_builds_leave_nothing_to_trip_over(tmp_path: Path) -> None:
    """A few; scripts/kill_builds kills 50."""
    found = kill_builds(tmp_path, 4)
    assert found.problems == []
    assert found.killed >= 2
    assert found.killed + found.ended == 4


def test_two_builds_at_once_in_one_cache_both_succeed(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project")
    edit(root / "edgebuild.toml", '["board"]', f'["board", "{TARGET}"]')
    outs = [tmp_path / "one", tmp_path / "two"]
    for command in [build(root, tmp_path / "cache", out) for out in outs]:
        must(command)
    bundles = [open_bundle(out / "board") for out in outs]
    assert [bundle.check() for bundle in bundles] == [(), ()]
    assert bundles[0].digest == bundles[1].digest
    assert all(open_bundle(out / TARGET).check() == () for out in outs)
