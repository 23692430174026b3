"""The training set is read where a profile trains, by pruning or by distillation, and not otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_project import make_project, write_samples

from edgebuild.core.profile import Profile
from edgebuild.core.recovery import Distillation
from edgebuild.pipeline.sources import load_sets, load_source
from edgebuild.pipeline.stage import Road
from edgebuild.store.cache import Cache
from edgebuild.store.catalog import find_profile
from edgebuild.store.toml import load_project


@pytest.mark.parametrize("trains", [True, False])
def test_where_int8_is_distilled(trains: bool, tmp_path: Path) -> None:
    root = make_project(tmp_path / "project")
    write_samples(root, "training", 7)
    with (root / "edgebuild.toml").open("a", encoding="utf-8") as file:
        file.write('\n[data.training]\nsource = "training.npz"\n')
    profile = find_profile("tiny", root)
    distill = Distillation() if trains else None
    road = Road(load_project(root)[0], root, _with(profile, distill), Cache(tmp_path / "cache"))
    training = load_sets(road, load_source(road)).training
    assert (training is not None) is trains


def _with(profile: Profile, distill: Distillation | None) -> Profile:
    quantization = profile.quantization.model_copy(update={"distill": distill})
    return profile.model_copy(update={"quantization": quantization})
