"""Atoms, costs, importance and allocation, each on what can be worked out by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebuild.compress.allocate import Choice, allocate, cheapest, least_important
from edgebuild.compress.atoms import FIXED, Atoms, product
from edgebuild.core.errors import BuildError

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from edgebuild.compress.activations import by_activation  # noqa: E402
from edgebuild.compress.costs import Widths, macs_of, parameters_of  # noqa: E402
from edgebuild.compress.groups import groups_of  # noqa: E402
from edgebuild.compress.importance import Importance, by_magnitude, by_norm_scale, by_taylor, comparable  # noqa: E402
from edgebuild.compress.prune import prune  # noqa: E402
from edgebuild.compress.trainable import trainable  # noqa: E402


def test_a_split_axis_goes_by_rows_or_by_columns() -> None:
    atoms = Atoms()
    axis = atoms.fresh(6)
    rows, columns = atoms.factor(axis, 2)
    assert atoms.resolved(axis) == product(rows, columns)
    assert atoms.factor(axis, 2) == (rows, columns)  # split so once, it stays so
    atoms.pin(rows)
    assert atoms.resolved(axis) == [*columns, *columns]
    atoms.pin(axis)
    assert atoms.resolved(columns) == [FIXED] * 3


def test_what_cannot_be_told_apart_goes_together() -> None:
    atoms = Atoms()
    axis = atoms.fresh(6)
    atoms.factor(axis, 2)
    other = atoms.fresh(6)
    atoms.factor(other, 3)
    atoms.tie(axis, other)
    assert len(set(atoms.resolved(axis))) == 1


def test_axes_that_are_split_alike_are_tied_row_by_row() -> None:
    atoms = Atoms()
    first, second = atoms.fresh(12), atoms.fresh(12)
    rows, columns = atoms.factor(first, 3)
    others, _ = atoms.factor(second, 3)
    atoms.tie(first, second)
    assert atoms.resolved(others) == atoms.resolved(rows)
    assert len(set(atoms.resolved(first))) == 12
    assert len(set(atoms.resolved(columns))) == 4


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_tying_single_atoms_makes_classes(pairs: list[tuple[int, int]]) -> None:
    atoms = Atoms()
    axis = atoms.fresh(8)
    label = list(range(8))
    for a, b in pairs:
        atoms.tie([axis[a]], [axis[b]])
        label = [label[a] if each == label[b] else each for each in label]
    found = atoms.resolved(axis)
    for a in range(8):
        for b in range(8):
            assert (found[a] == found[b]) == (label[a] == label[b])


class Net(nn.Module):
    """Two layers in a row, the second twice as wide."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.second, self.head = nn.Conv2d(16, 32, 1), nn.Linear(32, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(torch.relu(self.second(torch.relu(self.norm(self.first(x))))).mean((2, 3)))
        return found


def program_of(model: nn.Module) -> torch.export.ExportedProgram:
    return torch.export.export(model.eval(), (torch.randn(1, 3, 8, 8),), strict=False)


def test_costs_are_those_of_the_pruned_program() -> None:
    program = program_of(Net())
    grouped = groups_of(program)
    assert [(group.name, group.width) for group in grouped.groups] == [("first", 16), ("second", 32)]
    macs, parameters = macs_of(program, grouped), parameters_of(grouped)
    assert macs.total == 64 * (16 * 27 + 32 * 16) + 32 * 5
    assert parameters.total == 16 * 27 + 16 + 4 * 16 + 32 * 16 + 32 + 32 * 5 + 5
    widths = {"first": 6, "second": 20}
    assert macs(widths) == 64 * (6 * 27 + 20 * 6) + 20 * 5
    assert macs.by_layer(widths) == {"first": 64 * 6 * 27, "second": 64 * 20 * 6, "head": 100}
    pruned = prune(program, {"first": range(10), "second": range(12)}, grouped)
    assert parameters_of(groups_of(pruned)).total == parameters(widths)
    assert macs_of(pruned, groups_of(pruned)).total == macs(widths)


def test_a_group_keeps_a_channel() -> None:
    program = program_of(Net())
    with pytest.raises(ValueError, match="first would be left with no channels"):
        prune(program, {"first": range(16)})
    with pytest.raises(ValueError, match="has 16 channels"):
        prune(program, {"first": [16]})


def test_magnitude_knows_the_channels_that_do_nothing() -> None:
    model = Net()
    with torch.no_grad():
        model.first.weight[[1, 5]] = 0
        model.second.weight[:, [1, 5]] = 0
    found = by_magnitude(program_of(model), groups_of(program_of(model)))["first"]
    assert sorted(range(16), key=lambda number: found[number])[:2] in ([1, 5], [5, 1])


def test_taylor_knows_the_channels_that_nothing_reads() -> None:
    model = Net()
    with torch.no_grad():
        model.head.weight[:, [3, 30]] = 0
    grouped = groups_of(program_of(model))
    losses = [lambda: model(torch.randn(8, 3, 8, 8)).square().mean() for _ in range(3)]
    found = by_taylor(grouped, model, losses)["second"]
    assert {number for number, value in enumerate(found) if value == 0} >= {3, 30}
    assert sum(value == 0 for value in found) < 16


def test_activation_knows_the_channels_that_are_never_on() -> None:
    """Their weights are as large as others': a ReLU behind a low bias lets nothing through."""
    model = Net()
    with torch.no_grad():
        model.second.bias.fill_(1)  # all others are on somewhere, whatever the weights
        model.second.bias[[3, 30]] = -100
    program = program_of(model)
    grouped = groups_of(program)
    batches = [(torch.randn(1, 3, 8, 8),) for _ in range(4)]
    found = by_activation(program, grouped, trainable(program), batches)["second"]
    assert {number for number, value in enumerate(found) if value == 0} == {3, 30}
    assert all(by_magnitude(program, grouped)["second"])


def test_norm_scales_that_are_all_one_say_nothing() -> None:
    model = Net()
    program = program_of(model)
    assert by_norm_scale(program, groups_of(program)) is None
    with torch.no_grad():
        model.norm.weight.copy_(torch.linspace(0.1, 2, 16))
    program = program_of(model)
    found = by_norm_scale(program, groups_of(program))
    assert found is not None
    assert found["first"] == sorted(found["first"])


def test_the_allocation_is_the_best_there_is() -> None:
    chosen = random.Random(0)
    for _ in range(20):
        importance = {name: [chosen.random() for _ in range(6)] for name in ("a", "b")}
        weight = {"a": chosen.uniform(1, 3), "b": chosen.uniform(1, 3)}
        choice = Choice(importance, lambda widths, w=weight: sum(w[g] * n for g, n in widths.items()))  # type: ignore[misc]
        limit = 0.6 * choice.cost({"a": 6, "b": 6})
        widths = allocate(choice, limit)
        assert choice.cost(widths) <= limit
        lost = sum(choice.loss(group, width) for group, width in widths.items())
        every = [{"a": a, "b": b} for a in range(1, 7) for b in range(1, 7)]
        best = min(sum(choice.loss(g, n) for g, n in each.items()) for each in every if choice.cost(each) <= limit)
        assert lost <= 1.35 * best


def test_stairs_are_stepped_down_whole() -> None:
    choice = Choice({"a": [1.0] * 16, "b": [1.1] * 16}, lambda w: 4 * -(-w["a"] // 8) + 4 * -(-w["b"] // 8))
    assert allocate(choice, 12) == {"a": 8, "b": 16}


def test_what_makes_a_model_dearer_is_not_done() -> None:
    """Kernels for few channels can be slower than those for more: the narrowest model is not the cheapest."""
    choice = Choice({"a": [1.0] * 16, "b": [9.0] * 32}, lambda w: w["b"] + (16.0 if w["a"] == 16 else 28.0), round_to=8)
    assert allocate(choice, 40) == {"a": 16, "b": 24}
    assert cheapest(choice) == {"a": 16, "b": 8}
    with pytest.raises(BuildError, match="at its cheapest widths the model costs 24, and 20 are allowed"):
        allocate(choice, 20)


def test_what_pays_only_once_another_group_is_narrow_is_found_then() -> None:
    def cost(widths: Widths) -> float:
        slow = widths["a"] < 16 and widths["b"] > 8
        return widths["b"] + (20.0 if slow else widths["a"])

    choice = Choice({"a": [1.0] * 16, "b": [9.0] * 32}, cost, round_to=8)
    assert cheapest(choice) == {"a": 8, "b": 8}
    assert allocate(choice, 16) == {"a": 8, "b": 8}


def test_widths_are_multiples_and_what_is_narrower_cannot_be_had() -> None:
    choice = Choice({"a": [1.0] * 20, "b": [1.0] * 4}, lambda w: float(w["a"] + w["b"]), round_to=8)
    assert choice.widths("a") == [20, 16, 8]
    assert choice.widths("b") == [4, 1]
    with pytest.raises(BuildError, match="costs 9, and 3 are allowed"):
        allocate(choice, 3)
    assert least_important({"a": [3.0, 1.0, 2.0]}, {"a": 1}) == {"a": [1, 2]}


def test_a_wide_layer_whose_channels_matter_little_one_by_one_is_not_given_up_whole() -> None:
    changes = {"a": [1.0 + n / 100 for n in range(16)], "b": [0.1 + n / 1e4 for n in range(128)]}

    def widths(importance: Importance) -> dict[str, int]:
        return allocate(Choice(importance, lambda w: w["a"] / 16 + w["b"] / 128, round_to=8), 1.1)

    assert widths(changes) == {"a": 16, "b": 8}
    told = comparable(changes)
    assert widths(told)["b"] >= 64
    assert told["b"] == sorted(told["b"])
    assert told["b"][0] / told["a"][0] == pytest.approx(0.1 * (1.075 / 0.10635) ** 0.25, rel=1e-9)
    assert comparable({"dead": [0.0, 0.0]}) == {"dead": [0.0, 0.0]}
