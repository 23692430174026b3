"""Exported programs that are trained do what the modules they came from do."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from recovery_samples import IMAGE, SMALL, TOKENS, Transformer, conv_net
from torch import nn

from edgebuild.compress.layout import use_channels_last
from edgebuild.compress.optimizing import learning_rate, make_optimizer
from edgebuild.compress.trainable import idle_norms, tap, trainable, trained_state, use_batch_statistics
from edgebuild.core.recovery import Recovery
from edgebuild.models.batched import export_batched


def train(module: nn.Module, inputs: list[torch.Tensor], labels: torch.Tensor) -> None:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for batch in inputs:
        given = module(batch)
        loss = nn.functional.cross_entropy(given[0] if isinstance(given, tuple) else given, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_training_is_to_the_bit_that_of_the_module_with_its_batch_norms_in_training_mode() -> None:
    module = conv_net(4, 8, classes=4)
    program = export_batched(copy.deepcopy(module), SMALL).program
    graph = trainable(program)
    before = {name: tensor.clone() for name, tensor in program.state_dict.items()}
    random = torch.Generator().manual_seed(0)
    inputs = [torch.randn(6, 1, 8, 8, generator=random) for _ in range(5)]
    labels = torch.randint(0, 4, (6,), generator=random)

    module.train()
    train(module, inputs, labels)
    use_batch_statistics(graph, True)
    train(graph, inputs, labels)

    wanted, given = module.state_dict(), trained_state(graph)
    assert given.keys() == wanted.keys()
    for name in wanted:
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(given[name], wanted[name]), name
            assert not torch.equal(given[name], before[name]), name
    assert all(torch.equal(tensor, program.state_dict[name]) for name, tensor in before.items())
    use_batch_statistics(graph, False)
    assert torch.equal(graph(inputs[0])[0], module.eval()(inputs[0]))


def test_spared_norms_keep_their_running_statistics() -> None:
    graph = trainable(export_batched(conv_net(4, 8), SMALL).program)
    use_batch_statistics(graph, True, spare=["batch_norm"])
    before = trained_state(graph)
    graph(torch.randn(4, 1, 8, 8))
    changed = [name for name, tensor in trained_state(graph).items() if not torch.equal(tensor, before[name])]
    assert changed == ["4.running_mean", "4.running_var"]


def test_a_norm_that_averages_over_all_batches_learns_too() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, momentum=None))
    graph = trainable(export_batched(module, SMALL).program)
    use_batch_statistics(graph, True)
    graph(torch.randn(4, 1, 8, 8))
    assert trained_state(graph)["1.running_var"].ne(1).all()


def test_norms_that_a_model_was_trained_without_are_noticed() -> None:
    module = conv_net(4, 8)
    module[1].running_var.fill_(1)
    assert idle_norms(trainable(export_batched(module, SMALL).program)) == ["batch_norm"]


def test_tied_weights_stay_tied() -> None:
    module = Transformer()
    graph = trainable(export_batched(copy.deepcopy(module), TOKENS).program)
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, 7, (5, 6)))
    for own in (module, graph):
        train(own, [tokens] * 3, tokens[:, 0])
    state, wanted = trained_state(graph), module.state_dict()
    assert torch.equal(state["head.weight"], state["embed.weight"])
    for name in wanted:
        torch.testing.assert_close(state[name], wanted[name], rtol=1e-5, atol=1e-6)


def test_taps_come_after_the_outputs_and_scores_before_a_softmax() -> None:
    module = nn.Sequential(*conv_net(4, 8), nn.Softmax(1), nn.Flatten())
    graph = trainable(export_batched(module, SMALL).program)
    x = torch.randn(3, 1, 8, 8)
    probabilities = graph(x)[0]
    assert tap(graph, ["relu", "conv2d"], "logits") == 1
    scores, late, early = graph(x)
    torch.testing.assert_close(scores.softmax(1), probabilities)
    assert (late.shape, early.shape) == ((3, 8, 2, 2), (3, 4, 4, 4))
    assert (late >= 0).all()


def test_a_program_of_one_sample_trains_by_one_sample() -> None:
    from edgebuild.models.graph import export_module

    module = conv_net(4, 28)
    graph = trainable(export_module(copy.deepcopy(module), IMAGE).program)
    x = torch.randn(1, 1, 28, 28)
    graph(x)[0].sum().backward()
    assert graph.get_parameter("0.weight").grad is not None
    assert torch.equal(graph(x)[0], module.eval()(x))


class Views(nn.Module):
    """Its view is of the usual order only."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.conv(image).view(image.shape[0], -1)


@pytest.mark.parametrize(("module", "taken"), [(conv_net(4, 8), True), (Views(), False), (nn.Flatten(), False)])
def test_channels_last_is_taken_where_it_runs_and_changes_no_value(module: nn.Module, taken: bool) -> None:
    graph = trainable(export_batched(module, SMALL).program)
    x = torch.randn(3, 1, 8, 8)
    before, state = graph(x)[0], trained_state(graph)
    assert use_channels_last(graph, (x,)) is taken
    torch.testing.assert_close(graph(x)[0], before)
    after = trained_state(graph)
    assert all(torch.equal(tensor, after[name]) and after[name].is_contiguous() for name, tensor in state.items())
    weights = [p for p in graph.parameters() if p.ndim == 4 and p.shape[1] > 1]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) is taken for weight in weights)


def test_norms_and_biases_are_not_decayed() -> None:
    module = conv_net(4, 8)
    decayed, spared = make_optimizer(module, Recovery(weight_decay=0.1)).param_groups
    assert (decayed["weight_decay"], len(decayed["params"])) == (0.1, 3)
    assert (spared["weight_decay"], len(spared["params"])) == (0, 5)


def test_the_learning_rate_rises_then_falls_along_half_a_cosine() -> None:
    settings = Recovery(learning_rate=0.5, warmup=0.1)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([0.05 * (i + 1) for i in range(10)])
    assert rates[10] == 0.5
    assert rates[55] == pytest.approx(0.25)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.001
