"""What teacher and student compute on the way, and how far apart that is.

The nodes are chosen by what can be compared: the same name and operator in both graphs, and shapes that differ in one
axis at most, the channels that pruning took away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgebuild.compress.losses import value_loss
from edgebuild.compress.shapes import node_shapes
from edgebuild.compress.trainable import SOFTMAX
from edgebuild.core.errors import BuildError
from edgebuild.models.nodes import operator_name

if TYPE_CHECKING:
    from torch import Tensor
    from torch.fx import GraphModule

Kind = Literal["values", "spatial", "relation", "attention"]
_STAGES = 4
_SUMS = ("aten.add",)
_ENDS = (
    *_SUMS,
    "aten.relu",
    "aten.hardtanh",
    "aten.hardswish",
    "aten.silu",
    "aten.gelu",
    "aten.cat",
    "aten.layer_norm",
)
"""What blocks end with."""


@dataclass(frozen=True)
class Feature:
    """A node that is compared.

    Attributes:
        name: of the node, in both graphs.
        kind: "values" themselves where shapes are equal; of convolutions the map of "spatial" attention; of tokens
            the "relation" of each to each; "attention" for a softmax inside the model.
        axis: the channels'.
        size: how many positions the map has; it tells the stages of a net apart.
    """

    name: str
    kind: Kind
    axis: int
    size: tuple[int, ...]


def choose_features(
    teacher: GraphModule, student: GraphModule, inputs: tuple[Sequence[Tensor], Sequence[Tensor]]
) -> tuple[Feature, ...]:
    """The last comparable node of each stage, and attention maps, at most four of each.

    Args:
        teacher, student: as ``trainable`` gives them.
        inputs: a small batch for each.

    Raises:
        BuildError: nothing can be compared.
    """
    theirs, own = node_shapes(teacher, inputs[0]), node_shapes(student, inputs[1])
    operators = {node.name: operator_name(node) for node in student.graph.nodes if node.op == "call_function"}
    last = {node.name for node in student.graph.output_node().all_input_nodes}
    known = [
        feature
        for name, shape in own.items()
        if name in theirs and name not in last and (feature := _feature(name, operators[name], theirs[name], shape))
    ]
    attention = [feature for feature in known if feature.kind == "attention"]
    chosen = (*_spread(attention), *_stages([f for f in known if f.kind != "attention"], operators))
    if not chosen:
        raise BuildError(
            "recover",
            "teacher and student compute nothing on the way that can be compared",
            expected="the same architecture, some channels removed",
            fix="set feature_weight = 0; soft targets work for any teacher",
        )
    return chosen


def feature_loss(features: Sequence[Feature], student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """The mean over features of how far the student's is from the teacher's, relative to the teacher's."""
    losses = [
        value_loss(_view(own, feature), _view(other, feature))
        for feature, own, other in zip(features, student, teacher, strict=True)
    ]
    return sum(losses[1:], start=losses[0]) / len(losses)


def _feature(name: str, operator: str, theirs: tuple[int, ...], own: tuple[int, ...]) -> Feature | None:
    if len(own) != len(theirs) or len(own) not in (3, 4):
        return None
    differing = [axis for axis in range(1, len(own)) if own[axis] != theirs[axis]]
    if operator in SOFTMAX:
        return Feature(name, "attention", 1, own[-1:]) if len(own) == 4 and differing in ([], [1]) else None
    if len(differing) > 1:
        return None
    axis = differing[0] if differing else (1 if len(own) == 4 else 2)
    kind: Kind = "values" if not differing else ("spatial" if len(own) == 4 else "relation")
    return Feature(name, kind, axis, tuple(size for i, size in enumerate(own) if i not in (0, axis)))


def _stages(features: Sequence[Feature], operators: dict[str, str]) -> tuple[Feature, ...]:
    """The last feature of each size; of nets whose size stays the same, sums at even distances."""
    ends = [feature for feature in features if operators[feature.name].rstrip("_") in _ENDS] or features
    by_size = {feature.size: feature for feature in ends}
    if len(by_size) > 1:
        return _spread(list(by_size.values()))
    sums = [feature for feature in ends if operators[feature.name].rstrip("_") in _SUMS]
    return _spread(sums or ends)


def _spread(features: Sequence[Feature]) -> tuple[Feature, ...]:
    count = len(features)
    if count <= _STAGES:
        return tuple(features)
    return tuple(features[(i + 1) * count // _STAGES - 1] for i in range(_STAGES))


def _view(value: Tensor, feature: Feature) -> Tensor:
    """What is compared of a node's value.

    "spatial" is Zagoruyko and Komodakis' map (2017): squares summed over channels, of length 1 a sample. "relation" is
    the cosine of each token's with each other's (after Wang et al. 2020, MiniLM). "attention" is the mean over heads.
    """
    from torch.nn.functional import normalize

    value = value.float()
    if feature.kind == "spatial":
        return normalize(value.square().mean(feature.axis).flatten(1), dim=1)
    if feature.kind == "relation":
        tokens = normalize(value.movedim(feature.axis, -1), dim=-1)
        return tokens @ tokens.transpose(-1, -2)
    return value.mean(1) if feature.kind == "attention" else value
