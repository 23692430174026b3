"""Latency tables on times that are made up: what is fitted, what is predicted, and what is asked."""

from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from edgebuild.compress.allocate import possible_widths  # noqa: E402
from edgebuild.compress.costs import macs_of  # noqa: E402
from edgebuild.compress.groups import groups_of  # noqa: E402
from edgebuild.compress.prune import prune  # noqa: E402
from edgebuild.search.parts import BEYOND, NARROW, Multiples, Parts, parts_of  # noqa: E402
from edgebuild.search.probes import mixture, probes_for  # noqa: E402
from edgebuild.search.table import CONSTANT, error_of, fit  # noqa: E402


class Net(nn.Module):
    """Plain, pointwise and depthwise convolutions, a skip, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 64, 3, padding=1)
        self.depth = nn.Conv2d(64, 64, 3, padding=1, groups=64)
        self.point = nn.Conv2d(64, 128, 1)
        self.second = nn.Conv2d(128, 128, 3, padding=1)
        self.head = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.point(torch.relu(self.depth(torch.relu(self.first(x))))))
        found: torch.Tensor = self.head((torch.relu(self.second(x)) + x).mean((2, 3)))
        return found


PROGRAM = torch.export.export(Net().eval(), (torch.randn(1, 3, 8, 8),), strict=False)
GROUPED = groups_of(PROGRAM)
PARTS = parts_of(PROGRAM, GROUPED)
CHOICES = {group.name: possible_widths(group.width, 4, 0.05) for group in GROUPED.groups}
TIMES = {"1x1 MACs": 0.1, "kxk MACs": 0.5, "depthwise MACs": 0.1, "joined values": 0.1, "kxk values read": 0.1}


def made_up(parts: Parts, multiples: Multiples) -> dict[str, float]:
    """What a unit takes in a machine of which all is known; a tenth of the time is constant."""
    return {kind: share / parts.amount(kind, multiples).total for kind, share in TIMES.items()}


def taken(widths: dict[str, int], multiples: Multiples) -> float:
    units = made_up(PARTS, multiples)
    return 0.1 + sum(units[kind] * PARTS.amount(kind, multiples)(widths) for kind in TIMES)


@pytest.mark.parametrize("multiples", [Multiples(), Multiples(8), Multiples(16, 8), Multiples(32, 32)])
def test_a_staircase_is_found_and_unseen_widths_are_predicted(multiples: Multiples) -> None:
    probes = [dict(probe.widths) for probe in probes_for(CHOICES, 24, 0)]
    found = fit(PARTS, probes, [taken(widths, multiples) for widths in probes])
    assert found.multiples == multiples
    assert error_of(found.left_out, [taken(widths, multiples) for widths in probes]) < 0.02
    cost = found.cost(PARTS)
    drawn = random.Random(1)
    for number in range(20):
        widths = dict(mixture(CHOICES, drawn, str(number)).widths)
        assert cost(widths) == pytest.approx(taken(widths, multiples), rel=0.04)
    assert cost({}) == pytest.approx(1, rel=0.01)
    assert found.shares["kxk MACs"] + found.shares["kxk weights"] == pytest.approx(0.5, abs=0.15)
    assert min(found.shares.values()) >= 0


def test_channels_that_kernels_compute_one_by_one_are_found() -> None:
    slow = PARTS.amount(f"depthwise MACs{BEYOND}", Multiples(whole=16))
    assert slow({}) == slow({"first": 32}) == 0
    assert slow({"first": 40}) == slow({"first": 8}) == PARTS.amount("depthwise MACs").total / 8
    unit = 0.3 / PARTS.amount("depthwise MACs").total
    probes = [dict(probe.widths) for probe in probes_for(CHOICES, 24, 0)]
    found = fit(PARTS, probes, [taken(widths, Multiples()) + unit * slow(widths) for widths in probes])
    assert found.multiples.whole == 16
    cost = found.cost(PARTS)
    assert cost({}) == pytest.approx(1, rel=0.01)
    narrow = {"first": 36}
    assert cost(narrow) == pytest.approx(taken(narrow, Multiples()) + unit * slow(narrow), rel=0.04)
    assert cost({"first": 36}) < cost({"first": 40}) > cost({"first": 48})


def test_slower_kernels_for_few_channels_are_found() -> None:
    multiples = Multiples(16, narrow=16)
    slow = PARTS.amount(f"kxk MACs{NARROW}", multiples)
    assert slow({}) == slow({"point": 16}) == 0
    assert slow({"first": 12}) == slow({"first": 4}) == PARTS.amount("kxk MACs", multiples)({"first": 16, "point": 0})
    unit = 4 * made_up(PARTS, multiples)["kxk MACs"]
    probes = [dict(probe.widths) for probe in probes_for(CHOICES, 24, 0)]
    found = fit(PARTS, probes, [taken(widths, multiples) + unit * slow(widths) for widths in probes])
    assert found.multiples.narrow == 16
    cost = found.cost(PARTS)
    for widths in ({"first": 16}, {"first": 12}, {"point": 12}):
        assert cost(widths) == pytest.approx(taken(widths, multiples) + unit * slow(widths), rel=0.04)
    assert cost({"point": 12}) > cost({"point": 16})


def test_a_stair_costs_the_same_to_its_edge() -> None:
    kxk = PARTS.amount("kxk MACs", Multiples(16, 16))
    assert kxk({"first": 64, "point": 113}) == kxk({"first": 64, "point": 128}) > kxk({"first": 64, "point": 112})
    read = PARTS.amount("kxk values read", Multiples(16))
    assert read({"point": 113}) < read({})


def test_parts_are_those_of_the_pruned_program() -> None:
    macs = macs_of(PROGRAM, GROUPED)
    kinds = [kind for kind in PARTS.kinds if kind.endswith(" MACs")]
    assert sum(PARTS.amount(kind).total for kind in kinds) == macs.total
    assert PARTS.amount("joined values").total == 64 * 128
    assert PARTS.amount("kxk values read").total == 64 * (3 + 128)
    widths = {"first": 40, "point": 72}
    pruned = prune(PROGRAM, {"first": range(24), "point": range(56)}, GROUPED)
    after = parts_of(pruned, groups_of(pruned))
    for kind in PARTS.kinds:
        for multiples in (Multiples(), Multiples(16, 4), Multiples(1, 1, 16), Multiples(8, 1, 1, 64)):
            assert PARTS.amount(kind, multiples)(widths) == after.amount(kind, multiples).total


def test_a_factor_goes_with_everything() -> None:
    probes = [dict(probe.widths) for probe in probes_for(CHOICES, 20, 0)]
    found = fit(PARTS, probes, [taken(widths, Multiples(8)) for widths in probes])
    assert found.cost(PARTS, 1.2)(probes[3]) == pytest.approx(1.2 * found.cost(PARTS)(probes[3]))
    assert found.shares[CONSTANT] > 0


def test_probes_are_distinct_seeded_and_can_be_chosen() -> None:
    probes = probes_for(CHOICES, 20, 0)
    assert len(probes) == 20 == len({tuple(sorted(probe.widths.items())) for probe in probes})
    assert probes == probes_for(CHOICES, 20, 0) != probes_for(CHOICES, 20, 1)
    for probe in probes:
        assert probe.widths
        for group, width in probe.widths.items():
            assert width in CHOICES[group][1:]
    assert any(set(probe.widths) < set(CHOICES) for probe in probes)


def test_where_little_can_be_chosen_there_are_few_probes() -> None:
    assert [dict(probe.widths) for probe in probes_for({"only": [8, 1]}, 20, 0)] == [{"only": 1}]
    assert probes_for({"only": [8]}, 20, 0) == ()
