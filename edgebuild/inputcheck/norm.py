"""What a model remembers of the inputs it was trained on: the statistics of its first batch normalization."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebuild.core.array import Array, Floats, np
from edgebuild.inputcheck.running import arguments, chunks, vectorized

if TYPE_CHECKING:
    import torch
    from torch.fx import GraphModule, Node

    from edgebuild.models.graph import TorchModel

_FLOOR = 1e-3
"""Least variance of a channel, as a share of the median one: dead channels would decide everything."""
_CAP = 50.0
"""Most that one channel may say."""


@dataclass(frozen=True)
class FirstNorm:
    """The first batch normalization: what computes its input, and the statistics that it holds.

    Attributes:
        prefix: from the model's inputs, (1, …) each, to what is normalized, (1, C, …).
        mean, variance: (C,).
    """

    names: tuple[str, ...]
    prefix: Callable[..., object]
    mean: Floats
    variance: Floats

    def before(self, inputs: Mapping[str, Array]) -> list[Floats]:
        """What is normalized for some samples, in chunks of (n, C, positions)."""
        return [
            _flat(vectorized(self.prefix, arguments(self.names, inputs, part))[0].numpy()[:, 0])
            for part in chunks(inputs)
        ]

    def distance(self, inputs: Mapping[str, Array]) -> float:
        """How far samples are from what the model remembers, in nats a channel: the median over channels.

        The divergence of two normal distributions, ½ (v/v₀ + (m − m₀)²/v₀ − 1 − ln(v/v₀)) (Kullback and Leibler 1951).
        """
        mean, variance = moments(self.before(inputs))
        return float(np.median(self.divergence(mean, variance)))

    def divergence(self, mean: Floats, variance: Floats) -> Floats:
        """The same by channel, from moments of (…, C), each at most 50."""
        held = np.maximum(self.variance, _FLOOR * float(np.median(self.variance)))
        ratio = np.maximum(variance, 1e-12 * held) / held
        shift = np.square(mean - self.mean) / held
        nats: Floats = np.minimum(0.5 * (ratio + shift - 1 - np.log(ratio)), _CAP)
        return nats


def first_norm(model: TorchModel) -> FirstNorm | None:
    """The first batch normalization that the model's inputs reach; None where there is none, as when it is folded."""
    module = graph_module(model)
    node = next((node for node in module.graph.nodes if _is_norm(node)), None)
    if node is None:
        return None
    mean, variance = (_stored(module, node.args[place]) for place in (3, 4))
    if mean is None or variance is None:
        return None
    names = tuple(spec.name for spec in model.signature.inputs)
    return FirstNorm(names, _up_to(module, node.args[0]), mean, variance)


def graph_module(model: TorchModel) -> GraphModule:
    """The program's module as the graph that it is."""
    from torch.fx import GraphModule

    module = model.module
    assert isinstance(module, GraphModule)
    return module


def moments(parts: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Mean and variance by channel, each (C,), of chunks of (n, C, positions)."""
    count = sum(part.shape[0] * part.shape[2] for part in parts)
    mean = sum((part.sum(axis=(0, 2)) for part in parts), np.zeros(parts[0].shape[1])) / count
    square = sum((np.square(part - mean[:, None]).sum(axis=(0, 2)) for part in parts), np.zeros(len(mean))) / count
    return mean, square


def _flat(array: Array) -> Floats:
    values = array.astype(np.float64)
    return values.reshape(len(values), values.shape[1] if values.ndim > 1 else 1, -1)


def _is_norm(node: Node) -> bool:
    return node.op == "call_function" and "batch_norm" in str(node.target) and len(node.args) >= 5


def _stored(module: torch.nn.Module, node: object) -> Floats | None:
    """The buffer that a node reads."""
    value: object = module
    for part in str(getattr(node, "target", "")).split("."):
        value = getattr(value, part, None)
    if value is None or getattr(node, "op", "") != "get_attr":
        return None
    values: Floats = getattr(value, "detach")().numpy().astype(np.float64)  # noqa: B009 - a buffer, known here only
    return values


def _up_to(module: GraphModule, node: object) -> GraphModule:
    """The part of a module that computes one node, as a module that takes all of its inputs."""
    import torch

    graph, copies = torch.fx.Graph(), dict[torch.fx.Node, torch.fx.Node]()
    graph.graph_copy(module.graph, copies)
    graph.output(next(copies[one] for one in copies if one is node))
    graph.eliminate_dead_code()
    graph.lint()
    return torch.fx.GraphModule(module, graph)
