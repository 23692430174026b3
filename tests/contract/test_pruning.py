"""Pruning takes out of every architecture what can go, and the rest computes what it did."""

from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch.export import Dim, ExportedProgram, export  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from edgebuild.compress.costs import parameters_of  # noqa: E402
from edgebuild.compress.groups import Grouped, groups_of  # noqa: E402
from edgebuild.compress.prune import Removal, kept_places, masked, prune, removal_like  # noqa: E402
from edgebuild.models.specialized import batch_symbol  # noqa: E402
from tests.architectures import ARCHITECTURES, One, made  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # transformers' own, of its own code

JOINED_WITH_THE_BATCH = (
    "resnet_with_padded_shortcuts",
    "shufflenet_v1",
    "unet",
    "vit",
    "swin",
    "qwen2",
    "packed_attention",
    "lstm",
)
"""One of each way in which graphs treat their batch."""


def some_of(grouped: Grouped, seed: int, *, exact: bool) -> Removal:
    """A random part of each group: few of one, nearly all of another."""
    chosen = random.Random(seed)
    groups = [group for group in grouped.groups if group.exact or not exact]
    return {
        group.name: chosen.sample(range(group.width), chosen.randint(1, max(1, round(0.8 * (group.width - 1)))))
        for group in groups
    }


def outputs(program: ExportedProgram, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    with torch.no_grad():
        return tree_leaves(program.module(check_guards=False)(*inputs))


def takes_any_batch(program: ExportedProgram) -> bool:
    inputs = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    return all(batch_symbol(node) is not None for node in inputs)


def difference(program: ExportedProgram, other: ExportedProgram, inputs: tuple[torch.Tensor, ...]) -> float:
    """The largest, as a share of the largest output."""
    pairs = zip(outputs(program, inputs), outputs(other, inputs), strict=True)
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1e-6)) for a, b in pairs)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_is_left_computes_what_it_did(name: str) -> None:
    model, inputs = made(name)
    program = export(model, inputs, strict=False)
    grouped = groups_of(program)
    assert grouped.groups, [str(node.target) for node in grouped.channels.closed]
    removal = some_of(grouped, 0, exact=True)
    pruned = prune(program, removal, grouped)
    assert difference(pruned, masked(program, removal, grouped), inputs) < 1e-5
    removal = some_of(grouped, 0, exact=False)
    pruned = prune(program, removal, grouped)
    assert all(torch.isfinite(value).all() for value in outputs(pruned, inputs))
    widths = {group.name: group.width - len(removal[group.name]) for group in grouped.groups}
    expected = parameters_of(grouped)(widths)
    found = sum(pruned.state_dict[name].numel() for name in grouped.channels.parameters)
    assert found == expected < parameters_of(grouped).total
    again = sorted(group.width for group in groups_of(pruned).groups)
    assert again == sorted(width for width in widths.values() if width > 1)


@pytest.mark.parametrize("name", JOINED_WITH_THE_BATCH)
def test_a_program_that_takes_any_batch_is_pruned_alike(name: str) -> None:
    model, inputs = made(name)
    single, several = export(model, inputs, strict=False), tuple(torch.cat([each] * 3) for each in inputs)
    more = tuple(torch.cat([each] * 5) for each in inputs)
    axes = tuple({0: Dim.DYNAMIC} for _ in inputs)
    shapes = (axes,) if isinstance(model, One) else axes
    batched = export(model, several, strict=False, dynamic_shapes=shapes)
    grouped, own = groups_of(batched), groups_of(single)
    assert [(group.name, group.width) for group in grouped.groups] == [
        (group.name, group.width) for group in own.groups
    ]
    removal = some_of(own, 1, exact=False)
    assert {name: sorted(gone) for name, gone in removal.items()} == removal_like(grouped, kept_places(own, removal))
    pruned = prune(batched, removal, grouped)
    assert takes_any_batch(pruned)
    made_at_once = outputs(pruned, more)
    one_by_one = outputs(prune(single, removal, own), inputs)
    for a, b in zip(made_at_once, one_by_one, strict=True):
        assert float((a[:1].reshape(-1)[: b.numel()] - b.reshape(-1)).abs().max()) < 1e-4 * float(b.abs().max() + 1)
