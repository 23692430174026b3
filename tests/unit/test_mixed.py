"""Mixed precision: layers ranked by what rounding them does, and the fewest given back to float."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_project import HOSTS, edit, make_project
from torch import nn

from edgebuild.core.artifact import Artifact, Quality, Variant
from edgebuild.core.plan import WeightGrid
from edgebuild.core.profile import Quantization, QuantSetting
from edgebuild.core.target import Int8Scheme
from edgebuild.pipeline.choose import count_that_leaves, fewest, noise_that_holds
from edgebuild.pipeline.project import build_project
from edgebuild.quant.calibrate import calibrate
from edgebuild.quant.sensitivity import samples_that_fit, sensitivities, units_of
from edgebuild.store.bundle import Bundle
from edgebuild.store.cache import Cache

SCALE = 3000.0
SCHEME = Int8Scheme(weight_granularity="per_channel", activation_dtype="u8")
MODEL = f'''"""A net of which one tensor has a channel {SCALE:g} times as large as the others."""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.wide = nn.Conv2d(8, 8, 1)
        self.narrow = nn.Conv2d(8, 8, 1)
        self.last = nn.Conv2d(8, 8, 3, padding=1)
        self.more = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(512, 4)

    def forward(self, image):
        x = torch.relu(self.first(image - 0.5))
        x = torch.relu(self.narrow(torch.relu(self.wide(x))))
        x = torch.relu(self.more(torch.relu(self.last(x))))
        return self.head(x.flatten(1))


def make():
    torch.manual_seed(0)
    net = Net()
    with torch.no_grad():
        net.wide.weight[0].abs_().mul_({SCALE})
        net.narrow.weight[:, 0].div_({SCALE})
    return net.eval()
'''
BAD = {"wide", "narrow"}
LEAST_DB = 36
"""All in int8 it has 32 dB; with those two in float 45 and more."""


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 12), st.integers(0, 20))
def test_the_fewest_are_exactly_those_that_are_needed(needed: list[bool], most: int, guess: int) -> None:
    wanted = {number for number, one in enumerate(needed) if one}
    asked = []

    def holds(kept: tuple[int, ...]) -> bool:
        asked.append(kept)
        return wanted <= set(kept)

    found = fewest(range(len(needed)), holds, most, guess)
    reach = max(wanted, default=0) + 1
    if reach > min(most, len(needed)):
        assert found is None
    else:
        # One is always kept: with none of them it was asked before, and did not hold.
        assert found == (tuple(sorted(wanted)) or (0,))
    assert len(asked) <= 2 * len(needed).bit_length() + len(needed) + 1
    assert all(0 < len(kept) <= most for kept in asked)
    assert len(asked) == len(set(asked))


def test_a_right_guess_is_asked_about_first_and_the_one_before_it_next() -> None:
    asked = []

    def holds(kept: tuple[int, ...]) -> bool:
        asked.append(kept)
        return {0, 1, 2, 3, 4} <= set(kept)

    assert fewest(range(40), holds, 40, guess=5) == (0, 1, 2, 3, 4)
    assert [len(kept) for kept in asked] == [5, 4, 4, 4, 4, 4]


def test_none_may_stay_in_float_where_none_are_there_or_allowed() -> None:
    assert fewest([], lambda _: True, 3) is None
    assert fewest([1, 2], lambda _: True, 0) is None


def test_a_guess_is_made_of_the_noise_that_may_be_left() -> None:
    assert [count_that_leaves(share, [4.0, 3.0, 2.0, 1.0]) for share in (1, 0.6, 0.59, 0.1, 0.0)] == [0, 1, 2, 3, 4]
    assert count_that_leaves(0.5, []) == 0
    assert count_that_leaves(0.5, [math.nan, 1.0]) == 2
    rules = Quantization(max_drop=1, min_sqnr_db=30)
    unlabelled = Quality(metric="none", dataset="0" * 64, samples=10, sqnr_db=20)
    assert noise_that_holds(unlabelled, rules) == pytest.approx(0.1)
    labelled = Quality(metric="top1", dataset="0" * 64, samples=10_000, value=86, float_value=90, lost=500, won=100)
    assert noise_that_holds(labelled, rules) == pytest.approx(((1 + 100 * 600**0.5 / 10_000) / 4) ** 2)
    assert noise_that_holds(labelled.model_copy(update={"value": 90}), rules) == 1


class Chain(nn.Module):
    def __init__(self, *, in_place: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=in_place), nn.Linear(8, 8), nn.Linear(8, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.body(x)
        return y + 1


def measured(*, in_place: bool) -> tuple[list[tuple[str, ...]], list[float]]:
    program = torch.export.export(Chain(in_place=in_place).eval(), (torch.zeros(1, 4),))
    samples = [[torch.randn(1, 4, generator=torch.Generator().manual_seed(seed))] for seed in range(5)]
    found = calibrate(program, samples, ["x"], SCHEME, QuantSetting(correct_bias=False))
    names = [node.name for node in program.graph.nodes if node.op == "call_function"]
    units = units_of(found.program, [(name,) for name in names])
    noise = sensitivities(found.program, samples, ["x"], found.plan, WeightGrid(), units)
    return units, noise


def test_an_activation_is_one_with_its_layer() -> None:
    units, noise = measured(in_place=False)
    assert [len(unit) for unit in units] == [2, 1, 1, 1]
    assert units[0][0].startswith("linear")
    assert units[0][1].startswith("relu")
    assert all(0 < value < 0.1 for value in noise)


def test_operators_in_place_change_nothing_that_is_read_again() -> None:
    assert measured(in_place=True)[1] == measured(in_place=False)[1]


def test_operators_that_share_a_node_are_one_unit() -> None:
    program = torch.export.export(Chain(in_place=False).eval(), (torch.zeros(1, 4),))
    names = [node.name for node in program.graph.nodes if node.op == "call_function"]
    (unit,) = units_of(program, [names[2:4], names[3:5]])
    assert unit == tuple(names[2:5])
    assert units_of(program, [("not there",)]) == []


def test_a_large_net_is_ranked_on_fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    program = torch.export.export(Chain(in_place=False).eval(), (torch.zeros(1, 4),))
    held = 4 * (8 + 8 + 8 + 3 + 3)
    for room, count in ((5 * held, 5), (100 * held, 16), (held, 2)):
        monkeypatch.setattr("edgebuild.quant.sensitivity.HELD", room)
        assert samples_that_fit(program, 16) == count


def built(place: Path, least_db: int, most: int, target: str) -> Bundle:
    root = make_project(place / "project")
    (root / "model.py").write_text(MODEL, encoding="utf-8")
    for file in root.glob("*.npz"):
        with np.load(file) as stored:
            image = stored["image"]
        np.savez(file, image=image)
    edit(root / "edgebuild.toml", "[data.calibration]", '[data]\nmetric = "none"\n\n[data.calibration]')
    edit(root / "edgebuild.toml", 'targets = ["board"]', f'targets = ["{target}"]\nkeep_both = true')
    edit(
        root / "profiles" / "tiny.toml",
        "correction_samples = 8",
        f"correction_samples = 8\nmin_sqnr_db = {least_db}\nmax_float_layers = {most}",
    )
    (done,) = build_project(root, cache=Cache(place / "cache")).built
    assert done.error is None, done.error
    assert done.bundle
    return done.bundle


def int8_of(bundle: Bundle) -> Variant | None:
    return next((one for one in bundle.manifest.parts[0].variants if one.precision == "int8"), None)


@pytest.mark.slow
@pytest.mark.parametrize("target", HOSTS)
def test_the_two_layers_that_int8_does_not_hold_go_back_to_float(target: str, tmp_path: Path) -> None:
    bundle = built(tmp_path, LEAST_DB, 8, target)
    variant = int8_of(bundle)
    assert variant is not None
    assert "-float" in variant.setting
    assert variant.quality is not None
    assert (variant.quality.sqnr_db or 0) > LEAST_DB + 5
    artifact = Artifact.model_validate_json(bundle.read("int8/artifact.json"))
    kept = [layer.module for layer in artifact.layers if layer.float_kept]
    named = ("first", "wide", "narrow", "last", "more", "head")
    assert {name for name in named if any(f"{name} [" in module for module in kept)} == BAD
    (whole,) = [one for one in bundle.manifest.rejected if one.precision == "int8"]
    assert "SQNR" in whole.reason


@pytest.mark.slow
def test_where_too_few_are_allowed_int8_is_refused_as_before(tmp_path: Path) -> None:
    for most in (0, 1):
        bundle = built(tmp_path / str(most), LEAST_DB, most, HOSTS[0])
        assert int8_of(bundle) is None
        assert [one.setting for one in bundle.manifest.rejected if "SQNR" in one.reason] == ["minmax+bias-corrected"]
