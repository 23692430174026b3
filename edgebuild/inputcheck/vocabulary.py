"""Token ids against the rows of the table that they look up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from edgebuild.core.array import Array, np
from edgebuild.core.input_check import Suspicion
from edgebuild.inputcheck.norm import graph_module

if TYPE_CHECKING:
    from torch.fx import Node

    from edgebuild.models.graph import TorchModel


def out_of_vocabulary(inputs: Mapping[str, Array], sizes: Mapping[str, int]) -> Iterator[Suspicion]:
    """Ids that a model's embedding has no row for.

    Args:
        sizes: by input, the rows of the table that it looks up.
    """
    for name, size in sizes.items():
        ids = inputs[name].astype(np.int64)
        low, high = int(ids.min()), int(ids.max())
        if low >= 0 and high < size:
            continue
        bad = float(((ids < 0) | (ids >= size)).mean())
        yield Suspicion(
            input=name, kinds=("vocabulary",), certainty="certain",
            found=f"token ids from {low} to {high}; the model's embedding has {size} rows, 0 to {size - 1}",
            evidence=f"{100 * bad:.2g} % of the ids have no row",
            fix="take the tokenizer that the model was trained with, and its padding id",
        )  # fmt: skip


def torch_vocabulary(model: TorchModel) -> dict[str, int]:
    """By input, the rows of the embedding that it is an index into."""
    placeholders = [node for node in graph_module(model).graph.nodes if node.op == "placeholder"]
    found = {}
    for node, spec in zip(placeholders, model.signature.inputs, strict=False):
        rows = [size for user in node.users if (size := _rows(user, node)) is not None]
        if rows:
            found[spec.name] = min(rows)
    return found


def _rows(user: Node, ids: Node) -> int | None:
    """The rows of the table that a node looks ids up in; through a conversion of their dtype too."""
    name = str(user.target)
    if name.startswith("aten.embedding") and user.args[1] is ids:
        value = getattr(user.args[0], "meta", {}).get("val")
        return None if value is None else int(value.shape[0])
    if name.startswith(("aten.to", "aten._to_copy")):
        return min((size for after in user.users if (size := _rows(after, user)) is not None), default=None)
    return None


def onnx_vocabulary(data: bytes) -> dict[str, int]:
    """By input of an ONNX file, the rows of the table that it is an index into (Gather along axis 0)."""
    import onnx

    graph = onnx.load_model_from_string(data).graph
    tables = {tensor.name: tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 2}
    names = {value.name for value in graph.input} - set(tables)
    same = {name: name for name in names}
    found: dict[str, int] = {}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in same:
            same[node.output[0]] = same[node.input[0]]
        along = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        if node.op_type == "Gather" and along == 0 and node.input[0] in tables and node.input[1] in same:
            name = same[node.input[1]]
            found[name] = min(tables[node.input[0]], found.get(name, tables[node.input[0]]))
    return found
